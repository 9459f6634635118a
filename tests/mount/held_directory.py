"""A directory whose lock in the kernel a process holds, for as long as the case likes."""
import ctypes
import fcntl
import mmap
import os
import signal
import struct

from rig import Skip, syscall, wait_until

GETDENTS64, USERFAULTFD = 217, 323  # numbers of system calls on x86-64
UFFDIO_API, UFFDIO_REGISTER = 0xc018aa3f, 0xc020aa00  # <linux/userfaultfd.h>
UFFD_API, REGISTER_MODE_MISSING = 0xaa, 1


class HeldDirectory:
    """A process lists it into a page that nobody brings. A user can do the same with a page of a
    file on a FUSE mount of his own."""

    def __init__(self, path):
        try:
            self.faults = syscall('syscall', USERFAULTFD, os.O_CLOEXEC)
        except OSError as error:
            raise Skip('no userfaultfd here') from error
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.hold(path)
            finally:
                os._exit(1)
        wait_until(self.is_held, 'the directory is held')

    def hold(self, path):
        page = mmap.mmap(-1, mmap.PAGESIZE)
        at = ctypes.addressof(ctypes.c_char.from_buffer(page))
        faults = syscall('syscall', USERFAULTFD, 0)  # of this process
        fcntl.ioctl(faults, UFFDIO_API, struct.pack('QQQ', UFFD_API, 0, 0))
        fcntl.ioctl(faults, UFFDIO_REGISTER,
                    struct.pack('QQQQ', at, mmap.PAGESIZE, REGISTER_MODE_MISSING, 0))
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        syscall('syscall', GETDENTS64, fd, ctypes.c_void_p(at), mmap.PAGESIZE)

    def is_held(self):
        with open(f'/proc/{self.pid}/wchan', encoding='ascii') as file:
            return file.read() == 'handle_userfault'

    def release(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.faults)
