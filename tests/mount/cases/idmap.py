"""Mounts with an id mapping (mount_setattr(2)), and requests of which the kernel does not say whose
they are: once mappings are allowed it says so only with what makes an inode."""
import contextlib
import ctypes
import errno
import json
import os
import stat
import struct

from rig import (Mount, Skip, as_user, binary, case, fails, fallocate, get, need, put, renameat2,
                 run, syscall, unmount)

ALICE, BOB = 61001, 61002  # in the filesystem; SEEN: who ALICE is on the mapped mount
SEEN = 62001
CLONE_NEWUSER = 0x10000000
OPEN_TREE_CLONE, AT_RECURSIVE, AT_EMPTY_PATH = 1, 0x8000, 0x1000
MOVE_MOUNT_F_EMPTY_PATH, MOUNT_ATTR_IDMAP = 4, 0x00100000
NR_OPEN_TREE, NR_MOVE_MOUNT, NR_MOUNT_SETATTR = 428, 429, 442  # the same on all architectures

MASKED = True  # also run without each feature of the kernel


def user_namespace(mapping):
    """A descriptor of a user namespace with this mapping of uids and gids."""
    ready, told = os.pipe()
    stay, leave = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(leave)
        try:
            syscall('unshare', CLONE_NEWUSER)
            os.write(told, b'y')
        except OSError:
            os.write(told, b'n')
        os.read(stay, 1)
        os._exit(0)
    os.close(stay)
    try:
        if os.read(ready, 1) != b'y':
            raise Skip('no user namespaces here')
        for kind in ('uid', 'gid'):
            with open(f'/proc/{pid}/{kind}_map', 'w', encoding='ascii') as file:
                file.write(mapping)
        return os.open(f'/proc/{pid}/ns/user', os.O_RDONLY)
    finally:
        os.close(leave)
        os.waitpid(pid, 0)
        os.close(ready)
        os.close(told)


@contextlib.contextmanager
def mapped(mount, mapping):
    """A second mount of the same filesystem, with an id mapping, beside the first."""
    place = f'{mount.base}/mapped'
    os.mkdir(place)
    namespace = user_namespace(mapping)
    tree = syscall('syscall', NR_OPEN_TREE, -100, os.fsencode(mount.path), OPEN_TREE_CLONE)
    attributes = struct.pack('=QQQQ', MOUNT_ATTR_IDMAP, 0, 0, namespace)
    try:
        syscall('syscall', NR_MOUNT_SETATTR, tree, b'', AT_EMPTY_PATH, attributes, 32)
        syscall('syscall', NR_MOVE_MOUNT, tree, b'', -100, os.fsencode(place),
                MOVE_MOUNT_F_EMPTY_PATH)
    except OSError:
        os.rmdir(place)
        raise
    finally:
        os.close(tree)
        os.close(namespace)
    try:
        yield place
    finally:
        unmount(place)
        os.rmdir(place)


def status_of(path, uid=0):
    text = as_user(uid, lambda: run(binary('SPOOLCTL'), 'status', '--json', path).stdout)
    return json.loads(text)


def used(mount):
    return {user['uid']: user['size_used'] for user in status_of(mount.path)['users']}


def skip_without(mount):
    if '-idmap' in status_of(mount.path)['features']:
        raise Skip('this kernel maps no ids on FUSE')


@case(layout='shared', options='ram=64M,user_size=20M', needs=['idmap', 'tmpfile'])
def a_shared_mount_takes_an_id_mapping(mount):
    skip_without(mount)
    with mapped(mount, f'0 0 1\n{ALICE} {SEEN} 1\n') as place:
        def work():
            os.mkdir('mine')
            os.chdir('mine')
            put('f', b'x' * 500000, 0o600)
            os.symlink('f', 'link')
            os.mkfifo('fifo')
            os.close(os.open('.', os.O_TMPFILE | os.O_RDWR, 0o600))
            os.link('f', 'second')
            os.rename('second', 'third')
            assert os.stat('f').st_uid == SEEN and os.stat('third').st_nlink == 2
            os.chmod('f', 0o640)
            fails(errno.EOVERFLOW, os.chown, 'f', ALICE, -1)  # nobody on this mount
        os.chdir(place)
        as_user(SEEN, work)
        for name in ('mine', 'mine/f', 'mine/link', 'mine/fifo'):
            assert os.lstat(f'{mount.path}/{name}').st_uid == ALICE, name
            assert os.lstat(f'{place}/{name}').st_uid == SEEN, name
        fails(errno.EACCES, as_user, ALICE, get, f'{place}/mine/f')
        assert as_user(ALICE, get, f'{mount.path}/mine/f') == b'x' * 500000
        put(f'{place}/by-root', b'')
        assert os.stat(f'{mount.path}/by-root').st_uid == 0
        fails(errno.EOVERFLOW, as_user, BOB, put, f'{place}/of-nobody', b'')
        use = used(mount)
        assert 500000 <= use[ALICE] < 600000 and set(use) == {0, ALICE}, use
        os.chdir('/')
    as_user(ALICE, run, 'rm', '-r', f'{mount.path}/mine')
    os.unlink(f'{mount.path}/by-root')
    left = used(mount)
    assert set(left) <= {0, ALICE} and left.get(ALICE, 0) == 0, left


