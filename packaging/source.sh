#!/bin/bash
# Packs the source into DIRECTORY/spoolfs-VERSION.tar.xz, for packages: without what was built, and
# the same bytes whoever packs it.
set -euo pipefail

case "${1-}:$#" in
--help:1) echo "usage: source.sh DIRECTORY"; exit 0 ;;
-*:1) echo "source.sh: $1: not expected (allowed: DIRECTORY)" >&2; exit 2 ;;
*:1) ;;
*) echo "source.sh: ${*:-nothing}: not one directory" >&2; exit 2 ;;
esac
if [ ! -d "$1" ]; then
    echo "source.sh: $1: no directory that is there" >&2
    exit 2
fi
output=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8
version=$(sed -n "s/^  version : '\(.*\)',$/\1/p" meson.build)
date=$(sed -n '/^## /{s/.*(\(.*\))$/\1/p;q}' packaging/CHANGELOG.md)
mapfile -t names < <(find . -mindepth 1 -maxdepth 1 ! -name 'build*' ! -name .git -printf '%f\n')
tar -cJf "$output/spoolfs-$version.tar.xz" --transform "s,^,spoolfs-$version/," --sort=name \
    --owner=0 --group=0 --numeric-owner --mtime="$date" --exclude=__pycache__ "${names[@]}"
echo "$version"
