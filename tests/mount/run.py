#!/usr/bin/python3
"""Runs the cases of tests/mount/cases on real mounts and prints TAP.

    run.py [--filter TEXT] [--masked FEATURE[+FEATURE...]] [--disk] [--backend tmpfs]
           [--jobs N] [--cases DIRECTORY] [--list|--packages]

SPOOLFS, SPOOLCTL and SPOOLBENCH name the programs, PAM_SPOOLFS the module; otherwise they are those
of build-release. Every function with @case in a file of cases/ is a case: nothing else registers
it. Each runs in a process, a session, a cgroup (where cgroup 2 can be had) and a directory of its
own. It fails when it outlives its time, and when it leaves a process or a mount behind. A case that
a machine cannot run is a skip with its reason, and the reason must stand in allowed-skips.txt;
anything else is a failure, and so is a run without a pass. With --cases the files are those of
another directory; what packages they name in PACKAGES, --packages lists.

A case that fails is run once more, alone, when the others are done. If it passes then, it is
unsteady: a fault of the case or of spoolfs that has to be found, but no reason to refuse a change.
What it said is printed, and packaging/test.sh ends with it. More than two of them fail the run.
"""
import argparse
import fnmatch
import importlib.util
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True  # the source tree stays as it is
sys.path.insert(0, str(HERE))
import rig  # noqa: E402  (the path is set just above)
from kernel_log import NAME as KERNEL_LOG, KernelLog  # noqa: E402
from placing import Placed, find_programs  # noqa: E402

CASE_TIMEOUT_S = 900  # what takes longest takes a thirtieth of it on two processors of its own
CGROUPS = Path('/sys/fs/cgroup/unified'), Path('/sys/fs/cgroup')
SKIPPED = 77  # how a case's process ends
UNSTEADY_MAX = 2  # a guess: of some 450 cases on a machine that others use


def load(filters):
    """All cases of the files in name order, those that fit the run; and the packages that the
    files of these want installed."""
    chosen, packages = [], []
    for path in sorted(filters.cases.glob('*.py')):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        rig.CASES.clear()
        spec.loader.exec_module(module)
        for function, options in rig.CASES:
            entry = Case(path, function, options, getattr(module, 'MASKED', False))
            if not any(other.name == entry.name for other in chosen) and entry.fits(filters):
                chosen.append(entry)
                packages += getattr(module, 'PACKAGES', '').split()
    return chosen, sorted(set(packages))


def cgroup_base():
    for path in CGROUPS:
        if (path / 'cgroup.procs').exists() and os.access(path, os.W_OK):
            return path
    return None


def allowed(name, reason):
    for line in (HERE / 'allowed-skips.txt').read_text(encoding='utf-8').splitlines():
        if line and not line.startswith('#'):
            pattern, _, wanted = line.partition(': ')
            if fnmatch.fnmatch(name, pattern) and fnmatch.fnmatch(reason, wanted):
                return True
    return False


