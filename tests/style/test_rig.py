#!/usr/bin/python3
"""What the mount cases wait for by means of tests/mount/rig.py."""
import subprocess
import sys

import checks
from checks import TOP

sys.path.insert(0, str(TOP / 'tests/mount'))
from rig import alive  # noqa: E402  (the path is set just above)

# exit(2), the system call (number 60 on x86-64, 93 elsewhere), ends the calling thread alone
LEADER_ENDS_FIRST = '''
import ctypes, platform, sys, threading
threading.Thread(target=sys.stdin.read).start()
ctypes.CDLL(None).syscall(60 if platform.machine() == 'x86_64' else 93, 0)
'''


def state(pid):
    with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
        return file.read().rsplit(')', 1)[1].split()[0]


def a_process_is_alive_until_its_last_thread_ends():
    wrong = []
    with subprocess.Popen([sys.executable, '-c', LEADER_ENDS_FIRST],
                          stdin=subprocess.PIPE) as process:
        while state(process.pid) != 'Z':
            pass
        if not alive(process.pid):
            wrong.append('one with a thread is taken for dead')
        process.stdin.close()
        process.wait()
        if alive(process.pid):
            wrong.append('one that is gone is taken for alive')
    return 'a thread that outlives the first one', wrong


if __name__ == '__main__':
    sys.exit(checks.main(a_process_is_alive_until_its_last_thread_ends))
