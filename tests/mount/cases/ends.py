"""What ends badly: held up in the kernel, moved, covered, or lied to."""
import errno
import os
import re
import signal
import subprocess

from loop_disk import LoopDisk
from rig import (DEADLINE_S, Mount, Skip, alive, as_user, binary, case, fails, get, is_mounted,
                 put, run, unmount, wait_until)
from transport import transports

NOBODY = 65534


def hurry(factor):
    """Daemons that are started from now on divide their limits of time by this."""
    os.environ['SPOOL_TEST_HURRY'] = str(factor)


def in_the_kernel(pid):
    """Whether a thread of it is held up there, where no signal reaches it."""
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/stat', encoding='utf-8') as file:
            if file.read().rsplit(')', 1)[1].split()[0] == 'D':
                return True
    return False


def has_threads(pid):
    """A process that dies is a zombie already while threads of it still hold what it had."""
    try:
        return len(os.listdir(f'/proc/{pid}/task')) > 1
    except FileNotFoundError:
        return False


@case(mount=False)
def a_worker_held_up_in_the_kernel_does_not_hold_the_end():
    """A disk that hangs keeps the worker from dying, SIGKILL or not. The mount goes, in order where
    the worker could see to that."""
    hurry(20)
    with LoopDisk() as disk:
        for end in ('SIGTERM to the supervisor', 'umount', 'SIGKILL to the worker'):
            killed = end.startswith('SIGKILL')
            mount = Mount(options=f'backing={disk.path},threshold=0,reserve=0',
                          allow_log=['killed by signal', 'does not die'] if killed else
                          ['ends without it']).start()
            run('fsfreeze', '-f', disk.mountpoint)
            put(f'{mount.tmpdir()}/f', b'x' * 4_000_000)
            wait_until(lambda m=mount: in_the_kernel(m.worker), 'the worker waits for the disk')
            if killed:
                os.kill(mount.worker, signal.SIGKILL)
            if end == 'umount':
                unmount(mount.path)
            else:
                mount.process.terminate()
            mount.process.wait(DEADLINE_S)
            assert not is_mounted(mount.path), end
            run('fsfreeze', '-u', disk.mountpoint)
            mount.stop(status=1 if killed else 0)
            wait_until(lambda m=mount: not has_threads(m.worker), 'the last thread ends')


@case(mount=False)
def a_stopped_worker_does_not_hold_the_end():
    """With requests that wait for it, on each transport."""
    hurry(20)
    for options in transports():
        mount = Mount(options=options, allow_log=['does not stop', 'killed by signal 9']).start()
        os.kill(mount.worker, signal.SIGSTOP)
        callers = [subprocess.Popen(['mkdir', f'{mount.tmpdir()}/{i}'], stderr=subprocess.DEVNULL)
                   for i in range(4)]
        mount.process.terminate()
        for caller in callers:
            assert caller.wait(DEADLINE_S) != 0
        mount.stop(status=1)


@case(mount=False)
def a_holder_that_is_not_open_is_refused():
    base = os.environ['SPOOL_CASE_DIR']
    os.makedirs(f'{base}/outer/m')
    for switch in ('--holder-fd=77', '--ready-fd=77'):
        done = run(binary('SPOOLFS'), switch, f'{base}/outer/m', check=False)
        assert done.returncode == 2, done
        assert done.stderr == f'spoolfs: {switch}: not open (allowed: a descriptor that was ' \
            'passed on)\n', done
        assert os.listdir(f'{base}/outer') == ['m'] and not is_mounted(f'{base}/outer/m')


@case(mount=False)
def a_mount_ends_with_the_process_that_holds_it():
    """Whose child it is not, and which says nothing: its end is enough."""
    path = f'{os.environ["SPOOL_CASE_DIR"]}/outer/m'
    os.makedirs(path)
    with subprocess.Popen(['cat'], bufsize=0, stdin=subprocess.PIPE) as holder:
        pidfd = os.pidfd_open(holder.pid)
        run(binary('SPOOLFS'), f'--holder-fd={pidfd}', path, pass_fds=[pidfd])
        os.close(pidfd)
        put(f'{path}/self/f', b'x')
        holder.stdin.write(b'x')  # it lives on, whatever it does
        assert get(f'{path}/self/f') == b'x'
        holder.kill()
    wait_until(lambda: not os.path.exists(os.path.dirname(path)), 'all of it is gone')
    assert not is_mounted(path)


@case(mount=False)
def what_was_covered_is_guarded_wherever_it_is_now():
    """The directory, not its path, which means another one meanwhile."""
    mount = Mount(allow_log=['killed by signal', "made root's own"])
    os.chmod(mount.path, 0o1777)
    mount.start()
    moved = f'{mount.base}-moved'
    os.rename(mount.base, moved)
    os.makedirs(mount.path)
    os.chmod(mount.path, 0o1777)
    os.kill(mount.worker, signal.SIGKILL)
    mount.process.wait(DEADLINE_S)
    assert not os.stat(f'{moved}/m').st_mode & 0o022, 'what was covered can be written to'
    assert os.stat(mount.path).st_mode & 0o7777 == 0o1777, 'a stranger was changed'
    os.rmdir(f'{moved}/m')
    os.rmdir(moved)
    mount.stop(status=1)


@case(mount=False)
def the_lower_of_two_mounts_goes_with_the_upper():
    """It cannot be unmounted before, however it ends. Nothing polls: its janitor waits."""
    log = ['something is mounted on top', 'the supervisor is gone', 'killed by signal 9']
    for end in (signal.SIGTERM, signal.SIGKILL):
        lower = Mount(allow_log=log).start()
        upper = Mount()
        os.rmdir(upper.path)
        os.rmdir(upper.base)
        upper.base, upper.path = lower.base, lower.path
        upper.start()
        put(f'{upper.tmpdir()}/f', b'of the upper')
        for pid in lower.pids[:1] if end == signal.SIGTERM else lower.pids[:2]:
            os.kill(pid, end)
        lower.process.wait(DEADLINE_S)
        wait_until(lambda m=lower: not alive(m.worker), 'the lower one ends')
        assert get(f'{upper.tmpdir()}/f') == b'of the upper'
        assert alive(lower.pids[2])
        upper.process.terminate()
        assert upper.process.wait(DEADLINE_S) == 0
        wait_until(lambda m=lower: not is_mounted(m.path), 'the lower one goes')
        lower.process.returncode = 0
        lower.stop()
        upper.log.close()


@case(mount=False)
def an_unmount_that_does_not_happen_is_told():
    """fusermount3 says that it has unmounted, and has not."""
    if not os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')
    base = os.environ['SPOOL_CASE_DIR']
    with open(f'{base}/fusermount3', 'w', encoding='utf-8') as file:
        file.write('#!/bin/sh\ncase "$*" in *-u*) exit 0;; esac\n'
                   'exec /usr/bin/fusermount3 "$@"\n')
    os.chmod(f'{base}/fusermount3', 0o755)
    os.environ['PATH'] = f'{base}:{os.environ["PATH"]}'
    mount = Mount(layout='single', uid=NOBODY).start()
    mount.process.terminate()
    assert mount.process.wait(DEADLINE_S) == 1
    assert re.search(r'cannot unmount: Input/output error', mount.read_log()), mount.read_log()
    assert is_mounted(mount.path)
    fails(errno.ENOTCONN, as_user, NOBODY, os.statvfs, mount.path)  # aborted: nobody waits
    wait_until(lambda: not any(map(alive, mount.pids)), 'all processes end')
    run('umount', '-l', mount.path)
