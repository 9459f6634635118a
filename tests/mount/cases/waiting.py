"""Requests of one user that wait for a slow disk, in masses: others are served meanwhile."""
import os
import re
import signal
import subprocess
import sys

from loop_disk import LoopDisk, SlowReads
from rig import (DEADLINE_S, Mount, as_user, binary, case, drop_caches, get, put, run,
                 wait_until)
from transport import ring_entries, status, transports, waiting_requests

MIB = 1 << 20
USER, OTHER = 61001, 61002

# Reads blocks of a file past the page cache, each in a thread, and all at the same time,
# when a line comes.
READ_ALL = '''
import mmap, os, sys, threading
os.sched_setaffinity(0, {int(sys.argv[1])})
threading.stack_size(65536)
fd = os.open(sys.argv[2], os.O_RDONLY | os.O_DIRECT)
failed = []

def read(i):
    block = mmap.mmap(-1, 4096)
    if os.preadv(fd, [block], i * 4096) != 4096 or block[:] != i.to_bytes(8, 'little') * 512:
        failed.append(i)

threads = [threading.Thread(target=read, args=(i,)) for i in range(int(sys.argv[3]))]
print('open', flush=True)
sys.stdin.readline()
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(len(failed) > 0)
'''

# Asks for a file to be read ahead, in parts, each by a thread: nobody waits for single requests.
READ_AHEAD = '''
import os, sys, threading
fd = os.open(sys.argv[1], os.O_RDONLY)
size, n = os.fstat(fd).st_size, int(sys.argv[2])

def ask(i):
    os.posix_fadvise(fd, i * size // n, size // n, os.POSIX_FADV_WILLNEED)

threads = [threading.Thread(target=ask, args=(i,)) for i in range(n)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
'''

# Makes files, and when a line comes writes 1 MiB to each in a thread, and reads it.
WRITE_ALL = '''
import os, sys, threading
fds = [os.open(f'{sys.argv[1]}/{i}', os.O_RDWR | os.O_CREAT, 0o600)
       for i in range(int(sys.argv[2]))]
failed = []

def write(i):
    try:
        data = i.to_bytes(8, 'little') * (1 << 17)
        done = 0
        while done < len(data):
            done += os.write(fds[i], data[done:])
        if os.pread(fds[i], len(data), 0) != data:
            raise ValueError('other data')
    except Exception as error:
        failed.append((i, error))

threads = [threading.Thread(target=write, args=(i,)) for i in range(len(fds))]
print('open', flush=True)
sys.stdin.readline()
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(str(failed[:3]) if failed else 0)
'''

# What touches RAM only.
LITTLE_WORK = '''
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
for i in range(100):
    with open(f'{sys.argv[2]}/{i}', 'xb') as file:
        file.write(b'data')
    with open(f'{sys.argv[2]}/{i}', 'rb') as file:
        assert file.read() == b'data'
    os.unlink(f'{sys.argv[2]}/{i}')
'''


def program(uid, text, *args):
    return subprocess.Popen([sys.executable, '-c', text, *map(str, args)], user=uid, group=uid,
                            extra_groups=[], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            text=True)


def end_well(process):
    assert process.communicate(timeout=DEADLINE_S) is not None and process.returncode == 0


@case(mount=False)
def readers_of_a_slow_disk_leave_room_for_others():
    """Four times as many as there are entries, and all have come before the other user's first
    request, on one CPU. His work is done while nearly all of them still wait."""
    cpu = min(os.sched_getaffinity(0))
    rings = os.sysconf('SC_NPROCESSORS_CONF')
    n = 4 * ring_entries(rings) * rings
    for options in transports():
        with LoopDisk() as disk, \
                Mount(options=f'{options},backing={disk.path},threshold=1M,ram=64M') as mount:
            number = os.minor(os.stat(mount.path).st_dev)  # which must not be asked for later
            path, other = f'{mount.path}/{USER}/f', f'{mount.path}/{OTHER}/d'
            as_user(USER, put, path, b''.join(i.to_bytes(8, 'little') * 512 for i in range(n)))
            as_user(OTHER, os.mkdir, other)
            wait_until(lambda m=mount: status(m)['tier']['disk_used'] >= n * 4096, 'it spills')
            with SlowReads(disk, mount.worker):
                readers = program(USER, READ_ALL, cpu, path, n)
                assert readers.stdout.readline() == 'open\n'
                os.kill(mount.worker, signal.SIGSTOP)
                try:
                    readers.stdin.write('\n')
                    readers.stdin.flush()
                    wait_until(lambda c=number: waiting_requests(c) >= n, 'the readers wait')
                    worker = program(OTHER, LITTLE_WORK, cpu, other)
                    wait_until(lambda c=number: waiting_requests(c) > n, 'so does the other user')
                finally:
                    os.kill(mount.worker, signal.SIGCONT)
                end_well(worker)
                assert waiting_requests(number) > n / 2
                got = status(mount)
                assert got['waiting_disk'] > n / 2 and got['waiting_refused'] == 0, got
                oldest = got['waiting_disk_oldest']
                assert (oldest['uid'], oldest['operation']) == (USER, 'READ'), oldest
                assert oldest['age_ms'] > 0, oldest
                if got['transport'] == 'uring':
                    assert got['ring_entries'] > got['ring_entries_waiting'] > n / 2, got
            end_well(readers)
            got = status(mount)
            assert got['waiting_disk'] == got['ring_entries_waiting'] == 0, got
            assert got['waiting_disk_oldest'] is None, got
            assert got['attempts'] >= got['requests'] + n, got


