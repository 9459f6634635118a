"""A mount of one user, on which the kernel checks no permissions: random calls of processes with
random rights, on a random tree, give what they give on tmpfs, and leave the same tree."""
import contextlib
import os
import random
import socket
import stat
import struct
import subprocess

from one_user import (Actor, need_one_user, outcome, tmpfs, with_roots_rights,
                      with_users_rights)
from rig import Mount, Skip, case, drop_caches, fallocate, get, linkat_fd, renameat2, syscall

USER, OTHERS, GROUPS = 1000, (2000, 3000), (0, 1000, 2000, 3000, 4000)
STEPS, LOOK = 600, 8  # calls of a run; the trees are compared after so many
NAMES = 'abcdefg'
MODES = (0, 0o100, 0o200, 0o300, 0o400, 0o500, 0o600, 0o700, 0o070, 0o007, 0o077, 0o711, 0o755,
         0o777, 0o1777, 0o1755, 0o2775, 0o2755, 0o4755, 0o6755, 0o2700, 0o444, 0o111, 0o666, 0o1333)
ACCESS = os.O_RDONLY, os.O_WRONLY, os.O_RDWR, 3
FLAGS = (0, 0, os.O_CREAT, os.O_CREAT | os.O_EXCL, os.O_TRUNC, os.O_APPEND, os.O_NOFOLLOW,
         os.O_DIRECTORY, os.O_PATH, os.O_TMPFILE, os.O_TMPFILE | os.O_EXCL)
AT_EACCESS, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH = 0x200, 0x100, 0x1000
UTIME = {'now': (1 << 30) - 1, 'omit': (1 << 30) - 2}
FACCESSAT2 = 439


# Calls: of the base of a tree, and paths in it.

@contextlib.contextmanager
def opened(path, flags, mode=0):
    fd = os.open(path, flags | os.O_NONBLOCK, mode)
    try:
        yield fd
    finally:
        os.close(fd)


def open_and_use(base, path, flags, mode, data):
    with opened(f'{base}/{path}', flags, mode) as fd:
        shape = stat.filemode(os.fstat(fd).st_mode)
        if flags & os.O_PATH or shape[0] != '-' or flags & os.O_ACCMODE == 3:
            return shape
        return shape, os.read(fd, 10) if flags & os.O_ACCMODE == 0 else os.write(fd, data)


def name_tmpfile(base, where, path, mode, empty):
    with opened(f'{base}/{where}', os.O_TMPFILE | os.O_RDWR, mode) as fd:
        os.write(fd, b'tmpfile')
        if empty:
            syscall('linkat', fd, b'', -100, os.fsencode(f'{base}/{path}'), AT_EMPTY_PATH)
        else:
            linkat_fd(fd, f'{base}/{path}')


def link_descriptor(base, path, new):
    with opened(f'{base}/{path}', os.O_PATH | os.O_NOFOLLOW) as fd:
        syscall('linkat', fd, b'', -100, os.fsencode(f'{base}/{new}'), AT_EMPTY_PATH)


BY_DESCRIPTOR = {
    'fchmod': os.fchmod,
    'fchown': lambda fd, uid: os.fchown(fd, uid, -1),
    'futimens': lambda fd, _: os.utime(fd, (1, 2)),
    'ftouch': lambda fd, _: os.utime(fd),
    'ftruncate': os.ftruncate,
    'fallocate': lambda fd, _: fallocate(fd, 0, 0, 10),
    'fsetxattr': lambda fd, _: os.setxattr(fd, 'user.f', b'f'),
}


def by_descriptor(base, path, flags, name, value):
    with opened(f'{base}/{path}', flags) as fd:
        BY_DESCRIPTOR[name](fd, value)


def set_times(base, path, times, flags):
    packed = b''.join(struct.pack('qq', 0 if time in UTIME else time, UTIME.get(time, 0))
                      for time in times)
    syscall('utimensat', -100, os.fsencode(f'{base}/{path}'), packed, flags)
    got = os.stat(f'{base}/{path}', follow_symlinks=not flags)
    return [value for time, value in zip(times, (got.st_atime, got.st_mtime)) if time not in UTIME]


def access(base, path, how):
    """By the rights in force; see spoolfs(8), "Mounts of one user"."""
    syscall('syscall', FACCESSAT2, -100, os.fsencode(f'{base}/{path}'), how, AT_EACCESS)


def look(base, path, follow):
    got = os.stat(f'{base}/{path}', follow_symlinks=follow)
    shape = stat.filemode(got.st_mode), got.st_uid, got.st_gid
    return shape if stat.S_ISDIR(got.st_mode) else (*shape, got.st_size, got.st_nlink)


def scan(base, path):
    with os.scandir(f'{base}/{path}') as entries:
        return sorted((entry.name, outcome(look, base, f'{path}/{entry.name}', False))
                      for entry in entries)


