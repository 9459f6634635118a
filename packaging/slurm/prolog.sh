#!/bin/bash
# Prolog= of slurm.conf(5), where spank_spoolfs.so is not used: a mount for each job, for TMPDIR.
# /etc/default/spoolfs-slurm may set SPOOLFS_OPTIONS (size=10G) and SPOOLFS_BASE.
set -euo pipefail

SPOOLFS_OPTIONS=size=10G SPOOLFS_BASE=/run/spoolfs-slurm
# shellcheck source=/dev/null
[ ! -r /etc/default/spoolfs-slurm ] || . /etc/default/spoolfs-slurm
dir=$SPOOLFS_BASE/$SLURM_JOB_ID
umask 022
mkdir -p "$SPOOLFS_BASE"
# What an earlier run of the job has left. Nothing is asked of it: its daemon may not answer.
while umount -l -c -i "$dir" 2>/dev/null; do :; done
mkdir -p "$dir"
# A job may have no process here between its steps: its files stay until it ends.
if ! spoolfs -o "$SPOOLFS_OPTIONS" \
    -o "layout=single,uid=$SLURM_JOB_UID,gid=$(id -g "$SLURM_JOB_UID"),mode=0700" \
    -o lifetime=mount,detach=0 spoolfs-slurm "$dir"; then
    rmdir "$dir"
    exit 1
fi
