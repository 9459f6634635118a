"""What a service manager hears of a daemon: sd_notify(3)."""
import os
import select
import socket

from rig import DEADLINE_S, Mount, case


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

    def __init__(self, manager, **variables):
        super().__init__()
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
