"""The socket for the host's administration: what cannot be reached through its mount point."""
import contextlib
import ctypes
import errno
import json
import os
import signal
import socket
import stat
import struct
import subprocess

from control_calls import END, VERSION, number
from rig import (DEADLINE_S, LIBC, Mount, Skip, alive, as_user, binary, case, fails, get,
                 is_mounted, own_mounts, put, run, syscall, wait_until)

ALICE, BOB = 1000, 1001
DIR = '/run/spoolfsd'
HEAD = 'IIiI'  # struct spool_ctl_message
USERS_SIZE = 16 + 128 * 96
USERS = number(2, USERS_SIZE)  # SPOOL_IOC_USERS
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000  # __WALL: threads, too


def spoolctl(*args, check=True):
    return run(binary('SPOOLCTL'), *args, check=check, cwd='/')


def own_run():
    """A /run of this case alone."""
    own_mounts()
    run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'none', '/run')


def name_of(mount, uid=0):
    device = os.stat(mount.path).st_dev
    base = f'/run/user/{uid}/spoolfsd' if uid else DIR
    return f'{base}/{os.major(device)}:{os.minor(device)}'


@contextlib.contextmanager
def covered(mount):
    run('mount', '-t', 'tmpfs', 'none', mount.path)
    try:
        yield
    finally:
        run('umount', mount.path)


def is_served(path):
    """All that root asks of a mount as a whole."""
    status = json.loads(spoolctl('status', '--json', path).stdout)
    assert status['mountpoint'] == path and status['caller_admin'], status
    assert {user['uid'] for user in status['users']} >= {ALICE}, status
    assert 'requests_by_operation' in status
    top = json.loads(spoolctl('top', '--json', '-n', '1', path).stdout)
    assert {user['uid'] for user in top['users']} >= {ALICE}, top
    assert spoolctl('debug', path).stdout.startswith('worker: pid ')
    assert isinstance(json.loads(spoolctl('session', '--json', 'list', path).stdout), list)
    spoolctl('set', 'size=123M', path)
    assert json.loads(spoolctl('status', '--json', path).stdout)['size_limit'] == 123 << 20
    done = spoolctl('set', 'size=junk', path, check=False)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done


def is_refused(path, *prefix):
    done = run(*prefix, binary('SPOOLCTL'), 'set', 'size=5M', path, check=False, cwd='/')
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done
    assert 'only root and its owner' in done.stderr, done


@case()
def a_covered_mount_is_asked(mount):
    as_user(ALICE, put, f'{mount.tmpdir(ALICE)}/f', b'x')
    with covered(mount):
        is_served(mount.path)
        is_served(f'{mount.path}/')
    assert json.loads(spoolctl('status', '--json', mount.path).stdout)['size_limit'] == 123 << 20


@case()
def what_is_covered_goes(mount):
    """A session of it ends, and then all is wiped."""
    place = f'{mount.tmpdir(ALICE)}/d'
    as_user(ALICE, os.mkdir, place)
    session = int(spoolctl('session', 'begin', '--dir', place).stdout)
    for path in f'{place}/f', f'{mount.tmpdir()}/kept':
        put(path, b'x')
    with covered(mount):
        spoolctl('session', 'end', str(session), mount.path)
    assert os.listdir(place) == [] and os.listdir(mount.tmpdir()) == ['kept']
    with covered(mount):
        spoolctl('wipe', mount.path)
    assert os.listdir(mount.tmpdir(ALICE)) == os.listdir(mount.tmpdir()) == []


@case()
def uid_0_is_not_enough(mount):
    """Of a container: with its own users, its own processes, or less capabilities."""
    with covered(mount):
        is_refused(mount.path, 'setpriv', '--bounding-set=-sys_admin')
        is_refused(mount.path, 'unshare', '--pid', '--fork', '--mount-proc')
        if run('unshare', '-U', 'true', check=False).returncode == 0:
            is_refused(mount.path, 'unshare', '-U', '-r')
            is_refused(mount.path, 'unshare', '-U', '-r', '--pid', '--fork', '--mount-proc')
        done = as_user(ALICE, lambda: spoolctl('status', mount.path, check=False))
        assert done.returncode == 1 and 'not on a spoolfs mount' in done.stderr, done


