#!/usr/bin/python3
"""What other users notice while very many sessions end at the same moment.

    many_ends.py [--sessions N] [--files N] [--rounds N] [--apart] [-o OPTIONS]

N processes of one user, each a session with its files, end at once, while another user works:
creates, writes, reads, stats and unlinks files, one after the other. Prints how long each of his
operations takes: when nothing ends; while processes end that had their files on a tmpfs (where they
stay); and on spoolfs while sessions end that had their files there, until all of these have gone.

What a part of that costs whatever the filesystem does is shown by two others in the place of
spoolfs: null_fuse.c, a FUSE daemon that does nothing, and two processes that wake each other by
pipes, without a filesystem. SPOOLFS is as for run.py.
"""
import argparse
import gc
import os
import pickle
import signal
import statistics
import subprocess
import sys
import time
from array import array
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from placing import Placed, find_programs  # noqa: E402  (the path is set just above)
from rig import CaseDir, Mount, TmpfsMount, as_user, need, run, unmount  # noqa: E402

USER, OTHER = 61081, 61082
IDLE_S = 1
GONE_S = 60
SETTLE_S = 0.2
SERVES_NICE = -10  # as nice= of the daemon


class Times:
    """When each operation began and how long it took, in ns."""

    def __init__(self):
        self.all = array('q')

    def timed(self, function, *args):
        begin = time.monotonic_ns()
        result = function(*args)
        took = time.monotonic_ns() - begin
        self.all.append(begin)
        self.all.append(took)
        return result


def work_on_files(directory):
    """Returns what does all operations once."""
    name, data = f'{directory}/own', b'x' * 4096

    def once(timed):
        fd = timed(os.open, name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        timed(os.write, fd, data)
        timed(os.close, fd)
        fd = timed(os.open, name, os.O_RDONLY)
        timed(os.read, fd, 4096)
        timed(os.close, fd)
        timed(os.stat, name)
        timed(os.unlink, name)

    return once


def work_on_pipes(there, back):
    """The same for a round trip to a process that answers."""
    def trip():
        os.write(there, b'x')
        os.read(back, 1)

    return lambda timed: timed(trip)


def work(once, until, apart):
    """Works until there is something to read. What Times collects."""
    times = Times()
    if apart:
        os.setsid()
    gc.disable()
    os.set_blocking(until, False)
    while True:
        once(times.timed)
        try:
            os.read(until, 1)
            return times.all
        except BlockingIOError:
            pass


class Worker:
    """The other user, at work in a process of his own."""

    def __init__(self, once, apart):
        self.until, self.stop = os.pipe()
        self.result, said = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self.stop)
                times = as_user(OTHER, work, once, self.until, apart)
                with os.fdopen(said, 'wb') as out:
                    pickle.dump(times, out)
            finally:
                os._exit(0)
        os.close(said)
        os.close(self.until)

    def times(self):
        """Ends it."""
        os.close(self.stop)
        with os.fdopen(self.result, 'rb') as source:
            times = pickle.load(source)
        os.waitpid(self.pid, 0)
        return list(zip(times[::2], times[1::2]))


class Place:
    """Where the sessions have their files, and where the other one works."""

    def __init__(self, name, mount):
        self.name, self.top = name, mount.path
        self.removes = isinstance(mount, Mount)
        self.sessions = mount.tmpdir(USER) if self.removes else mount.path
        other = mount.tmpdir(OTHER) if self.removes else mount.path
        os.stat(self.sessions)
        os.stat(other)
        self.once = work_on_files(other)

    def used(self):
        stat = os.statvfs(self.top)
        return stat.f_files - stat.f_ffree

    def wait_for_removal(self, before):
        until = time.monotonic() + GONE_S
        while self.removes and self.used() > before:
            if time.monotonic() > until:
                raise RuntimeError(f'not all had gone within {GONE_S} s')
            time.sleep(0.005)


class NullFuse:
    """A mount of null_fuse.c, which serves at the priority of our daemon."""

    def __init__(self, program):
        self.path = f'{os.environ["SPOOL_CASE_DIR"]}/null'
        os.mkdir(self.path)
        self.program = program

    def __enter__(self):
        self.process = subprocess.Popen(
            ['nice', '-n', str(SERVES_NICE), self.program, self.path],
            stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != 'ready\n':
            raise RuntimeError('null_fuse does not mount')
        return self

    def __exit__(self, kind, value, trace):
        unmount(self.path)
        self.process.terminate()  # another mount namespace may have a copy of the mount
        self.process.communicate()
        os.rmdir(self.path)


class Echo:
    """A process that answers, in the place of a filesystem."""

    name = 'pipes'

    def __init__(self):
        self.far, self.there = os.pipe()
        self.back, answer = os.pipe()
        self.once = work_on_pipes(self.there, self.back)
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.there)
            os.nice(SERVES_NICE)
            while os.read(self.far, 1):
                os.write(answer, b'x')
            os._exit(0)
        os.close(self.far)
        os.close(answer)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.there)
        os.close(self.back)


