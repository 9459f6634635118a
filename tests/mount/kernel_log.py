"""What the kernel says while cases run: a warning, an oops or a hung task of ours fails the run.

Others may use the same kernel, whose trouble is no failure here. It is ours when what is said names
FUSE, one of our programs, or who waits in a request to them.
"""
import errno
import os
import re

NAME = 'kernel/says_nothing'
TROUBLE = re.compile(r'\bWARNING:|\bBUG:|\bOops\b|general protection|blocked for more than|'
                     r'refcount_t:|rcu.*(stall|detected)|soft lockup|kernel NULL pointer')
OURS = re.compile(r'fuse|spool', re.I)
REPORT_LINES = 100  # a report has no more: registers, code, and a stack


def reports(lines):
    """The first line of each report of trouble, and all its text."""
    found = []
    for line in lines:
        if TROUBLE.search(line):
            found.append([line, line, REPORT_LINES])
        elif found and found[-1][2] > 0:
            found[-1][1] += line
            found[-1][2] -= 1
            if 'end trace' in line or '</TASK>' in line:
                found[-1][2] = 0
    return [(first, text) for first, text, _ in found]


class KernelLog:
    """The records of /dev/kmsg from now on."""

    def __init__(self):
        self.why_not = None
        try:
            self.fd = os.open('/dev/kmsg', os.O_RDONLY | os.O_NONBLOCK)
            os.lseek(self.fd, 0, os.SEEK_END)
        except OSError as error:
            self.why_not = f'/dev/kmsg cannot be read: {error.strerror}'

    def lines(self):
        while True:
            try:
                record = os.read(self.fd, 8192).decode(errors='replace')
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.EPIPE:  # some were overwritten: go on with the next
                    raise
                continue
            head, _, text = record.partition(';')
            if int(head.partition(',')[0]) >> 3 == 0:  # of the kernel, not of who writes to it
                yield text.partition('\n')[0] + '\n'

    def trouble(self):
        """The first lines of what tells of trouble of ours; those of others'."""
        ours, others = [], []
        for first, text in reports(self.lines()):
            (ours if OURS.search(text) else others).append(first.strip())
        return ours, others
