"""Logins through PAM on a machine of their own, for cases about pam_spoolfs.so."""
import ctypes
import os
import re
import select
import socket
import threading

from rig import CLONE_NEWNS, LIBC, Skip, as_user, get, need, own_uids, put, run

SERVICES = ('su', 'su-l', 'runuser', 'runuser-l', 'login', 'sudo', 'sshd', 'spool-test')
STACK = '''auth sufficient pam_permit.so
account sufficient pam_permit.so
{loginuid}
{lines}
session optional pam_permit.so
'''
MODULE = '/run/pam_spoolfs.so'
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
    the last on the whole machine, and other cases run beside. Return: the uids of alice and bob."""
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
    alice, bob = own_uids(2)
    add_user('alice', alice)
    add_user('bob', bob)
    return alice, bob


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


def stack(line, services=SERVICES):
    """@line: "required cover=/tmp": what stands behind session, but the module."""
    control, _, arguments = line.partition(' ')
    for service in services:
        text = STACK.format(
            lines=f'session {control} {MODULE} {arguments}' if line else '',
            loginuid='session required pam_loginuid.so' if service in ('login', 'sshd') else '')
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
