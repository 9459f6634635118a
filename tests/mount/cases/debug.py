"""spoolctl debug: who may ask, and what. What it shows is in waiting.py."""
import errno
import fcntl
import os
import struct

from rig import as_user, binary, case, fails, run

VERSION, TEXT = 5, 16360  # SPOOL_CTL_VERSION, SPOOL_CTL_DEBUG_TEXT of lib/ctl/proto.h
CALL = 3 << 30 | (16 + TEXT) << 16 | 0xB7 << 8 | 7
USER = 61001


def ask(path, cursor, length=0):
    """The length, the cursor and the text of the answer."""
    call = bytearray(struct.pack(f'IIQ{TEXT}s', VERSION, length, cursor, b''))
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(fd, CALL, call)  # in place: it is too long for the other way
        return struct.unpack(f'IIQ{TEXT}s', call)[1:]
    finally:
        os.close(fd)


@case(needs=['ioctl_dir'])
def cursors_that_nobody_gave_are_refused(mount):
    length, cursor, text = ask(mount.path, 0)
    assert cursor == 2**64 - 1 and text[:length].endswith(b'\n') and not text[length:].strip(b'\0')
    for bad in (1, 2**64 - 1, 2**63, 99 << 56,
                6 << 56 | 5000, 7 << 56 | 1 << 40, 8 << 56 | 1 << 33):
        fails(errno.EINVAL, ask, mount.path, bad)
    fails(errno.EINVAL, ask, mount.path, 0, 1)
    for section in range(9):  # each is a place to begin
        ask(mount.path, section << 56)


@case(needs=['ioctl_dir'])
def users_are_refused_with_one_line(mount):
    done = as_user(USER, lambda: run(binary('SPOOLCTL'), 'debug', mount.path, check=False))
    assert done.returncode == 1 and done.stdout == '', done
    assert done.stderr == f'spoolctl: debug: {mount.path}: only root and its owner may do that\n'
    fails(errno.EPERM, as_user, USER, ask, mount.path, 0)
