"""spoolctl keep, lifetime and expire, and the call behind them."""
import errno
import json
import os
import socket

from control_calls import control
from rig import Mount, as_user, binary, case, fails, get, put, run, wait_until

ALICE, BOB = 61001, 61002
CALL = 10  # SPOOL_IOC_CHANGE
LIFETIME, EXPIRE, TREE = 0, 1, 1
SESSION, CLOSE, MOUNT = 0, 1, 2


def spoolctl(*args, check=True):
    return run(binary('SPOOLCTL'), *args, check=check)


def change(path, op, lifetime=0, flags=0, name=b'', **kwargs):
    return control(path, CALL, 'III256s', op, lifetime, flags, name, **kwargs)


def lifetimes(*paths):
    return [file['lifetime'] for file in json.loads(spoolctl('why', '--json', '--', *paths).stdout)]


def make_kinds():
    put('f', b'x')
    os.mkdir('sub')
    os.mkfifo('fifo')
    os.symlink('f', 'link')
    with socket.socket(socket.AF_UNIX) as server:
        server.bind('sock')
    return ['f', 'sub', 'fifo', 'link', 'sock']


@case(needs=['ioctl_dir'])
def files_of_all_kinds(d):
    kinds = make_kinds()
    assert lifetimes(*kinds) == ['session'] * 5
    spoolctl('keep', *kinds[1:])
    assert lifetimes(*kinds) == ['session'] + ['mount'] * 4  # the link, not what it names
    spoolctl('lifetime', 'close', *kinds)
    assert lifetimes(*kinds) == ['close'] * 5
    put('sub/new', b'x')
    assert lifetimes('sub/new') == ['close'], 'a directory hands it down'
    spoolctl('lifetime', 'session', *kinds)
    assert lifetimes(*kinds) == ['session'] * 5


@case(needs=['ioctl_dir'])
def all_below_a_directory(d):
    os.makedirs('a/b/c')
    for name in 'a/f', 'a/b/f', 'a/b/c/f':
        put(name)
    spoolctl('keep', 'a')
    assert lifetimes('a', 'a/f', 'a/b') == ['mount', 'session', 'session']
    spoolctl('keep', '-r', 'a')
    below = ['a/f', 'a/b', 'a/b/f', 'a/b/c', 'a/b/c/f']
    wait_until(lambda: set(lifetimes(*below)) == {'mount'}, 'all is kept')


@case(needs=['ioctl_dir'])
def expired_files_go_at_once(d):
    kinds = make_kinds()
    os.makedirs('tree/a/b')
    for i in range(500):
        put(f'tree/a/{i}', b'x')
    os.chmod('tree/a', 0o500)
    with open('f', 'rb') as file:
        spoolctl('expire', 'tree', *kinds)
        assert os.listdir('.') == [] and file.read() == b'x'
    put('f', b'new')
    assert get('f') == b'new'


@case(needs=['ioctl_dir'])
def what_has_expired_is_not_found_any_more(d):
    """Not even in the kernel's cache, which is told by another thread."""
    for i in range(30):
        put(f'f{i}', b'x')
        spoolctl('expire', f'f{i}')
        assert not os.path.lexists(f'f{i}')


@case(needs=['ioctl_dir'])
def what_is_kept_stays(d):
    os.makedirs('tree/a/b')
    put('tree/a/b/kept', b'x')
    put('tree/other', b'x')
    spoolctl('keep', 'tree/a/b/kept')
    done = spoolctl('expire', 'tree', check=False)
    assert done.returncode == 1 and done.stderr.startswith(
        'spoolctl: expire: tree/a/b/kept: stays until the mount ends'), done
    wait_until(lambda: os.listdir('tree') == ['a'], 'the rest goes')
    assert get('tree/a/b/kept') == b'x'
    spoolctl('expire', 'tree/a/b/kept')
    wait_until(lambda: os.listdir('.') == [], 'and then what it was in')
    put('kept')
    spoolctl('keep', 'kept')
    spoolctl('expire', 'kept')
    assert os.listdir('.') == []


@case(needs=['ioctl_dir'])
def the_link_to_ones_own_directory_is_told_apart(mount):
    as_user(ALICE, put, f'{mount.path}/self/f')
    for command in ['keep', '-r'], ['why'], ['lifetime', 'close'], ['expire']:
        done = as_user(ALICE, lambda command=command: spoolctl(
            *command, f'{mount.path}/self', check=False))
        assert done.returncode == 1 and 'with a "/" behind it' in done.stderr, done
        assert len(done.stderr.splitlines()) == 1, done
    as_user(ALICE, lambda: spoolctl('expire', f'{mount.path}/self/'))
    wait_until(lambda: os.listdir(mount.tmpdir(ALICE)) == [], 'all goes')


@case(needs=['ioctl_dir'])
def what_is_kept_is_not_over(d):
    """Also when its session is."""
    os.mkdir('job')
    ident = spoolctl('session', 'begin', '--dir', 'job').stdout.strip()
    os.mkdir('job/sub')
    put('job/sub/kept', b'x')
    spoolctl('keep', 'job/sub/kept')
    assert spoolctl('session', 'end', ident, check=False).returncode == 1
    told = json.loads(spoolctl('why', '--json', 'job/sub', 'job/sub/kept').stdout)
    assert [one['over'] for one in told] == [True, False], told
    assert told[1]['why'] == 'stays until the mount ends', told
    done = spoolctl('expire', 'job', check=False)
    assert done.stderr.startswith('spoolctl: expire: job/sub/kept: stays until'), done


