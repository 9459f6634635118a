"""A worker that hangs ends with its mount; a slow disk, a debugger or silence are no hang.

The limit is a thirtieth of its 30 s here; the rule has a unit test with a clock of its own.
"""
import ctypes
import os
import signal
import subprocess
import time

from loop_disk import LoopDisk
from rig import (DEADLINE_S, LIBC, Mount, binary, case, get, is_mounted, own_mounts, put, run,
                 syscall, wait_until)
from transport import counts, status, transports

HURRY = 30
LIMIT_S = 30 / HURRY
# long requests, so that a thread is met with one in hand
LOOP = 'cd "$0" || exit; while dd if=/dev/zero of=$$ bs=1M count=32 conv=notrunc; do :; done'
PTRACE_ATTACH, PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 16, 17, 0x4206, 0x4207
CLONE_NEWPID = 0x20000000  # <linux/sched.h>
WALL = 0x40000000  # __WALL: threads, too
# read, poll, clock_nanosleep, io_uring_enter: numbers of system calls on x86-64
WAITS_IN = ('0', '7', '230', '426')


def watched(**options):
    os.environ['SPOOL_TEST_HURRY'] = str(HURRY)
    return Mount(allow_log=['the worker hangs: no progress for 30 s'], **options).start()


def ends_as_a_hang(mount, callers):
    for caller in callers:
        caller.wait(DEADLINE_S)
    mount.process.wait(DEADLINE_S)
    assert not is_mounted(mount.path)
    assert mount.read_log().count('\n') == 1, mount.read_log()
    mount.stop(status=1)


@case(mount=False)
def a_stopped_worker_ends_when_somebody_waits():
    for options in transports():
        mount = watched(options=options)
        os.kill(mount.worker, signal.SIGSTOP)
        callers = [subprocess.Popen(['mkdir', f'{mount.tmpdir()}/{i}'], stderr=subprocess.DEVNULL)
                   for i in range(3)]
        ends_as_a_hang(mount, callers)
        assert all(caller.returncode for caller in callers)


@case(mount=False)
def a_stopped_worker_stays_while_nobody_waits():
    mount = watched()
    put(f'{mount.tmpdir()}/f', b'x')
    number = os.minor(os.stat(mount.path).st_dev)
    wait_until(lambda: get(f'/sys/fs/fuse/connections/{number}/waiting') == b'0\n',
               'close(2) is told')
    os.kill(mount.worker, signal.SIGSTOP)
    time.sleep(2 * LIMIT_S)
    os.kill(mount.worker, signal.SIGCONT)
    assert get(f'{mount.tmpdir()}/f') == b'x'
    mount.stop()


def seize_at_work(pid, name):
    """Stops one thread of it that has a request in hand, as if it were stuck. Its number."""
    def try_one():
        for task in map(int, os.listdir(f'/proc/{pid}/task')):
            with open(f'/proc/{pid}/task/{task}/comm', encoding='ascii') as file:
                if file.read().strip() != name:
                    continue
            LIBC.ptrace.argtypes = [ctypes.c_long] * 4
            syscall('ptrace', PTRACE_SEIZE, task, 0, 0)
            syscall('ptrace', PTRACE_INTERRUPT, task, 0, 0)
            os.waitpid(task, WALL)
            with open(f'/proc/{pid}/task/{task}/syscall', encoding='ascii') as file:
                if file.read().split()[0] not in WAITS_IN:
                    return task
            syscall('ptrace', PTRACE_DETACH, task, 0, 0)
        return 0
    found = []
    wait_until(lambda: found.append(try_one()) or found[-1], 'a thread is seized at work')
    return found[-1]


def is_killed(task):
    """Whoever traces a thread takes note of its end. One that was just going to wait goes on."""
    end = time.monotonic() + 4 * LIMIT_S
    while time.monotonic() < end:
        if os.waitpid(task, WALL | os.WNOHANG)[0]:
            return True
        time.sleep(0.01)
    syscall('ptrace', PTRACE_DETACH, task, 0, 0)
    return False


@case(mount=False)
def one_stuck_thread_ends_it():
    """The others serve on: it is the callers of this one that wait for ever."""
    for options in transports():
        mount = watched(options=options)
        callers = [subprocess.Popen(['sh', '-c', LOOP, mount.tmpdir()], stderr=subprocess.DEVNULL)
                   for _ in range(3)]
        wait_until(lambda m=mount: counts(m).get('WRITE', 0) > 100, 'writes')
        name = 'spoolfs-ring' if 'uring' in options else 'spoolfs-dev'
        wait_until(lambda m=mount, n=name: is_killed(seize_at_work(m.worker, n)), 'it is killed')
        ends_as_a_hang(mount, callers)


