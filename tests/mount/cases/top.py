"""spoolctl top: for scripts, and on a terminal, which it leaves as it was."""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import termios
import time

from rig import DEADLINE_S, Mount, as_user, binary, case, put, run, wait_until

ALICE, BOB = 61001, 61002


def top(*args, **kwargs):
    return run(binary('SPOOLCTL'), 'top', *args, **kwargs)


def use(mount):
    for uid, size in (ALICE, 100_000), (BOB, 300_000):
        as_user(uid, put, f'{mount.tmpdir(uid)}/f', b'x' * size)


@case(needs=['ioctl_dir'])
def samples_for_scripts(mount):
    use(mount)
    lines = top('--json', '--delay', '1', '-n', '2', mount.path).stdout.splitlines()
    first, second = map(json.loads, lines)
    assert [user['uid'] for user in first['users']][:2] == [BOB, ALICE]
    assert first['requests_per_s'] > 0 and second['uptime_ms'] >= first['uptime_ms'] + 1000
    assert {user['uid']: user['inodes_used'] for user in second['users']}[ALICE] == 2
    rates = {user['uid']: user['requests_per_s'] for user in first['users']}
    assert 0 < rates[ALICE] < first['requests_per_s'], first
    by_uid = json.loads(top('--json', '-n', '1', '--sort', 'uid', mount.path).stdout)
    uids = [user['uid'] for user in by_uid['users']]
    assert uids == sorted(uids) and {ALICE, BOB} <= set(uids)
    text = top('--batch', '-n', '2', '-d', '1', mount.path).stdout.split('\n\n')
    assert len(text) == 5 and text[0].startswith(f'mount    {mount.path}, up ')
    assert text[1].splitlines()[1].split()[0] == str(BOB), text


@case(mount=False)
def what_is_on_the_disk_and_in_sessions():
    disk = f'{os.environ["SPOOL_CASE_DIR"]}/disk'
    os.mkdir(disk)
    with Mount(options=f'backing={disk},backing_any=on,threshold=0,reserve=0') as mount:
        def shown():
            sample = json.loads(top('--json', '-n', '1', '--sort', 'disk', mount.path).stdout)
            users = {user['uid']: user for user in sample['users']}
            return sample, users[ALICE], users[BOB]

        use(mount)
        os.mkdir(f'{mount.tmpdir()}/d')
        run(binary('SPOOLCTL'), 'session', 'begin', '--dir', f'{mount.tmpdir()}/d')
        wait_until(lambda: [user['disk_used'] for user in shown()[1:]] == [102_400, 303_104],
                   'all is on the disk')
        sample, alice, bob = shown()
        assert sample['disk_used'] == alice['disk_used'] + bob['disk_used'], sample
        assert sample['users'][0]['uid'] == BOB, sample
        assert sample['sessions'] == 3 and alice['sessions'] == bob['sessions'] == 1, sample
        status = json.loads(run(binary('SPOOLCTL'), 'status', '--json', mount.path).stdout)
        assert {user['uid']: user['disk_used'] for user in status['users']}[BOB] == 303_104
    os.rmdir(disk)


@case(needs=['ioctl_dir'])
def everybody_sees_his_own(mount):
    use(mount)
    shown = json.loads(as_user(ALICE, lambda: top('--json', '-n', '1', mount.path).stdout))
    assert not shown['caller_admin'] and [user['uid'] for user in shown['users']] == [ALICE]
    assert shown['requests_per_s'] == shown['disk_used'] == shown['open_files'] == 0
    text = as_user(ALICE, lambda: top('--batch', '-n', '1', mount.path).stdout)
    assert str(BOB) not in text and str(ALICE) in text


@case(needs=['ioctl_dir'])
def what_cannot_be_asked_is_one_line(mount):
    for path in '/proc', '/nonexistent', f'{mount.path}/nothing':
        done = top('--batch', '-n', '1', path, check=False)
        assert done.returncode == 1 and done.stdout == '', done
        assert len(done.stderr.splitlines()) == 1, done
    done = top(mount.path, check=False)  # no terminal
    assert done.returncode == 2 and '--batch' in done.stderr, done


