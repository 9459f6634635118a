"""pam_spoolfs.so in logins by ssh, through an sshd of the case's own."""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time

from logins import Syslog, machine, need_logins, stack
from rig import DEADLINE_S, Mount, alive, case, get, need, put, run, wait_until

PLACE = '/run/ssh'
CONFIG = f'''ListenAddress 127.0.0.1
HostKey {PLACE}/host
AuthorizedKeysFile {PLACE}/keys
PidFile none
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
'''
CLIENT = ('-F', 'none', '-i', f'{PLACE}/key', '-o', 'StrictHostKeyChecking=no',
          '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', 'BatchMode=yes')


class Sshd:
    """A server, and logins on it."""

    def __init__(self):
        need('sshd', 'ssh', 'ssh-keygen')
        os.mkdir(PLACE, 0o755)
        os.makedirs('/run/sshd', 0o755, exist_ok=True)
        for name in 'host', 'key':
            run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', f'{PLACE}/{name}')
        shutil.copy(f'{PLACE}/key.pub', f'{PLACE}/keys')
        put(f'{PLACE}/config', CONFIG.encode())

    def start(self):
        """On a port that nobody has."""
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [shutil.which('sshd'), '-D', '-e', '-f', f'{PLACE}/config', '-p', str(self.port)],
            stdin=subprocess.DEVNULL, stderr=open(f'{PLACE}/log', 'wb'))
        end = time.monotonic() + DEADLINE_S
        while b'Server listening' not in get(f'{PLACE}/log'):
            if self.process.poll() is not None:
                return False
            assert time.monotonic() < end, get(f'{PLACE}/log')
            time.sleep(0.01)
        return True

    def __enter__(self):
        while not self.start():
            assert b'Address already in use' in get(f'{PLACE}/log'), get(f'{PLACE}/log')
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(DEADLINE_S)

    def argv(self, user, command):
        return ['ssh', *CLIENT, '-p', str(self.port), f'{user}@127.0.0.1', command]

    def login(self, user, command):
        return run(*self.argv(user, command)).stdout


@contextlib.contextmanager
def served():
    """The mount, an sshd, and alice's uid."""
    alice, _ = machine()
    need_logins()
    with Sshd() as sshd, Mount(options='grace=1') as mount, Syslog() as log:
        stack(f'required mount={mount.path}')
        yield mount, sshd, alice
        assert not log.lines()


def comes_and_goes(sshd, user):
    """Logs in and out, and waits until what that has left has gone."""
    path = sshd.login(user, 'mktemp').strip()
    wait_until(lambda: not os.path.exists(path), 'its file goes')


def parent(pid):
    return int(get(f'/proc/{pid}/stat').rsplit(b')', 1)[1].split()[1])


@case(mount=False)
def files_go_with_a_login_by_ssh():
    with served() as (mount, sshd, alice):
        out = sshd.login('alice', 'echo "<$TMPDIR|$TMP|$TEMP>"; mktemp; cat /proc/self/sessionid')
        own = f'{mount.path}/{alice}'
        assert f'<{own}|{own}|{own}>' in out, out
        path, = re.findall(rf'^{own}/tmp\.\w+$', out, re.M)
        assert int(out.split()[-1]) != 0xffffffff, out  # the login has an audit session
        wait_until(lambda: not os.path.exists(path), 'its file goes')


@case(mount=False)
def files_stay_while_a_job_of_it_lives():
    """Under nohup, with the login over, and beside other logins of the same user."""
    with served() as (mount, sshd, alice):
        job, path = sshd.login('alice', 'f=$(mktemp); nohup sleep 1000 </dev/null >/dev/null 2>&1 &'
                                        ' echo "$! $f"').split()
        for user in 'bob', 'alice':
            comes_and_goes(sshd, user)
        assert os.path.exists(path) and alive(int(job))
        os.kill(int(job), signal.SIGKILL)
        wait_until(lambda: not os.listdir(f'{mount.path}/{alice}'), 'all goes')


@case(mount=False)
def the_end_is_found_when_the_monitor_is_killed():
    """Nobody closes the session then: not with a program of it, and not before that has ended."""
    with served() as (mount, sshd, alice):
        client = subprocess.Popen(
            sshd.argv('alice', 'f=$(mktemp); echo "$f $$ $PPID"; exec sleep 1000'),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        path, job, child = client.stdout.readline().split()
        monitor = parent(child)
        assert parent(monitor) == sshd.process.pid and b'priv' in get(f'/proc/{monitor}/cmdline')
        os.kill(monitor, signal.SIGKILL)
        client.kill()  # without its monitor sshd goes on until then
        client.wait()
        client.stdout.close()
        wait_until(lambda: not alive(int(child)), 'sshd ends')
        comes_and_goes(sshd, 'bob')
        assert os.path.exists(path) and alive(int(job))
        os.kill(int(job), signal.SIGKILL)
        wait_until(lambda: not os.listdir(f'{mount.path}/{alice}'), 'all goes')