@case(mount=False)
def a_users_mount_is_open_to_root():
    if not os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')
    own_run()
    os.makedirs(f'/run/user/{ALICE}', 0o700)
    os.chown(f'/run/user/{ALICE}', ALICE, ALICE)
    with Mount(layout='single', uid=ALICE) as mount:
        as_user(ALICE, put, f'{mount.path}/f', b'x')
        fails(errno.EACCES, os.listdir, mount.path)
        is_served(mount.path)
        assert mount.path in spoolctl('status', check=False).stdout
        is_refused(mount.path, 'setpriv', '--bounding-set=-sys_admin')
        run('mount', '-t', 'tmpfs', 'none', mount.path)
        as_user(ALICE, is_served, mount.path)  # the owner
        assert as_user(BOB, spoolctl_fails, mount.path)
        run('umount', mount.path)
        path = as_user(ALICE, name_of, mount, ALICE)
        assert os.stat(path).st_uid == ALICE
    assert not os.path.exists(path)


def spoolctl_fails(path):
    return spoolctl('set', 'size=1M', path, check=False).returncode == 1


@case(mount=False)
def another_user_does_not_pass_for_the_daemon():
    """Whoever listens in a user's directory must be that user."""
    if not os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')
    own_run()
    os.makedirs(f'/run/user/{ALICE}', 0o700)
    os.chown(f'/run/user/{ALICE}', ALICE, ALICE)
    with Mount(layout='single', uid=ALICE) as mount, Mount() as other:
        path = as_user(ALICE, name_of, mount, ALICE)

        def redirect():
            os.unlink(path)
            os.symlink(name_of(other), path)

        as_user(ALICE, redirect)
        spoolctl_fails(mount.path)
        size = json.loads(spoolctl('status', '--json', other.path).stdout)['size_limit']
        assert size != 1 << 20


@case(mount=False)
def a_detached_mount_is_ended():
    with Mount(options='detach=never',
               allow_log=['mounted here no more', 'not mounted for']) as mount:
        put(f'{mount.tmpdir()}/f', b'x')
        with open(f'{mount.tmpdir()}/f', 'rb') as file:
            run('umount', '-l', mount.path)
            assert spoolctl('debug', mount.path).stdout.startswith('worker: pid ')
            assert file.read() == b'x'
            spoolctl('wipe', mount.path)
            fails(errno.EIO, os.pread, file.fileno(), 1, 0)
            spoolctl('set', 'detach=0', mount.path)
            mount.process.wait(DEADLINE_S)
            fails(errno.ENOTCONN, os.pread, file.fileno(), 1, 0)


@case(mount=False)
def the_name_goes_with_the_daemon():
    with Mount() as mount:
        path = name_of(mount)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        found = os.stat(DIR)
        assert stat.S_IMODE(found.st_mode) == 0o700 and found.st_uid == 0
    assert not os.path.exists(path)
    mount = Mount(allow_log=['the supervisor is gone']).start()
    path = name_of(mount)
    os.kill(mount.process.pid, signal.SIGKILL)
    wait_until(lambda: not any(map(alive, mount.pids)), 'all processes end')
    assert not os.path.exists(path) and not is_mounted(mount.path)
    mount.stop(status=-signal.SIGKILL)


@case(mount=False)
def another_daemons_name_stays():
    """Whose mount has got the number as soon as ours was unmounted."""
    for by_janitor in False, True:
        mount = Mount(allow_log=['the supervisor is gone']).start()
        path = name_of(mount)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
            other.bind(f'{path}.other')
            other.listen()
            os.rename(f'{path}.other', path)
            if by_janitor:
                os.kill(mount.process.pid, signal.SIGKILL)
                wait_until(lambda: not any(map(alive, mount.pids)), 'all processes end')
            mount.stop(status=-signal.SIGKILL if by_janitor else 0)
            assert os.path.exists(path)
        os.unlink(path)


