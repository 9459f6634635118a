#!/bin/bash
# Builds the Debian packages: lays packaging/debian and the source out as dpkg expects it, outside
# of the tree, and leaves what comes out in DIRECTORY. What the build needs must be installed; dpkg
# says what is not.
set -euo pipefail

usage="usage: deb.sh [--revision N] DIRECTORY
  --revision N   which packaging of this version it is (default: 1)
DEB_BUILD_OPTIONS=nocheck leaves out the unit tests."
revision=1
while [ $# -gt 0 ]; do
    case "$1" in
    --help) echo "$usage"; exit 0 ;;
    --revision) revision=${2-}; shift 2 || shift ;;
    -*) echo "deb.sh: $1: not expected (allowed: --revision N, DIRECTORY)" >&2; exit 2 ;;
    *) break ;;
    esac
done
if [[ ! $revision =~ ^[1-9][0-9]*$ ]]; then
    echo "deb.sh: --revision ${revision:-nothing}: no number (allowed: 1, 2, ...)" >&2
    exit 2
fi
if [ $# != 1 ] || [ ! -d "$1" ]; then
    echo "deb.sh: ${*:-nothing}: not one directory that is there" >&2
    exit 2
fi
output=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/.." && pwd)
export LC_ALL=C.UTF-8

# Every release of Debian has a package of its own, as their libraries differ: the older release has
# the lower version, so that an upgrade of the system takes the newer one's. Testing has no number.
release=$(sed -n 's/^VERSION_ID="\?\([0-9.]*\)"\?$/~deb\1/p' /etc/os-release)
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
version=$("$top/packaging/source.sh" "$build")
mv "$build/spoolfs-$version.tar.xz" "$build/spoolfs_$version.orig.tar.xz"
tar -C "$build" -xf "$build/spoolfs_$version.orig.tar.xz"
tree=$build/spoolfs-$version
cp -r "$tree/packaging/debian" "$tree/debian"
"$top/packaging/changelog.sh" deb "$revision$release" >"$tree/debian/changelog"
(cd "$tree" && dpkg-buildpackage --unsigned-source --unsigned-changes)
find "$build" -maxdepth 1 -type f -exec cp {} "$output" \;
