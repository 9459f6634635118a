"""The session of a uid is its payer's: his own processes and those of his subordinate uids, which
run in user namespaces here, are in it; those of others are not."""
import json
import os
import subprocess

from rig import LIBC, Mount, as_user, binary, case, own_subuids, own_uids, put, run, wait_until

CLONE_NEWUSER = 0x10000000
COUNT = 1000  # subordinate uids of each


class Owner:
    """A user with subordinate uids that nobody else has, and a user namespace with them: 0 is
    himself, 1 to COUNT are they. No process of his is in it."""

    def __init__(self, uid):
        self.uid = uid
        self.first = 2**20 + uid * COUNT
        self.line = f'{uid}:{self.first}:{COUNT}\n'
        ready, go = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            done = LIBC.unshare(CLONE_NEWUSER)
            os.write(ready[1], b'x')
            os.read(go[0], 1)
            os._exit(done != 0)
        os.read(ready[0], 1)
        for file in 'uid_map', 'gid_map':
            put(f'/proc/{pid}/{file}', f'0 {uid} 1\n1 {self.first} {COUNT}\n'.encode())
        self.namespace = os.open(f'/proc/{pid}/ns/user', os.O_RDONLY)
        os.write(go[1], b'x')
        assert os.waitpid(pid, 0)[1] == 0
        for fd in *ready, *go:
            os.close(fd)

    def enter(self, inside):
        """From here on this process is in the namespace, with that uid in it."""
        assert LIBC.setns(self.namespace, CLONE_NEWUSER) == 0
        os.setresgid(inside, inside, inside)
        os.setresuid(inside, inside, inside)

    def makes(self, mount, inside, name):
        """Has a process with that uid, which has ended when this returns, make a file. Its path."""
        path = f'{mount.tmpdir(self.first + inside - 1 if inside else self.uid)}/{name}'

        def make():
            self.enter(inside)
            put(path, b'data')

        as_user(0, make)
        return path

    def starts(self, inside):
        """A process with that uid, which lives until it is killed."""
        return subprocess.Popen(['sleep', '1000'], preexec_fn=lambda: self.enter(inside))


def owners():
    """Three, whom /etc/subuid gives what is theirs; the third one is there for witness()."""
    found = [Owner(uid) for uid in own_uids(3)]
    own_subuids(''.join(owner.line for owner in found))
    return found


def ended(process):
    process.kill()
    process.wait()


def goes(path):
    wait_until(lambda: not os.path.lexists(path), f'{path} goes')


def witness(mount, other):
    """Waits as long as it takes for what nobody is there for to go."""
    goes(other.makes(mount, 0, 'witness'))


def stays_for(mount, owner, other, maker, member):
    """What @maker has made stays as long as @member lives, and goes then."""
    process = owner.starts(member)
    path = owner.makes(mount, maker, 'kept')
    witness(mount, other)
    witness(mount, other)
    assert os.path.exists(path), (maker, member)
    ended(process)
    goes(path)


@case(mount=False)
def who_is_paid_for_keeps_the_files_of_his_owner():
    """Also the owner those of his subordinate uids, and these each other's."""
    alice, bob, other = owners()
    with Mount(options='session=uid,grace=0') as mount:
        for maker, member in (1, 0), (0, 1), (1, 2), (2, 1):
            stays_for(mount, alice, other, maker, member)
        lives = [bob.starts(0), bob.starts(1)]
        for maker in 0, 1:
            goes(alice.makes(mount, maker, 'gone'))
        for process in lives:
            ended(process)


@case(mount=False)
def who_is_given_to_somebody_counts_from_then_on():
    """Though nobody of the uids that /etc/subuid gives has made a request since."""
    alice, _, other = owners()
    put('/etc/subuid', other.line.encode())
    with Mount(options='session=uid,grace=0') as mount:
        shell, inside = alice.starts(0), alice.starts(1)
        path = alice.makes(mount, 0, 'kept')
        put('/etc/subuid', (other.line + alice.line).encode())
        ended(shell)
        witness(mount, other)
        witness(mount, other)
        assert os.path.exists(path)
        ended(inside)
        goes(path)


@case(mount=False)
def who_is_taken_away_keeps_what_he_has_made():
    """But nothing else of whom he was taken from."""
    alice, _, other = owners()
    for maker in 1, 2:
        put('/etc/subuid', (other.line + alice.line).encode())
        with Mount(options='session=uid,grace=0') as mount:
            shell, inside = alice.starts(0), alice.starts(1)
            path = alice.makes(mount, maker, 'kept')
            put('/etc/subuid', other.line.encode())
            ended(shell)
            witness(mount, other)
            witness(mount, other)
            if maker == 1:
                assert os.path.exists(path)
                ended(inside)
            goes(path)
            ended(inside)


@case(mount=False)
def the_owner_is_shown():
    alice, bob, _ = owners()

    def asked(*args):
        return json.loads(run(binary('SPOOLCTL'), *args).stdout)

    def refused(*args):
        return run(binary('SPOOLCTL'), *args, check=False)

    with Mount(options='session=uid') as mount:
        process = alice.starts(1)
        made = alice.makes(mount, 1, 'f'), alice.makes(mount, 2, 'f')
        [session] = asked('session', '--json', 'list', mount.path)
        assert (session['kind'], session['value'], session['uid'], session['files']) == \
            ('uid', alice.uid, alice.uid, 2), session
        for path in made:
            assert asked('why', '--json', path)[0]['session'] == session['id']
        [why] = asked('why', '--json', '--mount', os.path.dirname(made[0]), str(process.pid))
        assert (why['session'], why['kind'], why['value'], why['uid']) == \
            (session['id'], 'uid', alice.uid, alice.uid), why
        # the owner may ask about those whom he pays for; they not about him, and others not at all
        ask = 'why', '--json', '--mount', mount.path
        [why] = as_user(alice.uid, asked, *ask, str(process.pid))
        assert (why['session'], why['uid']) == (session['id'], alice.uid), why
        himself = alice.starts(0)
        for uid, pid in ((bob.uid, process.pid), (bob.first, process.pid),
                         (alice.first, himself.pid), (alice.uid, os.getpid())):
            done = as_user(uid, refused, *ask, str(pid))
            assert done.returncode == 1 and 'only root and its user' in done.stderr, (uid, done)
        ended(himself)
        ended(process)