@case(mount=False)
def a_dead_daemons_socket_is_replaced():
    own_run()
    os.mkdir(DIR, 0o700)
    for minor in range(2000):
        for name in f'0:{minor}', f'0:{minor}.new':
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as left:
                left.bind(f'{DIR}/{name}')
    with Mount() as mount:
        path = name_of(mount)
        assert int(path.rsplit(':', 1)[1]) < 2000
        as_user(ALICE, put, f'{mount.tmpdir(ALICE)}/f', b'x')
        with covered(mount):
            is_served(mount.path)
        assert not os.path.exists(f'{path}.new')
    assert not os.path.exists(path)


@case(mount=False)
def a_directory_that_others_can_write_is_not_used():
    own_run()
    allow = ['no socket for administration']
    for make in (lambda: os.chmod(DIR, 0o770), lambda: os.chown(DIR, ALICE, ALICE),
                 lambda: (os.rmdir(DIR), os.symlink('/tmp', DIR))):
        os.mkdir(DIR, 0o700)
        make()
        with Mount(allow_log=allow) as mount:
            put(f'{mount.tmpdir()}/f', b'x')
            assert allow[0] in mount.read_log() and os.listdir(DIR) != [name_of(mount)]
        if os.path.islink(DIR):
            os.unlink(DIR)
        else:
            os.rmdir(DIR)


def connect(path):
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    limit = struct.pack('ll', DEADLINE_S, 0)
    for option in socket.SO_RCVTIMEO, socket.SO_SNDTIMEO:
        caller.setsockopt(socket.SOL_SOCKET, option, limit)
    caller.connect(path)
    return caller


def send(caller, call=USERS, data=None, version=VERSION, error=0, reserved=0, admin=True):
    data = struct.pack('IIQ', VERSION, 0, 0) + bytes(USERS_SIZE - 16) if data is None else data
    pid, uid, gid = struct.unpack('iII', caller.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    del uid, gid
    creds = struct.pack('iII', pid if admin else os.getpid(), os.getuid(), os.getgid())
    caller.sendmsg([struct.pack(HEAD, version, call, error, reserved) + data],
                   [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, creds)])


def ask(caller, *args, **kwargs):
    """The error of the answer, and its data."""
    send(caller, *args, **kwargs)
    answer = caller.recv(1 << 15)
    assert len(answer) >= 16, answer
    told, _, error, reserved = struct.unpack_from(HEAD, answer)
    assert told == VERSION and reserved == 0
    return error, answer[16:]


@case()
def hostile_packets_are_refused(mount):
    path = name_of(mount)
    with connect(path) as caller:
        error, data = ask(caller)
        assert error == 0 and len(data) == USERS_SIZE
        assert struct.unpack_from('IIQ', data)[2] == END
        for version in 0, VERSION - 1, VERSION + 1, 2**32 - 1:
            assert ask(caller, version=version) == (-errno.EPROTO, b''), version
        for data in b'', b'\0' * 4, b'\0' * USERS_SIZE, b'\0' * (USERS_SIZE + 1), b'\0' * 16384:
            assert ask(caller, data=data) == (-errno.EPROTO, b''), len(data)
        for kwargs in ({'error': 1}, {'reserved': 1}):
            assert ask(caller, **kwargs) == (-errno.EINVAL, b''), kwargs
        for call in 0, 2**32 - 1, number(2, 16), 0x5401:
            assert ask(caller, call=call)[0] == -errno.EPROTO, call
        # SPOOL_IOC_LIST is about a directory
        size = 24 + 256 + 51 * 312
        assert ask(caller, number(8, size), struct.pack('I', VERSION) + bytes(size - 4)) == \
            (-errno.EOPNOTSUPP, b'')
        # SPOOL_IOC_SET without a NUL
        assert ask(caller, number(5, 392), struct.pack('I', VERSION) + b'x' * 388) == \
            (-errno.EINVAL, b'')
        caller.send(b'x')
        assert struct.unpack(HEAD, caller.recv(100))[2] == -errno.EPROTO
        caller.send(b'x' * 20000)
        assert struct.unpack(HEAD, caller.recv(100))[2] == -errno.EPROTO
        assert ask(caller)[0] == 0
        # a descriptor that nobody has asked for
        with open('/dev/null', 'rb') as null:
            before = len(os.listdir(f'/proc/{mount.worker}/fd'))
            socket.send_fds(caller, [b'x'], [null.fileno()])
            assert struct.unpack(HEAD, caller.recv(100))[2] == -errno.EPROTO
            assert len(os.listdir(f'/proc/{mount.worker}/fd')) == before
        assert ask(caller, admin=False) == (-errno.EPERM, b'')
        assert caller.recv(100) == b''  # he is sent away
    put(f'{mount.tmpdir()}/f', b'x')