def enter(base, path, then):
    os.chdir(f'{base}/{path}')
    try:
        return stat.filemode(os.lstat(then).st_mode)
    finally:
        os.chdir('/')


def bind(base, path):
    folder, _, name = f'{base}/{path}'.rpartition('/')
    with opened(folder, os.O_PATH | os.O_DIRECTORY) as fd, socket.socket(socket.AF_UNIX) as server:
        server.bind(f'/proc/self/fd/{fd}/{name}')


def execute(base, path):
    return subprocess.run([f'{base}/{path}'], check=False, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, cwd='/').returncode


def set_acl(base, path, mode):
    """One that is a mode."""
    entries = [(1, mode >> 6 & 7, -1), (4, mode >> 3 & 7, -1), (32, mode & 7, -1)]
    os.setxattr(f'{base}/{path}', 'system.posix_acl_access', struct.pack('<I', 2) + b''.join(
        struct.pack('<HHi', *entry) for entry in entries))


def mkdir(base, path, mode):
    os.mkdir(f'{base}/{path}', mode)


def mknod(base, path, mode):
    os.mknod(f'{base}/{path}', mode)


def symlink(base, path, target):
    os.symlink(target, f'{base}/{path}')


def link(base, old, new, follow):
    os.link(f'{base}/{old}', f'{base}/{new}', follow_symlinks=follow)


def rename(base, old, new, flags):
    renameat2(f'{base}/{old}', f'{base}/{new}', flags)


def unlink(base, path):
    os.unlink(f'{base}/{path}')


def rmdir(base, path):
    os.rmdir(f'{base}/{path}')


def chmod(base, path, mode):
    os.chmod(f'{base}/{path}', mode)


def chown(base, path, uid, gid, follow):
    os.chown(f'{base}/{path}', uid, gid, follow_symlinks=follow)


def truncate(base, path, size):
    os.truncate(f'{base}/{path}', size)


def readlink(base, path):
    return os.readlink(f'{base}/{path}')


def statvfs(base, path):
    return os.statvfs(f'{base}/{path}').f_namemax


def getxattr(base, path, name):
    return os.getxattr(f'{base}/{path}', name)


def setxattr(base, path, name):
    os.setxattr(f'{base}/{path}', name, b'1')


def removexattr(base, path, name):
    os.removexattr(f'{base}/{path}', name)


def listxattr(base, path):
    return sorted(name for name in os.listxattr(f'{base}/{path}') if name.startswith('user.'))


def umask(_base, mode):
    os.umask(mode)


CALLS = (open_and_use, name_tmpfile, link_descriptor, by_descriptor, set_times, access, look, scan,
         enter, bind, execute, set_acl, mkdir, mknod, symlink, link, rename, unlink, rmdir, chmod,
         chown, truncate, readlink, statvfs, getxattr, setxattr, removexattr, listxattr, umask)


class Script:
    """Random calls. @owners: whom chown(2) may give something to; -1 is the last."""

    def __init__(self, rng, owners):
        self.rng, self.owners, self.known, self.dirs = rng, owners, [], ['']

    def learn(self, tree):
        self.known = sorted(tree)
        self.dirs = ['', *(path for path in self.known if tree[path][0][0][0] == 'd')]

    def path(self):
        """What is there, or in a directory that is there, or anything."""
        chance = self.rng.random()
        if self.known and chance < 0.6:
            return self.rng.choice(self.known)
        if chance < 0.9:
            return os.path.join(self.rng.choice(self.dirs), self.rng.choice(NAMES))
        return '/'.join(self.rng.choices(NAMES, k=self.rng.randrange(1, 4)))

    def next(self):
        rng, path = self.rng, self.path
        mode, follow, how = rng.choice(MODES), rng.random() < 0.5, rng.choice(ACCESS)
        flags = how | rng.choice(FLAGS) | rng.choice(FLAGS)
        times = rng.choice(('now', 'omit', 5)), rng.choice(('now', 'omit', 7))
        kind = rng.choice((stat.S_IFIFO, stat.S_IFREG, stat.S_IFSOCK))
        nofollow = 0 if follow else AT_SYMLINK_NOFOLLOW
        return rng.choice((
            (open_and_use, path(), flags, mode, b'x'),
            (open_and_use, path(), how, mode, b'y'),
            *[(open_and_use, path(), os.O_CREAT | os.O_WRONLY, mode, b'#!/bin/true\n')] * 2,
            (name_tmpfile, path(), path(), mode, follow),
            (link_descriptor, path(), path()),
            (by_descriptor, path(), how, rng.choice(('fchmod', 'ftruncate')), mode),
            (by_descriptor, path(), how, 'fchown', rng.choice(self.owners[:-1])),
            (by_descriptor, path(), how,
             rng.choice(('futimens', 'ftouch', 'fallocate', 'fsetxattr')), 0),
            (set_times, path(), times, nofollow),
            *[(access, path(), rng.randrange(8))] * 2,
            *[(look, path(), follow)] * 2,
            *[(scan, path())] * 2,
            (enter, path(), rng.choice(('.', *NAMES))),
            (bind, path()), (execute, path()), (set_acl, path(), mode & 0o777),
            *[(mkdir, path(), rng.choice((mode, 0o755, 0o777)))] * 3,
            (mknod, path(), mode & 0o777 | kind),
            (symlink, path(), path()),
            (link, path(), path(), follow),
            *[(rename, path(), path(), rng.choice((0, 0, 1, 2, 3)))] * 2,
            (unlink, path()), (rmdir, path()),
            *[(chmod, path(), mode)] * 3,
            (chown, path(), rng.choice(self.owners), rng.choice(GROUPS), follow),
            (chown, path(), rng.choice(self.owners[:-1]), rng.choice((-1, *GROUPS)), follow),
            (truncate, path(), rng.randrange(20)),
            (readlink, path()), (statvfs, path()), (listxattr, path()),
            (getxattr, path(), rng.choice(('user.a', 'user.f'))),
            (setxattr, path(), 'user.a'), (removexattr, path(), 'user.a'),
            (umask, rng.choice((0, 0o022, 0o077))),
        ))


