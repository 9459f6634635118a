#!/bin/bash
# Epilog= of slurm.conf(5), with prolog.sh: wipes what the job has left, whoever still uses it.
set -euo pipefail

SPOOLFS_BASE=/run/spoolfs-slurm
# shellcheck source=/dev/null
[ ! -r /etc/default/spoolfs-slurm ] || . /etc/default/spoolfs-slurm
dir=$SPOOLFS_BASE/$SLURM_JOB_ID
# Nothing is asked of the mount, also where it stays: its daemon may not answer.
while umount -l -c -i "$dir" 2>/dev/null; do :; done
# It is busy until the daemon has let go of it.
for _ in $(seq 100); do
    said=$(LC_ALL=C rmdir "$dir" 2>&1) || [[ $said = *'No such file'* ]] && exit 0
    sleep 0.05
done
echo "epilog.sh: $dir: cannot be removed" >&2
exit 1
