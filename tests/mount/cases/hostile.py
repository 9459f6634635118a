"""All calls of the control interface, as a table of lib/ctl/proto.h says, by callers who mean ill.

Whatever they send, nothing of another user's changes, every answer is one that proto.h allows, and
the daemon goes on."""
import ctypes
import errno
import fcntl
import itertools
import json
import os
import random
import re
import struct
import subprocess
from pathlib import Path

from control_calls import VERSION, control
from rig import LIBC, Mount, as_user, binary, case, fails, get, need, own_subuids, put, run

ALICE, BOB = 61001, 61002
LIB = Path(__file__).resolve().parents[3] / 'lib'
CLONE_NEWUSER, CLONE_NEWPID = 0x10000000, 0x20000000  # <linux/sched.h>
PR_SET_DUMPABLE = 4  # <linux/prctl.h>
MAX = 16383  # SPOOL_CTL_MAX
OTHER_SIZES = 0, 4, 8, MAX
ROUNDS = 40  # random bodies of each call; a guess, as the following
REACH = 32  # bytes behind the version that are set one by one
# Answers to a call of the right version and size, in RAM without a disk. Others are a fault.
ALLOWED = {0, errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOENT, errno.ESRCH, errno.EXDEV,
           errno.EEXIST, errno.EISDIR, errno.EOPNOTSUPP, errno.EDQUOT, errno.EBUSY}


def table():
    """Name to number of each call, as the compiler sees them."""
    need('cc')
    names = re.findall(r'^#define (SPOOL_IOC_\w+) ', (LIB / 'ctl/proto.h').read_text('utf-8'), re.M)
    lines = ''.join(f'printf("%u\\n", (unsigned int){name});' for name in names)
    program = f'#include <stdio.h>\n#include "ctl/proto.h"\nint main(void) {{ {lines} }}\n'
    path = f'{os.environ["SPOOL_CASE_DIR"]}/table'
    subprocess.run(['cc', '-x', 'c', f'-I{LIB}', '-o', path, '-'], input=program, text=True,
                   check=True)
    calls = dict(zip(names, map(int, run(path).stdout.split())))
    os.unlink(path)
    assert len(calls) == len(set(calls.values())) >= 15
    return calls


def size_of(number):
    return number >> 16 & 0x3FFF


def answer(fd, number, body):
    """The errno, or 0, and what has come back. A body that is not as long as the call says is
    followed by zeros."""
    data = bytearray(body.ljust(max(size_of(number), 4), b'\0'))
    try:
        fcntl.ioctl(fd, number, data)
    except OSError as error:
        return error.errno, bytes(data)
    return 0, bytes(data)


def bodies(size, values, texts, rng):
    """What goes in after the version: zeros, the first two members, one of all, several, noise."""
    rest = size - 4
    offsets = range(0, min(rest, REACH), 4)
    yield bytes(rest)
    yield bytes(rest - 1) + b'\x01'
    yield b'\xff' * rest
    for pair in itertools.product((0, 1, 2, 4, BOB, 2**32 - 1), repeat=2):
        yield struct.pack('II', *pair).ljust(rest, b'\0')[:rest]
    for at in offsets:
        for value in values:
            one = struct.pack('Q' if value >> 32 else 'I', value)
            yield (bytes(at) + one).ljust(rest, b'\0')[:rest]
        for text in texts:
            yield (bytes(at) + text).ljust(rest, b'\0')[:rest]
    for _ in range(ROUNDS):
        body = bytearray(rest)
        for _ in range(rng.randint(1, 4)):
            at = rng.choice(offsets)
            one = rng.choice([struct.pack('I', rng.choice(values) & 0xFFFFFFFF),
                              struct.pack('I', rng.randint(0, 4)), rng.choice(texts)])
            body[at:at + len(one)] = one
        yield bytes(body[:rest])
    for _ in range(5):
        yield rng.randbytes(rest)


def attack(fds, calls, values, texts, seed):
    """Sends all of that, each to one of the directories. Returns how often which answer came."""
    rng = random.Random(seed)
    seen = {}
    for name, number in calls.items():
        for body in bodies(size_of(number), values, texts, rng):
            error, data = answer(rng.choice(fds), number, struct.pack('I', VERSION) + body)
            assert error in ALLOWED, (name, body, errno.errorcode.get(error, error))
            assert error or data[:4] == struct.pack('I', VERSION), (name, body)
            seen[name, error] = seen.get((name, error), 0) + 1
    return seen


