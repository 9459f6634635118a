"""spoolctl session list, and the call behind it."""
import errno
import json
import os

from control_calls import END, control
from rig import as_user, binary, case, fails, put, run, wait_until

ALICE, BOB = 61001, 61002
CALL, SESSIONS, SIZE = 11, 51, 312  # SPOOL_IOC_SESSIONS, SPOOL_CTL_SESSIONS and their bytes
LAYOUT = f'IQ{SESSIONS * SIZE}s'


def listed(path):
    return json.loads(run(binary('SPOOLCTL'), 'session', '--json', 'list', path).stdout)


def page(path, count=0, cursor=0, rest=b'', **kwargs):
    return control(path, CALL, LAYOUT, count, cursor, rest, **kwargs)


@case(options='session=sid', needs=['ioctl_dir'])
def everybody_sees_his_own(mount):
    for uid in ALICE, BOB:
        as_user(uid, put, f'{mount.tmpdir(uid)}/f')
        as_user(uid, put, f'{mount.tmpdir(uid)}/g')
    own = as_user(ALICE, listed, mount.path)
    assert [(one['uid'], one['kind'], one['value'], one['explicit']) for one in own] == \
        [(ALICE, 'sid', os.getsid(0), False)], own
    assert own[0]['files'] == 2 and own[0]['state'] != 'over', own
    assert {one['uid'] for one in listed(mount.path)} >= {ALICE, BOB}
    of_file = json.loads(as_user(ALICE, lambda: run(
        binary('SPOOLCTL'), 'why', '--json', f'{mount.tmpdir(ALICE)}/f').stdout))
    assert of_file[0]['session'] == own[0]['id']
    text = as_user(ALICE, lambda: run(binary('SPOOLCTL'), 'session', 'list',
                                      f'{mount.path}/self').stdout)
    assert len(text.splitlines()) == 2 and str(BOB) not in text, text


@case(needs=['ioctl_dir'])
def hostile_calls_are_refused(mount):
    size = 16 + SESSIONS * SIZE
    fails(errno.EINVAL, page, mount.path, count=1)
    for version in 0, 4, 6, 2**32 - 1:
        fails(errno.EPROTO, page, mount.path, version=version)
    for other in 4, 8, size - 8, size - 1, size + 1, 16383:
        fails(errno.EPROTO, page, mount.path, size=other)
    for cursor in 1, 10**9, 2**63, END:
        count, after, rest = page(mount.path, cursor=cursor, rest=b'x' * 100)
        assert after == END and count <= 1 and rest[SIZE:] == bytes(len(rest) - SIZE)


@case(options='session=uid,lifetime=close,linger=5,grace=7', needs=['ioctl_dir'])
def status_counts_them(mount):
    def status():
        return json.loads(run(binary('SPOOLCTL'), 'status', '--json', mount.path).stdout)['life']
    for uid in ALICE, BOB:
        as_user(uid, put, f'{mount.tmpdir(uid)}/f', b'x')
    told = status()
    assert (told['lifetime'], told['linger'], told['session'], told['grace']) == \
        ('close', 5, 'uid', 7), told
    assert told['processes'] in ('/proc', 'a procfs of its own'), told
    assert (told['sessions'], told['lingering']) == (2, 2), told
    assert told['removed_failed'] == told['removed_untold'] == 0, told
    told = as_user(ALICE, status)
    assert (told['sessions'], told['lingering']) == (1, 0), told
    run(binary('SPOOLCTL'), 'set', 'lifetime=session', 'linger=0', 'session=none', mount.path)
    wait_until(lambda: status()['removed'] == 2 and status()['lingering'] == 0, 'both go')
    assert (status()['lifetime'], status()['session']) == ('session', 'none')
    text = run(binary('SPOOLCTL'), 'status', mount.path).stdout
    assert 'session, session none, grace 7 s, linger 0 s\n' in text, text


@case(needs=['ioctl_dir'])
def hostile_questions_about_lives_are_refused(mount):
    """SPOOL_IOC_LIVES."""
    def call(*values, **kwargs):
        return control(mount.path, 16, 'IIIIIQQQQQ128s', *(values or [0] * 10), b'', **kwargs)
    for i in range(10):
        fails(errno.EINVAL, call, *[int(i == j) for j in range(10)])
    for version in 0, 4, 6, 2**32 - 1:
        fails(errno.EPROTO, call, version=version)
    for size in 4, 8, 191, 193, 16383:
        fails(errno.EPROTO, call, size=size)


@case(mount=False)
def elsewhere_is_one_line():
    for path in '/proc', '/nonexistent', '/etc/passwd':
        done = run(binary('SPOOLCTL'), 'session', 'list', path, check=False)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done
