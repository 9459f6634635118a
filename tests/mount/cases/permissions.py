"""A mount of one user, on which the kernel checks no permissions: every call gives what it gives on
tmpfs, whatever is missing where, also of what the kernel has cached. The calls are those of CALLS;
the modes and owners are those of a directory, of the one above it, and of what is in it."""
import contextlib
import ctypes
import errno
import os
import stat
import subprocess

from one_user import is_checked_by_the_kernel, need_one_user, tmpfs
from rig import (LIBC, Mount, Skip, as_user, case, drop_caches, fails, get, is_mounted, pass_time,
                 put, run, unmount, wait_until)
from transport import counts, transports

USER, OTHER, THIRD = 1000, 2000, 3000
PR_CAPBSET_DROP = 24
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2


def rename2(old, new, flags):
    if LIBC.renameat2(-100, old.encode(), -100, new.encode(), flags) < 0:
        raise OSError(ctypes.get_errno(), '')


def opens(path, flags, mode=0o600):
    os.close(os.open(path, flags, mode))


def execute(path):
    """Whether it can be started; what it says does not matter."""
    subprocess.run([path], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   cwd='/')


def enter(path):
    os.chdir(path)
    os.chdir('/')


def shape(path):
    got = os.lstat(path)
    return stat.filemode(got.st_mode), got.st_uid, got.st_gid


# Of a directory and the one above it, in which there is another directory.
CALLS = {
    'stat': lambda d, p: shape(f'{d}/f'),
    'stat missing': lambda d, p: shape(f'{d}/missing'),
    'stat below': lambda d, p: shape(f'{d}/sub/g'),
    'stat missing below': lambda d, p: shape(f'{d}/sub/missing'),
    'stat by dots': lambda d, p: shape(f'{d}/sub/../f'),
    'stat of itself': lambda d, p: shape(d),
    'stat through a link': lambda d, p: os.stat(f'{d}/link').st_size,
    'statvfs': lambda d, p: os.statvfs(f'{d}/f').f_namemax,
    'readlink': lambda d, p: os.readlink(f'{d}/link'),
    'access': lambda d, p: [os.access(f'{d}/f', how) for how in range(8)],
    'access of a directory': lambda d, p: [os.access(d, how) for how in range(8)],
    'access below': lambda d, p: [os.access(f'{d}/sub', how) for how in range(8)],
    'read': lambda d, p: get(f'{d}/f'),
    'read below': lambda d, p: get(f'{d}/sub/g'),
    'write': lambda d, p: opens(f'{d}/f', os.O_WRONLY),
    'read and write': lambda d, p: opens(f'{d}/f', os.O_RDWR),
    'truncate and read': lambda d, p: opens(f'{d}/f', os.O_RDONLY | os.O_TRUNC),
    'truncate and write': lambda d, p: opens(f'{d}/f', os.O_WRONLY | os.O_TRUNC),
    'open for ioctl': lambda d, p: opens(f'{d}/f', 3),
    'O_PATH': lambda d, p: opens(f'{d}/f', os.O_PATH),
    'execute': lambda d, p: execute(f'{d}/f'),
    'list': lambda d, p: sorted(os.listdir(d)),
    'list below': lambda d, p: sorted(os.listdir(f'{d}/sub')),
    'list and stat': lambda d, p: sorted((e.name, e.stat(follow_symlinks=False).st_mode)
                                         for e in os.scandir(d)),
    'chdir': lambda d, p: enter(d),
    'chdir below': lambda d, p: enter(f'{d}/sub'),
    'create': lambda d, p: opens(f'{d}/new', os.O_CREAT | os.O_WRONLY),
    'create what is there': lambda d, p: opens(f'{d}/f', os.O_CREAT | os.O_RDWR),
    'create exclusively what is there': lambda d, p: opens(f'{d}/f', os.O_CREAT | os.O_EXCL),
    'create below': lambda d, p: opens(f'{d}/sub/new', os.O_CREAT | os.O_WRONLY),
    'create without a right': lambda d, p: opens(f'{d}/new', os.O_CREAT | os.O_RDWR, 0),
    'tmpfile': lambda d, p: opens(d, os.O_TMPFILE | os.O_RDWR),
    'mkdir': lambda d, p: os.mkdir(f'{d}/new'),
    'mkdir there': lambda d, p: os.mkdir(f'{d}/sub'),
    'mkfifo': lambda d, p: os.mkfifo(f'{d}/new'),
    'symlink': lambda d, p: os.symlink('f', f'{d}/new'),
    'link here': lambda d, p: os.link(f'{p}/other/o', f'{d}/new'),
    'link away': lambda d, p: os.link(f'{d}/f', f'{p}/other/new'),
    'unlink': lambda d, p: os.unlink(f'{d}/f'),
    'unlink missing': lambda d, p: os.unlink(f'{d}/missing'),
    'unlink below': lambda d, p: os.unlink(f'{d}/sub/g'),
    'unlink a directory': lambda d, p: os.unlink(f'{d}/sub'),
    'rmdir': lambda d, p: os.rmdir(f'{d}/empty'),
    'rmdir a file': lambda d, p: os.rmdir(f'{d}/f'),
    'rmdir what is not empty': lambda d, p: os.rmdir(f'{d}/sub'),
    'rename': lambda d, p: os.rename(f'{d}/f', f'{d}/new'),
    'rename over': lambda d, p: os.rename(f'{d}/f', f'{d}/link'),
    'rename here': lambda d, p: os.rename(f'{p}/other/o', f'{d}/new'),
    'rename here over': lambda d, p: os.rename(f'{p}/other/o', f'{d}/f'),
    'rename away': lambda d, p: os.rename(f'{d}/f', f'{p}/other/new'),
    'rename a directory': lambda d, p: os.rename(f'{d}/sub', f'{d}/new'),
    'rename a directory away': lambda d, p: os.rename(f'{d}/sub', f'{p}/other/new'),
    'rename itself': lambda d, p: os.rename(d, f'{p}/new'),
    'rename itself away': lambda d, p: os.rename(d, f'{p}/other/new'),
    'rename noreplace': lambda d, p: rename2(f'{d}/f', f'{d}/link', RENAME_NOREPLACE),
    'exchange': lambda d, p: rename2(f'{d}/sub', f'{p}/other', RENAME_EXCHANGE),
    'exchange with a file': lambda d, p: rename2(f'{p}/other/o', f'{d}/sub', RENAME_EXCHANGE),
    'chmod': lambda d, p: os.chmod(f'{d}/f', 0o640),
    'chmod with a group': lambda d, p: (os.chmod(f'{d}/f', 0o2640), shape(f'{d}/f')),
    'chmod of itself': lambda d, p: os.chmod(d, 0o700),
    'chgrp': lambda d, p: os.chown(f'{d}/f', -1, os.getgid()),
    'chgrp to others': lambda d, p: os.chown(f'{d}/f', -1, THIRD),
    'touch': lambda d, p: os.utime(f'{d}/f'),
    'set times': lambda d, p: os.utime(f'{d}/f', (1, 2)),
    'set times of a link': lambda d, p: os.utime(f'{d}/link', (1, 2), follow_symlinks=False),
    'touch itself': lambda d, p: os.utime(d),
    'truncate': lambda d, p: os.truncate(f'{d}/f', 3),
    'getxattr': lambda d, p: os.getxattr(f'{d}/f', 'user.a'),
    'setxattr': lambda d, p: os.setxattr(f'{d}/f', 'user.b', b'x'),
    'setxattr of itself': lambda d, p: os.setxattr(d, 'user.b', b'x'),
    'removexattr': lambda d, p: os.removexattr(f'{d}/f', 'user.a'),
    'listxattr': lambda d, p: os.listxattr(f'{d}/f'),
}


