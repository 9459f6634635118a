#!/usr/bin/python3
"""Many sessions of random programs that come and go: nobody misses a file, and none is left.

    soak.py [--sessions N] [--seed N] [--at-once N] [--kinds KIND,...]

Each session is of a random kind, on a mount for that kind. Its members run random programs
(soak_programs.py) in random ways: they outlive the process that started them, and each other. As
long as one lives all files are looked at; when the last has ended all of them must go, and nobody
else's. The seed says what is run, not what meets what. SPOOLFS and SPOOLCTL are as for run.py.
"""
import argparse
import contextlib
import os
import random
import re
import select
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from placing import Placed, find_programs  # noqa: E402  (the path is set just above)
from rig import DEADLINE_S, CaseDir, Mount, as_user, binary, need, run, wait_until  # noqa: E402
from sessions import UNIFIED, can_log_in, has_cgroups, log_in  # noqa: E402
from soak_programs import ANY, CLOSE, CLOSE_MEMBER, MEMBER, NEEDED, there  # noqa: E402

KINDS = {  # of a session: its mount
    'login': 'session=login', 'cgroup': 'session=cgroup', 'uid': 'session=uid,grace=0',
    'sid': 'session=sid', 'close': 'session=sid,lifetime=close,linger=10',
    'mount': 'session=sid,lifetime=mount', 'explicit': 'session=auto'}
SETSID, FORKED, OTHER = 'setsid', 'fork', 'other'
WAYS = ['', '', 'nohup', FORKED, 'unshare -p -f', 'unshare -m -p -f --mount-proc', OTHER, SETSID]
USERS = 8  # of a mount
HOLD_S = 0.5  # how long a member stays at most when its program is done
END_S = 60  # for what takes a tenth of a second, on a machine with far too much to do
VISIT = 0.3  # how often a member works in the place of another session


def cgroup_of(number):
    return f'spool-soak-{os.getpid()}-{number}'


class Member:
    """What a session starts: as whom, in which way, and how long it stays."""

    def __init__(self, session, uid, chance, programs):
        ways = [way for way in WAYS if way not in session.no_ways]
        self.way = chance.choice(ways)
        self.uid = uid
        if self.way == OTHER:
            self.uid = chance.choice([other for other in session.users if other != uid])
        self.name = chance.choice(sorted(programs))
        self.program = programs[self.name]
        self.hold = chance.random() * HOLD_S
        self.visits = self.way != OTHER and chance.random() < VISIT

    def command(self, session, place, host):
        run = ['bash', '-euo', 'pipefail', '-c', session.member, self.name, str(session.number),
               host, place, self.program]
        if session.kind != 'uid':
            run = ['setpriv', f'--reuid={self.uid}', f'--regid={self.uid}', '--clear-groups', *run]
        if self.way not in ('', FORKED, OTHER):
            run = [*self.way.split(), *run]
        line = shlex.join(run)
        return f'( ( {line} & ) & )' if self.way == FORKED else f'{line} &'


