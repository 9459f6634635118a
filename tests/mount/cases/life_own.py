"""Processes that have a user's uid and are no sign of him: the daemon's own, and servers."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from rig import (LIBC, Mount, as_user, binary, case, children, get, own_mounts, own_uids, put,
                 run, wait_until)


def own_name(uid):
    """From here on the user has a name for what this case starts: fusermount3 asks for it."""
    with tempfile.NamedTemporaryFile('w', dir=os.environ['SPOOL_CASE_DIR']) as file:
        file.write(get('/etc/passwd').decode() + f'own:x:{uid}:{uid}::/:/bin/sh\n')
        file.flush()
        os.chmod(file.name, 0o644)
        own_mounts()
        run('mount', '--bind', file.name, '/etc/passwd')


def made_by(uid, path):
    """Has the user make a file, by a process that has ended when this returns. Its descriptor, as
    nobody else may look there, and whoever looks as this user is a process of his."""
    here, there = socket.socketpair()

    def make():
        with open(path, 'xb') as file:
            file.write(b'data')
            socket.send_fds(there, [b'x'], [file.fileno()])

    as_user(uid, make)
    _, fds, _, _ = socket.recv_fds(here, 1, 1)
    here.close()
    there.close()
    return fds[0]


def goes(fd):
    wait_until(lambda: os.readlink(f'/proc/self/fd/{fd}').endswith(' (deleted)'), 'its name goes')
    os.close(fd)


@case(mount=False)
def a_user_is_gone_though_his_daemon_lives():
    [user] = own_uids(1)
    own_name(user)
    began = time.monotonic()
    with Mount(layout='single', uid=user, options='session=uid,grace=0',
               allow_log=['the janitor has ended, starting another']) as mount:
        goes(made_by(user, f'{mount.path}/first'))
        wait_until(lambda: time.monotonic() - began > 2, 'the janitor has lived for a second')
        os.kill(mount.pids[2], signal.SIGKILL)
        wait_until(lambda: set(children(mount.pids[0])) - set(mount.pids), 'there is another')
        mount.pids = [mount.pids[0], *children(mount.pids[0])]
        goes(made_by(user, f'{mount.path}/second'))


def starts(uid, *argv, **kwargs):
    """A process of the user, which lives until it is killed."""
    return subprocess.Popen(argv, user=uid, group=uid, extra_groups=[], **kwargs)


def ended(process):
    process.kill()
    process.wait()


def stays(fd, mount, other):
    """As long as it takes for what nobody is there for to go."""
    for _ in range(2):
        as_user(other, put, f'{mount.tmpdir(other)}/gone', b'x')
        wait_until(lambda: not os.path.exists(f'{mount.tmpdir(other)}/gone'), 'the other is gone')
    assert not os.readlink(f'/proc/self/fd/{fd}').endswith(' (deleted)')


@case(mount=False)
def daemons_of_one_user_keep_no_session_of_each_others():
    """Two mounts of his own, and one of root's; what he runs himself does keep it."""
    user, other = own_uids(2)
    own_name(user)
    program = shutil.copy(shutil.which('sleep'), f'{os.environ["SPOOL_CASE_DIR"]}/spoolfs')
    options = 'session=uid,grace=0'
    with Mount(options=options) as of_root, \
            Mount(layout='single', uid=user, options=options) as first, \
            Mount(layout='single', uid=user, options=options) as second:
        places = of_root.tmpdir(user), first.path, second.path
        for place in places:
            goes(made_by(user, f'{place}/gone'))
        # a program that calls itself as the daemon does, and spoolctl run with a mount of its own
        named = starts(user, program, '1000')
        files = [made_by(user, f'{place}/kept') for place in places]
        stays(files[0], of_root, other)
        runs = starts(user, binary('SPOOLCTL'), 'run', '--', 'sh', '-c', 'echo; exec cat',
                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert runs.stdout.readline() == b'\n'
        ended(named)
        stays(files[0], of_root, other)
        assert runs.communicate() == (b'', None) and runs.returncode == 0
        for fd in files:
            goes(fd)


def serve(act, uid, path):
    """A server of root's writes a file as a user."""
    def write():
        act(uid)
        put(path, b'data')

    as_user(0, write)


@case(options='session=uid,grace=0')
def a_server_leaves_a_user_his_files(mount):
    user, other = own_uids(2)
    place = mount.tmpdir(user)
    os.stat(place)
    serve(LIBC.setfsuid, user, f'{place}/fsuid')
    serve(os.seteuid, user, f'{place}/euid')
    # as much later as it takes for what nobody is there for to go
    as_user(other, put, f'{mount.tmpdir(other)}/gone', b'x')
    wait_until(lambda: not os.path.exists(f'{mount.tmpdir(other)}/gone'), 'the other one is gone')
    assert get(f'{place}/fsuid') == get(f'{place}/euid') == b'data'
