"""A user holds a thread of the daemon in the kernel, where nothing ends it. The process stays as
long as he likes; the mount, and what was in it, do not. Nobody else waits for him."""
import contextlib
import os
import re
import signal
import subprocess

from held_directory import HeldDirectory
from memory import arenas, descriptors
from rig import (DEADLINE_S, Mount, alive, as_user, binary, case, children, get, is_mounted,
                 own_uids, put, run, wait_until)

SIZE = 32 << 20
# What those who are left say of it.
LOG = ['a thread waits in the kernel', 'the supervisor is gone', 'does not stop', 'does not die']


def memory(pid, *kinds):
    """In KiB, of a process whose first thread may have ended."""
    found = [0]
    for thread in os.listdir(f'/proc/{pid}/task'):
        try:
            with open(f'/proc/{pid}/task/{thread}/status', encoding='utf-8') as file:
                text = file.read()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended since
        found.append(sum(int(size) for kind, size in re.findall(r'(Rss\w+):\s+(\d+) kB', text)
                         if kind in kinds))
    return max(found)


def arena(pid):
    """In KiB, whether it is mapped or not."""
    return arenas([pid]) >> 10


def in_flight(mount):
    """What the kernel is told at this moment."""
    text = run(binary('SPOOLCTL'), 'debug', mount.path).stdout
    return int(re.search(r'(\d+) in flight', text).group(1))


class Held:
    """A mount, and a user who holds a thread of its worker, which tells the kernel of a name."""

    def __init__(self, options='backing=none'):
        self.mount = Mount(options=f'session=sid,{options}', allow_log=LOG).start()
        self.witness, = children(self.mount.worker)
        place = f'{self.mount.tmpdir()}/d'
        os.mkdir(place)
        put(f'{place}/f', bytes(SIZE))
        self.user = HeldDirectory(place)
        self.expire = subprocess.Popen([binary('SPOOLCTL'), 'expire', f'{place}/f'],
                                       stderr=subprocess.DEVNULL)
        wait_until(lambda: in_flight(self.mount) == 1, 'the kernel is told')
        assert arena(self.mount.worker) >= SIZE >> 10

    def files(self):
        """Those that the worker has open."""
        found = []
        for path in descriptors(self.mount.worker):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # closed meanwhile
                found.append(os.readlink(path))
        return found

    def is_gone(self, *kinds):
        """All of it, and all processes, but the thread."""
        mount = self.mount
        wait_until(lambda: not alive(self.witness), 'the witness ends')
        wait_until(lambda: memory(mount.worker, *kinds) + arena(mount.worker) < 256,
                   'the memory goes')
        wait_until(lambda: not is_mounted(mount.path), 'the mount goes')
        others = [pid for pid in mount.pids if pid != mount.worker]
        wait_until(lambda: not any(map(alive, others)), 'all other processes end')
        assert alive(mount.worker) and self.user.is_held()

    def end(self, status):
        self.user.release()
        self.mount.stop(status)
        self.expire.communicate()


@case(mount=False)
def the_end_is_in_order_though_a_thread_is_held():
    """The daemon ends as if nobody held it, and gives back the disk."""
    backing = f'{os.environ["SPOOL_CASE_DIR"]}/backing'
    os.mkdir(backing)
    held = Held(options=f'backing={backing},backing_any=on,threshold=none,reserve=0')
    put(f'{held.mount.tmpdir()}/spilled', bytes(SIZE))
    run(binary('SPOOLCTL'), 'spill', f'{held.mount.tmpdir()}/spilled')
    assert [file for file in held.files() if f'{backing}/' in file], held.files()
    try:
        held.mount.process.terminate()
        held.is_gone('RssShmem', 'RssAnon')
        assert held.mount.process.wait(DEADLINE_S) == 0
        assert not [file for file in held.files() if backing in file], held.files()
        assert held.user.is_held()
    finally:
        held.end(0)
    os.rmdir(backing)


