"""A daemon whose control group leaves it little memory: users do not make the kernel kill it."""
import os

from rig import Mount, Skip, binary, case, has_address_sanitizer, own_uids
from transport import transports

CGROUP = '/sys/fs/cgroup/memory'  # version 1
LIMIT = 64 << 20
MIB = 1 << 20


class SmallGroup:
    """Daemons that are started from now on are in it."""

    def __init__(self):
        self.path = f'{CGROUP}/spoolfs-{os.getpid()}'
        try:
            os.mkdir(self.path)
            self.limit(LIMIT)
        except OSError as error:
            raise Skip('no memory cgroup of version 1') from error
        starter = f'{os.environ["SPOOL_CASE_DIR"]}/in-group'
        with open(starter, 'w', encoding='ascii') as file:
            file.write(f'#!/bin/sh\necho $$ > {self.path}/cgroup.procs\n'
                       f'exec {binary("SPOOLFS")} "$@"\n')
        os.chmod(starter, 0o755)
        os.environ['SPOOLFS'] = starter

    def limit(self, size):
        with open(f'{self.path}/memory.limit_in_bytes', 'w', encoding='ascii') as file:
            file.write(str(size))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.rmdir(self.path)


def write_large(path, uid, count):
    os.setresgid(*[uid] * 3)
    os.setresuid(*[uid] * 3)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    at = 0
    while at < count * MIB:
        at += os.pwrite(fd, bytes(MIB), at)  # larger ones than a request are short when they wait


def children_that(function, arguments):
    """One process for each; all must end well."""
    pids = []
    for argument in arguments:
        pid = os.fork()
        if pid == 0:
            try:
                function(*argument)
                os._exit(0)
            finally:
                os._exit(1)
        pids.append(pid)
    ends = [os.waitpid(pid, 0)[1] for pid in pids]
    assert not any(ends), ends


@case(mount=False)
def large_writes_at_once_do_not_end_it():
    """What requests have with them is bounded by what the daemon may use."""
    uids = own_uids(4)
    backing = f'{os.environ["SPOOL_CASE_DIR"]}/backing'
    os.mkdir(backing)
    sanitizer = has_address_sanitizer()
    with SmallGroup() as group:
        for transport in transports():
            options = f'{transport},backing={backing},backing_any=on,reserve=0'
            group.limit(LIMIT)
            with Mount(options=options) as mount:
                if sanitizer:
                    group.limit(-1)  # what that has of its own is not ours to bound
                children_that(write_large, [(f'{mount.tmpdir(uids[i % 4])}/{i}', uids[i % 4], 4)
                                            for i in range(128)])
    os.rmdir(backing)