# What the kernel finds before it asks us, where tmpfs refuses the call.
INSTEAD = {unlink: ('EISDIR',), rmdir: ('ENOTDIR',), link: ('EPERM',), link_descriptor: ('EPERM',),
           rename: ('ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR')}


def is_same(function, got, wanted):
    return got == wanted or (wanted in ('EACCES', 'EPERM') and got in INSTEAD.get(function, ()))


def is_left_out(admin, base, function, args):
    """FIFOs and sockets are open to their user; and the bits that a chown clears are no chmod, for
    which tmpfs asks more of who gives away what is not his."""
    if function not in (open_and_use, by_descriptor, chown):
        return False
    shape = admin.do(look, [base], args[0], True)[0][0]
    return shape[0] in 'ps' if function != chown else 's' in shape[1:].lower()


def tree(base):
    """All that there is, for who may see it."""
    got = {}
    for folder, dirs, files in os.walk(base):
        for path in (f'{folder}/{name}' for name in (*dirs, *files)):
            shape = look('', path, False)
            data = get(path) if shape[0][0] == '-' else \
                os.readlink(path) if shape[0][0] == 'l' else None
            got[path[len(base) + 1:]] = shape, data
    return got


def make(base):
    os.mkdir(base)
    os.chmod(base, 0o777)


def compare(admin, bases, script, last):
    got, wanted = admin.do(tree, bases)
    wrong = {path: (got.get(path), wanted.get(path)) for path in {*got, *wanted}
             if got.get(path) != wanted.get(path)}
    assert not wrong, f'{wrong}; after {last}'
    script.learn(wanted)


def play(rng, bases, admin, actors, owners):
    script, last = Script(rng, owners), []
    admin.do(make, bases)
    for n in range(STEPS):
        function, *args = script.next()
        actor = rng.choice(actors)
        if is_left_out(admin, bases[1], function, args):
            continue
        got, wanted = actor.do(function, bases, *args)
        last = [*last[1 - LOOK:], (actor.name, function.__name__, args, got)]
        assert is_same(function, got, wanted), f'tmpfs {wanted}: {last}'
        if n % LOOK == 0:
            compare(admin, bases, script, last)
        if rng.random() < 0.002:
            drop_caches()


def runs(uid, options, actors, owners):
    seed = int(os.environ.get('SPOOL_SEED', random.SystemRandom().randrange(1 << 32)))
    print(f'# seed {seed} (SPOOL_SEED)')
    rng = random.Random(seed)
    with tmpfs(uid) as oracle, Mount(layout='single', uid=uid, options=options) as mount:
        need_one_user(mount)
        actors, admin = list(actors), Actor('admin', (look, tree, make), uid, caps=-1)
        try:
            for n in range(int(os.environ.get('SPOOL_RUNS', '4'))):
                play(rng, [f'{mount.path}/{n}', f'{oracle}/{n}'], admin, actors, owners)
        finally:
            for actor in (admin, *actors):
                actor.end()


@case(mount=False)
def whoever_root_is_he_finds_what_is_on_tmpfs():
    runs(0, 'modes=keep,noallow_other', with_roots_rights(CALLS), (0, *OTHERS, -1))


@case(mount=False)
def whatever_a_user_may_he_finds_what_is_on_tmpfs():
    if not os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')
    runs(USER, 'modes=keep', with_users_rights(CALLS, USER), (USER, -1))