@case(mount=False)
def all_goes_with_a_killed_worker_though_a_thread_is_held():
    """The kernel does not tell that it has died, as it has not ended."""
    held = Held()
    try:
        os.kill(held.mount.worker, signal.SIGKILL)
        held.is_gone('RssShmem', 'RssAnon')
        assert held.mount.process.wait(DEADLINE_S) == 1
        assert held.user.is_held()
    finally:
        held.end(1)


@case(mount=False)
def memory_goes_with_a_killed_daemon_though_a_thread_is_held():
    """The janitor is left, and takes it."""
    for also_worker in False, True:
        held = Held()
        try:
            if also_worker:
                os.kill(held.mount.worker, signal.SIGKILL)
            held.mount.process.kill()
            held.is_gone('RssShmem', 'RssAnon')
        finally:
            held.end(-signal.SIGKILL)


def kill_all(mount, witness):
    """At once, so that nobody is left to unmount."""
    pids = [*mount.pids, witness]
    for sent in signal.SIGSTOP, signal.SIGKILL:
        for pid in pids:
            os.kill(pid, sent)
    mount.process.wait(DEADLINE_S)
    wait_until(lambda: not any(alive(pid) for pid in pids if pid != mount.worker), 'they end')
    assert alive(mount.worker) and is_mounted(mount.path)


def shows_connections(pid):
    """Whether the kernel tells which connection a descriptor of that process belongs to."""
    path = f'/proc/{pid}/fdinfo'
    for fd in os.listdir(path):
        with contextlib.suppress(FileNotFoundError):  # it has closed that one since
            if b'fuse_connection' in get(f'{path}/{fd}'):
                return True
    return False


@case(mount=False)
def a_start_clears_what_a_held_thread_keeps():
    """Nobody answers there, and the kernel does not tell that, as the thread keeps the connection.
    What is served there afterwards is no longer that."""
    held = Held()
    mount = held.mount
    try:
        kill_all(mount, held.witness)
        asks = subprocess.Popen(['stat', '-f', mount.path], stderr=subprocess.DEVNULL)
        with Mount() as other:  # which is served
            told = shows_connections(other.pids[0])
            done = run(binary('SPOOLFS'), f'--unmount-dead={mount.path}', check=False)
            put(f'{other.tmpdir()}/f', b'x')
        line = 'unmounted what a daemon that was killed had left' if told else 'timed out'
        assert line in done.stderr and done.returncode == (0 if told else 1), done
        assert is_mounted(mount.path) is not told and held.user.is_held()
    finally:
        if is_mounted(mount.path):
            run('umount', '-f', '-l', mount.path)
        held.end(-signal.SIGKILL)
    assert asks.wait(DEADLINE_S) == 1  # over io_uring not before: the kernel tells him so late


@case()
def many_who_hold_threads_hold_nobody_else(mount):
    """More users than there are threads: what the kernel is to be told for another one is told."""
    *holders, other = own_uids(11)
    held, expire = [], []
    try:
        for uid in holders:
            place = f'{mount.tmpdir(uid)}/d'
            as_user(uid, os.mkdir, place)
            as_user(uid, put, f'{place}/f', b'')
            held.append(HeldDirectory(place))
            expire.append(subprocess.Popen([binary('SPOOLCTL'), 'expire', f'{place}/f']))
        wait_until(lambda: in_flight(mount) == len(holders), 'each holds a thread')
        path = f'{mount.tmpdir(other)}/f'
        as_user(other, put, path, b'')
        assert os.stat(path).st_size == 0
        run(binary('SPOOLCTL'), 'expire', path)
        wait_until(lambda: not os.path.exists(path), 'the kernel forgets the file')
        assert all(user.is_held() for user in held)
    finally:
        for user in held:
            user.release()
    for process in expire:
        assert process.wait(DEADLINE_S) == 0
