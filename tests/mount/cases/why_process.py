"""spoolctl why of a process, and the call behind it."""
import errno
import json
import os
import threading

from control_calls import control
from rig import Mount, as_user, binary, case, fails, put, run

ALICE, BOB = 61001, 61002
CALL = 15  # SPOOL_IOC_WHO
SESSION = 312  # bytes of struct spool_ctl_session


def why(*args, check=True):
    return run(binary('SPOOLCTL'), 'why', *args, check=check)


def tried(*args):
    return why(*args, check=False)


def told(pid, path):
    return json.loads(why('--json', '--mount', path, str(pid)).stdout)[0]


def call(path, pid, reason=0, reserved=0, rest=b'', **kwargs):
    return control(path, CALL, f'iII{SESSION}s', pid, reason, reserved, rest, **kwargs)


def asks_of_itself(path):
    """As the user whom as_user() has made of this process."""
    return told(os.getpid(), path)


@case(options='session=uid', needs=['ioctl_dir'])
def in_the_session_of_its_uid(mount):
    top = mount.tmpdir(ALICE)
    before = as_user(ALICE, asks_of_itself, top)
    assert (before['session'], before['kind'], before['value'], before['uid'], before['why']) == \
        (0, 'uid', ALICE, ALICE, 'kind'), before
    as_user(ALICE, put, f'{top}/f')
    after = as_user(ALICE, asks_of_itself, top)
    of_file = json.loads(why('--json', f'{top}/f').stdout)[0]
    assert after['session'] == of_file['session'] > 0, (after, of_file)
    assert told(os.getpid(), mount.path)['why'] == 'system-uid'
    text = why('--mount', top, str(os.getpid())).stdout
    assert text == f"{os.getpid()}: no session: the uid is a system's\n", text


@case(options='session=none', needs=['ioctl_dir'])
def in_an_explicit_session(mount):
    top = mount.tmpdir(ALICE)
    assert as_user(ALICE, asks_of_itself, top)['why'] == 'none'
    as_user(ALICE, os.mkdir, f'{top}/job')
    ident = int(as_user(ALICE, lambda: run(binary('SPOOLCTL'), 'session', 'begin', '--dir',
                                           f'{top}/job').stdout))
    one = as_user(ALICE, asks_of_itself, f'{top}/job')
    assert (one['session'], one['why'], one['kind']) == (ident, 'directory', 'directory'), one


@case(needs=['ioctl_dir'])
def nobody_asks_of_others(mount):
    for uid in ALICE, BOB:
        mount.tmpdir(uid)
    for pid in os.getpid(), os.getppid():
        done = as_user(ALICE, tried, '--mount', mount.path, str(pid))
        assert done.returncode == 1 and 'only root and its user' in done.stderr, done
    thread = threading.Thread(target=threading.Event().wait, daemon=True)
    thread.start()
    for pid in thread.native_id, 2**31 - 1:
        done = tried('--mount', mount.path, str(pid))
        assert done.returncode == 1 and 'neither a process nor a file' in done.stderr, done
    os.chdir(mount.tmpdir())
    put(str(os.getpid()))
    assert 'lifetime session' in why(str(os.getpid())).stdout, 'a file comes first'


@case(options='session=none', needs=['ioctl_dir'])
def a_question_makes_no_directory(mount):
    """Where root looks up a number in the root of a private mount it makes a directory of it."""
    os.chdir(mount.path)
    assert 'session=none' in why(str(os.getpid())).stdout
    assert os.listdir('.') == ['self'], os.listdir('.')
    os.stat(str(ALICE))
    assert 'lifetime session' in why(str(ALICE)).stdout, 'a file comes first'


@case(mount=False)
def from_another_pid_namespace_it_is_refused():
    with Mount() as mount:
        done = run('unshare', '--pid', '--fork', '--mount-proc', binary('SPOOLCTL'), 'why',
                   '--mount', mount.path, '1', check=False)
        assert done.returncode == 1 and 'from this pid namespace' in done.stderr, done


@case(needs=['ioctl_dir'])
def hostile_calls_are_refused(mount):
    top = mount.tmpdir()
    for pid in 0, -1, -2**31:
        fails(errno.ESRCH, call, top, pid)
    for values in (1, 1), (1, 0, 1), (1, 0, 0, b'x'):
        fails(errno.EINVAL, call, top, *values)
    for version in 0, 4, 6, 2**32 - 1:
        fails(errno.EPROTO, call, top, 1, version=version)
    for size in 4, 8, 327, 329, 16383:
        fails(errno.EPROTO, call, top, 1, size=size)
