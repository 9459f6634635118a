"""pam_spoolfs.so in logins: su, runuser, login, sudo, and libpam itself for what they hide."""
import ctypes
import os
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import syslog
import threading
from pathlib import Path

from rig import (CLONE_NEWNS, LIBC, Mount, Skip, alive, as_user, case, get, is_mounted, need, put,
                 run, wait_until)

ALICE = BOB = None  # their uids, see machine()
SERVICES = ('su', 'su-l', 'runuser', 'runuser-l', 'login', 'sudo', 'spool-test')
STACK = '''auth sufficient pam_permit.so
account sufficient pam_permit.so
{loginuid}
{lines}
session optional pam_permit.so
'''
MODULE = '/run/pam_spoolfs.so'
TOP = Path(__file__).resolve().parents[3]
DEVICES = ('null', 'zero', 'full', 'random', 'urandom', 'tty', 'fuse')


def add_user(name, uid):
    """In the /etc of this case."""
    for path, line in (('passwd', f'{name}:x:{uid}:{uid}::/:/bin/sh\n'),
                       ('shadow', f'{name}:*:19000:0:99999:7:::\n'),
                       ('group', f'{name}:x:{uid}:\n')):
        with open(f'/etc/{path}', 'a', encoding='utf-8') as file:
            file.write(line)


def own_dev():
    """With room for a /dev/log."""
    os.mkdir('/run/dev')
    run('mount', '-t', 'tmpfs', 'tmpfs', '/run/dev')
    for name in DEVICES:
        put(f'/run/dev/{name}')
        run('mount', '--bind', f'/dev/{name}', f'/run/dev/{name}')
    os.mkdir('/run/dev/pts')
    run('mount', '--bind', '/dev/pts', '/run/dev/pts')
    os.symlink('pts/ptmx', '/run/dev/ptmx')
    run('mount', '--rbind', '/run/dev', '/dev')


def machine():
    """From here on /etc, /dev, /run and /var/log of this case are its own, and so is what it mounts
    and lays into /tmp; its mounts lie below /run. So are its users: the last process of a user is
    the last on the whole machine, and other cases run beside."""
    global ALICE, BOB
    need('pamtester', 'login', 'script')
    module = os.environ['PAM_SPOOLFS']
    if not os.path.exists(module):
        raise Skip('pam_spoolfs.so cannot be loaded')
    module = get(module)
    if LIBC.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), 'unshare')
    run('mount', '--make-rprivate', '/')
    run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run')
    run('cp', '-a', '/etc', '/run/etc')
    run('mount', '--bind', '/run/etc', '/etc')
    run('mount', '-t', 'tmpfs', 'tmpfs', '/var/log')
    own_dev()
    put(MODULE, module)
    os.mkdir('/run/case')
    os.environ['SPOOL_CASE_DIR'] = '/run/case'
    ALICE = 200000 + 2 * os.getpid()
    BOB = ALICE + 1
    add_user('alice', ALICE)
    add_user('bob', BOB)


def stack(line, services=SERVICES):
    """@line: "required cover=/tmp": what stands behind session, but the module."""
    control, _, arguments = line.partition(' ')
    for service in services:
        text = STACK.format(
            lines=f'session {control} {MODULE} {arguments}' if line else '',
            loginuid='session required pam_loginuid.so' if service == 'login' else '')
        put(f'/etc/pam.d/{service}', text.encode())


