"""What a service manager and its journal hear of a daemon."""
import errno
import os
import select
import socket

from rig import DEADLINE_S, Mount, binary, case, fails, own_mounts, put, run


class Manager:
    """The socket of a service manager."""

    def __init__(self, directory):
        self.path = f'{directory}/notify'
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(DEADLINE_S)

    def next(self):
        return self.socket.recv(4096).decode().split('\n')

    def is_silent(self):
        return not select.select([self.socket], [], [], 0)[0]


class Service(Mount):
    """A mount whose daemon a service manager has started."""

    def __init__(self, manager, options='', **variables):
        super().__init__(options=options)
        self.variables = dict(variables, NOTIFY_SOCKET=manager.path)

    def environment(self):
        return dict(super().environment(), **self.variables)


@case(mount=False)
def hears_when_it_serves_and_ends():
    manager = Manager(os.environ['SPOOL_CASE_DIR'])
    with Service(manager) as mount:
        assert manager.next() == ['READY=1', f'MAINPID={mount.process.pid}',
                                  f'STATUS=Serves {mount.path}']
        assert manager.is_silent()
    assert manager.next() == ['STOPPING=1', f'STATUS=Ends {mount.path}']
    assert manager.is_silent()


@case(mount=False)
def hears_that_it_lives():
    manager = Manager(os.environ['SPOOL_CASE_DIR'])
    with Service(manager, WATCHDOG_USEC='20000'):
        assert manager.next()[0] == 'READY=1'
        for _ in range(3):
            assert manager.next() == ['WATCHDOG=1']


class Apart(Service):
    """One whose daemon is in a mount namespace of its own, and mounts in the one of this case."""

    def start(self):
        wrapped = os.environ['SPOOLFS']
        script = os.path.join(self.base, 'spoolfs')
        put(script, f'#!/bin/sh\nexec unshare -m --propagation slave {wrapped} '
            f'--mount-namespace=/proc/{os.getpid()}/ns/mnt "$@"\n'.encode(), 0o755)
        os.environ['SPOOLFS'] = script
        try:
            return super().start()
        finally:
            os.environ['SPOOLFS'] = wrapped
            os.unlink(script)


def namespace_of(pid):
    return os.readlink(f'/proc/{pid}/ns/mnt')


@case(mount=False)
def mounts_outside_of_its_namespace():
    """What serves stays inside; what mounts and unmounts does not."""
    own_mounts()
    manager = Manager(os.environ['SPOOL_CASE_DIR'])
    with Apart(manager) as mount:
        put(os.path.join(mount.tmpdir(), 'f'), b'x')
        supervisor, worker, janitor = mount.pids[:3]
        here = namespace_of(os.getpid())
        assert namespace_of(supervisor) == namespace_of(janitor) == here != namespace_of(worker)
        assert f'STATUS=Serves {mount.path}' in manager.next()


@case(mount=False)
def refuses_what_is_no_namespace():
    for path, why in (('/dev/null', 'Invalid argument'), ('/nowhere', 'No such file'),
                      ('/proc/self/ns/net', 'Invalid argument')):
        done = run(binary('SPOOLFS'), f'--mount-namespace={path}', '/mnt', check=False)
        assert done.returncode == 2, done
        assert done.stderr.startswith(f'spoolfs: --mount-namespace={path}: {why}'), done
        assert done.stderr.count('\n') == 1, done


class Journal(Service):
    """One whose standard error is a stream to the journal."""

    def environment(self):
        stream = os.fstat(self.log.fileno())
        return dict(super().environment(), JOURNAL_STREAM=f'{stream.st_dev}:{stream.st_ino}')


def fields(datagram):
    """Those that have their short form."""
    return dict(line.split('=', 1) for line in datagram.decode().splitlines())


@case(mount=False)
def tells_the_journal_apart_what_a_line_says():
    own_mounts()
    run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run')
    os.makedirs('/run/systemd/journal')
    manager = Manager(os.environ['SPOOL_CASE_DIR'])
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.bind('/run/systemd/journal/socket')
    journal.settimeout(DEADLINE_S)
    with Journal(manager, options='size=8M,user_size=1M') as mount:
        fails(errno.EDQUOT, put, f'{mount.tmpdir()}/f', b'x' * (2 << 20))
        line = fields(journal.recv(65536))
        assert line['MESSAGE'].startswith('limit reached: user_size=1048576 of uid 0: ')
        assert line['PRIORITY'] == '6' and line['SYSLOG_IDENTIFIER'] == 'spoolfs'
        assert line['SPOOLFS_MOUNT'] == mount.path and line['SPOOLFS_UID'] == '0'
        assert line['SPOOLFS_LIMIT'] == 'user_size' and line['SPOOLFS_LIMIT_VALUE'] == '1048576'
        assert int(line['SPOOLFS_USED']) + int(line['SPOOLFS_WANTED']) > 1048576
        assert mount.read_log() == ''