def as_namespace_root(function, *args):
    """Calls it as root of a user namespace in which nobody else is."""
    uid, gid = os.getuid(), os.getgid()
    if LIBC.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), 'unshare')
    LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # who has changed his uid may not write these
    for file, text in ('setgroups', 'deny'), ('uid_map', f'0 {uid} 1'), ('gid_map', f'0 {gid} 1'):
        Path(f'/proc/self/{file}').write_text(text, encoding='utf-8')
    return function(*args)


def as_container_root(function, *args):
    """Calls it as root with all capabilities, in a pid namespace."""
    if LIBC.unshare(CLONE_NEWPID) != 0:
        raise OSError(ctypes.get_errno(), 'unshare')
    return as_user(0, function, *args)


def prepare(mount, uid):
    """A tree, and sessions of all kinds that somebody can begin."""
    top = mount.tmpdir(uid)
    os.makedirs(f'{top}/d/e')
    for name in 'f', 'd/f', 'd/e/f':
        put(f'{top}/{name}', b'text')
    for args in ['--dir', f'{top}/d'], ['--login', '4242', mount.path]:
        run(binary('SPOOLCTL'), 'session', 'begin', *args)
    return os.getpid()


def attack_own(mount, *given):
    """Calls it as ALICE until each call that is about files of hers has been right once."""
    right = {'SPOOL_IOC_LIST', 'SPOOL_IOC_LIFE', 'SPOOL_IOC_CHANGE', 'SPOOL_IOC_SESSION_BEGIN'}
    top, seed, seen = mount.tmpdir(ALICE), given[-1], {}
    for i in range(20):
        seen.update(as_user(ALICE, attack, *given[:-1], seed + i))
        if right <= {name for name, error in seen if error == 0}:
            return
        as_user(ALICE, put, f'{top}/f', b'text')  # it may have removed her own
    raise AssertionError(f'never right: {seen}')


def state(mount, uid):
    """All that a user has."""
    top = mount.tmpdir(uid)
    found = [(path, sorted(dirs), sorted(files)) for path, dirs, files in os.walk(top)]
    paths = [os.path.join(path, name) for path, dirs, files in found for name in dirs + files]
    sessions = json.loads(run(binary('SPOOLCTL'), 'session', '--json', 'list', mount.path).stdout)
    lives = json.loads(run(binary('SPOOLCTL'), 'why', '--json', '--', top, *paths).stdout)
    assert all(get(path) == b'text' for path in paths if os.path.isfile(path))
    return (found, [one for one in sessions if one['uid'] == uid and one['explicit']],
            [(one['path'], one['lifetime'], one['session'], one['bound'], one['over'])
             for one in lives])


@case(needs=['ioctl_dir'])
def nothing_of_anothers_changes(mount):
    calls = table()
    pid = as_user(BOB, prepare, mount, BOB)
    as_user(ALICE, prepare, mount, ALICE)
    before = state(mount, BOB)
    ids = [one['id'] for one in before[1]]
    assert len(ids) == 2
    values = [0, 1, 2, BOB, ALICE, pid, os.getpid(), 4242, *ids, 2**31, 2**32 - 1, 2**64 - 1]
    texts = [b'f', b'd', b'self', b'%d' % BOB, b'..', b'/', b'x' * 255, b'x' * 256, b'/a/b',
             b'ram=1M', b'd/f', b'\xff\n']
    seed = int(os.environ.get('SPOOL_SEED', random.randrange(2**32)))
    print(f'SPOOL_SEED={seed}')
    # Bob's, as if he had given them to the others. What may be removed is not kept open: status
    # waits for that.
    fds = [os.open(path, os.O_RDONLY) for path in
           (mount.path, mount.tmpdir(ALICE), mount.tmpdir(BOB), mount.tmpdir(0),
            f'{mount.tmpdir(BOB)}/d')]
    given = fds, calls, values, texts, seed
    attack_own(mount, *given)
    assert state(mount, BOB) == before
    for uid, actor in (ALICE, as_namespace_root), (0, as_namespace_root), (0, as_container_root):
        as_user(uid, actor, attack, *given)
        assert state(mount, BOB) == before, (uid, actor)
    os.close(fds.pop())
    attack(*given)  # root may do it all
    for fd in fds:
        os.close(fd)
    put(f'{mount.tmpdir(0)}/after', b'text')
    assert get(f'{mount.tmpdir(0)}/after') == b'text'