@case()
def callers_who_say_nothing_keep_nobody_out(mount):
    path = name_of(mount)
    before = len(os.listdir(f'/proc/{mount.worker}/task'))
    idle = []
    for i in range(10_000):
        caller = connect(path)
        if i % 100 == 0:
            with connect(path) as other:
                assert ask(other)[0] == 0
            put(f'{mount.tmpdir()}/f', b'x')
        idle.append(caller)
        if len(idle) > 200:
            idle.pop(0).close()
    assert len(os.listdir(f'/proc/{mount.worker}/task')) == before
    assert len(os.listdir(f'/proc/{mount.worker}/fd')) < 200
    for caller in idle:
        caller.close()


@case()
def callers_who_are_killed_leave_nothing(mount):
    """Before they ask, and while they are answered; spoolctl, wherever it is then."""
    path, files = name_of(mount), f'/proc/{mount.worker}/fd'
    before = len(os.listdir(files))
    for i in range(200):
        pid = os.fork()
        if pid == 0:
            try:
                caller = connect(path)
                for _ in range(i % 4):
                    send(caller)
            finally:
                os.kill(os.getpid(), signal.SIGKILL)
        assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    with covered(mount):
        for i in range(40):
            with subprocess.Popen([binary('SPOOLCTL'), 'status', mount.path], cwd='/',
                                  stdout=subprocess.DEVNULL) as process:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(i / 2000)
                process.kill()
    with connect(path) as caller:
        assert ask(caller)[0] == 0
    wait_until(lambda: len(os.listdir(files)) == before, 'all have left')


@case()
def who_takes_no_answer_holds_nobody_up(mount):
    path = name_of(mount)
    with connect(path) as silent, connect(path) as other:
        pid = struct.unpack('iII', silent.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        creds = [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, struct.pack('iII', pid, 0, 0))]
        packet = struct.pack(HEAD, VERSION, USERS, 0, 0) + struct.pack('IIQ', VERSION, 0, 0) + \
            bytes(USERS_SIZE - 16)
        try:
            for _ in range(1000):
                silent.sendmsg([packet], creds)
        except OSError as error:
            assert error.errno in (errno.EPIPE, errno.ECONNRESET), error
        else:
            raise AssertionError('he was not sent away')
        assert ask(other)[0] == 0


@contextlib.contextmanager
def stuck(pid):
    """All threads that take requests are stopped meanwhile."""
    LIBC.ptrace.argtypes = [ctypes.c_long] * 4
    stopped = []
    for task in map(int, os.listdir(f'/proc/{pid}/task')):
        if get(f'/proc/{pid}/task/{task}/comm').strip() in (b'spoolfs-ring', b'spoolfs-dev'):
            syscall('ptrace', PTRACE_SEIZE, task, 0, 0)
            syscall('ptrace', PTRACE_INTERRUPT, task, 0, 0)
            os.waitpid(task, WALL)
            stopped.append(task)
    assert stopped
    try:
        yield
    finally:
        for task in stopped:
            syscall('ptrace', PTRACE_DETACH, task, 0, 0)


@case()
def a_mount_that_hangs_is_asked(mount):
    as_user(ALICE, put, f'{mount.tmpdir(ALICE)}/f', b'x')
    with stuck(mount.worker):
        caller = subprocess.Popen(['ls', mount.path], stdout=subprocess.DEVNULL)
        done = spoolctl('debug', mount.path)
        assert done.stdout.startswith('worker: pid '), done
        assert caller.poll() is None
    assert caller.wait(DEADLINE_S) == 0
