"""spoolctl wipe, and the call behind it."""
import errno
import mmap
import os
import signal

from control_calls import control
from rig import Mount, as_user, binary, case, fails, get, put, run

ALICE, BOB = 61001, 61002
CALL, BEGIN, ASK = 12, 0, 1  # SPOOL_IOC_WIPE


def wipe(path, check=True):
    return run(binary('SPOOLCTL'), 'wipe', path, check=check)


def call(path, op, left=0, reserved=0, **kwargs):
    return control(path, CALL, 'III', op, left, reserved, **kwargs)


def dies_of(signal_number, function):
    pid = os.fork()
    if pid == 0:
        function()
        os._exit(0)
    return os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal_number


def fill(path):
    """Files of all kinds and lifetimes, 300 directories below each other, and many in one."""
    deep = path
    for i in range(300):
        deep = os.path.join(deep, 'd')
        os.mkdir(deep)
    os.chmod(f'{path}/d/d', 0o500)
    os.mkdir(f'{path}/many')
    for i in range(2000):
        put(f'{path}/many/{i}', b'x')
    os.mkfifo(f'{path}/fifo')
    os.symlink('/etc/passwd', f'{path}/link')
    put(f'{path}/kept', b'x' * 100000)
    os.link(f'{path}/kept', f'{path}/many/again')
    run(binary('SPOOLCTL'), 'keep', '-r', f'{path}/kept', f'{path}/many')


@case(needs=['ioctl_dir'])
def everything_goes(mount):
    for uid in ALICE, BOB:
        as_user(uid, fill, mount.tmpdir(uid))
    fill(mount.tmpdir())
    wipe(mount.path)
    for uid in 0, ALICE, BOB:
        assert os.listdir(mount.tmpdir(uid)) == [], uid
        as_user(uid, put, f'{mount.tmpdir(uid)}/f', b'new')
        assert get(f'{mount.tmpdir(uid)}/f') == b'new'
    status = run(binary('SPOOLCTL'), 'status', '--json', mount.path)
    assert status.returncode == 0


@case(layout='single', options='threshold=64K', needs=['ioctl_dir'])
def open_files_are_lost(mount):
    path, size = mount.path, 1 << 20
    put(f'{path}/f', b'x' * size)
    os.mkdir(f'{path}/sub')
    kept = os.open(f'{path}/f', os.O_RDWR)
    unnamed = os.open(path, os.O_RDWR | os.O_TMPFILE)
    os.write(unnamed, b'y' * size)
    inside = os.open(f'{path}/sub', os.O_RDONLY)
    os.fchdir(inside)
    with mmap.mmap(kept, size, mmap.MAP_SHARED, mmap.PROT_READ) as mapped:
        assert mapped[size - 1] == ord('x') and os.pread(unnamed, 1, 5) == b'y'
        wipe(path)
        assert os.listdir(path) == []
        assert dies_of(signal.SIGBUS, lambda: mapped[size - 1])
        for fd in kept, unnamed:
            fails(errno.EIO, os.pread, fd, 10, 0)
            fails(errno.EIO, os.pwrite, fd, b'x', 0)
            fails(errno.EIO, os.ftruncate, fd, 0)
            assert os.fstat(fd).st_nlink == 0
        fails(errno.ENOENT, put, 'f', b'x')  # in a directory that has gone
        fails(errno.ENOENT, os.open, f'{path}/f', os.O_RDONLY)
        put(f'{path}/f', b'new')
        assert get(f'{path}/f') == b'new'
    os.chdir('/')
    for fd in kept, unnamed, inside:
        os.close(fd)
    wipe(path)
    assert os.listdir(path) == [] and os.statvfs(path).f_bfree == os.statvfs(path).f_blocks