def build(base):
    """A tree for one call."""
    d = f'{base}/p/d'
    for path in ('p', 'p/d', 'p/d/sub', 'p/d/empty', 'p/other'):
        os.mkdir(f'{base}/{path}', 0o700)
    put(f'{d}/f', b'#!/bin/true\n')
    os.chmod(f'{d}/f', 0o700)
    os.setxattr(f'{d}/f', 'user.a', b'1')
    put(f'{d}/sub/g', b'g')
    put(f'{base}/p/other/o', b'o')
    os.symlink('f', f'{d}/link')


def look(base):
    """Has the kernel cache all that is there, and what is not."""
    for path, dirs, files in os.walk(base):
        for name in [*dirs, *files, 'missing', 'new']:
            with contextlib.suppress(FileNotFoundError):
                os.lstat(f'{path}/{name}')


def change(base, owners_and_modes):
    """From the bottom up, as who changes an upper one may not reach the lower one any more."""
    for path in sorted(owners_and_modes, reverse=True):
        uid, mode = owners_and_modes[path]
        if uid is not None:
            os.chown(f'{base}/{path}', uid, uid)
        os.chmod(f'{base}/{path}', mode)


# What the kernel decides before it asks us, where tmpfs says EACCES or EPERM: what is no file, or
# no directory, is not removed in any case; and who may search d finds f, whatever way he comes.
INSTEAD = {'unlink a directory': 'EISDIR', 'rmdir a file': 'ENOTDIR',
           'stat by dots': ('-rwx------', USER, USER)}


