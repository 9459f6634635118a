#!/usr/bin/python3
"""What other users notice while very many sessions end at the same moment.

    many_ends.py [--sessions N] [--files N] [--rounds N] [-o OPTIONS]

N processes of one user, each a session with its files, end at once, while another user works:
creates, writes, reads, stats and unlinks files, one after the other. Prints how long each of his
operations takes: when nothing ends; on tmpfs while sessions end that had their files there (which
stay); on spoolfs meanwhile; and on spoolfs while sessions end that had their files there, until all
of these have gone. SPOOLFS is as for run.py.
"""
import argparse
import gc
import os
import pickle
import subprocess
import sys
import time
from array import array
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from placing import Placed, find_programs  # noqa: E402  (the path is set just above)
from rig import CaseDir, Mount, TmpfsMount, as_user, need, run  # noqa: E402

USER, OTHER = 61081, 61082
IDLE_S = 1
GONE_S = 60
SETTLE_S = 0.2


def work(place, until):
    """Operations until there is something to read. Pairs of when each began and how long it took,
    in ns."""
    times, now, data = array('q'), time.monotonic_ns, b'x' * 4096
    name, note = f'{place}/own', times.append
    gc.disable()

    def timed(function, *args):
        begin = now()
        result = function(*args)
        took = now() - begin
        note(begin)
        note(took)
        return result

    os.set_blocking(until, False)
    while True:
        fd = timed(os.open, name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        timed(os.write, fd, data)
        timed(os.close, fd)
        fd = timed(os.open, name, os.O_RDONLY)
        timed(os.read, fd, 4096)
        timed(os.close, fd)
        timed(os.stat, name)
        timed(os.unlink, name)
        try:
            os.read(until, 1)
            return times
        except BlockingIOError:
            pass


class Worker:
    """The other user, at work in a process of his own."""

    def __init__(self, place):
        self.until, self.stop = os.pipe()
        self.result, said = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self.stop)
                times = as_user(OTHER, work, place, self.until)
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
        self.other = mount.tmpdir(OTHER) if self.removes else mount.path
        os.stat(self.sessions)
        os.stat(self.other)

    def used(self):
        stat = os.statvfs(self.top)
        return stat.f_files - stat.f_ffree

    def wait_for_removal(self, before):
        until = time.monotonic() + GONE_S
        while self.removes and self.used() > before:
            if time.monotonic() > until:
                raise RuntimeError(f'not all had gone within {GONE_S} s')
            time.sleep(0.005)


def ends(at, place, args):
    """Has sessions end whose files are @at, while the other one works in @place. What he did
    meanwhile, and how long it took until they had ended, and until all had gone, in ns."""
    before = at.used()
    with subprocess.Popen([args.program, str(args.sessions), str(args.files)], cwd=at.sessions,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, user=USER,
                          group=USER, extra_groups=[]) as sessions:
        if sessions.stdout.readline() != 'ready\n':
            raise RuntimeError('the sessions could not be started')
        worker = Worker(place.other)
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


def idle(place):
    worker = Worker(place.other)
    time.sleep(IDLE_S)
    return tell(f'{place.name}, idle', worker.times())


def busy(at, place, args):
    times, exits, gone = ends(at, place, args)
    note = f', all gone {gone / 1e9:.2f} s' if at.removes else ''
    return tell(f'{place.name}, ends on {at.name}', times,
                f'; ended within {exits / 1e9:.2f} s{note}')


def tell(name, times, more=''):
    """Prints how long operations took. The p99 of them."""
    took = sorted(took for _, took in times)
    p50, p99, longest = (took[int((len(took) - 1) * part)] / 1000 for part in (0.5, 0.99, 1))
    print(f'{name:26} p50 {p50:5.0f}, p99 {p99:5.0f}, longest {longest:7.0f} us of '
          f'{len(took)} operations{more}', flush=True)
    return p99


def compare(args):
    with TmpfsMount(layout='shared') as ram, Mount(options=args.options) as mount:
        tmpfs, spoolfs = Place('tmpfs', ram), Place('spoolfs', mount)
        calm = idle(tmpfs), idle(spoolfs)
        on_tmpfs, beside = busy(tmpfs, tmpfs, args), busy(tmpfs, spoolfs, args)
        ours = busy(spoolfs, spoolfs, args)
    os.rmdir(ram.path)
    print(f'p99 of spoolfs by p99 of tmpfs: idle {calm[1] / calm[0]:.1f}, each with ends on itself '
          f'{ours / on_tmpfs:.1f}; of spoolfs with ends on itself by with ends on tmpfs '
          f'{ours / beside:.1f}', flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--sessions', type=int, default=10000)
    parser.add_argument('--files', type=int, default=10)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('-o', dest='options', default='session=sid')
    args = parser.parse_args()
    if missing := find_programs():
        print(f'{missing}: not there', file=sys.stderr)
        return 1
    need('gcc')
    os.umask(0o022)
    with Placed() as placed, CaseDir():
        os.environ.update(placed.environment)
        args.program = f'{os.environ["SPOOL_CASE_DIR"]}/many_sessions'
        run('gcc', '-O2', '-static', '-o', args.program, f'{HERE}/many_sessions.c')
        for _ in range(args.rounds):
            compare(args)
    return 0


if __name__ == '__main__':
    sys.exit(main())
