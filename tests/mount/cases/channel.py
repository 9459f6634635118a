"""How requests travel: which transport is in force and why, how many requests an operation takes,
and what happens when a transport is full, refused, or torn down."""
import errno
import mmap
import os
import signal
import struct
import subprocess
import sys
import threading

from rig import (DEADLINE_S, Mount, as_user, binary, case, fails, get, is_mounted, own_subuids, put,
                 run, wait_until)
from transport import (IO_URING_SETUP, SCHED_SETAFFINITY, counts, forbid, need_uring,
                       ring_entries, status, transports, waiting_requests)


@case(mount=False)
def auto_takes_the_rings():
    need_uring()
    with Mount() as mount:
        got = status(mount)
        assert got['transport'] == 'uring', got['transport_why']
        rings = os.sysconf('SC_NPROCESSORS_CONF')
        assert got['transport_why'].startswith(f'{rings} rings of {ring_entries(rings)} entries')
        assert got['threads'] == rings + 1
        assert ' uring' in got['features'] and '-uring' not in got['features']


def ring_policies(mount):
    """How the threads of the rings compete for the CPUs, sched(7)."""
    tasks = f'/proc/{mount.worker}/task'
    return {os.sched_getscheduler(int(tid)) for tid in os.listdir(tasks)
            if get(f'{tasks}/{tid}/comm') == b'spoolfs-ring\n'}


@case(mount=False)
def rings_give_way_while_requests_come_fast():
    need_uring()
    with Mount(layout='single') as mount:
        assert ring_policies(mount) == {os.SCHED_OTHER}

        def gives_way():
            for _ in range(100):
                os.mkdir(f'{mount.path}/d')
                os.rmdir(f'{mount.path}/d')
            return ring_policies(mount) & {os.SCHED_IDLE, os.SCHED_BATCH}

        wait_until(gives_way, 'giving way')
        wait_until(lambda: ring_policies(mount) == {os.SCHED_OTHER}, 'taken back')


@case(mount=False)
def dev_can_be_asked_for():
    with Mount(options='transport=dev') as mount:
        got = status(mount)
        assert got['transport'] == 'dev'
        assert got['transport_why'] == 'transport=dev was asked for'


def start(options, mask='', **popen):
    """A daemon in the foreground that is to fail. Its exit status and what it says."""
    mount = Mount(options=options, mask=mask)
    done = subprocess.run([binary('SPOOLFS'), '-f', '-o', mount.options, mount.path], check=False,
                          env=mount.environment(), capture_output=True, text=True,
                          timeout=DEADLINE_S, **popen)
    assert not is_mounted(mount.path)
    os.rmdir(mount.path)
    os.rmdir(mount.base)
    return done


@case(mount=False)
def uring_or_nothing_can_be_asked_for():
    done = start('transport=uring', mask='uring')
    assert done.returncode == 2, done
    assert done.stderr.count('\n') == 1, done.stderr
    assert 'transport=uring: io_uring is masked' in done.stderr, done.stderr


@case(mount=False)
def a_seccomp_filter_means_dev():
    need_uring()
    mount = Mount()
    process = subprocess.Popen([binary('SPOOLFS'), '-f', '-o', mount.options, mount.path],
                               preexec_fn=lambda: forbid(IO_URING_SETUP))
    wait_until(lambda: is_mounted(mount.path), 'it mounts')
    got = status(mount)
    assert got['transport'] == 'dev' and 'io_uring_setup: Operation not permitted' in \
        got['transport_why'], got
    put(f'{mount.path}/self/f', b'x')
    process.terminate()
    assert process.wait(DEADLINE_S) == 0
    assert start('transport=uring', preexec_fn=lambda: forbid(IO_URING_SETUP)).returncode == 2


@case(mount=False)
def threads_that_cannot_be_pinned_run_unpinned():
    """A cpuset that lacks a CPU makes sched_setaffinity(2) EINVAL for it."""
    need_uring()
    mount = Mount()
    process = subprocess.Popen([binary('SPOOLFS'), '-f', '-o', mount.options, mount.path],
                               preexec_fn=lambda: forbid(SCHED_SETAFFINITY, errno.EINVAL))
    wait_until(lambda: is_mounted(mount.path), 'it mounts')
    got = status(mount)
    assert got['transport'] == 'uring' and '0 of them pinned' in got['transport_why'], got
    put(f'{mount.path}/self/f', b'x')
    process.terminate()
    assert process.wait(DEADLINE_S) == 0