def ends(at, place, args):
    """Has sessions end whose files are @at, while the other one works in @place. What he did
    meanwhile, and how long it took until they had ended, and until all had gone, in ns."""
    before = at.used()
    with subprocess.Popen([args.program, str(args.sessions), str(args.files)], cwd=at.sessions,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, user=USER,
                          group=USER, extra_groups=[]) as sessions:
        if sessions.stdout.readline() != 'ready\n':
            raise RuntimeError('the sessions could not be started')
        worker = Worker(place.once, args.apart)
        time.sleep(SETTLE_S)
        sessions.stdin.write('end\n')
        sessions.stdin.flush()
        begin, end = map(int, sessions.stdout.readline().split())
    at.wait_for_removal(before)
    gone = time.monotonic_ns()
    times = [one for one in worker.times() if begin <= one[0] < gone]
    if not at.removes:
        for name in os.listdir(at.sessions):
            os.unlink(f'{at.sessions}/{name}')
    return times, end - begin, gone - begin


def idle(place, args):
    worker = Worker(place.once, args.apart)
    time.sleep(IDLE_S)
    return tell(f'{place.name}, idle', worker.times())


def busy(at, place, args):
    times, exits, gone = ends(at, place, args)
    note = f', all gone {gone / 1e9:.2f} s' if at.removes else ''
    return tell(f'{place.name}, ends on {at.name}', times,
                f'; ended within {exits / 1e9:.2f} s{note}')


def tell(name, times, more=''):
    """Prints how long operations took. Their p99."""
    took = sorted(took for _, took in times)
    p50, p99, longest = (took[int((len(took) - 1) * part)] / 1000 for part in (0.5, 0.99, 1))
    print(f'{name:26} p50 {p50:5.0f}, p99 {p99:5.0f}, longest {longest:7.0f} us of '
          f'{len(took)} operations{more}', flush=True)
    return p99


def one_round(args):
    """The p99 of each kind of work, idle and with ends."""
    with TmpfsMount(layout='shared') as ram, Mount(options=args.options) as mount, \
            NullFuse(args.null) as null, Echo() as pipes:
        tmpfs, spoolfs = Place('tmpfs', ram), Place('spoolfs', mount)
        null_fuse = Place('null FUSE', null)
        all_places = tmpfs, spoolfs, null_fuse, pipes
        p99 = {f'{place.name}, idle': idle(place, args) for place in all_places}
        for place in all_places:
            p99[f'{place.name}, ends on tmpfs'] = busy(tmpfs, place, args)
        p99['spoolfs, ends on spoolfs'] = busy(spoolfs, spoolfs, args)
    os.rmdir(ram.path)
    return p99


# whose p99 by whose
RATIOS = (('spoolfs, idle', 'tmpfs, idle'),
          ('null FUSE, idle', 'tmpfs, idle'),
          ('pipes, idle', 'tmpfs, idle'),
          ('spoolfs, ends on spoolfs', 'tmpfs, ends on tmpfs'),
          ('null FUSE, ends on tmpfs', 'tmpfs, ends on tmpfs'),
          ('pipes, ends on tmpfs', 'tmpfs, ends on tmpfs'),
          ('spoolfs, ends on spoolfs', 'null FUSE, ends on tmpfs'),
          ('spoolfs, ends on spoolfs', 'spoolfs, ends on tmpfs'))


def summary(values):
    return f'{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})'


def tell_all(rounds):
    print(f'p99 in us, median (least to most) of {len(rounds)} rounds:')
    for name in rounds[0]:
        print(f'  {name:26} {summary([p99[name] for p99 in rounds])}')
    print('the same by each other, of each round:')
    for ours, theirs in RATIOS:
        ratios = [p99[ours] / p99[theirs] for p99 in rounds]
        print(f'  {ours} / {theirs}: {summary(ratios)}')


def build(args):
    """The programs in C."""
    need('gcc', 'pkg-config')
    args.program, args.null = (f'{os.environ["SPOOL_CASE_DIR"]}/{name}'
                               for name in ('many_sessions', 'null_fuse'))
    run('gcc', '-O2', '-static', '-o', args.program, f'{HERE}/many_sessions.c')
    fuse3 = run('pkg-config', '--cflags', '--libs', 'fuse3').stdout.split()
    run('gcc', '-O2', '-o', args.null, f'{HERE}/null_fuse.c', *fuse3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--sessions', type=int, default=10000)
    parser.add_argument('--files', type=int, default=10)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--apart', action='store_true',
                        help='the other user has a POSIX session of his own, as a login has, which '
                             'is a scheduling group of its own (autogroup, sched(7))')
    parser.add_argument('-o', dest='options', default='session=sid')
    args = parser.parse_args()
    if missing := find_programs():
        print(f'{missing}: not there', file=sys.stderr)
        return 1
    os.umask(0o022)
    with Placed() as placed, CaseDir():
        os.environ.update(placed.environment)
        build(args)
        tell_all([one_round(args) for _ in range(args.rounds)])
    return 0


if __name__ == '__main__':
    sys.exit(main())
