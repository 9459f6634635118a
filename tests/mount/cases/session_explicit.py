"""spoolctl session begin and end, and the calls behind them."""
import errno
import json
import os
import signal

from control_calls import control
from rig import Mount, as_user, binary, case, fails, get, put, run, wait_until

ALICE, BOB = 61001, 61002
BEGIN, END = 13, 14  # SPOOL_IOC_SESSION_BEGIN, SPOOL_IOC_SESSION_END
LOGIN, CGROUP, UID, DIRECTORY = 0, 1, 2, 4  # enum spool_session_kind
NOBODY = 2**32 - 1  # SPOOL_CTL_UNKNOWN
NOW, ASK = 0, 1


def session(*args, check=True):
    return run(binary('SPOOLCTL'), 'session', *args, check=check)


def tried(*args):
    return session(*args, check=False)


def begin(*args):
    return json.loads(session('--json', 'begin', *args).stdout)['id']


def begin_call(path, kind, uid=NOBODY, holder=0, value=0, ident=0, cgroup=b'', **kwargs):
    return control(path, BEGIN, 'IIiQQ4096s', kind, uid, holder, value, ident, cgroup, **kwargs)


def end_call(path, op, ident, left=0, owner=0, stays=0, **kwargs):
    return control(path, END, 'IIIQQ', op, left, owner, ident, stays, **kwargs)


def listed(path):
    return {one['id']: one for one in json.loads(session('--json', 'list', path).stdout)}


def refused(done, text):
    assert done.returncode == 1 and text in done.stderr, done
    assert len(done.stderr.splitlines()) == 1 and done.stdout == '', done


@case(needs=['ioctl_dir'])
def of_a_directory(mount):
    top = mount.tmpdir(ALICE)
    as_user(ALICE, os.makedirs, f'{top}/job/early')
    ident = as_user(ALICE, begin, '--dir', f'{top}/job')
    told = as_user(ALICE, listed, mount.path)[ident]
    assert (told['uid'], told['kind'], told['explicit']) == (ALICE, 'directory', True), told
    as_user(ALICE, os.makedirs, f'{top}/job/a/b')
    for name in 'job/f', 'job/a/b/f', 'other':
        as_user(ALICE, put, f'{top}/{name}', b'text')
    put(f'{top}/job/by_root')  # whoever makes it
    with open(f'{top}/job/f', 'rb') as file:
        as_user(ALICE, session, 'end', str(ident), mount.path)
        assert os.listdir(f'{top}/job') == ['early'] and file.read() == b'text'
    assert get(f'{top}/other') == b'text' and ident not in listed(mount.path)
    as_user(ALICE, put, f'{top}/job/f', b'after')
    assert get(f'{top}/job/f') == b'after'


@case(needs=['ioctl_dir'])
def what_stays_is_told(mount):
    top = mount.tmpdir(ALICE)
    as_user(ALICE, os.mkdir, f'{top}/job')
    ident = as_user(ALICE, begin, '--dir', f'{top}/job')
    as_user(ALICE, os.makedirs, f'{top}/job/a')
    for i in range(500):
        put(f'{top}/job/a/{i}')
    run(binary('SPOOLCTL'), 'keep', f'{top}/job/a/7')
    done = as_user(ALICE, tried, 'end', str(ident), mount.path)
    refused(done, f'session: {ident}: 2 of its files stay: what was kept')
    assert os.listdir(f'{top}/job/a') == ['7']


@case(needs=['ioctl_dir'])
def ends_with_its_holder(mount):
    top = mount.tmpdir(ALICE)
    as_user(ALICE, os.mkdir, f'{top}/job')
    pid = os.fork()
    if pid == 0:
        signal.pause()
    try:
        as_user(ALICE, begin, '--dir', f'{top}/job', '--holder', str(pid))
        as_user(ALICE, put, f'{top}/job/f')
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    wait_until(lambda: os.listdir(f'{top}/job') == [], 'it ends with its holder')
    done = as_user(ALICE, tried, 'begin', '--dir', f'{top}/job', '--holder', str(pid))
    refused(done, f'session: {pid}: the holder is no process')