@case(mount=False)
def reading_ahead_on_a_slow_disk_leaves_room_for_others():
    """The kernel's bound on what nobody waits for is one for all users."""
    n = 256
    for options in transports():
        with LoopDisk() as disk, \
                Mount(options=f'{options},backing={disk.path},threshold=1M,ram=64M') as mount:
            number = os.minor(os.stat(mount.path).st_dev)  # which must not be asked for later
            path, other = f'{mount.path}/{USER}/f', f'{mount.path}/{OTHER}/f'
            as_user(USER, put, path, bytes(range(256)) * (64 * MIB // 256))
            as_user(OTHER, put, other, b'data' * (MIB // 4))
            wait_until(lambda m=mount: status(m)['tier']['disk_used'] >= 64 * MIB, 'it spills')
            drop_caches()
            with SlowReads(disk, mount.worker):
                reader = program(USER, READ_AHEAD, path, n)
                wait_until(lambda c=number: waiting_requests(c) > n * 0.9, 'it is read ahead')
                assert as_user(OTHER, get, other) == b'data' * (MIB // 4)
                assert waiting_requests(number) > n / 2
            end_well(reader)


@case(mount=False)
def more_data_than_may_wait_come_through():
    """Writes of one user that find no RAM and a frozen disk, of more than 64 MiB together: some
    wait without their data, and are sent again by who gets EINTR, as Python does."""
    n = 100
    for options in transports():
        with LoopDisk(size_mib=256) as disk, \
                Mount(options=f'{options},backing={disk.path},threshold=1M,ram=16M,'
                      'size=200M') as mount:
            writer = program(USER, WRITE_ALL, f'{mount.path}/{USER}', n)
            assert writer.stdout.readline() == 'open\n'
            subprocess.run(['fsfreeze', '-f', disk.mountpoint], check=True)
            try:
                writer.stdin.write('\n')
                writer.stdin.flush()
                wait_until(lambda m=mount: status(m)['waiting_ram'] >= n - 16, 'they wait')
                assert status(mount)['waiting_data'] <= 64 * MIB
            finally:
                subprocess.run(['fsfreeze', '-u', disk.mountpoint], check=True)
            end_well(writer)


# Writes 32 MiB to a file, whatever signals come that it handles.
WRITE_ONE = '''
import os, signal, sys
signal.signal(signal.SIGUSR1, lambda *_: os.write(1, b'signal\\n'))
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600)
print('open', flush=True)
for _ in range(32):
    assert os.write(fd, b'x' * (1 << 20)) == 1 << 20
'''


def waiting_writer(mount, n):
    """Another one beside @n that wait."""
    writer = program(USER, WRITE_ONE, f'{mount.path}/{USER}/{n}')
    assert writer.stdout.readline() == 'open\n'
    wait_until(lambda: status(mount)['waiting_ram'] == n + 1, 'it waits')
    return writer


@case(mount=False)
def who_waits_for_ram_can_be_killed():
    """Also when another signal has come before; that alone changes nothing. One who has waited for
    longer shows that nobody's time is over."""
    for options in transports():
        with LoopDisk() as disk, \
                Mount(options=f'{options},backing={disk.path},threshold=1M,ram=16M') as mount:
            subprocess.run(['fsfreeze', '-f', disk.mountpoint], check=True)
            try:
                first = waiting_writer(mount, 0)
                first.send_signal(signal.SIGUSR1)
                for numbers in ([signal.SIGKILL], [signal.SIGTERM],
                                [signal.SIGUSR1, signal.SIGKILL]):
                    second = waiting_writer(mount, 1)
                    for number in numbers:
                        second.send_signal(number)
                    assert second.wait(DEADLINE_S) == -numbers[-1]
                    assert status(mount)['waiting_ram'] == 1, numbers
            finally:
                subprocess.run(['fsfreeze', '-u', disk.mountpoint], check=True)
            assert first.stdout.readline() == 'signal\n'
            end_well(first)


# Makes empty files until there is no room for one more, and says why.
MAKE_ALL = '''
import errno, itertools, os, sys
try:
    for i in itertools.count():
        os.close(os.open(f'{sys.argv[1]}/{i}', os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
except OSError as error:
    print(errno.errorcode[error.errno])
'''


@case(mount=False, masked='uring')
def a_name_does_not_wait_for_its_users_data():
    """The kernel holds the directory's lock for it, and others may use that directory."""
    with LoopDisk() as disk, \
            Mount(layout='shared', options=f'backing={disk.path},threshold=1M,ram=16M,'
                  'mode=1777') as mount:
        os.mkdir(f'{mount.path}/data', 0o777)
        os.chmod(f'{mount.path}/data', 0o777)
        writer = program(USER, WRITE_ALL, f'{mount.path}/data', 32)
        assert writer.stdout.readline() == 'open\n'
        subprocess.run(['fsfreeze', '-f', disk.mountpoint], check=True)
        try:
            writer.stdin.write('\n')
            writer.stdin.flush()
            wait_until(lambda: status(mount)['waiting_ram'] > 0, 'data wait')
            assert sum(user['waiting'] for user in status(mount)['users']) > 0
            maker = program(USER, MAKE_ALL, mount.path)
            assert maker.stdout.readline() == 'EDQUOT\n'
            end_well(maker)
            as_user(OTHER, put, f'{mount.path}/other', b'data')
            assert status(mount)['waiting_ram'] > 0
        finally:
            subprocess.run(['fsfreeze', '-u', disk.mountpoint], check=True)
        end_well(writer)


# What `spoolctl debug` says of a queue, and of a request in it.
QUEUE = re.compile(r'^queue (\w+): (\d+) wait\n((?:  unique .*\n)*)', re.M)
LINE = re.compile(r'  unique (\d+), opcode (\d+), nodeid \d+, uid (\d+), payer (\d+), (\d+) ms, '
                  r'attempts (\d+)\n')
WRITE, READ = 16, 15  # enum fuse_opcode


@case(mount=False)
def status_needs_no_thread_for_the_disk():
    """A disk that hangs may have taken all of them."""
    for options in transports():
        with LoopDisk() as disk, Mount(options=f'{options},backing={disk.path}') as mount:
            before, after = status(mount), status(mount)
            assert after['tier']['on'] and after['requests'] > before['requests'], after
            assert after['attempts'] == after['requests'], (before, after)


def dump(mount):
    return run(binary('SPOOLCTL'), 'debug', mount.path).stdout


def queues(text):
    """name: (how many wait, [(unique, opcode, uid, payer, age, attempts)])"""
    return {name: (int(n), [tuple(map(int, line)) for line in LINE.findall(lines)])
            for name, n, lines in QUEUE.findall(text)}


@case(mount=False)
def debug_tells_of_what_waits_for_ram_while_the_disk_hangs():
    n = 48
    for options in transports():
        with LoopDisk(size_mib=256) as disk, \
                Mount(options=f'{options},backing={disk.path},threshold=1M,ram=16M') as mount:
            writer = program(USER, WRITE_ALL, f'{mount.path}/{USER}', n)
            assert writer.stdout.readline() == 'open\n'
            subprocess.run(['fsfreeze', '-f', disk.mountpoint], check=True)
            try:
                writer.stdin.write('\n')
                writer.stdin.flush()
                wait_until(lambda m=mount: status(m)['waiting_ram'] >= n - 16, 'they wait')
                text = dump(mount)
            finally:
                subprocess.run(['fsfreeze', '-u', disk.mountpoint], check=True)
            end_well(writer)
        got, waiting = queues(text)['ram']
        assert got == len(waiting) >= n - 16, text
        assert all(line[1:4] == (WRITE, USER, USER) and line[5] > 0 for line in waiting), text
        assert list(queues(text)) == ['release', 'ram', 'disk', 'notify', 'spill'], text
        for part in ('worker: pid ', 'writeback: ', 'notifications: 0 in flight', 'orphans 0',
                     'caches: ', f'payer {USER}: size ', f', {got} wait\n', '  tid '):
            assert part in text, (part, text)
        assert ('ring 0: ' in text) == (options == 'transport=uring'), text


@case(mount=False, masked='uring')
def debug_in_pages_shows_each_request_once():
    n = 600
    with LoopDisk() as disk, \
            Mount(options=f'backing={disk.path},threshold=1M,ram=64M') as mount:
        path = f'{mount.path}/{USER}/f'
        as_user(USER, put, path, b''.join(i.to_bytes(8, 'little') * 512 for i in range(n)))
        wait_until(lambda: status(mount)['tier']['disk_used'] >= n * 4096, 'it spills')
        with SlowReads(disk, mount.worker):
            readers = program(USER, READ_ALL, min(os.sched_getaffinity(0)), path, n)
            assert readers.stdout.readline() == 'open\n'
            readers.stdin.write('\n')
            readers.stdin.flush()
            wait_until(lambda: status(mount)['waiting_disk'] > n / 2, 'they wait')
            text = dump(mount)
        end_well(readers)
        _, waiting = queues(text)['disk']
        assert len(text) > 16360 and len(waiting) > n / 4, (len(text), len(waiting))
        assert len({line[0] for line in waiting}) == len(waiting), 'one was shown twice'
        assert {line[1:4] for line in waiting} == {(READ, USER, USER)}
        assert queues(dump(mount))['disk'] == (0, [])
