"""Small disks of files, for the cases about the backing directory."""
import contextlib
import os
import random
import subprocess
import tempfile
from pathlib import Path

from rig import Skip, need, run, unmount

BLKIO = '/sys/fs/cgroup/blkio'  # version 1
SIZES_MIB = {'ext4': 128, 'xfs': 320, 'btrfs': 256}  # mkfs.xfs takes no less than 300


def noise(size, seed=1):
    """Data that cannot be made smaller."""
    return random.Random(seed).randbytes(size)


class Backing:
    """A directory for spilled data on the disk that /var/tmp is on; empty at the end."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix='spool-test-', dir='/var/tmp')
        return self.path

    def __exit__(self, kind, value, trace):
        os.rmdir(self.path)


class LoopDisk:
    """A filesystem in an image file, mounted; .path is a directory of root's on it."""

    def __init__(self, kind='ext4', size_mib=None):
        need(f'mkfs.{kind}', 'losetup')
        if not os.path.exists('/dev/loop-control'):
            raise Skip('no loop devices here')
        self.kind = kind
        self.size = (size_mib or SIZES_MIB[kind]) << 20
        self.base = tempfile.mkdtemp(prefix='disk-', dir=os.environ.get('SPOOL_CASE_DIR', '/tmp'))
        self.image = f'{self.base}/image'
        self.mountpoint = f'{self.base}/mnt'
        self.path = f'{self.mountpoint}/backing'

    def __enter__(self):
        with open(self.image, 'wb') as file:
            file.truncate(self.size)
        run(f'mkfs.{self.kind}', *(['-q'] if self.kind != 'btrfs' else ['-q', '-f']), self.image)
        os.mkdir(self.mountpoint)
        done = run('mount', '-o', 'loop', self.image, self.mountpoint, check=False)
        if done.returncode != 0:
            os.unlink(self.image)
            raise Skip(f'{self.kind} cannot be mounted here')
        os.mkdir(self.path, 0o700)
        return self

    def __exit__(self, kind, value, trace):
        subprocess.run(['fsfreeze', '-u', self.mountpoint], check=False,
                       stderr=subprocess.DEVNULL)
        try:
            unmount(self.mountpoint)
        except AssertionError:
            print(*self.holders(), sep='\n')
            raise
        os.unlink(self.image)
        os.rmdir(self.mountpoint)
        os.rmdir(self.base)

    def holders(self):
        """Which processes have what of it open, or as their directory."""
        device = os.stat(self.mountpoint).st_dev
        for process in Path('/proc').glob('[0-9]*'):
            try:
                for link in [process / 'cwd', process / 'root', *(process / 'fd').iterdir()]:
                    if os.stat(link).st_dev == device:
                        yield f'{link} of {(process / "comm").read_text().strip()}'
            except OSError:
                continue  # it has ended, or the link has

    def used(self):
        stat = os.statvfs(self.mountpoint)
        return (stat.f_blocks - stat.f_bfree) * stat.f_frsize

    def holds(self, text):
        """Whether @text is anywhere on the raw disk."""
        os.sync()
        with open(self.image, 'rb') as file:
            tail = b''
            while chunk := file.read(1 << 20):
                if text in tail + chunk:
                    return True
                tail = chunk[-len(text):]
        return False


class SlowReads:
    """From here to the end a process and its threads read so many times a second from a disk."""

    def __init__(self, disk, pid, per_second=1):
        self.group = None
        self.pid = pid
        self.per_second = per_second
        device = os.stat(disk.mountpoint).st_dev
        self.device = f'{os.major(device)}:{os.minor(device)}'
        if not os.path.exists(f'{BLKIO}/cgroup.procs'):
            raise Skip('no blkio cgroup of version 1')

    @staticmethod
    def put(path, text):
        with open(path, 'w', encoding='ascii') as file:
            file.write(text)

    def limit(self, per_second):
        self.put(f'{self.group}/blkio.throttle.read_iops_device', f'{self.device} {per_second}')

    def __enter__(self):
        self.group = tempfile.mkdtemp(prefix='spool-test-', dir=BLKIO)
        try:
            self.limit(self.per_second)
        except OSError as error:
            os.rmdir(self.group)
            raise Skip('no blkio cgroup of version 1') from error
        self.put(f'{self.group}/cgroup.procs', str(self.pid))
        return self

    def __exit__(self, kind, value, trace):
        self.limit(0)  # none
        with contextlib.suppress(ProcessLookupError):  # it may have ended
            self.put(f'{BLKIO}/cgroup.procs', str(self.pid))
        os.rmdir(self.group)