@case(needs=['ioctl_dir'])
def nobody_changes_others_files(mount):
    for uid in ALICE, BOB:
        as_user(uid, put, f'{mount.tmpdir(uid)}/f', b'text')
    for args in (['keep'], ['lifetime', 'close'], ['expire']):
        for path in f'{mount.tmpdir(BOB)}/f', mount.tmpdir(BOB), mount.path:
            done = as_user(ALICE, lambda: spoolctl(*args, path, check=False))
            assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done
    for op, flags in (LIFETIME, 0), (LIFETIME, TREE), (EXPIRE, 0):
        fails(errno.EPERM, as_user, ALICE, change, mount.path, op, 0, flags, str(BOB).encode())
        fails(errno.EPERM, as_user, ALICE, change, mount.path, op, 0, flags)
        fails(errno.EPERM, change, mount.path, op, 0, flags)  # nor root the root of all
        fails(errno.EPERM, change, mount.path, op, 0, flags, b'self')
    assert get(f'{mount.tmpdir(BOB)}/f') == b'text'
    assert lifetimes(f'{mount.tmpdir(BOB)}/f', mount.tmpdir(BOB)) == ['session'] * 2
    as_user(ALICE, lambda: spoolctl('expire', f'{mount.path}/self/f'))
    spoolctl('expire', f'{mount.tmpdir(BOB)}/f')
    assert os.listdir(mount.tmpdir(ALICE)) == os.listdir(mount.tmpdir(BOB)) == []


@case(layout='shared', options='mode=1777,lifetime=session', needs=['ioctl_dir'])
def others_files_in_ones_own_directory(mount):
    as_user(ALICE, os.mkdir, f'{mount.path}/d')
    as_user(ALICE, os.chmod, f'{mount.path}/d', 0o777)
    as_user(ALICE, put, f'{mount.path}/d/alices')
    as_user(BOB, put, f'{mount.path}/d/bobs')
    fails(errno.EPERM, as_user, ALICE, change, f'{mount.path}/d', EXPIRE, 0, 0, b'bobs')
    as_user(ALICE, change, mount.path, EXPIRE, 0, 0, b'd')
    wait_until(lambda: os.listdir(f'{mount.path}/d') == ['bobs'], 'what is hers goes')
    as_user(BOB, lambda: spoolctl('expire', f'{mount.path}/d/bobs'))
    wait_until(lambda: os.listdir(mount.path) == [], 'and then the directory')


@case(mount=False)
def root_of_a_container_changes_no_others():
    with Mount(layout='shared', options='mode=1777') as mount:
        os.mkdir(f'{mount.path}/d', 0o777)
        put(f'{mount.path}/d/own')
        as_user(BOB, put, f'{mount.path}/f')
        done = run('unshare', '--pid', '--fork', binary('SPOOLCTL'), 'keep', f'{mount.path}/f',
                   check=False)
        assert done.returncode == 1 and 'only root and its owner' in done.stderr, done
        for args in (['keep', '-r'], ['expire']):
            done = run('unshare', '--pid', '--fork', binary('SPOOLCTL'), *args,
                       f'{mount.path}/d', check=False)
            assert done.returncode == 1 and 'only root and its owner' in done.stderr, done
        run('unshare', '--pid', '--fork', binary('SPOOLCTL'), 'expire', f'{mount.path}/d/own')
        assert os.listdir(f'{mount.path}/d') == []


@case(needs=['ioctl_dir'])
def hostile_calls_are_refused(mount):
    top = mount.tmpdir()
    put(f'{top}/f')
    size = 16 + 256
    for name in b'f/', b'/', b'.', b'..', b'x' * 256, b'a/../f':
        fails(errno.EINVAL, change, top, EXPIRE, name=name)
    fails(errno.ENOENT, change, top, EXPIRE, name=b'g')
    for values in ((LIFETIME, 3, 0), (LIFETIME, 2**32 - 1, 0), (LIFETIME, 0, 2), (2, 0, 0),
                   (LIFETIME, 0, 2**32 - 1), (2**32 - 1, 0, 0), (EXPIRE, 1, 0), (EXPIRE, 0, TREE)):
        fails(errno.EINVAL, change, top, *values, b'f')
    for version in 0, 4, 6, 2**32 - 1:
        fails(errno.EPROTO, change, top, EXPIRE, name=b'f', version=version)
    for other in 4, 8, size - 8, size - 1, size + 1, 16383:
        fails(errno.EPROTO, change, top, EXPIRE, name=b'f', size=other)
    fails(errno.ENOTTY, change, f'{top}/f', EXPIRE)
    assert os.listdir(top) == ['f'] and lifetimes(f'{top}/f') == ['session']


@case(needs=['ioctl_dir'])
def what_is_not_there_is_one_line(d):
    put('f')
    for args in (['keep'], ['lifetime', 'mount'], ['expire']):
        for path in 'nothing', 'nothing/f', 'x' * 300, '/proc', 'f/f':
            done = spoolctl(*args, path, check=False)
            assert done.returncode == 1 and done.stdout == '', done
            assert done.stderr.startswith(f'spoolctl: {args[0]}: {path}: '), done
            assert len(done.stderr.splitlines()) == 1, done