# What is asked in the life of a file of 4 KiB, besides FORGET. What the kernel does not wait for
# are RELEASE and FORGET.
LIFE = {'LOOKUP': 1, 'CREATE': 1, 'WRITE': 1, 'UNLINK': 1, 'RELEASE': 1}
# Where the kernel checks permissions: each name that is made or removed makes it forget the
# directory's mode, for which it asks before the next look into it.
CHECKED = {'GETATTR': 2}
# Where there are attributes: once for each file, whether a write must drop capabilities.
ATTRIBUTES = {'GETXATTR': 1}


def asked(mount, life, n):
    """What is asked for each of @n lives, rounded up, but for the questions of status."""
    before = counts(mount)
    for i in range(n):
        life(i)
    wait_until(lambda: counts(mount)['RELEASE'] - before['RELEASE'] == n, 'the last RELEASE')
    after = counts(mount)
    grown = {name: after[name] - before.get(name, 0) for name in after}
    forgets = grown.pop('FORGET', 0) + grown.pop('BATCH_FORGET', 0)
    assert forgets <= n + 2, forgets
    # of status: the mount is opened, and two of its attributes may be asked for
    return {name: -(-(got - 2) // n) for name, got in grown.items()
            if name not in ('IOCTL', 'OPENDIR', 'RELEASEDIR') and got > 2}


def expect_lives(mount, life, wanted):
    """Others may make the kernel drop its caches, and a slow machine lets them grow old: then it
    asks again. What is asked for every file is asked in each of the rounds."""
    life('warm')
    rounds = [asked(mount, life, 50)]
    while rounds[-1] != wanted and len(rounds) < 20:
        rounds.append(asked(mount, life, 50))
    assert rounds[-1] == wanted, (mount.options, wanted, rounds)


def one_users_mounts():
    """Options of each, and what is asked there besides LIFE."""
    checked = CHECKED if tuple(map(int, os.uname().release.split('.')[:2])) < (6, 16) else {}
    yield 'single', 'noallow_other,xattr=off', checked
    yield 'single', 'noallow_other', {**checked, **ATTRIBUTES}


def all_mounts():
    yield from one_users_mounts()
    yield 'private', '', {**CHECKED, **ATTRIBUTES}
    yield 'private', 'xattr=off', CHECKED
    yield 'single', 'xattr=off', CHECKED
    yield 'shared', '', {**CHECKED, **ATTRIBUTES}


@case(mount=False)
def the_life_of_a_file_takes_these_requests():
    for options in transports():
        for layout, more, besides in all_mounts():
            with Mount(layout=layout, options=f'{options},{more}') as mount:
                def life(i, base=mount.tmpdir()):
                    fd = os.open(f'{base}/f{i}', os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
                    os.write(fd, b'x' * 4096)
                    os.pread(fd, 4096, 0)
                    os.close(fd)
                    os.unlink(f'{base}/f{i}')
                expect_lives(mount, life, {**LIFE, **besides})


@case(mount=False, needs=['tmpfile'])
def the_life_of_a_file_without_a_name_takes_these_requests():
    for options in transports():
        for layout, more, besides in one_users_mounts():
            with Mount(layout=layout, options=f'{options},{more}') as mount:
                def life(_, base=mount.tmpdir()):
                    fd = os.open(base, os.O_TMPFILE | os.O_RDWR, 0o600)
                    os.write(fd, b'x' * 4096)
                    os.close(fd)
                wanted = {'TMPFILE': 1, 'WRITE': 1, 'RELEASE': 1, **besides}
                expect_lives(mount, life, wanted)


@case(mount=False)
def reading_and_writing_on_asks_nothing_else():
    for options in transports():
        with Mount(options=options) as mount:
            fd = os.open(f'{mount.tmpdir()}/f', os.O_CREAT | os.O_RDWR, 0o600)
            os.write(fd, b'x' * 4096)
            before = counts(mount)
            for _ in range(20):
                os.write(fd, b'x' * 4096)
            os.lseek(fd, 0, os.SEEK_SET)
            while os.read(fd, 65536):
                pass
            for _ in range(20):
                os.fstat(fd)
            after = counts(mount)
            os.close(fd)
            grown = {name: after[name] - before.get(name, 0) for name in after
                     if after[name] != before.get(name, 0)}
            assert grown.pop('WRITE') == 20
            assert grown.pop('GETATTR', 0) <= 1 and not set(grown) - {
                'IOCTL', 'OPENDIR', 'RELEASEDIR', 'LOOKUP', 'READLINK'}, grown


@case(mount=False)
def more_writers_than_entries():
    """4 x (entries x queues) of them, in two users' trees: all come through."""
    for options in transports():
        with Mount(options=options) as mount:
            rings = os.sysconf('SC_NPROCESSORS_CONF')
            n = 4 * ring_entries(rings) * rings
            data = [bytes([i]) * 100_000 for i in range(251)]
            failed = []

            def writer(i, base=mount.path):
                try:
                    path = f'{base}/0/f{i}'
                    put(path, data[i % 251])
                    with open(path, 'rb') as file:
                        assert file.read() == data[i % 251]
                    os.unlink(path)
                except (OSError, AssertionError) as error:
                    failed.append((i, error))
            threads = [threading.Thread(target=writer, args=(i,)) for i in range(n)]
            for thread in threads:
                thread.start()
            as_user(1000, put, f'{mount.path}/1000/other', b'x')
            for thread in threads:
                thread.join()
            assert not failed, failed[:3]


TRUNCATE_ALL = '''
import os, sys, threading
os.sched_setaffinity(0, {int(sys.argv[1])})
threads = [threading.Thread(target=os.truncate, args=(path, 1)) for path in sys.argv[2:]]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
'''


def place_behind_a_flood(mount, floods, victim, n=100):
    """The place in which a request of @victim is served that came after @n of @floods, in turn; all
    are there before the first is served, on one CPU."""
    cpu = min(os.sched_getaffinity(0))

    files = [f'{mount.path}/{uid}/f{i}'
             for i, uid in enumerate([floods[i % len(floods)] for i in range(n)] + [victim])]

    def make(uid):
        for path in files:
            if path.split('/')[-2] == str(uid):
                put(path, b'')

    for uid in {*floods, victim}:
        as_user(uid, make, uid)
    worker = status(mount)['worker_pid']
    number = os.minor(os.stat(mount.path).st_dev)  # which must not be asked for later

    def change(uid):
        """Starts a program in which @uid truncates each of his files, all at the same time."""
        paths = [path for path in files if path.split('/')[-2] == str(uid)]
        return subprocess.Popen([sys.executable, '-c', TRUNCATE_ALL, str(cpu), *paths], user=uid,
                                group=uid, extra_groups=[])

    wait_until(lambda: waiting_requests(number) == 0, 'what was closed is released')
    os.kill(worker, signal.SIGSTOP)
    try:
        programs = [change(uid) for uid in floods]
        wait_until(lambda: waiting_requests(number) >= n, 'all wait')
        programs.append(change(victim))
        wait_until(lambda: waiting_requests(number) > n, 'the other one waits')
    finally:
        os.kill(worker, signal.SIGCONT)
    for program in programs:
        assert program.wait(DEADLINE_S) == 0
    # the time of the change is when it was served, whoever is woken up first
    order = sorted(files, key=lambda path: os.stat(path).st_ctime_ns)
    return order.index(files[n])


@case(mount=False)
def a_flood_of_one_user_lets_others_pass():
    """Also one of his subordinate uids, and of two users together. On a busy machine the program of
    the other one may be slow to send its second request: without turns it is last every time."""
    need_uring()
    own_subuids('1000:100000:65536\n')
    for floods in (0,), (100000, 100001, 1000), (1000, 1002, 100000):
        places = []
        while not places or places[-1] >= 50:
            assert len(places) < 30, (floods, places)
            with Mount() as mount:
                places.append(place_behind_a_flood(mount, floods, 1001))


@case(mount=False)
def room_of_a_removed_file_is_there_at_once():
    """RELEASE and FORGET come after close() and unlink(); nobody gets ENOSPC for that."""
    for options in transports():
        with Mount(options=f'{options},ram=8M,user_size=100%,user_ram=100%',
                   patience=100) as mount:
            base = mount.tmpdir()
            for _ in range(100):
                fd = os.open(f'{base}/f', os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
                assert os.write(fd, b'x' * (6 << 20)) == 6 << 20
                os.close(fd)
                os.unlink(f'{base}/f')
            for _ in range(100):
                fd = os.open(f'{base}/f', os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
                os.unlink(f'{base}/f')
                assert os.write(fd, b'x' * (6 << 20)) == 6 << 20
                os.close(fd)
        with Mount(options=f'{options},ram=8M,nr_inodes=20,user_inodes=100%',
                   patience=100) as mount:
            for i in range(200):
                put(f'{mount.tmpdir()}/f{i}')
                os.unlink(f'{mount.tmpdir()}/f{i}')


def in_use(path):
    stat = os.statvfs(path)
    return stat.f_blocks - stat.f_bfree, stat.f_files - stat.f_ffree


@case(mount=False)
def a_removed_file_is_not_counted():
    """Neither its data nor itself, by who asks straight after close() and unlink()."""
    for options in transports():
        with Mount(options=f'{options},ram=8M', patience=100) as mount:
            base = mount.tmpdir()
            before = in_use(base)
            for first in 'close', 'unlink', 'tmpfile':
                for _ in range(60):
                    fd = os.open(base if first == 'tmpfile' else f'{base}/f', os.O_RDWR |
                                 (os.O_TMPFILE if first == 'tmpfile' else os.O_CREAT), 0o600)
                    assert os.write(fd, b'x' * 100000) == 100000
                    if first == 'unlink':
                        os.unlink(f'{base}/f')
                    os.close(fd)
                    if first == 'close':
                        os.unlink(f'{base}/f')
                    assert in_use(base) == before, (first, in_use(base), before)


@case(mount=False)
def a_file_that_is_kept_holds_nobody_up_who_counts():
    """It counts as long as it is open. That only the first who asks waits for it in earnest has a
    unit test."""
    with Mount(options='ram=8M', patience=1) as mount:
        base = mount.tmpdir()
        with open(f'{base}/kept', 'wb', buffering=0) as kept:
            kept.write(b'x' * 1000000)
            os.unlink(f'{base}/kept')
            signal.alarm(DEADLINE_S)
            for _ in range(20):
                assert in_use(base)[0] >= 1000000 // 4096
                assert status(mount)['size_used'] >= 1000000
            signal.alarm(0)
        assert in_use(base)[0] < 100
        assert status(mount)['size_used'] < 100000


@case(mount=False)
def a_request_that_waits_is_counted_once():
    """However often it is tried, and by both counts."""
    with Mount(options='ram=8M', patience=1) as mount:
        with open(f'{mount.tmpdir()}/kept', 'wb') as kept:
            os.unlink(kept.name)
            for _ in range(20):
                in_use(mount.path)  # waits for what has no name
            got = status(mount)
        assert 20 < got['requests'] <= sum(got['requests_by_operation'].values()), got


@case(mount=False)
def a_full_mount_says_so_soon():
    """A file without a name that somebody keeps open does not hold ENOSPC up for long: only the
    first waits for it in earnest. If all did the 200 would wait for 50 s, and so wait for 4 s."""
    with Mount(options='ram=8M,user_size=100%,user_ram=100%', patience=1) as mount:
        base = mount.tmpdir()
        held = os.open(f'{base}/held', os.O_CREAT | os.O_RDWR, 0o600)
        os.unlink(f'{base}/held')
        error = None
        while not error:
            try:
                os.write(held, b'x' * 65536)
            except OSError as caught:
                error = caught
        assert error.errno == errno.ENOSPC
        fd = os.open(f'{base}/more', os.O_CREAT | os.O_RDWR, 0o600)
        signal.alarm(45)
        for _ in range(200):
            fails(errno.ENOSPC, os.pwrite, fd, b'x' * 65536, 0)
        signal.alarm(0)
        os.close(fd)
        os.close(held)


@case(mount=False)
def writeback_caches_small_writes_and_loses_nothing():
    with Mount(options='writeback') as mount:
        path = f'{mount.tmpdir()}/f'
        before = counts(mount).get('WRITE', 0)
        with open(path, 'wb', buffering=0) as file:
            for i in range(10000):
                file.write(struct.pack('>I', i) * 16)
        assert counts(mount).get('WRITE', 0) - before < 100
        run('sync', '-f', path)
        with open(path, 'rb') as file:
            data = file.read()
        assert data == b''.join(struct.pack('>I', i) * 16 for i in range(10000))
        with open(path, 'ab', buffering=0) as file:
            file.write(b'end')
        assert os.stat(path).st_size == 640003
        with open(path, 'r+b') as file, mmap.mmap(file.fileno(), 640003) as mapped:
            mapped[0:4] = b'head'
        with open(path, 'rb') as file:
            assert file.read(4) == b'head'


@case(mount=False)
def set_id_bits_go_with_a_write():
    """FUSE_HANDLE_KILLPRIV_V2, in a shared mount that keeps them: root's writes spare them."""
    for options in transports():
        with Mount(layout='shared', options=options) as mount:
            path = f'{mount.path}/f'
            for action, data in (('write', b'new'), ('truncate', None), ('open', None)):
                put(path, b'old')
                os.chmod(path, 0o6777)

                def change(action=action, data=data):
                    if action == 'write':
                        with open(path, 'r+b') as file:
                            file.write(data)
                    elif action == 'truncate':
                        os.truncate(path, 1)
                    else:
                        os.close(os.open(path, os.O_WRONLY | os.O_TRUNC))
                as_user(1000, change)
                assert os.stat(path).st_mode & 0o7777 == 0o777, (options, action)
                os.chmod(path, 0o6777)
                change()
                assert os.stat(path).st_mode & 0o7777 == 0o6777, (options, action, 'root')
                os.unlink(path)
