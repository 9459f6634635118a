"""What we tell the kernel to forget: nobody who answers requests waits until it has."""
import os
import random
import threading

from rig import Mount, alive, as_user, case, wait_until

MIB = 1 << 20
USER, OTHER = 61001, 61002
CONNECTIONS = '/sys/fs/fuse/connections'


def abort(device):
    """Frees whoever waits for a mount that will not answer; nothing else does."""
    with open(f'{CONNECTIONS}/{os.minor(device)}/abort', 'w', encoding='ascii') as file:
        file.write('1')


class Children:
    """Processes of a user that must all end well before the deadline."""

    def __init__(self, mount, uid):
        self.mount, self.uid, self.pids = mount, uid, []

    def add(self, function, *args):
        pid = os.fork()
        if pid == 0:
            threading.excepthook = lambda args: os._exit(2)
            try:
                os.setgroups([])
                os.setresgid(*[self.uid] * 3)
                os.setresuid(*[self.uid] * 3)
                function(*args)
                os._exit(0)
            finally:
                os._exit(1)
        self.pids.append(pid)

    def wait(self):
        device = os.stat(self.mount.path).st_dev
        try:
            wait_until(lambda: not any(map(alive, self.pids)), 'all requests are answered')
        except AssertionError:
            abort(device)
            raise
        finally:
            ends = [os.waitpid(pid, 0)[1] for pid in self.pids]
        assert not any(ends), ends


def seek_and_read(paths, seeks):
    """For each file, one thread that seeks and two that read what that has dropped."""
    done = threading.Event()

    def seeker(fd):
        for _ in range(seeks):
            assert os.lseek(fd, 0, os.SEEK_DATA) == MIB

    def reader(fd):
        where = random.Random(fd)
        while not done.is_set():
            at = MIB + where.randrange(47) * 65536
            assert os.pread(fd, 65536, at) == b'7' * 65536

    fds = [os.open(path, os.O_RDWR) for path in paths]
    readers = [threading.Thread(target=reader, args=(fd,)) for fd in fds for _ in range(2)]
    seekers = [threading.Thread(target=seeker, args=(fd,)) for fd in fds]
    for thread in readers + seekers:
        thread.start()
    for thread in seekers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()


@case(mount=False)
def seeking_in_files_that_others_read_stops_nobody():
    """An invalidation waits for pages that are locked by reads, and these for threads that may
    wait for the disk: which must not be those that wait for invalidations."""
    for options in ('', ',transport=dev'):
        with Mount(options=f'threshold=0,backing=/var/tmp,reserve=0{options}') as mount:
            paths = [f'{mount.path}/{USER}/{i}' for i in range(48)]

            def make():
                for path in paths:
                    with open(path, 'wb') as file:
                        os.pwrite(file.fileno(), b'7' * (3 * MIB), MIB)
            as_user(USER, make)
            children = Children(mount, USER)
            for i in range(8):
                children.add(seek_and_read, paths[i::8], 12)
            children.wait()