def make_names(mount, payer):
    """BOB links and renames a file of ALICE's: @payer pays, and nobody else."""
    name = 'n' * 200
    os.chdir(mount.path)
    os.mkdir('open')
    os.chmod('open', 0o777)
    put('open/f', b'')
    os.chmod('open/f', 0o666)  # who may write may link, sysctl fs.protected_hardlinks
    os.chown('open/f', ALICE, ALICE)
    before = used(mount)
    for i in range(50):
        as_user(BOB, os.link, 'open/f', f'open/{i}{name}')
    for i in range(50):
        as_user(BOB, os.rename, f'open/{i}{name}', f'open/{i}r{name}')
    as_user(BOB, renameat2, f'open/0r{name}', f'open/white', 4)
    after = used(mount)
    assert set(after) == {0, ALICE, BOB}, after
    assert after[payer] - before.get(payer, 0) >= 50 * 200, (before, after)
    assert os.stat(f'open/0r{name}').st_uid == BOB  # the whiteout has its maker
    os.chdir('/')


@case(layout='shared', options='ram=64M,user_size=20M', needs=['rename2', 'idmap'])
def names_are_paid_for_where_nobody_says_who_made_them(mount):
    skip_without(mount)
    make_names(mount, ALICE)


@case(mount=False, masked=False)
def names_are_paid_for_by_who_makes_them():
    with Mount(layout='shared', options='ram=64M,user_size=20M', mask='idmap') as mount:
        make_names(mount, BOB)


@case(layout='shared', options='ram=64M,user_size=20M')
def everybody_still_sees_his_own_limits(mount):
    as_user(ALICE, put, f'{mount.path}/a', b'x' * (5 << 20))
    for uid, free in ((ALICE, 15 << 20), (BOB, 20 << 20)):
        view = as_user(uid, os.statvfs, mount.path)
        assert view.f_blocks * view.f_frsize == 20 << 20
        assert free - (1 << 20) < view.f_bavail * view.f_frsize <= free, uid
        status = status_of(mount.path, uid)
        assert not status['caller_admin'] and [u['uid'] for u in status['users']] == [uid]
    assert status_of(mount.path)['caller_admin']
    fails(errno.EDQUOT, as_user, ALICE, put, f'{mount.path}/b', b'x' * (16 << 20))


@case(mount=False)
def other_layouts_take_no_id_mapping():
    for layout in ('private', 'single'):
        with Mount(layout=layout) as mount:
            with contextlib.suppress(Skip):
                fails(errno.EINVAL, mapped(mount, f'0 0 1\n{ALICE} {SEEN} 1\n').__enter__)
            assert '-idmap' in status_of(mount.path)['features']


@case(layout='shared', needs=['fallocate', 'killpriv'])
def root_may_keep_set_ids(d):
    """Whoever has CAP_FSETID: root of the machine, but not root of a user namespace."""
    need('unshare')
    put('f', b'x' * 10000, 0o777)

    def reserve():
        fd = os.open('f', os.O_RDWR)
        fallocate(fd, 0, 0, 20000)
        os.close(fd)
    os.chmod('f', 0o6777)
    as_user(0, reserve)
    assert stat.S_IMODE(os.stat('f').st_mode) == 0o6777
    done = run('unshare', '--user', '--map-root-user', 'fallocate', '-l', '30000', 'f', check=False)
    if done.returncode != 0 and 'unshare' in done.stderr:
        raise Skip('no user namespaces here')
    assert stat.S_IMODE(os.stat('f').st_mode) == 0o777
