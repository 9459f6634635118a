"""The calls of the control interface (lib/ctl/proto.h), for cases that make them by themselves."""
import fcntl
import os
import struct

VERSION = 5  # SPOOL_CTL_VERSION
END = 2**64 - 1  # SPOOL_CTL_END


def number(call, size):
    """Of an ioctl that goes in and out with @size bytes: _IOWR(SPOOL_CTL_MAGIC, @call, @size)."""
    return 3 << 30 | size << 16 | 0xB7 << 8 | call


def control(path, call, layout, *values, size=None, version=VERSION):
    """Makes a call about directory @path, which may be a descriptor. The members after the version
    come back; @layout is theirs, as of struct. With @size the call says that it is as long as
    that."""
    layout = f'I{layout}'
    data = bytearray(struct.pack(layout, version, *values))
    if size is not None:
        data = (data + bytes(max(0, size - len(data))))[:size]
    fd = path if isinstance(path, int) else os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, number(call, len(data)), data)  # in place: it may be too long otherwise
    finally:
        if fd is not path:
            os.close(fd)
    return struct.unpack(layout, data)[1:]
