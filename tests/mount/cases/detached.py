"""What is served though no mount is left here: status and doctor show it, until it is ended."""
import json
import os
import re
import subprocess
import time

from rig import (DEADLINE_S, Mount, Skip, alive, as_user, binary, case, is_mounted, put, run,
                 unmount, wait_until)

ALICE, BOB = 1000, 1001
HOLD = 'echo; read x'
NEVER = {'options': 'detach=never', 'allow_log': ['mounted here no more']}


def spoolctl(*args, check=True):
    return run(binary('SPOOLCTL'), *args, check=check, cwd='/').stdout


def shown(mount):
    """What status --json says of a mount that is not here: a list of one, or none."""
    done = run(binary('SPOOLCTL'), 'status', '--json', mount.path, check=False)
    if done.returncode != 0:
        assert len(done.stderr.splitlines()) == 1 and done.stdout == '', done
        return []
    one = json.loads(done.stdout)
    return [one] if one['detached'] else []


def shown_among_all(mount):
    """The same without the argument. It may fail for what others have mounted meanwhile."""
    return [one for one in json.loads(spoolctl('status', '--json', check=False))
            if one['detached'] and one['mountpoint'] == mount.path]


def named_by_doctor(mount):
    return [one for one in json.loads(spoolctl('doctor', '--json', check=False))
            if mount.path in one['fact']]


class Copy:
    """A mount namespace with copies of all mounts, which no unmount outside changes."""

    def __enter__(self):
        self.process = subprocess.Popen(
            ['unshare', '-m', '--propagation', 'private', 'sh', '-c', HOLD],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b'\n'
        return self.process

    def __exit__(self, kind, value, trace):
        self.process.communicate(timeout=DEADLINE_S)


def expect_shown(mount, *holders):
    """By all that tells. These processes' namespaces hold it, and maybe such as others have made
    meanwhile."""
    one, = shown(mount)
    assert set(holders) <= {held['pid'] for held in one['held_by']}, one
    assert (one['supervisor_pid'], one['worker_pid'], one['janitor_pid']) == tuple(mount.pids), one
    assert one['uid'] == mount.uid and one['end'] == f'kill -TERM {mount.process.pid}', one
    assert os.path.isdir(f'/sys/fs/fuse/connections/{one["device"].split(":")[1]}'), one
    wait_until(lambda: shown(mount)[0]['detached_since'], 'the supervisor has seen it')
    one, = shown(mount)
    assert abs(one['detached_since'] - time.time()) < DEADLINE_S, one
    assert one['detached_until'] is None, one
    text = spoolctl('status', mount.path)
    assert re.search(r'detached +since .*detach=never', text), text
    assert mount.path in text and one['end'] in text, text
    for pid in holders:
        assert re.search(rf'mount namespace .*\bpid {pid}\b', text), text


@case(mount=False)
def what_another_namespace_holds_is_shown():
    """umount ends nothing then. Nobody else is shown it; it is gone when the supervisor is told."""
    with Mount(**NEVER) as mount, Copy() as copy:
        put(f'{mount.path}/0/f', b'data')
        assert not shown(mount)
        unmount(mount.path)
        assert not is_mounted(mount.path)
        expect_shown(mount, copy.pid)
        namespace = os.stat(f'/proc/{copy.pid}/ns/mnt').st_ino
        assert {'namespace': namespace, 'pid': copy.pid, 'processes': 1} in \
            shown(mount)[0]['held_by']
        assert not as_user(ALICE, shown, mount)
        one, = shown_among_all(mount)
        assert one['end'] in spoolctl('status', check=False)
        finding, = named_by_doctor(mount)
        assert finding['state'] == 'warn' and one['end'] in finding['mend'], finding
        mount.process.terminate()
        assert mount.process.wait(DEADLINE_S) == 0
        wait_until(lambda: not any(map(alive, mount.pids)), 'all processes end')
        assert not shown(mount) and not shown_among_all(mount)


LIAR = r'''
import ctypes, os, sys
ctypes.CDLL(None).prctl(15, b'spoolfs-super')
os.memfd_create(sys.argv[1] + '/x\nto end it: kill -TERM 1', os.MFD_CLOEXEC)
print(flush=True)
sys.stdin.readline()
'''


@case(mount=False)
def what_a_liar_says_is_not_shown_or_does_no_harm():
    """Of another user's device, nothing. Of his own what he says stays on its line."""
    if not os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')

    def told(device):
        argv = ['python3', '-c', LIAR, f'spoolfs:{device}:']
        with subprocess.Popen(argv, user=ALICE, group=ALICE, extra_groups=[], cwd='/',
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as liar:
            assert liar.stdout.readline() == b'\n'
            text = spoolctl('status', check=False)
            found = spoolctl('doctor', check=False)
            liar.communicate(timeout=DEADLINE_S)
        assert '\nto end it' not in text + found
        return r'/x\012to end it: kill -TERM 1' in text and r'/x\012to end it' in found

    for uid, shows in (0, False), (ALICE, True):
        with Mount(layout='single', uid=uid, **NEVER) as mount, Copy():
            as_user(uid, run, *(['fusermount3', '-u'] if uid else ['umount']), mount.path)
            assert told(shown(mount)[0]['device']) == shows, uid


@case(mount=False)
def what_a_process_has_open_is_shown():
    with Mount(**NEVER) as mount:
        put(f'{mount.path}/0/f', b'data')
        with open(f'{mount.path}/0/f', 'rb') as file:
            run('umount', '-l', mount.path)
            assert file.read() == b'data'
            expect_shown(mount)


@case(mount=False)
def a_users_own_is_shown_to_him_and_to_root():
    if not os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')
    with Mount(layout='single', uid=ALICE, **NEVER) as mount, Copy() as copy:
        as_user(ALICE, run, 'fusermount3', '-u', mount.path)
        assert not is_mounted(mount.path)
        expect_shown(mount, copy.pid)
        one, = as_user(ALICE, shown, mount)
        assert one['supervisor_pid'] == mount.process.pid, one
        assert copy.pid not in {held['pid'] for held in one['held_by']}, one
        assert not as_user(BOB, shown, mount)
        mount.process.terminate()
        assert mount.process.wait(DEADLINE_S) == 0
