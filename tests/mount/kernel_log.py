"""What the kernel says while the cases run: a warning, an oops or a hung task fails the run."""
import errno
import os
import re

NAME = 'kernel/says_nothing'
TROUBLE = re.compile(r'\bWARNING:|\bBUG:|\bOops\b|general protection|blocked for more than|'
                     r'refcount_t:|rcu.*(stall|detected)|soft lockup|kernel NULL pointer')


class KernelLog:
    """The records of /dev/kmsg from now on."""

    def __init__(self):
        self.why_not = None
        try:
            self.fd = os.open('/dev/kmsg', os.O_RDONLY | os.O_NONBLOCK)
            os.lseek(self.fd, 0, os.SEEK_END)
        except OSError as error:
            self.why_not = f'/dev/kmsg cannot be read: {error.strerror}'

    def trouble(self):
        """The lines that tell of trouble."""
        found = []
        while True:
            try:
                record = os.read(self.fd, 8192).decode(errors='replace')
            except BlockingIOError:
                return found
            except OSError as error:
                if error.errno != errno.EPIPE:  # some were overwritten: go on with the next
                    raise
                continue
            text = record.partition(';')[2].splitlines()
            if text and TROUBLE.search(text[0]):
                found.append(text[0])