@case(needs=['ioctl_dir'])
def who_is_given_a_directory_has_no_right_to_it(mount):
    as_user(BOB, prepare, mount, BOB)
    before = state(mount, BOB)
    fd = os.open(mount.tmpdir(BOB), os.O_RDONLY)
    for name in b'', b'f', b'd':
        fails(errno.EPERM, as_user, ALICE, control, fd, 9, 'IIIIIQQQQ256s256s', *[0] * 9, name, b'')
        for op in 0, 1:
            fails(errno.EPERM, as_user, ALICE, control, fd, 10, 'III256s', op, 0, 0, name)
    fails(errno.EPERM, as_user, ALICE, control, fd, 13, 'IIiQQ4096s', 4, 2**32 - 1, 0, 0, 0, b'')
    fails(errno.EPERM, as_user, ALICE, control, fd, 12, 'III', 0, 0, 0)
    assert state(mount, BOB) == before
    os.close(fd)


@case(mount=False)
def a_subordinate_uid_has_no_session_of_its_owner():
    """Its files are in one, which its owner sees and ends."""
    sub = 100001
    own_subuids(f'{ALICE}:100000:65536\n')
    with Mount(options='session=sid') as mount:
        as_user(ALICE, prepare, mount, ALICE)
        as_user(sub, put, f'{mount.tmpdir(sub)}/f', b'text')

        def listed():
            done = run(binary('SPOOLCTL'), 'session', '--json', 'list', mount.path)
            return {one['id']: one for one in json.loads(done.stdout)}
        own = as_user(ALICE, listed)
        of_sub = [one for one in own.values() if one['kind'] == 'sid']
        assert sum(one['files'] for one in of_sub) >= 1 and as_user(sub, listed) == {}, own
        assert {one['uid'] for one in own.values()} == {ALICE}, own
        for ident in own:
            fails(errno.EPERM, as_user, sub, control, mount.path, 14, 'IIIQQ', 0, 0, 0, ident, 0)
        fails(errno.EPERM, as_user, sub, control, mount.path, 13, 'IIiQQ4096s', 0, 2**32 - 1, 0,
              4243, 0, b'')
        assert as_user(ALICE, listed).keys() == own.keys()


@case(needs=['ioctl_dir'])
def root_of_a_container_has_no_session_of_root(mount):
    prepare(mount, 0)
    put(f'{mount.tmpdir(0)}/own')

    def listed():
        return control(mount.path, 11, 'IQ15912s', 0, 0, b'')[0]
    assert as_user(0, listed) >= 2
    assert as_user(0, as_container_root, listed) == as_user(0, as_namespace_root, listed) == 0


@case(needs=['ioctl_dir'])
def other_versions_and_sizes_are_refused(mount):
    fd = os.open(mount.path, os.O_RDONLY)
    put(f'{mount.tmpdir()}/f')
    file = os.open(f'{mount.tmpdir()}/f', os.O_RDWR)
    calls = table()
    for name, number in calls.items():
        for version in 0, VERSION - 1, VERSION + 1, 2**31, 2**32 - 1:
            error, data = answer(fd, number, struct.pack('I', version))
            assert error == errno.EPROTO, (name, version, error)
            assert data[:4] == struct.pack('I', VERSION), 'it says which one it speaks'
        size = size_of(number)
        for other in {*OTHER_SIZES, size - 8, size - 1, size + 1} - {size}:
            if other > MAX:
                continue
            wrong = number & ~(MAX << 16) | other << 16
            error, _ = answer(fd, wrong, struct.pack('I', VERSION))
            assert error == errno.EPROTO, (name, other, error)
        for where, one in (file, number), (fd, number ^ 0x100), (fd, number & 0x3FFFFFFF):
            error, _ = answer(where, one, struct.pack('I', VERSION))
            assert error == (errno.EPROTO if one == number & 0x3FFFFFFF else errno.ENOTTY), \
                (name, hex(one), error)
    known = {number & 0xFF for number in calls.values()}
    for call in set(range(256)) - known:
        for size in {size_of(number) for number in calls.values()}:
            error, _ = answer(fd, 3 << 30 | size << 16 | 0xB7 << 8 | call,
                              struct.pack('I', VERSION))
            assert error == errno.EPROTO, (call, size, error)
    os.close(file)
    os.close(fd)