class Case:
    """One case, and the process that runs it."""

    def __init__(self, path, function, options, masked):
        self.name = f'{path.stem}/{function.__name__}'
        self.cases = '' if path.parent == HERE / 'cases' else f' --cases {path.parent}'
        self.function = function
        self.options = dict(options)
        self.needs = set(self.options.pop('needs', ()))
        self.any_backend = 'd' in function.__code__.co_varnames[:function.__code__.co_argcount]
        self.in_masked_runs = self.options.pop('masked', masked)
        self.timeout_s = self.options.pop('timeout_s', CASE_TIMEOUT_S)
        self.first = None  # what it said when it failed, for its second run
        self.reset()

    def reset(self):
        self.pid = self.pidfd = self.start = self.dir = self.cgroup = None
        self.output = tempfile.TemporaryFile('w+', errors='replace')

    def fits(self, args):
        masked = set(args.masked.split('+'))
        again = self.in_masked_runs in masked if isinstance(self.in_masked_runs, str) else \
            self.in_masked_runs
        if (args.masked or args.disk) and not again:
            return False
        if self.needs & masked:
            return False  # that it fails cleanly without is a case of its own
        if args.backend == 'tmpfs' and (not self.any_backend or 'options' in self.options):
            return False
        return args.filter in self.name

    def begin(self, cgroups, programs):
        self.dir = tempfile.mkdtemp(prefix='spool-', dir='/tmp')
        os.chmod(self.dir, 0o755)
        if cgroups:
            self.cgroup = cgroups / f'spool-test-{os.getpid()}-{os.path.basename(self.dir)}'
            self.cgroup.mkdir()
        self.start = time.monotonic()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self.child(programs)
        self.pidfd = os.pidfd_open(self.pid)

    def child(self, programs):
        status = 1
        try:
            os.setsid()
            if self.cgroup:
                (self.cgroup / 'cgroup.procs').write_text('0', encoding='ascii')
            null = os.open('/dev/null', os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(self.output.fileno(), 1)
            os.dup2(self.output.fileno(), 2)
            os.environ.update(programs, SPOOL_CASE_DIR=self.dir)
            rig.run_case(self.function, self.options)
            status = 0
        except rig.Skip as skip:
            print(skip)
            status = SKIPPED
        except BaseException:  # whatever it was, the other cases still run
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def processes(self):
        """Those of the case that still run: of its cgroup; else of its session or environment."""
        if self.cgroup:
            pids = (self.cgroup / 'cgroup.procs').read_text(encoding='ascii').split()
            return [int(pid) for pid in pids if rig.alive(int(pid))]
        found, mark = [], f'SPOOL_CASE_DIR={self.dir}\0'.encode()
        for entry in Path('/proc').glob('[0-9]*'):
            try:
                if (os.getsid(int(entry.name)) == self.pid
                        or mark in (entry / 'environ').read_bytes()) \
                        and rig.alive(int(entry.name)):
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def describe(self, pids):
        """What these processes are and where in the kernel they wait."""
        for pid in pids:
            try:
                args = Path(f'/proc/{pid}/cmdline').read_bytes().replace(b'\0', b' ')
                yield f'process {pid}: {os.fsdecode(args)[:200]}'
                for task in Path(f'/proc/{pid}/task').iterdir():
                    stack = (task / 'stack').read_text(encoding='ascii').split('\n')[:6]
                    yield f'  thread {task.name}: ' + ' < '.join(s[5:] for s in stack if s)
            except OSError:
                continue
        for waiting in Path('/sys/fs/fuse/connections').glob('*/waiting'):
            yield f'{waiting}: {waiting.read_text(encoding="ascii").strip()} requests'

    def clean(self):
        """Ends and unmounts what the case left. Returns what that was."""
        left = []
        deadline = time.monotonic() + 2  # a process that is just ending is not left behind
        while (pids := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.01)
        if pids:
            left += [f'left behind: {line}' for line in self.describe(pids)]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for point, _ in reversed(list(rig.mounts())):
            if point.startswith(self.dir + '/'):
                left.append(f'left behind: a mount on {point}')
                subprocess.run(['umount', '-l', point], check=False)
        if self.cgroup:
            rig.wait_until(lambda: not self.processes(), 'end of killed processes')
            for _ in range(100):  # zombies of other parents hold it for a moment
                try:
                    self.cgroup.rmdir()
                    break
                except OSError:
                    time.sleep(0.01)
        shutil.rmtree(self.dir, ignore_errors=True)
        return left

    def end(self, number, timed_out, again):
        """Prints the result. Returns 'passed', 'unsteady', 'failed' or 'skipped'; None, and prints
        nothing, where it failed and may run @again."""
        notes = []
        if timed_out:
            notes.append(f'no end after {self.timeout_s} s')
            notes += self.describe(self.processes())
            os.kill(self.pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.pidfd)
        seconds = time.monotonic() - self.start
        left = self.clean()
        self.output.seek(0)
        output = self.output.read().splitlines()
        self.output.close()
        reason = output[-1] if output else ''
        if status == SKIPPED and not left and allowed(self.name, reason):
            print(f'ok {number} {self.name} # SKIP {reason}', flush=True)
            return 'skipped'
        if status == 0 and not left and not timed_out:
            for line in output:
                print('#', line.lstrip('# '))
            print(f'ok {number} {self.name} - {seconds:.2f} s', flush=True)
            for line in self.first or ():
                print(f'# unsteady: {self.name}: {line}', flush=True)
            return 'unsteady' if self.first else 'passed'
        if status == SKIPPED:
            notes.append('skipped, but not on the list of allowed skips')
        elif status < 0 and not timed_out:
            notes.append(f'ended by signal {-status}')
        masked = os.environ.get('SPOOL_MASK', '')
        notes.append(f'again: SPOOLFS={os.environ.get("SPOOLFS")} '
                     f'SPOOLCTL={os.environ.get("SPOOLCTL")} {HERE}/run.py{self.cases}'
                     f' --filter {self.name}'
                     + (f' --masked {masked}' if masked else '')
                     + (' --disk' if os.environ.get('SPOOL_DISK') else ''))
        if again:
            self.first = output + notes + left
            self.reset()
            return None
        print(f'not ok {number} {self.name}', flush=True)
        for line in output + notes + left:
            print('#', line, flush=True)
            print(f'{self.name}: {line}', file=sys.stderr)  # which meson's summary shows
        return 'failed'


def run_all(cases, jobs, programs):
    """Runs the cases, @jobs at a time, with @programs in their environment; then, one at a time,
    the first that have failed. Returns their results."""
    cgroups, waiting, running, results = cgroup_base(), list(cases), {}, []
    second, n_second = [], 0
    while waiting or running or second:
        if not waiting and not running:
            waiting, second, jobs = second, [], 1
        while waiting and len(running) < jobs:
            started = waiting.pop(0)
            started.begin(cgroups, programs)
            running[started.pidfd] = started
        now = time.monotonic()
        first_end = min(entry.start + entry.timeout_s for entry in running.values())
        done, _, _ = select.select(list(running), [], [], max(0, first_end - now))
        for fd in list(running):
            timed_out = fd not in done and \
                time.monotonic() >= running[fd].start + running[fd].timeout_s
            if fd in done or timed_out:
                ended = running.pop(fd)
                again = not ended.first and n_second < UNSTEADY_MAX
                result = ended.end(len(results) + 1, timed_out, again)
                if result:
                    results.append(result)
                else:
                    second.append(ended)
                    n_second += 1
    return results


def judge_kernel(kernel, number):
    """The last of the cases: the kernel found nothing wrong with all that."""
    if kernel.why_not:
        listed = allowed(KERNEL_LOG, kernel.why_not)
        print(f'{"ok" if listed else "not ok"} {number} {KERNEL_LOG} # SKIP {kernel.why_not}')
        return 'skipped' if listed else 'failed'
    trouble, others = kernel.trouble()
    print(f'{"not ok" if trouble else "ok"} {number} {KERNEL_LOG}')
    for line in trouble:
        print('#', line)
        print(f'{KERNEL_LOG}: {line}', file=sys.stderr)
    for line in others:
        print('# of others:', line)
    return 'failed' if trouble else 'quiet'


def mount_fusectl():
    """What cases look at connections through; systemd mounts it, other machines may lack it."""
    path = '/sys/fs/fuse/connections'
    if os.path.isdir(path) and not os.path.ismount(path):
        subprocess.run(['mount', '-t', 'fusectl', 'none', path], check=False)


def main():
    # A script that starts us with & has SIGINT ignored. All programs that cases interrupt would
    # inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser()
    parser.add_argument('--filter', default='', help='only cases with this in area/name')
    parser.add_argument('--masked', default='', help='pretend that the kernel lacks this')
    parser.add_argument('--backend', default='spoolfs', choices=['spoolfs', 'tmpfs'],
                        help='tmpfs: are the cases themselves right?')
    parser.add_argument('--disk', action='store_true', help='all data go to the disk at once')
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('--cases', type=Path, default=HERE / 'cases', help='where the files are')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('--packages', action='store_true', help='list what they want installed')
    args = parser.parse_args()
    cases, packages = load(args)
    if args.list or args.packages:
        print('\n'.join([entry.name for entry in cases] if args.list else packages))
        return 0
    if os.geteuid() != 0 or not os.path.exists('/dev/fuse'):
        print('1..0 # SKIP these tests need root and /dev/fuse')
        return 0
    for variable in ('TMPDIR', 'TMP', 'TEMP', 'XDG_RUNTIME_DIR'):
        os.environ.pop(variable, None)
    os.environ['SPOOL_MASK'] = args.masked
    os.environ['SPOOL_BACKEND'] = args.backend
    os.environ['SPOOL_DISK'] = '1' if args.disk else ''
    # leak checking stops the process with ptrace: a mount's own process must not be waited for so
    os.environ['ASAN_OPTIONS'] = os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0'
    # Release builds free everything at the end as well, so that what is not freed, and accounts
    # that are not at zero, fail a case.
    os.environ['SPOOL_TEST_TEARDOWN'] = '1'
    os.umask(0o022)
    if missing := find_programs():
        print(f'Bail out! {missing}: not there')
        return 1
    mount_fusectl()
    os.chdir('/')
    print(f'1..{len(cases) + 1}', flush=True)
    kernel = KernelLog()
    with Placed() as placed:
        results = run_all(cases, args.jobs, placed.environment)
    results.append(judge_kernel(kernel, len(cases) + 1))
    return 1 if 'failed' in results or 'passed' not in results else 0


if __name__ == '__main__':
    sys.exit(main())
