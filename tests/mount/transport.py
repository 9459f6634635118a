"""What cases about the transport share: which there are, what status says, what is forbidden."""
import ctypes
import errno
import json
import struct

from rig import LIBC, Skip, binary, run

ENABLE_URING = '/sys/module/fuse/parameters/enable_uring'
IO_URING_SETUP, SCHED_SETAFFINITY = 425, 203  # numbers of system calls on x86-64
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
RET_ERRNO, RET_ALLOW = 0x00050000, 0x7fff0000
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06


def status(mount):
    return json.loads(run(binary('SPOOLCTL'), 'status', '--json', mount.path).stdout)


def counts(mount):
    return status(mount)['requests_by_operation']


def need_uring():
    try:
        with open(ENABLE_URING, encoding='ascii') as file:
            if file.read().strip() == 'Y':
                return
    except FileNotFoundError:
        pass
    raise Skip('no FUSE over io_uring')


def transports():
    """Options for each transport that this machine has."""
    yield 'transport=dev'
    try:
        need_uring()
    except Skip:
        return
    yield 'transport=uring'


def ring_entries(rings):
    """What each of so many rings starts with: RING_ENTRIES_..., fs/transport/ring_internal.h"""
    return max(16, min(128, 1024 // rings))


def waiting_requests(number):
    """How many requests of the connection of that number have come and are not answered."""
    with open(f'/sys/fs/fuse/connections/{number}/waiting', encoding='ascii') as file:
        return int(file.read())


def forbid(number, error=errno.EPERM):
    """A seccomp filter as containers have it: this system call fails from now on."""
    program = b''.join(struct.pack('HBBI', *line) for line in (
        (LOAD, 0, 0, 0),  # the number of the call
        (JUMP_EQUAL, 0, 1, number),
        (RETURN, 0, 0, RET_ERRNO | error),
        (RETURN, 0, 0, RET_ALLOW)))
    buffer = ctypes.create_string_buffer(program)
    filters = struct.pack('HxxxxxxP', len(program) // 8, ctypes.addressof(buffer))
    assert LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filters, 0, 0) == 0