def attempt(name, base):
    """The result of a call, or its error."""
    try:
        return CALLS[name](f'{base}/p/d', f'{base}/p')
    except OSError as error:
        return errno.errorcode[error.errno]


def trees(base, variants):
    """A tree for each call and variant."""
    for n, (variant, name) in enumerate((v, c) for v in variants for c in CALLS):
        yield f'{base}/{n}', variant, name


def build_all(base, variants):
    os.umask(0)
    for tree, _, _ in trees(base, variants):
        os.mkdir(tree, 0o700)
        build(tree)


def at_once(base, variants, cached):
    """Each call at once after the change, in one process."""
    got = {}
    os.umask(0)
    for tree, variant, name in trees(base, variants):
        if cached:
            look(tree)
        change(tree, variant)
        got[str(variant), name] = attempt(name, tree)
    return got


def compare(got, wanted):
    assert got.keys() == wanted.keys() and len(wanted) > 500
    wrong = [(key, got[key], 'tmpfs', wanted[key]) for key in wanted if got[key] != wanted[key]
             and not (wanted[key] in ('EACCES', 'EPERM') and got[key] == INSTEAD.get(key[1]))]
    assert not wrong, f'{len(wrong)} of {len(wanted)}: {wrong[:20]}'


USER_VARIANTS = [{place: (None, bits << 6 | 0o077)} for bits in range(8)
                 for place in ('p', 'p/d', 'p/d/f', 'p/d/sub')] + \
    [{'p/d': (None, 0o1777)}, {'p': (None, 0o600), 'p/d': (None, 0o600)}]


def of_a_user(base, cached):
    as_user(USER, build_all, base, USER_VARIANTS)
    if not cached:
        drop_caches()
    return as_user(USER, at_once, base, USER_VARIANTS, cached)


def users_mount(cached):
    if not os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')
    with tmpfs(USER) as oracle, Mount(layout='single', uid=USER, options='modes=keep') as mount:
        need_one_user(mount)
        compare(of_a_user(mount.path, cached), of_a_user(oracle, cached))


@case(mount=False)
def a_user_finds_what_he_finds_on_tmpfs():
    users_mount(cached=False)


@case(mount=False)
def what_is_cached_is_closed_at_once():
    users_mount(cached=True)


ROOT_VARIANTS = [{place: (uid, mode)} for place in ('p', 'p/d', 'p/d/f')
                 for uid in (None, OTHER) for mode in (0, 0o600, 0o300, 0o711, 0o007)] + \
    [{'p/d': (OTHER, 0o1777), 'p/d/f': (uid, mode), 'p/d/sub': (uid, 0o777)}
     for uid in (THIRD, None) for mode in (0o755, 0o600)] + \
    [{'p/d': (None, 0o1700), 'p/d/f': (THIRD, 0o644)}, {'p/d/sub': (THIRD, 0o555)}]