class Syslog:
    """Takes the place of syslogd in this case."""

    def __enter__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind('/dev/log')
        self.socket.setblocking(False)
        self.found, self.lock = [], threading.Lock()
        # who logs waits when ten lines are unread
        self.thread = threading.Thread(target=self.read_on, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.socket.sendto(b'', '/dev/log')  # which ends the thread
        self.thread.join()
        self.socket.close()

    def read(self):
        """Returns whether there will be more."""
        with self.lock:
            while True:
                try:
                    line = self.socket.recv(4096).decode()
                except BlockingIOError:
                    return True
                if not line:
                    return False
                if match := re.search(r'pam_spoolfs\([^)]*\): (.*)', line):
                    self.found.append(match[1])

    def read_on(self):
        while select.select([self.socket], [], []) and self.read():
            pass

    def lines(self):
        """Those of the module since the last call, without what is in front."""
        self.read()
        found, self.found = self.found, []
        return found


class Conversation(ctypes.Structure):
    """struct pam_conv(3), that never says anything."""
    _fields_ = [('function', ctypes.CFUNCTYPE(ctypes.c_int)), ('data', ctypes.c_void_p)]


class Pam:
    """An application of libpam: this process."""
    SUCCESS, SERVICE_ERR, USER_UNKNOWN, SESSION_ERR = 0, 3, 10, 14  # <security/_pam_types.h>

    def __init__(self, user):
        self.libpam = ctypes.CDLL('libpam.so.0')
        self.libpam.pam_getenv.restype = ctypes.c_char_p
        self.conversation = Conversation()
        self.handle = ctypes.c_void_p()
        assert self.libpam.pam_start(b'spool-test', user.encode(),
                                     ctypes.byref(self.conversation),
                                     ctypes.byref(self.handle)) == 0

    def open(self):
        return self.libpam.pam_open_session(self.handle, 0)

    def close(self):
        return self.libpam.pam_close_session(self.handle, 0)

    def end(self):
        self.libpam.pam_end(self.handle, 0)

    def getenv(self, name):
        return (self.libpam.pam_getenv(self.handle, name.encode()) or b'').decode()


def logins(user):
    """What logs in as @user and runs a command: functions of it."""
    yield lambda command: run('su', '-', user, '-c', command, check=False)
    yield lambda command: run('su', user, '-c', command, check=False)
    yield lambda command: run('runuser', '-l', user, '-c', command, check=False)
    yield lambda command: run('script', '-qec', f'login -f {user}', '/dev/null', check=False,
                              input=f'{command}; exit $?\n')


def need_logins():
    """That pam_loginuid gives a login an audit session."""
    def can_log_in():
        put('/proc/self/loginuid', b'0')
        return get('/proc/self/sessionid')

    try:
        if int(as_user(0, can_log_in)) != 0xffffffff:
            return
    except OSError:
        pass
    raise Skip('no audit sessions here')


def leave_behind(login, place):
    """Logs in and out, and leaves a process and its file. Their id and path."""
    login('f=$(mktemp); setsid sh -c "echo \\$\\$ >$f; exec sleep 1000" </dev/null >/dev/null '
          '2>&1 & while ! [ -s $f ]; do sleep 0.01; done')
    path, = (f'{place}/{name}' for name in os.listdir(place))
    return int(get(path)), path


def made_by(login):
    """What it makes in its TMPDIR, by its path."""
    return re.findall('<(/.*)>', login('echo "<$(mktemp)>"').stdout)[-1]


def outlives_bob(path):
    """Bob comes and goes, and what he has made with him; this stays."""
    other = made_by(lambda command: run('su', '-', 'bob', '-c', command))
    wait_until(lambda: not os.path.exists(other), "bob's file goes")
    assert os.path.exists(path)


@case(mount=False)
def files_go_with_the_login_that_made_them():
    """su has no audit session: there it is the last process of the user that counts."""
    machine()
    need_logins()
    with Mount(options='grace=1') as mount, Syslog() as log:
        stack(f'required mount={mount.path}')
        for login in logins('alice'):
            path = made_by(login)
            assert path.startswith(f'{mount.path}/{ALICE}/'), path
            wait_until(lambda: not os.path.exists(path), 'its file goes')
        assert not log.lines()


@case(mount=False)
def files_stay_while_a_job_of_the_login_lives():
    """Also when the login is killed, so that nobody closes its session."""
    machine()
    need_logins()
    with Mount(options='grace=1') as mount:
        stack(f'required mount={mount.path}')
        place = f'{mount.path}/{ALICE}'
        for login in logins('alice'):
            job, path = leave_behind(login, place)
            outlives_bob(path)
            os.kill(job, signal.SIGKILL)
            wait_until(lambda: not os.listdir(place), 'all goes')
        killed = subprocess.Popen(['su', '-', 'alice', '-c',
                                   f'mktemp; echo $$ >{place}/pid; exec sleep 1000'],
                                  stdout=subprocess.PIPE, text=True)
        path = killed.stdout.readline().strip()
        wait_until(lambda: os.path.exists(f'{place}/pid') and get(f'{place}/pid'), 'it runs')
        job = int(get(f'{place}/pid'))
        killed.kill()
        killed.wait()
        killed.stdout.close()
        outlives_bob(path)
        os.kill(job, signal.SIGKILL)
        wait_until(lambda: not os.listdir(place), 'all goes')


@case(mount=False)
def debian_has_a_profile_for_it():
    machine()
    need('pam-auth-update')
    profiles = '/usr/share/pam-configs'
    run('cp', '-a', profiles, '/run/profiles')
    shutil.copy(f'{TOP}/packaging/pam/spoolfs', '/run/profiles')
    run('mount', '--bind', '/run/profiles', profiles)
    run('cp', '-a', '/var/lib/pam', '/run/state')
    run('mount', '--bind', '/run/state', '/var/lib/pam')
    before = get('/etc/pam.d/common-session')
    run('pam-auth-update', '--package')
    assert get('/etc/pam.d/common-session') == before  # not without being asked for
    run('pam-auth-update', '--enable', 'spoolfs')
    for name in ('common-session', 'common-session-noninteractive'):
        lines = re.findall('^session.*spoolfs.*', get(f'/etc/pam.d/{name}').decode(), re.M)
        assert [line.split() for line in lines] == \
            ['session optional pam_spoolfs.so optional'.split()], lines
    run('pam-auth-update', '--remove', 'spoolfs')
    assert b'spoolfs' not in get('/etc/pam.d/common-session')


def place(path):
    attr = os.stat(path)
    return attr.st_dev, attr.st_ino


@case(mount=False)
def variables_name_the_users_directory():
    machine()
    with Mount() as mount, Syslog() as log:
        stack(f'required mount={mount.path}')
        for user, uid in (('alice', ALICE), ('bob', BOB), ('root', 0)):
            own = f'{mount.path}/{uid}'
            for login in logins(user):
                out = login('echo "<$TMPDIR|$TMP|$TEMP>"; f=$(mktemp); echo "<$f>"; rm $f').stdout
                assert f'<{own}|{own}|{own}>' in out, out
                assert re.search(rf'<{own}/tmp\.\w+>', out), out
            attr = os.stat(own)
            assert attr.st_uid == uid and stat.S_IMODE(attr.st_mode) == 0o700, attr
        run('pamtester', 'spool-test', 'alice', 'open_session', 'close_session')
        assert not log.lines()


@case(mount=False)
def without_pam_self_is_right_after_sudo():
    machine()
    need('sudo')
    put('/etc/sudoers', b'Defaults env_file=/etc/environment\nalice ALL=(ALL) NOPASSWD: ALL\n',
        0o440)
    with Mount(options='lifetime=mount') as mount:
        stack('')
        os.environ['TMPDIR'] = f'{mount.path}/self'
        put('/etc/environment', f'TMPDIR={mount.path}/self\n'.encode())
        script = 'echo "<$(realpath $TMPDIR)>"; mktemp >/dev/null'
        for user, uid in (('alice', ALICE), ('bob', BOB)):
            assert f'<{mount.path}/{uid}>' in run('su', user, '-c', script).stdout
        out = run('su', 'alice', '-c', f"sudo sh -c '{script}'").stdout
        assert f'<{mount.path}/0>' in out, out
        assert [len(os.listdir(f'{mount.path}/{uid}')) for uid in (ALICE, BOB, 0)] == [1, 1, 1]
        # with it in sudo's own stack, root is told where his own is
        del os.environ['TMPDIR']
        put('/etc/environment')
        stack(f'required mount={mount.path}')
        out = run('su', 'alice', '-c', "sudo sh -c 'echo \"<$TMPDIR>\"'").stdout
        assert f'<{mount.path}/0>' in out, out


def one_line(log, reason):
    lines = log.lines()
    assert len(lines) == 1 and reason in lines[0], lines


@case(mount=False)
def without_the_system_mount_a_login_is_as_configured():
    machine()
    with Syslog() as log:
        stack('required cover=/tmp')
        for login in logins('alice'):
            done = login('echo "<$((1 + 1))in>"')
            assert done.returncode != 0 and '<2in>' not in done.stdout, done
            one_line(log, '/run/spoolfs: nothing is mounted there')
        for line in ('required cover=/tmp optional', 'optional cover=/tmp'):
            stack(line)
            for login in logins('alice'):
                out = login('echo "<$((1 + 1))in$TMPDIR$TMP$TEMP>"').stdout
                assert '<2in>' in out, out
                one_line(log, '/run/spoolfs: nothing is mounted there')


@case(mount=False)
def another_filesystem_is_not_the_system_mount():
    machine()
    for name in ('tmpfs', 'part'):
        os.mkdir(f'/run/{name}')
    run('mount', '-t', 'tmpfs', 'tmpfs', '/run/tmpfs')
    with Mount() as mount, Mount(layout='shared') as shared, Syslog() as log:
        os.mkdir(f'{mount.path}/0/part')
        run('mount', '--bind', f'{mount.path}/0/part', '/run/part')
        os.symlink(mount.path, '/run/link')
        for path, reason in (('/run/missing', 'nothing is mounted there'),
                             ('/run/tmpfs', 'another filesystem is mounted there'),
                             ('/run/part', 'only a part of a spoolfs'),
                             ('/run/link', 'nothing is mounted there'),
                             (shared.path, 'not layout=private')):
            for option, result in (('required', Pam.SESSION_ERR), ('optional', Pam.SUCCESS)):
                stack(f'required mount={path} {option}')
                pam = Pam('alice')
                assert pam.open() == result
                assert not pam.getenv('TMPDIR')
                pam.end()
                one_line(log, f'{path}: {reason}')
        run('umount', '/run/part')
        os.rmdir(f'{mount.path}/0/part')


@case(mount=False)
def wrong_options_are_refused():
    machine()
    with Mount() as mount, Syslog() as log:
        for options, reason in (('covers=/tmp', 'covers=/tmp: no option (allowed: '),
                                ('optional quiet', 'quiet: no option (allowed: '),
                                ('mount=run', 'mount=run: not a path (allowed: '),
                                (f'mount={mount.path} cover=/run', '/run: cover= and mount= lie')):
            stack(f'required {options}')
            pam = Pam('alice')
            assert pam.open() == Pam.SERVICE_ERR and pam.close() == Pam.SERVICE_ERR
            assert not pam.getenv('TMPDIR')
            pam.end()
            lines = log.lines()
            assert len(lines) == 2 and all(reason in line for line in lines), lines


@case(mount=False)
def applications_are_left_as_they_were():
    """A session that is opened and closed again, or fails, leaves neither a descriptor nor a child,
    and the process where it was."""
    machine()
    with Mount() as mount, Syslog() as log:
        def state():
            return os.stat('/proc/self/ns/mnt').st_ino, place('/'), len(os.listdir('/proc/self/fd'))
        syslog.syslog('its socket stays open')
        Pam('alice').end()
        before = state()
        for options in ('', 'cover=/tmp,/var/tmp', 'cover=/run/missing', 'optional cover=/missing'):
            stack(f'required mount={mount.path} {options}')
            pam = Pam('alice')
            works = 'missing' not in options
            for _ in range(2):
                os.chdir('/usr')
                assert pam.open() == (Pam.SUCCESS if works or 'optional' in options
                                      else Pam.SESSION_ERR)
                assert pam.getenv('TMPDIR') == (f'{mount.path}/{ALICE}' if works else '')
                assert os.getcwd() == '/usr'
                inside = os.stat('/proc/self/ns/mnt').st_ino != before[0]
                assert inside == options.startswith('cover=/tmp')
                assert pam.open() == (Pam.SUCCESS if works or 'optional' in options
                                      else Pam.SESSION_ERR)  # as with two lines of it
                assert (pam.close() == Pam.SUCCESS) == (works or 'optional' in options)
                assert state()[:2] == before[:2]
            pam.end()
            assert state() == before, (options, state(), before)
            assert not os.path.exists(f'/proc/self/task/{os.getpid()}/children') or \
                get(f'/proc/self/task/{os.getpid()}/children').split() == \
                [str(mount.process.pid).encode()]
        os.chdir('/')
        lines = log.lines()
        assert len(lines) == 8 and all('cannot be opened' in line for line in lines), lines
        pam = Pam('nobody-at-all')
        assert pam.open() == Pam.SUCCESS  # it is optional
        stack(f'required mount={mount.path}')
        pam.end()
        pam = Pam('nobody-at-all')
        assert pam.open() == Pam.USER_UNKNOWN
        pam.end()
        assert log.lines() == ['nobody-at-all: no such user'] * 2


def own_tmp():
    """What covered directories hold on the machine is this case's, too, from here on. The programs
    of the build may lie there."""
    for path in ('/tmp', '/var/tmp'):
        os.makedirs(f'/run/machine{path}')
        run('mount', '--bind', f'/run/machine{path}', path)
        os.chmod(path, 0o1777)
        put(f'{path}/marker')
    for name, owner in (('.X11-unix', 0), ('.ICE-unix', BOB)):
        os.mkdir(f'/tmp/{name}')
        os.chown(f'/tmp/{name}', owner, owner)
        put(f'/tmp/{name}/socket')


@case(mount=False)
def covered_places_are_the_users_own():
    machine()
    with Mount(options='lifetime=mount') as mount, Syslog() as log:
        own_tmp()
        stack(f'required mount={mount.path} cover=/tmp,/var/tmp')
        for user, uid in (('alice', ALICE), ('bob', BOB), ('root', 0)):
            for number, login in enumerate(logins(user)):
                name = f'{user}{number}'
                login(f'touch /tmp/{name} /var/tmp/v{name}; ls -A /tmp /var/tmp >/tmp/list; '
                      f'ls /tmp/.X11-unix >/tmp/x; echo $TMPDIR >/tmp/where; pwd >/tmp/here')
                own = f'{mount.path}/{uid}'
                assert os.path.exists(f'{own}/{name}') and os.path.exists(f'{own}/v{name}')
                assert not os.path.exists(f'/tmp/{name}')
                assert b'marker' not in get(f'{own}/list')
                assert get(f'{own}/x') == b'socket\n'
                assert get(f'{own}/where') == f'{own}\n'.encode()
            # that of no root could be anybody's
            assert not os.path.exists(f'{mount.path}/{uid}/.ICE-unix')
            assert os.stat(f'{mount.path}/{uid}/.X11-unix').st_uid == uid
            assert not os.listdir(f'{mount.path}/{uid}/.X11-unix')
        assert not log.lines()
        assert not set(os.listdir(f'{mount.path}/{ALICE}')) & {'bob0', 'root0'}
        assert sorted(os.listdir('/tmp')) == ['.ICE-unix', '.X11-unix', 'marker']
        assert os.listdir('/var/tmp') == ['marker']
        assert not any(is_mounted(f'{path}/.X11-unix') for path in ('/tmp', mount.path))


@case(mount=False)
def logins_within_a_covered_login_are_covered_by_their_own():
    """By su with its set-user-ID bit, as alice runs it."""
    machine()
    need('su', 'sudo')
    put('/etc/sudoers', b'alice ALL=(ALL) NOPASSWD: ALL\n', 0o440)
    with Mount(options='lifetime=mount') as mount, Syslog() as log:
        own_tmp()
        stack(f'required mount={mount.path} cover=/tmp')
        inner = 'touch /tmp/inner; ls -A /tmp; ls /tmp/.X11-unix; env | grep ^TMPDIR='
        for command, uid in ((f'su bob -c "{inner}"', BOB), (f"sudo sh -c '{inner}'", 0)):
            script = f'touch /tmp/outer; {command}; rm /tmp/outer; ls -A /tmp >/tmp/list'
            lines = run('su', 'alice', '-c', script).stdout.split()
            assert lines == ['.X11-unix', 'inner', 'socket', f'TMPDIR={mount.path}/{uid}'], lines
            assert get(f'{mount.path}/{ALICE}/list').split() == [b'.X11-unix', b'list']
            os.unlink(f'{mount.path}/{uid}/inner')
            os.unlink(f'{mount.path}/{ALICE}/list')
        assert not log.lines()


@case(mount=False)
def users_cannot_turn_a_cover_aside():
    """Whatever a user has laid where sockets are to be reached, nothing of root's is changed."""
    machine()
    os.mkdir('/run/target')
    with Mount() as mount, Syslog() as log:
        own_tmp()
        stack(f'required mount={mount.path} cover=/tmp')
        own = f'{mount.path}/{ALICE}'
        for lay in (lambda path: os.symlink('/run/target', path), put):
            lay(f'{own}/.X11-unix')
            out = run('su', '-', 'alice', '-c', 'echo in; ls -A /tmp').stdout
            assert 'in' in out and 'marker' not in out
            assert log.lines() == ['the sockets of X cannot be reached']
            assert not os.listdir('/run/target')
            os.unlink(f'{own}/.X11-unix')
        os.chdir('/tmp')
        out = run('su', 'alice', '-c', 'echo "<$(pwd -P)>"').stdout
        os.chdir('/')
        assert '</>' in out, out


@case(mount=False)
def directories_for_sockets_stay():
    """Or they would go from below other logins of the user."""
    machine()
    with Mount(options='grace=1') as mount:
        own_tmp()
        stack(f'required mount={mount.path} cover=/tmp')
        run('su', '-', 'alice', '-c', 'touch /tmp/f')
        wait_until(lambda: os.listdir(f'{mount.path}/{ALICE}') == ['.X11-unix'], 'the file goes')
        assert os.getxattr(f'{mount.path}/{ALICE}/.X11-unix', 'user.spoolfs.lifetime') == b'mount'


@case(mount=False)
def links_are_covered_with_what_they_lead_to():
    machine()
    for name in ('tmp', 'vartmp'):
        os.mkdir(f'/run/{name}')
    os.symlink('/run/tmp', '/run/link')
    os.symlink('/run/vartmp', '/run/away')
    with Mount() as mount, Syslog() as log:
        stack(f'required mount={mount.path} cover=/run/tmp,/run/link')
        assert 'in' in run('su', '-', 'alice', '-c', 'touch /run/link/f && ls /run/tmp/f && '
                                                     'echo in').stdout
        os.unlink(f'{mount.path}/{ALICE}/f')
        assert not log.lines()
        stack(f'required mount={mount.path} cover=/run/tmp,/run/away')
        assert run('su', '-', 'alice', '-c', 'true', check=False).returncode != 0
        assert 'Too many levels of symbolic links' in log.lines()[0]


@case(mount=False)
def mounts_arrive_in_a_covered_login_and_none_leaves():
    machine()
    for name in ('later', 'inside'):
        os.mkdir(f'/run/{name}')
    run('mount', '--make-rshared', '/')
    with Mount() as mount:
        own_tmp()
        stack(f'required mount={mount.path} cover=/tmp')
        pam = Pam('alice')
        helper = os.open('/proc/self/ns/mnt', os.O_RDONLY)
        assert pam.open() == Pam.SUCCESS
        run('nsenter', f'--mount=/proc/{os.getpid()}/fd/{helper}', 'mount', '-t', 'tmpfs', 'tmpfs',
            '/run/later')
        assert is_mounted('/run/later')
        run('mount', '-t', 'tmpfs', 'tmpfs', '/run/inside')
        assert pam.close() == Pam.SUCCESS
        assert is_mounted('/run/later')
        assert not is_mounted('/run/inside') and not is_mounted('/tmp/.X11-unix')
        pam.end()
        os.close(helper)
        os.chdir('/')


@case(mount=False)
def a_daemon_that_hangs_does_not_hang_the_login():
    machine()
    with Mount() as mount, Syslog() as log:
        for pid in mount.pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            for options in ('', 'cover=/tmp'):
                stack(f'required mount={mount.path} {options}')
                done = run('su', '-', 'alice', '-c', 'echo in', check=False)
                assert done.returncode != 0 and 'in' not in done.stdout, done
                stack(f'required mount={mount.path} {options} optional')
                assert run('su', '-', 'alice', '-c', 'echo "<$TMPDIR>"').stdout == '<>\n'
        finally:
            for pid in mount.pids:
                os.kill(pid, signal.SIGCONT)
        lines = log.lines()
        assert len(lines) == 4 and all('its daemon does not answer' in line for line in lines)
        assert run('su', '-', 'alice', '-c', 'echo "<$TMPDIR>"').stdout == \
            f'<{mount.path}/{ALICE}>\n'
        wait_until(lambda: not any(abandoned()), 'nobody asks any more')


def abandoned():
    """Processes of this case's cgroup or session that are neither ours nor the daemon's, alive."""
    for name in os.listdir('/proc'):
        if name.isdigit() and alive(int(name)) and os.getsid(int(name)) == os.getsid(0):
            comm = get(f'/proc/{name}/comm').decode().strip()
            if comm in ('su', 'pam_spoolfs'):
                yield int(name)