@case(mount=False)
def a_holder_has_the_daemons_number():
    with Mount() as mount:
        inside = 'unshare', '--pid', '--fork', '--mount-proc'
        alice = 'setpriv', f'--reuid={ALICE}', f'--regid={ALICE}', '--clear-groups'
        done = run(*inside, *alice, binary('SPOOLCTL'), 'session', 'begin', '--dir',
                   mount.tmpdir(ALICE), '--holder', '1', check=False)
        refused(done, 'session: 1: a holder cannot be named from this pid namespace')
        for path in mount.tmpdir(), mount.tmpdir(ALICE):
            done = run(*inside, binary('SPOOLCTL'), 'session', 'begin', '--dir', path, check=False)
            refused(done, 'only root and its owner')
        assert [one for one in listed(mount.path).values() if one['explicit']] == []


@case(options='session=none', needs=['ioctl_dir'])
def of_a_login(mount):
    for uid in ALICE, BOB:
        mount.tmpdir(uid)
    ident = as_user(ALICE, begin, '--login', '4242', mount.path)
    refused(as_user(ALICE, tried, 'begin', '--login', '4242', mount.path),
            'session: 4242: the same session has begun already')
    other = as_user(BOB, lambda: int(session('begin', '--login', '4242', mount.path).stdout))
    for_bob = begin('--cgroup', '/a/b', '--uid', str(BOB), mount.path)
    told = listed(mount.path)
    assert (told[ident]['uid'], told[ident]['value']) == (ALICE, 4242), told
    assert (told[for_bob]['uid'], told[for_bob]['cgroup']) == (BOB, '/a/b'), told
    assert set(as_user(BOB, listed, mount.path)) == {other, for_bob}
    as_user(BOB, session, 'end', str(for_bob), mount.path)
    session('end', str(ident), mount.path)
    assert set(listed(mount.path)) == {other}


@case(needs=['ioctl_dir'])
def nobody_has_others_sessions(mount):
    for uid in ALICE, BOB:
        as_user(uid, os.mkdir, f'{mount.tmpdir(uid)}/job')
    ident = as_user(BOB, begin, '--dir', f'{mount.tmpdir(BOB)}/job')
    as_user(BOB, put, f'{mount.tmpdir(BOB)}/job/f')
    for one in ident, ident + 1000:
        refused(as_user(ALICE, tried, 'end', str(one), mount.path),
                f'session: {one}: there is no session of this number')
    fails(errno.EPERM, as_user, ALICE, end_call, mount.path, ASK, ident, 0, BOB)
    fails(errno.ENOENT, as_user, ALICE, end_call, mount.path, ASK, ident, 0, ALICE)
    for args in (['--uid', str(BOB), '--login', '5', mount.path], ['--dir', mount.path],
                 ['--dir', mount.tmpdir(BOB)], ['--uid', str(ALICE), '--login', '5', mount.path]):
        done = as_user(ALICE, tried, 'begin', *args)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done
    refused(tried('begin', '--dir', mount.path), 'only root and its owner')
    assert os.listdir(f'{mount.tmpdir(BOB)}/job') == ['f']
    # the one that could not be bound is listed until its end has been taken
    assert [one['id'] for one in listed(mount.path).values()
            if one['explicit'] and one['state'] != 'over'] == [ident]


