#!/bin/bash
# Runs spoolfs with the programs that people use it with: container engines, systemd, batch systems.
# As root. Each file of tests/integration is about one of them; what it wants installed is installed
# first. tests/README.md has the last result.
set -euo pipefail

usage="usage: integration.sh [--list] [NAME...]
  NAME     a file of tests/integration, or a case of it: podman, podman/hook (default: all)
  --list   the cases there are"
list=no
case "${1-}" in
--help) echo "$usage"; exit 0 ;;
--list) list=yes; shift ;;
-*) echo "integration.sh: $1: not expected (allowed: --list, NAME)" >&2; exit 2 ;;
esac
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
cases() { tests/mount/run.py --cases tests/integration "$@"; }

[ $# -gt 0 ] || set -- ''
for name in "$@"; do
    if [ -z "$(cases --list --filter "$name")" ]; then
        echo "integration.sh: $name: no such case (allowed: see --list)" >&2
        exit 2
    fi
done
if [ "$list" = yes ]; then
    for name in "$@"; do
        cases --list --filter "$name"
    done
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo "integration.sh: only root can run them" >&2
    exit 1
fi

packaging/install-deps.sh --test
packages=()
for name in "$@"; do
    mapfile -t -O ${#packages[@]} packages < <(cases --packages --filter "$name")
done
packaging/install-deps.sh --also "${packages[@]}"
[ -f build-release/build.ninja ] ||
    meson setup build-release -Dtests=enabled --buildtype=release -Dwerror=true
ninja -C build-release
[ ! -e /dev/fuse ] || chmod 666 /dev/fuse # ordinary users mount too
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH LC_ALL=C.UTF-8
unset TMPDIR TMP TEMP
status=0
for name in "$@"; do
    cases --jobs 1 --filter "$name" || status=1
done
exit "$status"
