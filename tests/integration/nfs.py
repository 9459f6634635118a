"""NFS: the backing directory on it, with a server and a client of Linux over loopback. Both run in
a virtual machine, as the kernel of this one may lack them; its cases are in guest/nfs.py."""
import os
import sys
from shlex import quote

from rig import case
from virtual import TOP, run_in_machine

PACKAGES = 'qemu-system-x86 nfs-kernel-server nfs-common rpcbind busybox-static cpio kmod'

DISK_BYTES = 512 << 20
LIMIT_S = 800  # alone on two processors it takes a quarter of it
SERVER = '''
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 SPOOL_NFS={options} SPOOL_NFSD="{versions}"
for name in virtio_blk nfsd nfsv3 nfsv4; do modprobe $name; done
mkfs.ext4 -q /dev/vda
mkdir -p /srv/disk
mount /dev/vda /srv/disk
mkdir -m 1777 /srv/disk/squashed
mount --bind /srv/disk/squashed /srv/disk/squashed  # or version 4 takes it for a part of the other
chmod 755 /srv/disk
echo "127.0.0.1 localhost" >/etc/hosts
echo "/srv/disk 127.0.0.1(rw,sync,no_subtree_check,no_root_squash,fsid=0)
/srv/disk/squashed 127.0.0.1(rw,sync,no_subtree_check,root_squash,fsid=1)" >/etc/exports
rm -f /var/lib/nfs/*tab
touch /var/lib/nfs/etab /var/lib/nfs/rmtab
mount -t nfsd nfsd /proc/fs/nfsd
rpcbind -w
rpc.statd --no-notify || true
exportfs -r
for time in lease grace; do echo 10 >/proc/fs/nfsd/nfsv4${{time}}time; done
rpc.nfsd $SPOOL_NFSD 2
echo Y >/proc/fs/nfsd/v4_end_grace
rpc.mountd
cd {top}
export {programs}
{python} tests/mount/run.py --jobs 1 --cases tests/integration/guest --filter {filter} 2>/dev/null
'''


def on(options, versions):
    """Runs the cases of the guest with this version of NFS, those with SPOOL_GUEST_FILTER in their
    names. What failed there fails here."""
    programs = ' '.join(f'{name}={quote(os.environ[name])}'
                        for name in ('SPOOLFS', 'SPOOLCTL', 'SPOOLBENCH'))
    said, status = run_in_machine(
        SERVER.format(options=options, versions=versions, top=quote(str(TOP)), programs=programs,
                      python=quote(sys.executable),
                      filter=quote(os.environ.get('SPOOL_GUEST_FILTER', ''))),
        DISK_BYTES, LIMIT_S)
    print(*said, sep='\n')
    assert status == 0, f'status {status}'


@case(mount=False)
def on_version_4_2():
    on('vers=4.2', '-N 3')


@case(mount=False)
def on_version_3():
    on('vers=3,nolock', '-V 3')
