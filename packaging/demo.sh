#!/bin/bash
# Shows spoolfs at work on a fresh machine: installs what is missing, builds, mounts, runs a real
# job with TMPDIR on the mount, shows the status at its height, unmounts, and shows that nothing
# is left.
set -euo pipefail

case "${1-}" in
"") ;;
--help) echo "usage: demo.sh"; exit 0 ;;
*) echo "demo.sh: $1: not expected (allowed: nothing)" >&2; exit 2 ;;
esac

top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/build-demo
uring=/sys/module/fuse/parameters/enable_uring
was_off=no
mnt=
job=

say() { printf '\n== %s\n' "$*"; }

cleanup() {
    [ -z "$job" ] || kill "$job" 2>/dev/null || true
    [ -z "$mnt" ] || ! mountpoint -q "$mnt" || umount -l "$mnt"
    [ -z "$mnt" ] || rmdir "$mnt" 2>/dev/null || true
    [ "$was_off" = no ] || echo N >"$uring"
}
trap cleanup EXIT

say "Installing what is missing"
"$top/packaging/install-deps.sh"
say "Building"
[ -f "$build/build.ninja" ] ||
    meson setup "$build" "$top" --buildtype=release -Dtests=disabled >/dev/null
ninja -C "$build" | tail -n 1

[ -e "$uring" ] || modprobe -q fuse 2>/dev/null || true # where it is a module
if [ -w "$uring" ] && [ "$(cat "$uring")" = N ]; then
    say "Turning FUSE over io_uring on, as the packages do; at the end it is as it was"
    if echo Y >"$uring"; then
        was_off=yes
    fi
fi
mnt=$(mktemp -d /run/spoolfs-demo-XXXXXX)
say "Mounting: spoolfs $mnt"
"$build/fs/spoolfs" "$mnt"
pid=$("$build/tools/spoolctl" status --json "$mnt" |
    sed -n 's/.*"worker_pid": \([0-9]*\).*/\1/p')
export TMPDIR=$mnt/self
df -h "$TMPDIR"
"$build/tools/spoolctl" status "$mnt" | grep -i transport

say "A real job: compile a part of this project, and sort two million lines in 4 MiB of memory"
(
    for file in "$top"/lib/util/*.c "$top"/lib/store/*.c; do
        cc -std=gnu17 -D_GNU_SOURCE -O2 -I "$top/lib" -c "$file" -o "$TMPDIR/${file##*/}.o"
    done
    seq 1 2000000 | sort -R -S 4M --parallel=1 -o "$TMPDIR/sorted"
) &
job=$!
cd "$TMPDIR"
# The height: sort's temporary files have reached 8 MiB, or the job is over.
while kill -0 "$job" 2>/dev/null && [ "$(df --output=used -k "$TMPDIR" | tail -n 1)" -lt 8192 ]; do
    sleep 0.05
done
say "spoolctl status at its height"
"$build/tools/spoolctl" status "$mnt"
wait "$job"
job=
echo
wc -l "$TMPDIR/sorted"
cd /

say "Unmounting: umount $mnt"
umount "$mnt"
for _ in $(seq 100); do
    [ -d "/proc/$pid" ] || break
    sleep 0.05
done

say "What is left"
left=0
if grep -q " $mnt " /proc/self/mountinfo; then
    echo "the mount is still there"
    left=1
fi
if [ -d "/proc/$pid" ] && ! grep -q '^State:.*Z' "/proc/$pid/status"; then
    echo "the daemon is still there"
    left=1
fi
if [ -n "$(ls -A "$mnt")" ]; then
    echo "files are still there"
    left=1
fi
rmdir "$mnt"
mnt=
[ "$left" = 0 ] || exit 1
echo "nothing: no mount, no process, no file"