class Session:
    """One, from its first process to its last file."""

    def __init__(self, soak, number, kind):
        chance = random.Random(f'{soak.seed}-{number}')
        self.number, self.kind, self.mount = number, kind, soak.mounts[kind]
        self.users = soak.users
        self.uid = soak.free[kind].pop() if kind == 'uid' else chance.choice(soak.users)
        self.no_ways = {'uid': [way for way in WAYS if way.startswith('unshare')] + [OTHER],
                        'login': [], 'cgroup': [], 'explicit': [OTHER]}.get(kind, [SETSID])
        self.member = CLOSE_MEMBER if kind == 'close' else MEMBER
        self.members = [Member(self, self.uid, chance, soak.programs[kind == 'close'])
                        for _ in range(chance.choice((1, 1, 2, 3)))]
        self.places = {uid: f'{self.mount.tmpdir(uid)}/{number}'
                       for uid in {self.uid, *(member.uid for member in self.members)}}
        self.hosts = []
        for member in self.members:
            host = soak.host(self, chance) if member.visits else None
            self.hosts.append(host or self.places[member.uid])
        self.cgroup = f'{UNIFIED[0]}/{cgroup_of(number)}' if kind == 'cgroup' else ''
        self.due, self.ready, self.done, self.text, self.ended = [], 0, 0, b'', None
        self.start()

    def become(self):
        """In the first process."""
        if self.kind == 'login':
            log_in()
        if self.cgroup:
            Path(self.cgroup, 'cgroup.procs').write_text('0', encoding='ascii')
        if self.kind == 'uid':
            os.setgroups([])
            os.setresgid(*[self.uid] * 3)
            os.setresuid(*[self.uid] * 3)

    def start(self):
        lines = []
        for uid, place in self.places.items():
            os.stat(os.path.dirname(place))
            lines.append(f'mkdir {place}' if self.kind == 'uid' else
                         f'setpriv --reuid={uid} --regid={uid} --clear-groups mkdir {place}')
        if self.kind == 'explicit':
            begin = f'{binary("SPOOLCTL")} session begin --uid {self.uid} --dir {place}'
            lines.append(f'echo ":soak-session $({begin})" >&"$SAY"')
        for member, host in zip(self.members, self.hosts):
            lines.append(member.command(self, self.places[member.uid], host))
        if self.cgroup:
            os.mkdir(self.cgroup)
        self.out, said = os.pipe()
        told, self.tell = os.pipe()
        self.process = subprocess.Popen(
            ['bash', '-euo', 'pipefail', '-c', '\n'.join(lines)],
            stdin=subprocess.DEVNULL, stdout=said, stderr=said, pass_fds=[told, said],
            preexec_fn=self.become, start_new_session=True, cwd='/',
            env={'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL': 'C.UTF-8',
                 'SAY': str(said), 'TOLD': str(told)})
        os.close(said)
        os.close(told)

    def hear(self):
        """What members say. Whether all have ended."""
        data = os.read(self.out, 1 << 16)
        self.text += data
        ready = self.text.count(b':soak-ready\n')
        for member in self.members[self.ready:ready]:
            self.due.append(time.monotonic() + member.hold)
        self.ready = ready
        return not data

    def check(self, right, what):
        assert right, f'session {self.number} ({self.kind} of {self.uid}): {what}\n' + \
            '\n'.join(f'{m.name} by {m.uid}, {m.way or "started"}' for m in self.members) + \
            '\n' + self.text.decode(errors='replace')

    def let_go(self, now):
        """One of those that wait whose time has come: all of the session is there until then."""
        for due in [due for due in self.due if due <= now]:
            for place in self.places.values():
                self.check(os.path.isdir(place), f'{place} has gone')
            self.due.remove(due)
            os.write(self.tell, b'\n')

    def end(self):
        """The last process has ended."""
        self.process.wait()
        os.close(self.out)
        os.close(self.tell)
        self.ended = time.monotonic()
        self.check(self.text.count(b':soak-done\n') == len(self.members), 'not all ended well')
        if self.kind == 'mount':
            self.remove()
        if self.kind == 'explicit':
            self.end_explicit()

    def end_explicit(self):
        """All has gone when the command returns, but the directory: it was there before."""
        number = re.search(rb':soak-session (\d+)', self.text)[1].decode()
        place, = self.places.values()
        self.check(len(os.listdir(place)) == len(self.members), 'not all is there')
        run(binary('SPOOLCTL'), 'session', 'end', number, self.mount.path)
        os.rmdir(place)

    def remove(self):
        """Where files go with the mount only, they are there yet, and removed by us."""
        left = [name for place in self.places.values() for name in os.listdir(place)]
        self.check(len(left) == len(self.members), f'{left} of {len(self.members)} are left')
        for place in self.places.values():
            shutil.rmtree(place)

    def is_gone(self):
        """Of itself all is. A place in which others work may stay until they end."""
        for place in {*self.places.values(), *self.hosts}:
            try:
                if any(name.startswith(f'{self.number}.') for name in os.listdir(place)):
                    return False
                if place in self.places.values() and not os.listdir(place):
                    return False
            except FileNotFoundError:
                continue
        if self.cgroup:
            os.rmdir(self.cgroup)
            self.cgroup = ''
        return True