def drop_capabilities():
    """But uid 0 stays, and so whatever the mode gives it."""
    for cap in range(64):
        LIBC.prctl(PR_CAPBSET_DROP, cap, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
    assert LIBC.syscall(126, header, (ctypes.c_uint32 * 6)()) == 0  # capset(2)


def all_calls(base, variants, powerless, closed):
    """@closed: the variants in which a process without capabilities sees nothing of d/f. On root's
    mount that is so some time after the change."""
    if powerless:
        drop_capabilities()
    for tree, variant, name in trees(base, variants):
        if str(variant) in closed:
            wait_until(lambda tree=tree: attempt('stat', tree) == 'EACCES', 'it is closed')
    return {(str(variant), name): attempt(name, tree)
            for tree, variant, name in trees(base, variants)}


def of_root(base, cached, powerless, closed=()):
    build_all(base, ROOT_VARIANTS)
    if not cached:
        drop_caches()
    for tree, variant, _ in trees(base, ROOT_VARIANTS):
        if cached:
            look(tree)
        change(tree, variant)
    got = as_user(0, all_calls, base, ROOT_VARIANTS, powerless, closed)
    run('rm', '-rf', *[f'{base}/{name}' for name in os.listdir(base)])
    return got


def roots_mount(cached, powerless):
    with tmpfs() as oracle, Mount(layout='single', options='modes=keep,noallow_other') as mount:
        need_one_user(mount)
        wanted = of_root(oracle, cached, powerless)
        closed = {variant for (variant, name), result in wanted.items()
                  if name == 'stat' and result == 'EACCES'}
        assert bool(closed) == powerless
        compare(of_root(mount.path, cached, powerless, closed), wanted)


@case(mount=False)
def root_finds_what_he_finds_on_tmpfs():
    roots_mount(cached=True, powerless=False)


@case(mount=False)
def so_does_root_without_capabilities():
    for cached in False, True:
        roots_mount(cached, powerless=True)
        os.rmdir(f'{os.environ["SPOOL_CASE_DIR"]}/tmpfs')


@case(mount=False)
def a_namespace_of_his_own_gives_its_capabilities():
    """Over what has a number there, and over nothing else."""
    script = '''cd "$1" && mkdir d && echo x >d/f && chmod 000 d d/f && cat d/f && ls d &&
        touch d/g && rm -r d'''
    shell = ('unshare', '-r', 'sh', '-c', script, 'sh')
    if run('unshare', '-U', 'true', check=False, user=USER).returncode:
        raise Skip('no user namespaces here')
    with tmpfs(USER) as oracle, Mount(layout='single', uid=USER) as mount:
        need_one_user(mount)
        for path in oracle, mount.path:
            assert run(*shell, path, user=USER, group=USER, extra_groups=[]).stdout == 'x\nf\n'
            done = run(*shell[2:], path, user=USER, group=USER, extra_groups=[], check=False)
            assert done.returncode and 'Permission denied' in done.stderr, done
            as_user(USER, os.chmod, f'{path}/d', 0o700)
            as_user(USER, os.unlink, f'{path}/d/f')


@case(mount=False)
def another_uid_for_files_gets_nothing():
    """The kernel lets such a process in, as it may go back to its own uid."""
    def with_fsuid(path):
        os.setgroups([])
        LIBC.setfsuid(USER)
        for call in (lambda: get(f'{path}/f'), lambda: os.listdir(path),
                     lambda: put(f'{path}/new', b''), lambda: os.unlink(f'{path}/f'),
                     lambda: os.stat(f'{path}/unseen'), lambda: os.chmod(f'{path}/f', 0o600),
                     lambda: os.rename(f'{path}/f', f'{path}/new'),
                     lambda: os.link(f'{path}/f', f'{path}/new'), lambda: os.chdir(path),
                     lambda: os.truncate(f'{path}/f', 0)):
            fails(errno.EACCES, call)
    with Mount(layout='single', options='modes=keep,noallow_other') as mount:
        need_one_user(mount)
        put(f'{mount.path}/f', b'x')
        os.chmod(f'{mount.path}/f', 0o666)
        as_user(0, with_fsuid, mount.path)
        assert get(f'{mount.path}/f') == b'x'


@case(mount=False)
def what_root_gives_away_unmounts_nothing():
    with Mount(layout='single', options='noallow_other') as mount:
        need_one_user(mount)
        for path in ('d', 'd/on', 'on', 'd/sub'):
            os.mkdir(f'{mount.path}/{path}')
        places = f'{mount.path}/on', f'{mount.path}/d/on'
        for place in places:
            run('mount', '-t', 'tmpfs', 'tmpfs', place)
        try:
            for owner in USER, 0, USER:
                os.chown(f'{mount.path}/d', owner, owner)
                os.chmod(f'{mount.path}/d', 0o600)
                os.chmod(f'{mount.path}/d', 0o700)
                put(f'{mount.path}/d/sub/f', b'')
                os.stat(f'{mount.path}/d/on')
            assert all(map(is_mounted, places))
        finally:
            for place in places:
                run('umount', place)


@case(mount=False, needs=['readdirplus', 'epoch'])
def a_listing_tells_no_names_that_must_not_be_cached():
    """The kernel has nothing to forget of it."""
    def forgets():
        got = counts(mount)
        return got.get('FORGET', 0) + got.get('BATCH_FORGET', 0)

    with Mount(layout='single', options='noallow_other') as mount:
        need_one_user(mount)
        os.mkdir(f'{mount.path}/d')
        for i in range(50):
            put(f'{mount.path}/d/{i}')
        os.chown(f'{mount.path}/d', USER, USER)
        fd = os.open(f'{mount.path}/d', os.O_RDONLY)
        drop_caches()
        wait_until(forgets, 'what was made is forgotten')
        pass_time(0.2)
        before = forgets()
        assert len(os.listdir(fd)) == 50 and counts(mount)['READDIRPLUS'] > 0
        drop_caches()
        pass_time(0.2)
        assert forgets() == before
        os.close(fd)


@case(mount=False)
def the_kernel_checks_all_other_mounts():
    need = (('private', '', ''), ('shared', 'noallow_other', ''), ('single', '', ''),
            ('single', 'noallow_other,writeback', ''), ('single', 'noallow_other', 'epoch'),
            ('single', 'noallow_other', 'atomic_o_trunc'))
    for layout, options, mask in need:
        with Mount(layout=layout, options=options, mask=mask) as mount:
            assert is_checked_by_the_kernel(mount), (layout, options, mask)
            put(f'{mount.tmpdir()}/f', b'x')
