"""What the cases about permissions on a mount of one user share: a tmpfs to compare with, and
processes with certain rights."""
import contextlib
import ctypes
import errno
import os
import pickle
import signal
import socket
import traceback

from rig import LIBC, Skip, run

CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID = CAPS = range(5)  # capabilities(7)
PR_SET_DUMPABLE, PR_SET_KEEPCAPS, CLONE_NEWUSER = 4, 8, 0x10000000


@contextlib.contextmanager
def tmpfs(uid=0):
    """A directory on a tmpfs, of that user's."""
    path = f'{os.environ["SPOOL_CASE_DIR"]}/tmpfs'
    os.mkdir(path)
    run('mount', '-t', 'tmpfs', '-o', f'mode=700,uid={uid},gid={uid}', 'tmpfs', path)
    try:
        yield path
    finally:
        run('umount', path)


def is_checked_by_the_kernel(mount):
    with open('/proc/self/mountinfo', encoding='utf-8') as file:
        return any(f' {mount.path} ' in line and 'default_permissions' in line for line in file)


def need_one_user(mount):
    """The kernel checks nothing there."""
    if is_checked_by_the_kernel(mount):
        assert tuple(map(int, os.uname().release.split('.')[:2])) < (6, 16), os.uname()
        raise Skip('the kernel checks permissions itself')


def all_caps():
    with open('/proc/self/status', encoding='utf-8', errors='replace') as file:
        return int(next(line for line in file if line.startswith('CapPrm:')).split()[1], 16)


def set_caps(caps):
    """Effective and permitted."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
    low, high = caps & 0xffffffff, caps >> 32
    if LIBC.syscall(126, header, (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)) < 0:
        raise OSError(ctypes.get_errno(), 'capset')


def enter_own_namespace(uid):
    if LIBC.unshare(CLONE_NEWUSER) < 0:
        raise OSError(ctypes.get_errno(), 'unshare')
    for name, text in ('setgroups', 'deny'), ('uid_map', f'0 {uid} 1'), ('gid_map', f'0 {uid} 1'):
        with open(f'/proc/self/{name}', 'w', encoding='utf-8') as file:
            file.write(text)


def outcome(function, *args):
    """What it returns, or its error."""
    try:
        return function(*args)
    except OSError as error:
        return errno.errorcode[error.errno]


class Actor:
    """A process of that uid with these groups and capabilities (@caps: bits, -1: all that there
    are; None: those that the uid gives), perhaps with another gid for files, or in a user namespace
    of its own (@own). It calls functions of @calls."""

    def __init__(self, name, calls, uid, groups=(), caps=None, fsgid=None, own=False):
        self.name, self.calls = name, {function.__name__: function for function in calls}
        self.socket, there = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self.socket.close()
            try:
                self.become(uid, groups, caps, fsgid, own)
                there.sendall(b'r')
                self.serve(there)
            except EOFError:
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            os._exit(1)
        there.close()
        self.file = self.socket.makefile('rwb')
        if self.file.read(1) != b'r':
            raise Skip('no user namespaces here')

    @staticmethod
    def become(uid, groups, caps, fsgid, own):
        os.setgroups(list(groups))
        LIBC.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
        if own:
            enter_own_namespace(uid)
        if fsgid is not None:
            LIBC.setfsgid(fsgid)
        if caps is not None:
            set_caps(all_caps() & caps)

    def serve(self, there):
        with there.makefile('rwb') as file:
            while True:
                name, bases, args = pickle.load(file)
                pickle.dump([outcome(self.calls[name], base, *args) for base in bases], file)
                file.flush()

    def do(self, function, bases, *args):
        """The outcome in each of the trees @bases."""
        pickle.dump((function.__name__, bases, args), self.file)
        self.file.flush()
        return pickle.load(self.file)

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.file.close()
        self.socket.close()


def with_roots_rights(calls):
    """Actors of root's, from all his rights to none."""
    yield Actor('root', calls, 0, caps=-1)
    yield Actor('powerless', calls, 0, caps=0)
    yield Actor('powerless, groups', calls, 0, groups=(2000, 4000), caps=0)
    yield Actor('powerless, fsgid', calls, 0, groups=(3000,), caps=0, fsgid=2000)
    yield Actor('own namespace', calls, 0, own=True)
    for cap in CAPS:
        yield Actor(f'only {cap}', calls, 0, groups=(3000,), caps=1 << cap)
        yield Actor(f'all but {cap}', calls, 0, groups=(4000,), caps=~(1 << cap))


def with_users_rights(calls, uid):
    """Actors of a user's, some with capabilities."""
    yield Actor('user', calls, uid, caps=0)
    yield Actor('groups', calls, uid, groups=(2000, 3000), caps=0)
    yield Actor('own namespace', calls, uid, own=True)
    yield Actor('some in its own', calls, uid, own=True, caps=1 << DAC_READ_SEARCH | 1 << FOWNER)
    for cap in CAPS:
        yield Actor(f'only {cap}', calls, uid, groups=(3000,), caps=1 << cap)
