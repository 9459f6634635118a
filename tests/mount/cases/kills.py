"""kill -9 of each process of a mount, and of several at once, under load: nothing is left.

SPOOL_KILLS=300 in the environment kills that many times, instead of a few, in each of the ways.
"""
import errno
import itertools
import json
import os
import random
import signal
import subprocess
import time

from rig import (DEADLINE_S, GONE, Mount, Skip, alive, as_user, binary, case, children, gone,
                 is_mounted, run, wait_until)
from transport import counts, transports

KILLS = int(os.environ.get('SPOOL_KILLS', '3'))
WRITERS = 3
NOBODY = 65534
SEED = int(os.environ.get('SPOOL_SEED', '0')) or random.randrange(1 << 32)
LOG = ['the supervisor is gone', 'killed by signal 9', 'the worker does not stop']


def family(pid):
    """The process and all below it, but for those that end just now."""
    try:
        below = children(pid)
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [pid, *itertools.chain.from_iterable(family(child) for child in below)]


def write_until_it_is_gone(directory, uid):
    """In a process: makes and removes files until the mount is gone. Its pid, when it has begun."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        os.read(reader, 1)
        os.close(reader)
        return pid
    status = 1
    try:
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        os.chdir(directory)  # never in what is covered
        path = str(os.getpid())
        while True:
            fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
            os.write(fd, b'x' * 100_000)
            os.close(fd)
            os.unlink(path)
            if writer is not None:
                os.close(writer)
                writer = None
    except OSError as error:
        # EIO: killed while the kernel copied this request, or its answer, from or to the worker
        status = 0 if error.errno in (*GONE, errno.EIO) else error.errno
    finally:
        os._exit(status)


def ends(pid):
    """Whether a child of ours has ended, and in order."""
    got, status = os.waitpid(pid, os.WNOHANG)
    assert not got or status == 0, f'a writer ended with {os.strerror(status >> 8)}'
    return got == pid


class Victim:
    """A mount under load, with all its processes."""

    def __init__(self, rng, options, uid):
        self.mount = Mount(options=options, uid=uid, layout='single' if uid else 'private',
                           allow_log=LOG).start()
        self.supervisor, self.worker = self.mount.pids[:2]
        self.pids = family(self.supervisor)
        directory = self.mount.tmpdir()
        self.writers = [write_until_it_is_gone(directory, uid) for _ in range(WRITERS)]
        if uid:
            time.sleep(rng.random() / 20)  # a moment at random: root may not ask
        else:
            enough = rng.randrange(1, 300)
            wait_until(lambda: counts(self.mount).get('UNLINK', 0) > enough, 'writes')

    def nothing_is_left(self):
        """Waits for it. How long each part took, in seconds."""
        begin = time.monotonic()
        seconds = {}

        def done(part):
            seconds[part] = time.monotonic() - begin
        wait_until(lambda: not is_mounted(self.mount.path), 'no mount')
        done('mount')
        for writer in self.writers:
            wait_until(lambda w=writer: ends(w), 'no client')
        done('clients')
        self.mount.process.wait(DEADLINE_S)
        wait_until(lambda: not any(map(alive, self.pids)), 'no process')
        done('processes')
        self.mount.process.returncode = 0
        self.mount.stop()
        return seconds


def kill_all(rng, pids):
    pids = rng.sample(pids, len(pids))
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def kill(victims, uid=0):
    """Kills KILLS times on each transport what victims(victim) names."""
    print(f'SPOOL_SEED={SEED}')
    rng = random.Random(SEED)
    for options in transports():
        longest = {}
        for _ in range(KILLS):
            victim = Victim(rng, options, uid)
            kill_all(rng, victims(victim))
            for part, seconds in victim.nothing_is_left().items():
                longest[part] = max(longest.get(part, 0), seconds)
        print(f'{options}: {KILLS} kills; seconds until they had gone, at most:',
              ', '.join(f'{part} {seconds:.2f}' for part, seconds in longest.items()))


@case(mount=False)
def of_the_worker():
    kill(lambda victim: [victim.worker])


@case(mount=False)
def of_the_supervisor():
    kill(lambda victim: [victim.supervisor])


@case(mount=False)
def of_worker_and_supervisor():
    kill(lambda victim: [victim.worker, victim.supervisor])


def dies(mount):
    """All processes of it at once: nobody is left to unmount."""
    pids = family(mount.pids[0])
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)  # so that none of them acts when another one dies
    kill_all(random.Random(SEED), pids)
    mount.process.wait(DEADLINE_S)
    wait_until(lambda: not any(map(alive, pids)), 'no process')
    assert is_mounted(mount.path), 'the janitor was not killed'
    gone(as_user, mount.uid, os.listdir, mount.path)


def clears(path):
    """Unmounts what is dead. What it says."""
    done = run(binary('SPOOLFS'), f'--unmount-dead={path}')
    return done.stdout + done.stderr


@case(mount=False)
def of_all_processes_at_once():
    """Who mounts there again finds a dead mount, and unmounts it."""
    left = 'unmounted what a daemon that was killed had left'
    for uid in (0, NOBODY):
        if uid and not os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
            raise Skip('an ordinary user may not open /dev/fuse')
        mount = Mount(uid=uid, layout='single' if uid else 'private', allow_log=[left]).start()
        dies(mount)
        mount.start()
        assert as_user(uid, clears, mount.path) == '' and is_mounted(mount.path), 'it is served'
        dies(mount)
        assert left in as_user(uid, clears, mount.path)
        assert not is_mounted(mount.path) and as_user(uid, clears, mount.path) == ''
        mount.start()
        mount.stop()


@case(mount=False)
def of_what_an_ordinary_user_has_mounted():
    if not os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')
    kill(lambda victim: [victim.worker, victim.supervisor], uid=NOBODY)


def kill_run(rng, options):
    """One of them. How long it took until nothing was left, in seconds."""
    script = 'cd /; echo $TMPDIR; sh -c "while :; do echo x > $TMPDIR/f; rm -f $TMPDIR/f; ' \
        'done 2>/dev/null" & echo $!; wait'
    with subprocess.Popen([binary('SPOOLCTL'), 'run', '-o', options, 'sh', '-c', script],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            path = process.stdout.readline().strip()
            writer = int(process.stdout.readline())
            status = json.loads(run(binary('SPOOLCTL'), 'status', '--json', path).stdout)
            pids = family(process.pid)
            kill_all(rng, [process.pid, status['supervisor_pid'], status['worker_pid']])
        except BaseException:
            process.kill()
            raise
        begin = time.monotonic()
        outer = os.path.dirname(path)
        wait_until(lambda: not os.path.exists(outer) and not os.path.exists(f'{outer}-end'),
                   'no directory')
        assert not is_mounted(path) and not is_mounted(f'{outer}-end/t')
        os.kill(writer, signal.SIGKILL)
        wait_until(lambda: not any(map(alive, pids)), 'no process')
        return time.monotonic() - begin


@case(mount=False)
def of_run_and_its_daemon():
    """spoolctl run, supervisor and worker: the directory goes too, though a child of the command
    that nobody has killed goes on writing to it."""
    rng = random.Random(SEED)
    for options in transports():
        longest = max(kill_run(rng, options) for _ in range(KILLS))
        print(f'{options}: {KILLS} kills, gone after {longest:.2f} s at most')


@case(mount=False)
def of_the_janitor():
    """The supervisor starts another one, which does its duty."""
    mount = Mount(allow_log=[*LOG, 'the janitor has ended, starting another']).start()
    wait_until(lambda: time.monotonic() - began(mount.pids[0]) > 2, 'more than a second passes')
    os.kill(mount.pids[2], signal.SIGKILL)
    wait_until(lambda: set(children(mount.pids[0])) - set(mount.pids), 'there is another')
    mount.pids = family(mount.pids[0])
    kill_all(random.Random(SEED), mount.pids[:2])
    wait_until(lambda: not is_mounted(mount.path), 'no mount')
    mount.process.wait(DEADLINE_S)
    mount.process.returncode = 0
    mount.stop()


@case(mount=False)
def of_a_worker_whose_end_is_to_be_ignored():
    """A program that ignores the ends of its children hands that down to the daemon."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        mount = Mount(allow_log=LOG).start()
    finally:
        signal.signal(signal.SIGCHLD, before)
    os.kill(mount.worker, signal.SIGKILL)
    wait_until(lambda: not is_mounted(mount.path), 'no mount')
    mount.stop(1)


def began(pid):
    """When the process has begun, as time.monotonic()."""
    with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
        ticks = int(file.read().rsplit(')', 1)[1].split()[19])
    since_boot = ticks / os.sysconf('SC_CLK_TCK')
    return since_boot - time.clock_gettime(time.CLOCK_BOOTTIME) + time.monotonic()
