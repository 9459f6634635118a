#!/bin/bash
# Builds the RPM packages from packaging/rpm/spoolfs.spec, and leaves them in DIRECTORY. What the
# build needs must be installed; on a system that is not made of RPM packages --nodeps says so.
set -euo pipefail

usage="usage: rpm.sh [--nodeps] [--without-slurm] DIRECTORY
  --nodeps          do not ask the RPM database for what the build needs
  --without-slurm   no spoolfs-slurm, which needs the headers of Slurm"
options=()
while [ $# -gt 0 ]; do
    case "$1" in
    --help) echo "$usage"; exit 0 ;;
    --nodeps) options+=(--nodeps); shift ;;
    --without-slurm) options+=(--without slurm); shift ;;
    -*)
        echo "rpm.sh: $1: not expected (allowed: --nodeps, --without-slurm, DIRECTORY)" >&2
        exit 2
        ;;
    *) break ;;
    esac
done
if [ $# != 1 ] || [ ! -d "$1" ]; then
    echo "rpm.sh: ${*:-nothing}: not one directory that is there" >&2
    exit 2
fi
output=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/.." && pwd)
export LC_ALL=C.UTF-8

build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
mkdir "$build/SOURCES" "$build/SPECS"
"$top/packaging/source.sh" "$build/SOURCES" >/dev/null
spec=$build/SPECS/spoolfs.spec
{
    cat "$top/packaging/rpm/spoolfs.spec"
    printf '\n%%changelog\n'
    "$top/packaging/changelog.sh" rpm
} >"$spec"
# What an RPM system with systemd has names for. Elsewhere nothing is done at an installation.
units=$(pkg-config --variable=systemdsystemunitdir systemd 2>/dev/null || true)
defines=()
while read -r name value; do
    [ "$(rpm --eval "%{?${name%()}:known}")" ] || defines+=(--define "$name $value")
done <<END
_modprobedir %{_prefix}/lib/modprobe.d
_tmpfilesdir %{_prefix}/lib/tmpfiles.d
_unitdir ${units:-%{_prefix\}/lib/systemd/system}
_userunitdir %{_prefix}/lib/systemd/user
systemd_post() %{nil}
systemd_preun() %{nil}
systemd_postun() %{nil}
systemd_postun_with_restart() %{nil}
tmpfiles_create() %{nil}
END
rpmbuild -ba "${options[@]}" --define "_topdir $build" "${defines[@]}" "$spec"
find "$build/RPMS" "$build/SRPMS" -type f -exec cp {} "$output" \;
