#!/bin/bash
# The cases of tests/mount about what a filesystem has to do, with what is installed.
set -euo pipefail

if [ ! -c /dev/fuse ]; then
    echo "there is no /dev/fuse here"
    exit 77
fi
export SPOOLFS=/usr/sbin/spoolfs SPOOLCTL=/usr/bin/spoolctl SPOOLBENCH=/usr/bin/spoolbench
PAM_SPOOLFS=$(dpkg -L libpam-spoolfs | grep '/pam_spoolfs\.so$')
export PAM_SPOOLFS
status=0
for area in data layouts modes names; do
    tests/mount/run.py --filter "$area/" || status=1
done
exit "$status"