@case(layout='shared', options='mode=1777,lifetime=session', needs=['ioctl_dir'])
def in_shared_a_directory_is_its_owners(mount):
    as_user(ALICE, os.mkdir, f'{mount.path}/d')
    os.chmod(f'{mount.path}/d', 0o777)
    refused(as_user(BOB, tried, 'begin', '--dir', f'{mount.path}/d'),
            'only root and its owner')
    ident = as_user(ALICE, begin, '--dir', f'{mount.path}/d')
    as_user(BOB, put, f'{mount.path}/d/bobs')
    as_user(BOB, os.mkdir, f'{mount.path}/d/own')
    as_user(BOB, put, f'{mount.path}/d/own/bobs')
    # what she may unlink goes, and no more
    refused(as_user(ALICE, tried, 'end', str(ident), mount.path), '1 of its files stay')
    assert os.listdir(f'{mount.path}/d') == ['own']
    assert os.listdir(f'{mount.path}/d/own') == ['bobs']
    ident = begin('--dir', f'{mount.path}/d')
    as_user(BOB, os.mkdir, f'{mount.path}/d/more')
    as_user(BOB, put, f'{mount.path}/d/more/bobs')
    session('end', str(ident), mount.path)
    assert os.listdir(f'{mount.path}/d') == ['own']


@case(needs=['ioctl_dir'])
def hostile_calls_are_refused(mount):
    top = mount.tmpdir()
    for values in ((UID,), (3,), (5,), (NOBODY,), (DIRECTORY, NOBODY, -1),
                   (DIRECTORY, NOBODY, 0, 1), (LOGIN, NOBODY, 0, 2**32),
                   (LOGIN, NOBODY, 0, 2**32 - 1), (DIRECTORY, NOBODY, 0, 0, 1),
                   (LOGIN, NOBODY, 0, 1, 0, b'/x'), (DIRECTORY, NOBODY, 0, 0, 0, b'/x'),
                   (CGROUP,), (CGROUP, NOBODY, 0, 0, 0, b'x' * 4096),
                   (CGROUP, NOBODY, 0, 0, 0, b'/x\0y'), (CGROUP, NOBODY, 0, 0, 0, b'/a//b'),
                   (CGROUP, NOBODY, 0, 0, 0, b'/'), (CGROUP, NOBODY, 0, 0, 0, b'/a/')):
        fails(errno.EINVAL, begin_call, top, *values)
    for values in ((2, 1), (NOW, 1, 1), (NOW, 1, 0, 1), (NOW, 1, 0, 0, 1), (ASK, 1, 1)):
        fails(errno.EINVAL, end_call, top, *values)
    for ident in 0, 1, 10**9, 2**64 - 1:
        fails(errno.ENOENT, end_call, top, NOW, ident)
    for version in 0, 4, 6, 2**32 - 1:
        fails(errno.EPROTO, begin_call, top, LOGIN, version=version)
        fails(errno.EPROTO, end_call, top, NOW, 1, version=version)
    for size in 4, 8, 31, 33, 4127, 4129, 16383:
        fails(errno.EPROTO, begin_call, top, LOGIN, size=size)
        fails(errno.EPROTO, end_call, top, NOW, 1, size=size)
    assert listed(mount.path) == {}


@case(mount=False)
def wrong_use_is_one_line():
    for args in (['begin'], ['begin', '--login', 'x'], ['begin', '--login', '4294967295'],
                 ['begin', '--login', '-1'], ['begin', '--login', '1', '--dir', '/'],
                 ['begin', '--cgroup', 'a'], ['begin', '--cgroup', '/'], ['end'], ['end', 'x'],
                 ['end', '0'], ['begin', '--dir', '/', '--holder', '0'], ['end', '--uid', '1', '1'],
                 ['begin', '--dir', '/', '/'], ['--json', 'end', '1'], ['list', '--uid', '1'],
                 ['begin', '--login', '1', '--uid', 'root'], ['stop']):
        done = tried(*args)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, (args, done)
    for args in ['begin', '--dir', '/proc'], ['end', '1', '/nonexistent']:
        done = tried(*args)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, (args, done)


