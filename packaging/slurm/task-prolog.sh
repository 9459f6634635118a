#!/bin/bash
# TaskProlog= of slurm.conf(5), with prolog.sh: what it prints is the environment of the task.
set -euo pipefail

SPOOLFS_BASE=/run/spoolfs-slurm
# shellcheck source=/dev/null
[ ! -r /etc/default/spoolfs-slurm ] || . /etc/default/spoolfs-slurm
for name in TMPDIR TMP TEMP; do
    echo "export $name=$SPOOLFS_BASE/$SLURM_JOB_ID"
done