@case()
def no_command_hangs_with_a_mount(mount):
    """Each says which mount it is that does not answer."""
    put(f'{mount.tmpdir()}/f', b'x')  # the kernel knows it, and asks nobody about its kind
    os.kill(mount.worker, signal.SIGSTOP)
    commands = [[binary('SPOOLCTL'), *command] for command in (
        ['status', mount.path], ['wipe', mount.path], ['session', 'list', mount.path],
        ['session', 'begin', '--dir', mount.path], ['session', 'end', '1', mount.path],
        ['why', '--mount', mount.path, '1'], ['metrics', mount.path],
        ['debug', f'{mount.path}/.'], ['set', 'size=1G', mount.path], ['doctor'])]
    for path in f'{mount.path}/0/f', f'{mount.path}/0', mount.path:
        commands += [[binary('SPOOLCTL'), *command, path] for command in (
            ['ls'], ['why'], ['keep'], ['lifetime', 'close'], ['expire'], ['spill'])]
    commands.append([binary('SPOOLFS'), '-o', 'remount,size=1G', mount.path])
    running = [subprocess.Popen(command, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, cwd=mount.path)
               for command in commands]
    try:
        said = [(each.args[1:], each.communicate(timeout=20)[0], each.returncode)
                for each in running]
    finally:
        os.kill(mount.worker, signal.SIGCONT)
        for each in running:
            each.kill()
            each.wait()
    for args, text, status in said:
        assert f'{mount.path}' in text and 'does not answer' in text, (args, text)
        assert status == 1 or args == ['doctor'], (args, text, status)


@case(mount=False)
def a_debugger_is_no_hang():
    mount = watched()
    LIBC.ptrace.argtypes = [ctypes.c_long] * 4
    syscall('ptrace', PTRACE_ATTACH, mount.worker, 0, 0)
    os.waitpid(mount.worker, WALL)
    task = [int(task) for task in os.listdir(f'/proc/{mount.worker}/task')]
    for other in task[1:]:
        syscall('ptrace', PTRACE_SEIZE, other, 0, 0)
        syscall('ptrace', PTRACE_INTERRUPT, other, 0, 0)
        os.waitpid(other, WALL)
    with subprocess.Popen(['mkdir', f'{mount.tmpdir()}/d']) as caller:
        time.sleep(2 * LIMIT_S)
        assert caller.poll() is None and is_mounted(mount.path)
        for each in task:
            syscall('ptrace', PTRACE_DETACH, each, 0, 0)
        assert caller.wait(DEADLINE_S) == 0
    mount.stop()


@case(mount=False)
def a_debugger_is_seen_where_proc_shows_others():
    """In a pid namespace of its own: its worker has the number of somebody else there."""
    here = os.open('/proc/self/ns/pid', os.O_RDONLY)
    syscall('unshare', CLONE_NEWPID)
    try:
        mount = watched(options='transport=dev')
    finally:
        syscall('setns', here, CLONE_NEWPID)
        os.close(here)
    callers = [subprocess.Popen(['sh', '-c', LOOP, mount.tmpdir()], stderr=subprocess.DEVNULL)
               for _ in range(3)]
    wait_until(lambda: len(os.listdir(mount.tmpdir())) == 3, 'all write')
    LIBC.ptrace.argtypes = [ctypes.c_long] * 4
    syscall('ptrace', PTRACE_SEIZE, mount.worker, 0, 0)
    syscall('ptrace', PTRACE_INTERRUPT, mount.worker, 0, 0)
    os.waitpid(mount.worker, WALL)
    for _ in range(3):  # one at least is met with a request in hand
        assert not is_killed(seize_at_work(mount.worker, 'spoolfs-dev'))
    syscall('ptrace', PTRACE_DETACH, mount.worker, 0, 0)
    for caller in callers:
        caller.kill()
        caller.wait()
    mount.stop()


@case(mount=False)
def a_disk_that_stands_still_is_no_hang():
    """A write waits for RAM, which waits for the disk."""
    with LoopDisk() as disk:
        for options in transports():
            mount = watched(options=f'ram=16M,user_ram=100%,backing={disk.path},threshold=0,'
                                    f'reserve=0,{options}')
            run('fsfreeze', '-f', disk.mountpoint)
            with subprocess.Popen(['dd', 'if=/dev/zero', f'of={mount.tmpdir()}/f', 'bs=1M',
                                   'count=32', 'status=none']) as caller:
                wait_until(lambda m=mount: status(m)['tier']['waiting_for_ram'] > 0, 'it waits')
                time.sleep(2 * LIMIT_S)
                assert caller.poll() is None and is_mounted(mount.path)
                run('fsfreeze', '-u', disk.mountpoint)
                assert caller.wait(DEADLINE_S) == 0
            mount.stop()


@case(mount=False)
def nobody_wakes_while_nothing_happens():
    own_mounts()  # what others mount wakes the supervisor
    def wakes(pid):
        with open(f'/proc/{pid}/status', encoding='ascii') as file:
            return [int(line.split()[1]) for line in file if 'ctxt_switches' in line][0]
    mount = watched()
    put(f'{mount.tmpdir()}/f', b'x')

    def sleeps():
        before = wakes(mount.pids[0])
        time.sleep(2 * LIMIT_S)  # twelve looks
        return wakes(mount.pids[0]) == before
    wait_until(sleeps, 'the supervisor sleeps')
    mount.stop()
