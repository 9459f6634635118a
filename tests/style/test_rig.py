#!/usr/bin/python3
"""What the mount cases wait for and are judged by: rig.py, run.py, kernel_log.py of tests/mount."""
import contextlib
import functools
import io
import subprocess
import sys
import tempfile
from pathlib import Path

import checks
from checks import TOP

sys.path.insert(0, str(TOP / 'tests/mount'))
import run  # noqa: E402  (the path is set just above)
from kernel_log import OURS, reports  # noqa: E402
from rig import alive  # noqa: E402

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


def fails_first(fails):
    """A case that fails as often as @fails says, each time in a process of its own."""
    with open(fails, 'r+', encoding='ascii') as file:
        left = int(file.read())
        file.seek(0)
        file.write(str(left - 1))
    assert left <= 0, f'{left} failures to come'


def results_of(*failures):
    """What run.py makes of cases that fail so often, and what it prints."""
    with tempfile.TemporaryDirectory() as folder, \
            contextlib.redirect_stdout(io.StringIO()) as out, \
            contextlib.redirect_stderr(io.StringIO()):
        cases = []
        for i, often in enumerate(failures):
            Path(folder, str(i)).write_text(str(often), encoding='ascii')
            function = functools.partial(fails_first, f'{folder}/{i}')
            function.__name__, function.__code__ = f'case{i}', fails_first.__code__
            cases.append(run.Case(run.HERE / 'cases/rig.py', function, {'mount': False}, False))
        return run.run_all(cases, 1, {}), out.getvalue()


def a_case_that_fails_runs_once_more():
    wrong = []
    for failures, expected in (((0, 1), ['passed', 'unsteady']), ((2, 0), ['passed', 'failed']),
                               ((1, 1, 1), ['failed', 'unsteady', 'unsteady'])):
        results, out = results_of(*failures)
        if results != expected:
            wrong.append(f'{failures}: {results}, not {expected}')
        if out.count('# unsteady: rig/') < expected.count('unsteady') or \
                out.count('not ok') != expected.count('failed'):
            wrong.append(f'{failures}: prints {out!r}')
    return 'three runs', wrong


# what /dev/kmsg had in it, shortened; and whether it is ours
SAID = [
    ('WARNING: CPU: 1 PID: 12 at fs/fuse/dev.c:433 request_wait_answer+0x1\n', True),
    ('INFO: task dd:99 blocked for more than 122 seconds.\n      Not tainted 6.1\n <TASK>\n'
     ' folio_wait_bit+0x1\n fuse_wait_on_page_writeback+0x2\n </TASK>\n', True),
    ('BUG: unable to handle page fault\nCPU: 0 PID: 7 Comm: spoolfs-ring Not tainted\n', True),
    ('INFO: task jbd2/vda1:99 blocked for more than 122 seconds.\n <TASK>\n'
     ' io_schedule+0x1\n </TASK>\nfuse: a word that is none of its\n', False),
    ('WARNING: CPU: 1 PID: 12 at net/core/dev.c:1 x+0x1\n---[ end trace 0 ]---\n', False)]


def trouble_of_others_is_not_ours():
    wrong = []
    for text, is_ours in SAID:
        found = reports(['usb 1-1: new device\n', *text.splitlines(keepends=True)])
        if len(found) != 1 or found[0][0] != text.splitlines(keepends=True)[0]:
            wrong.append(f'{text!r}: {len(found)} reports')
        elif bool(OURS.search(found[0][1])) != is_ours:
            wrong.append(f'{text!r}: it is {"" if is_ours else "not "}ours')
    return 'what the kernel says of others does not fail the cases', wrong


if __name__ == '__main__':
    sys.exit(checks.main(a_process_is_alive_until_its_last_thread_ends,
                         a_case_that_fails_runs_once_more,
                         trouble_of_others_is_not_ours))