@case(mount=False)
def its_directory_is_shown_to_whom_may_look_there():
    """By its path as it is now; in shared not what is in a directory that others may not list."""
    def shown(mount):
        text = session('list', mount.path).stdout
        return [(one['directory'], f'directory {one["directory"] or one["value"]}\n' in text)
                for one in listed(mount.path).values() if one['kind'] == 'directory']

    with Mount(layout='private') as mount:
        top = mount.tmpdir(ALICE)
        as_user(ALICE, os.makedirs, f'{top}/a/job')
        as_user(ALICE, begin, '--dir', f'{top}/a/job')
        as_user(ALICE, os.rename, f'{top}/a', f'{top}/b')
        assert as_user(ALICE, shown, mount) == shown(mount) == [(f'{ALICE}/b/job', True)]
        assert as_user(BOB, shown, mount) == []
        why = run(binary('SPOOLCTL'), 'why', '--json', '--mount', f'{top}/b/job', str(os.getpid()))
        assert json.loads(why.stdout)[0]['directory'] == f'{ALICE}/b/job', why.stdout
        os.rename(f'{top}/b/job', f'{top}/{"x" * 255}')
        assert shown(mount) == [('', True)], 'too long'
        os.rmdir(f'{top}/{"x" * 255}')
        assert shown(mount) == [('', True)], 'it has gone'
    with Mount(layout='shared', options='mode=1777') as mount:
        as_user(ALICE, os.mkdir, f'{mount.path}/open')
        os.chmod(f'{mount.path}/open', 0o777)
        as_user(BOB, os.mkdir, f'{mount.path}/open/job')
        as_user(BOB, begin, '--dir', f'{mount.path}/open/job')
        assert as_user(BOB, shown, mount) == shown(mount) == [('open/job', True)]
        for mode in 0o700, 0o711, 0o744:
            os.chmod(f'{mount.path}/open', mode)
            assert as_user(BOB, shown, mount) == [('', True)], oct(mode)
        assert shown(mount) == [('open/job', True)]


@case(needs=['ioctl_dir'])
def a_directory_that_moves(mount):
    top = mount.tmpdir(ALICE)
    for name in 'job/out/sub', 'in/sub':
        as_user(ALICE, os.makedirs, f'{top}/{name}')
    ident = as_user(ALICE, begin, '--dir', f'{top}/job')
    as_user(ALICE, os.makedirs, f'{top}/job/made')
    for old, new in ('job/out', 'out'), ('job/made', 'made'), ('in', 'job/in'):
        as_user(ALICE, os.rename, f'{top}/{old}', f'{top}/{new}')
    for name in 'out/sub/f', 'out/f', 'made/f', 'job/in/f':
        as_user(ALICE, put, f'{top}/{name}', b'text')
    as_user(ALICE, tried, 'end', str(ident), mount.path)
    for name in 'out/sub/f', 'out/f', 'made/f':
        assert get(f'{top}/{name}') == b'text'
    assert os.listdir(f'{top}/job/in') == ['sub']


@case(needs=['ioctl_dir'])
def what_was_kept_as_a_whole_stays(mount):
    top = mount.tmpdir(ALICE)
    as_user(ALICE, os.mkdir, f'{top}/job')
    ident = as_user(ALICE, begin, '--dir', f'{top}/job')

    def fill():
        for i in range(5):
            os.mkdir(f'{top}/job/{i}')
            for j in range(1000):
                os.mknod(f'{top}/job/{i}/{j}')

    def keep_and_end():
        run(binary('SPOOLCTL'), 'keep', '-r', f'{top}/job')
        return tried('end', str(ident), mount.path)

    as_user(ALICE, fill)
    refused(as_user(ALICE, keep_and_end), f'session: {ident}: 5005 of its files stay: ')
    assert [len(os.listdir(f'{top}/job/{i}')) for i in range(5)] == [1000] * 5


@case()
def the_line_that_refuses_lists_no_mount_with_dir(mount):
    """The directory says which mount it is."""
    done = run(binary('SPOOLCTL'), 'session', 'begin', '--dir', mount.tmpdir(), mount.path,
               check=False)
    assert done.returncode == 2 and f'{mount.path}: not expected' in done.stderr, done
    assert 'begin --dir PATH [--holder PID] [--uid UID], end' in done.stderr, done