class Soak:
    """The mounts, and the sessions on them."""

    def __init__(self, seed, kinds):
        base = 2000000000 + os.getpid() % 1000000 * 100  # users of nobody else's tests
        self.seed = seed
        self.users = list(range(base, base + USERS))
        self.free = {'uid': list(range(base + USERS, base + 2 * USERS))}
        self.programs = there(ANY), there(CLOSE)
        self.kinds = [kind for kind in kinds if self.is_possible(kind)]
        self.mounts, self.living, self.ending, self.took = {}, [], [], {}

    @staticmethod
    def is_possible(kind):
        try:
            there = {'login': lambda: as_user(0, can_log_in), 'cgroup': has_cgroups}
            return there.get(kind, lambda: True)()
        except OSError:
            return False

    def host(self, guest, chance):
        """The place of another session of the same user that lives, if there is one."""
        if guest.kind in ('mount', 'explicit'):
            return None
        hosts = [one for one in self.living if one.mount is guest.mount and one.uid == guest.uid]
        return chance.choice(hosts).places[guest.uid] if hosts else None

    def begin(self, number):
        kind = random.Random(f'{self.seed}/{number}').choice(self.kinds)
        if kind == 'uid':  # one session of each
            while not self.free['uid']:
                self.step()
        self.living.append(Session(self, number, kind))

    def step(self):
        """Waits for something to happen, a little."""
        readable, _, _ = select.select([one.out for one in self.living], [], [], 0.02)
        for one in [one for one in self.living if one.out in readable]:
            if one.hear():
                self.living.remove(one)
                one.end()
                self.ending.append(one)
        now = time.monotonic()
        for one in self.living:
            one.let_go(now)
        for one in list(self.ending):
            if one.is_gone():
                self.ending.remove(one)
                self.took.setdefault(one.kind, []).append(now - one.ended)
                if one.kind == 'uid':
                    self.free['uid'].append(one.uid)
            else:
                one.check(now < one.ended + END_S, f'not gone {END_S} s after its end')

    def stop(self):
        """Members that wait end when nobody can tell them any more."""
        for one in self.living:
            os.close(one.tell)
        end = time.monotonic() + DEADLINE_S
        while self.living and time.monotonic() < end:
            readable, _, _ = select.select([one.out for one in self.living], [], [], 0.1)
            self.living = [one for one in self.living if one.out not in readable or
                           not one.hear()]
        for cgroup in Path(UNIFIED[0]).glob(cgroup_of('*')) if UNIFIED else ():
            with contextlib.suppress(OSError):  # somebody may be in it yet
                cgroup.rmdir()

    def run(self, sessions, at_once, progress=0):
        with contextlib.ExitStack() as stack:
            for kind in self.kinds:
                self.mounts[kind] = stack.enter_context(Mount(options=KINDS[kind]))
            stack.callback(self.stop)
            for number in range(sessions):
                while len(self.living) >= at_once:
                    self.step()
                self.begin(number)
                if progress and number % progress == progress - 1:
                    print(f'# {number + 1} sessions', flush=True)
            while self.living or self.ending:
                self.step()
            for kind, mount in self.mounts.items():
                for uid in filter(str.isdigit, os.listdir(mount.path)):
                    wait_until(lambda top=f'{mount.path}/{uid}': not os.listdir(top),
                               f'all of {kind} goes')

    def told(self):
        """How long it took from the end of the last process until all was gone, in ms."""
        for kind, took in sorted(self.took.items()):
            took.sort()
            yield (f'{kind}: {len(took)} sessions, gone after {took[len(took) // 2] * 1000:.0f} ms '
                   f'(median), {took[len(took) * 99 // 100] * 1000:.0f} (p99), '
                   f'{took[-1] * 1000:.0f} (longest)')


def soak(sessions, seed=None, at_once=8, kinds=tuple(KINDS), progress=0):
    """Raises what is wrong; prints the seed first, and at the end what there was."""
    need(*NEEDED)
    if seed is None:
        seed = random.SystemRandom().randrange(1 << 32)
    print(f'# {sessions} sessions, seed {seed}', flush=True)
    one = Soak(seed, kinds)
    one.run(sessions, at_once, progress)
    for line in one.told():
        print('#', line)
    for kind in kinds:
        if kind not in one.kinds:
            print(f'# {kind}: not to be had here')
    return one


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--sessions', type=int, default=1000)
    parser.add_argument('--seed', type=int)
    parser.add_argument('--at-once', type=int, default=8)
    parser.add_argument('--kinds', default=','.join(KINDS))
    args = parser.parse_args()
    if wrong := set(args.kinds.split(',')) - set(KINDS):
        parser.error(f'{", ".join(wrong)}: no kind of session (allowed: {", ".join(KINDS)})')
    if missing := find_programs():
        print(f'{missing}: not there', file=sys.stderr)
        return 1
    os.umask(0o022)
    with Placed() as placed, CaseDir():
        os.environ.update(placed.environment)
        soak(args.sessions, args.seed, args.at_once, tuple(args.kinds.split(',')), 500)
    return 0


if __name__ == '__main__':
    sys.exit(main())