class Terminal:
    """A terminal with top on it."""

    def __init__(self, path, term='xterm', rows=12):
        self.text = b''
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            for number in signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM:
                signal.signal(number, signal.SIG_DFL)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', rows, 70, 0, 0))
            os.environ['TERM'] = term
            os.execv(binary('SPOOLCTL'), ['spoolctl', 'top', '-d', '1', path])

    def resize(self, rows, columns):
        """The kernel tells the program."""
        self.text = b''
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def read_until(self, wanted):
        """All that it writes up to @wanted; None: to the end."""
        end = time.monotonic() + DEADLINE_S
        while wanted is None or wanted not in self.text:
            assert time.monotonic() < end, self.text
            if not select.select([self.fd], [], [], DEADLINE_S)[0]:
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:  # EIO: nobody has the terminal any more
                data = b''
            if not data:
                assert wanted is None, self.text
                return
            self.text += data

    def end(self):
        """The exit status, or minus the signal."""
        self.read_until(None)
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return status


@case(needs=['ioctl_dir'])
def a_terminal_is_left_as_it_was(mount):
    use(mount)
    ends = {'a key': lambda terminal: os.write(terminal.fd, b'q'),
            'interrupt': lambda terminal: os.write(terminal.fd, b'\x03'),
            'quit': lambda terminal: os.write(terminal.fd, b'\x1c')}
    wanted = {'a key': 0, 'interrupt': -signal.SIGINT, 'quit': -signal.SIGQUIT}
    for number in signal.SIGTERM, signal.SIGHUP:
        ends[number] = lambda terminal, number=number: os.kill(terminal.pid, number)
        wanted[number] = -number
    for name, how in ends.items():
        terminal = Terminal(mount.path)
        terminal.read_until(str(BOB).encode())
        slave = os.open(os.readlink(f'/proc/{terminal.pid}/fd/0'), os.O_RDWR | os.O_NOCTTY)
        assert not termios.tcgetattr(slave)[3] & (termios.ICANON | termios.ECHO), name
        how(terminal)
        terminal.read_until(b'\x1b[?1049l')  # the screen that was there comes back
        status = os.waitstatus_to_exitcode(os.waitpid(terminal.pid, 0)[1])
        assert status == wanted[name], (name, status)
        assert termios.tcgetattr(slave)[3] & (termios.ICANON | termios.ECHO) == \
            termios.ICANON | termios.ECHO, name
        os.close(slave)
        os.close(terminal.fd)


@case(needs=['ioctl_dir'])
def keys_sort(mount):
    use(mount)
    as_user(ALICE, lambda: [put(f'{mount.tmpdir(ALICE)}/{i}') for i in range(5)])
    terminal = Terminal(mount.path)
    terminal.read_until(str(ALICE).encode())
    assert terminal.text.index(str(BOB).encode()) < terminal.text.index(str(ALICE).encode())
    terminal.text = b''
    os.write(terminal.fd, b'f')
    terminal.read_until(b'98K')  # ALICE's line has moved up: it is written again
    os.write(terminal.fd, b'q')
    assert terminal.end() == 0


@case(needs=['ioctl_dir'])
def a_small_or_unknown_terminal(mount):
    use(mount)
    terminal = Terminal(mount.path, rows=3)
    terminal.read_until(b'requests')
    os.write(terminal.fd, b'q')
    assert terminal.end() == 0
    terminal = Terminal(mount.path, term='no-such-terminal')
    assert terminal.end() == 1
    assert b'TERM names no terminal' in terminal.text, terminal.text


@case(needs=['ioctl_dir'])
def a_terminal_changes_its_size(mount):
    """From three lines to 24 of 80 columns, all of which are used, and back. Without colours."""
    use(mount)
    terminal = Terminal(mount.path, term='vt100', rows=3)
    terminal.read_until(b'requests')
    assert str(BOB).encode() not in terminal.text
    terminal.resize(24, 80)
    terminal.read_until(str(ALICE).encode())
    terminal.read_until(b'waiting\x1b')
    terminal.resize(7, 40)
    terminal.read_until(str(BOB).encode())
    assert str(ALICE).encode() not in terminal.text
    os.write(terminal.fd, b'q')
    assert terminal.end() == 0