@case(layout='single', needs=['ioctl_dir'])
def somebody_goes_on_meanwhile(mount):
    for i in range(500):
        put(f'{mount.path}/old{i}', b'x')
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        for i in range(10**9):
            put(f'{mount.path}/new{i % 100}', b'x')
            if i == 20:
                os.write(write_end, b'.')
    try:
        os.read(read_end, 1)
        wipe(mount.path)
        assert not [name for name in os.listdir(mount.path) if name.startswith('old')]
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    wipe(mount.path)
    assert os.listdir(mount.path) == []


@case(needs=['ioctl_dir'])
def everybody_wipes_his_own(mount):
    def names():
        return [len(os.listdir(mount.tmpdir(uid))) for uid in (0, ALICE, BOB)]

    for uid in 0, ALICE, BOB:
        as_user(uid, put, f'{mount.tmpdir(uid)}/f', b'text')
    with open(f'{mount.tmpdir(BOB)}/f', 'rb') as file:
        for path in f'{mount.path}/{BOB}', f'{mount.path}/0':
            done = as_user(ALICE, wipe, path, False)
            assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done
        as_user(ALICE, wipe, mount.path)
        assert names() == [1, 0, 1]
        as_user(ALICE, put, f'{mount.tmpdir(ALICE)}/f', b'text')
        as_user(ALICE, wipe, f'{mount.path}/self')
        assert names() == [1, 0, 1] and file.read() == b'text'
    wipe(f'{mount.path}/{BOB}')
    assert names() == [1, 0, 0]
    as_user(ALICE, os.mkdir, f'{mount.tmpdir(ALICE)}/sub')
    for path in f'{mount.tmpdir(ALICE)}/sub', f'{mount.path}/self/sub':
        done = as_user(ALICE, wipe, path, False)
        assert done.returncode == 1 and 'neither the root of a mount nor' in done.stderr, done
    assert names() == [1, 1, 0]


@case(mount=False)
def of_a_mount_only_its_owner():
    with Mount(layout='shared', options='mode=1777') as mount:
        as_user(ALICE, put, f'{mount.path}/f')
        done = as_user(ALICE, wipe, mount.path, False)
        assert done.returncode == 1 and 'only root and its owner' in done.stderr, done
        done = run('unshare', '--pid', '--fork', binary('SPOOLCTL'), 'wipe', mount.path,
                   check=False)
        assert done.returncode == 1 and os.listdir(mount.path) == ['f'], done
        wipe(mount.path)
        assert os.listdir(mount.path) == []
    with Mount() as mount:
        put(f'{mount.tmpdir()}/f')
        for path in mount.path, mount.tmpdir():
            done = run('unshare', '--pid', '--fork', binary('SPOOLCTL'), 'wipe', path, check=False)
            assert done.returncode == 1 and 'only root and its owner' in done.stderr, done
        assert os.listdir(mount.tmpdir()) == ['f'], "a container's root has not root's tree"


@case(needs=['ioctl_dir'])
def hostile_calls_are_refused(mount):
    top = mount.tmpdir()
    put(f'{top}/f')
    for values in (2,), (2**32 - 1,), (BEGIN, 1), (ASK, 1), (BEGIN, 0, 1), (ASK, 0, 2**32 - 1):
        fails(errno.EINVAL, call, mount.path, *values)
    for version in 0, 4, 6, 2**32 - 1:
        fails(errno.EPROTO, call, mount.path, BEGIN, version=version)
    for size in 4, 8, 15, 17, 16383:
        fails(errno.EPROTO, call, mount.path, BEGIN, size=size)
    fails(errno.ENOTTY, call, f'{top}/f', BEGIN)
    assert call(mount.path, ASK) == (ASK, 0, 0)
    assert os.listdir(top) == ['f']


@case(mount=False)
def elsewhere_is_one_line():
    for path in '/proc', '/nonexistent', '/etc/passwd':
        done = wipe(path, check=False)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done
    for args in ([], ['a', 'b'], ['--all', 'a']):
        done = run(binary('SPOOLCTL'), 'wipe', *args, check=False)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done
