#!/bin/bash
# The packages as they are installed: a command with a TMPDIR of its own; a mount, and its end.
set -euo pipefail

if [ ! -c /dev/fuse ]; then
    echo "there is no /dev/fuse here"
    exit 77
fi
cd "$AUTOPKGTEST_TMP"
# It is the command's own.
# shellcheck disable=SC2016
[ "$(spoolctl run -- sh -c 'echo text >"$TMPDIR/file"; cat "$TMPDIR/file"')" = text ]

mkdir scratch
mount -t spoolfs -o ram=64M spoolfs "$PWD/scratch"
trap 'umount "$PWD/scratch"' EXIT
echo text >scratch/self/file
[ "$(cat "scratch/$(id -u)/file")" = text ]
spoolctl status scratch
trap - EXIT
umount "$PWD/scratch"
[ -z "$(ls -A scratch)" ]

spoolfs-oci-hook --help >/dev/null
spoolfs-volume --help >/dev/null
