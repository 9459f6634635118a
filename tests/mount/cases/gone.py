"""Unmounting means gone: what the kernel has cached for who still holds a mount goes, too."""
import os
import signal
import subprocess

from rig import DEADLINE_S, Mount, case, gone, put
from transport import transports

DATA = b'secret data' * 5000
# Looks at a page of a mapping each time that it is asked, until it dies of that.
LOOKER = r'''
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
pages = mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ)
os.close(fd)
assert pages[:11] == b'secret data'
print(flush=True)
for line in sys.stdin:
    print(pages[4096], flush=True)
'''


class Looker:
    """A process that has a file mapped."""

    def __init__(self, path):
        self.process = subprocess.Popen(['python3', '-c', LOOKER, path], cwd='/',
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b'\n'

    def dies(self):
        """Of SIGBUS, as no page is readable any more."""
        self.process.communicate(b'look\n', timeout=DEADLINE_S)
        assert self.process.returncode == -signal.SIGBUS, self.process.returncode


class Holder:
    """Has of a mount all that can be had: a file, a directory, a mapping, the cwd."""

    def __init__(self, mount):
        self.path = f'{mount.tmpdir()}/d'
        os.mkdir(self.path)
        put(f'{self.path}/f', DATA)
        put(f'{self.path}/g', DATA)
        self.file = os.open(f'{self.path}/f', os.O_RDWR)
        self.dir = os.open(self.path, os.O_RDONLY)
        self.looker = Looker(f'{self.path}/f')
        os.chdir(self.path)
        self.check()

    def check(self):
        """All of it serves."""
        assert os.pread(self.file, len(DATA), 0) == DATA
        assert sorted(os.listdir(self.dir)) == ['f', 'g']
        assert os.stat('g').st_size == len(DATA)

    def finds_all_gone(self):
        """Nothing of it can be read any more, cached or not."""
        gone(os.pread, self.file, 100, 0)
        gone(os.pread, self.file, 100, 20000)
        gone(os.pwrite, self.file, b'x', 0)
        gone(os.fstat, self.file)
        gone(os.listdir, self.dir)
        gone(os.stat, 'g')
        gone(os.open, 'g', os.O_RDONLY)
        self.looker.dies()
        os.chdir('/')
        os.close(self.file)
        os.close(self.dir)


@case(mount=False)
def sigterm_leaves_no_cached_page():
    """An abort alone does: whoever has a file open or mapped would read on."""
    for options in transports():
        mount = Mount(options=options).start()
        holder = Holder(mount)
        mount.process.terminate()
        assert mount.process.wait(DEADLINE_S) == 0
        holder.finds_all_gone()
        mount.stop()
