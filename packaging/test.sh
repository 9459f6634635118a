#!/bin/bash
# Installs what is missing, then builds and runs every test: all of them in a release build and
# with ASan and UBSan, the unit and model tests with TSan as well; a build with clang, which checks
# the locks, must have no warning. The last lines name what failed, and count. With --fast anybody
# runs what needs no mount, in a release build, without what is slow.
set -euo pipefail

usage="usage: test.sh [--quick|--fast]
  --quick   the release build only
  --fast    the unit, model and style suites of it, but what is slow; needs no root"
setups="release asan tsan"
fast=no
case "${1-}" in
"") ;;
--quick) setups="release" ;;
--fast) setups="release" fast=yes ;;
--help) echo "$usage"; exit 0 ;;
*) echo "test.sh: $1: not expected (allowed: --quick, --fast)" >&2; exit 2 ;;
esac

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
# Only root can install. Others are told, and may have it from elsewhere: meson stops at what is not
# to be found at all.
if [ "$(id -u)" = 0 ]; then
    packaging/install-deps.sh --test
elif [ "$fast" = no ]; then
    echo "test.sh: only root can mount for all users (allowed for others: --fast)" >&2
    exit 1
else
    mapfile -t missing < <(packaging/install-deps.sh --missing)
    [ ${#missing[@]} -eq 0 ] || echo "test.sh: not installed here, for which root would run" \
        "packaging/install-deps.sh --test: ${missing[*]}" >&2
    for tool in meson ninja cc python3; do
        command -v "$tool" >/dev/null || {
            echo "test.sh: $tool: not found" >&2
            exit 1
        }
    done
    if [ -e build-release ] && [ ! -w build-release ]; then
        echo "test.sh: build-release: not yours to write to; it must be removed first" >&2
        exit 1
    fi
fi
# In a chroot "/" is no mount, and tests cannot have mount namespaces of their own: give them one
# that is.
if [ "$fast" = no ] && ! awk '$5 == "/" {found = 1} END {exit !found}' /proc/self/mountinfo; then
    root=$(mktemp -d) status=0
    # shellcheck disable=SC2016
    unshare --mount --propagation unchanged bash -euc '
        mount --rbind / "$1"
        mount --make-rprivate "$1"
        exec chroot "$1" "${@:2}"' bash "$root" "$top/packaging/test.sh" "$@" || status=$?
    umount -l "$root" 2>/dev/null || true # it is seen here where mounts are shared
    rmdir "$root"
    exit "$status"
fi
# Ordinary users mount too: with udev everybody may open this, without it only root.
if [ "$fast" = no ] && [ -e /dev/fuse ]; then
    chmod 666 /dev/fuse
fi
# FUSE over io_uring is tested where the kernel has it; it is as it was afterwards.
uring=/sys/module/fuse/parameters/enable_uring
if [ "$fast" = no ] && [ -w "$uring" ] && [ "$(cat "$uring")" = N ] && echo Y >"$uring"; then
    trap 'echo N >"$uring"' EXIT
fi
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH LC_ALL=C.UTF-8
unset TMPDIR TMP TEMP

configure() {
    local name=$1
    shift
    if [ -f "build-$name/build.ninja" ]; then
        return 0
    fi
    rm -rf "build-$name"
    meson setup "build-$name" -Dtests=enabled "$@" >"build-$name.log" 2>&1 || {
        cat "build-$name.log" >&2
        return 1
    }
    rm -f "build-$name.log"
}

build() {
    echo "== $1: build"
    ninja -C "build-$1" >"build-$1/ninja.log" || {
        cat "build-$1/ninja.log"
        exit 1
    }
}

failed=no
if [ "$setups" != release ]; then
    CC=clang configure clang --buildtype=debug -Dwerror=true
    build clang
fi
for setup in $setups; do
    suites=()
    case "$setup" in
    release)
        configure release --buildtype=release -Dwerror=true
        ;;
    asan)
        configure asan --buildtype=debug -Doptimization=1 -Db_sanitize=address,undefined
        ;;
    tsan)
        configure tsan --buildtype=debug -Doptimization=1 -Db_sanitize=thread
        suites=(--suite unit --suite model)
        ;;
    esac
    if [ "$fast" = yes ]; then
        suites=(--no-suite slow --suite unit --suite model --suite style)
    fi
    build "$setup"
    echo "== $setup: tests"
    rm -f "build-$setup/meson-logs/testlog.json" # what an earlier run left is not counted
    meson test -C "build-$setup" --no-rebuild --print-errorlogs "${suites[@]}" || failed=yes
done
# shellcheck disable=SC2086
tests/count.py $setups || failed=yes
[ "$failed" = no ]
