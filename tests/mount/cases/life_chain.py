"""Sessions of which one short-lived process is left at a time, and others who start as many."""
import ctypes
import os
import signal
import subprocess
import time
import traceback

from rig import Mount, Skip, as_user, binary, case, need, put, run, syscall, wait_until

USER, OTHER, THIRD = 61031, 61032, 61033
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
CLONE_NEWNS, CLONE_NEWPID = 0x20000, 0x20000000  # linux/sched.h
LAST_PID = '/proc/sys/kernel/ns_last_pid'  # the next process gets a higher number

# Each process starts the next one and ends; with an argument one starts all. Not for ever, so that
# nothing is left if nobody stops them.
FORKS = '''
#include <signal.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
        time_t end = time(NULL) + 100;

        (void)argv;
        signal(SIGCHLD, SIG_IGN);
        while (time(NULL) < end) {
                pid_t self = getpid(), child = fork();

                if (argc > 1 ? child == 0 : child > 0)
                        _exit(0);
                while (argc == 1 && getppid() == self)
                        continue;
        }
}
'''


class Forks:
    """Such a program of a user in his directory of a mount, after it has made a file there: a POSIX
    session and a process group of its own. What ends in it is waited for, also where the first
    process of the machine waits for nobody."""

    def __init__(self, mount, uid, *args):
        need('gcc')
        self.uid, self.args, self.place = uid, args, mount.tmpdir(uid)
        self.program = f'{mount.base}/forks'
        self.group = self.reaper = None
        os.stat(self.place)
        run('gcc', '-O', '-o', self.program, '-x', 'c', '-', input=FORKS)

    def become(self):
        os.setgroups([])
        os.setresgid(self.uid, self.uid, self.uid)
        os.setresuid(self.uid, self.uid, self.uid)

    def reap(self, writer):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        first = subprocess.Popen(
            ['sh', '-c', 'echo x >kept; exec "$0" "$@"', self.program, *self.args], cwd=self.place,
            preexec_fn=self.become, start_new_session=True)
        os.write(writer, str(first.pid).encode())
        first.wait()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        os.wait()  # returns when nobody is left

    def __enter__(self):
        reader, writer = os.pipe()
        self.reaper = os.fork()
        if self.reaper == 0:
            try:
                self.reap(writer)
            finally:
                os._exit(0)
        os.close(writer)
        self.group = int(os.read(reader, 64))
        os.close(reader)
        wait_until(lambda: os.path.exists(f'{self.place}/kept'), 'it is made')
        return self

    def __exit__(self, *_):
        os.killpg(self.group, signal.SIGKILL)
        os.waitpid(self.reaper, 0)
        os.unlink(self.program)


def in_pid_namespace(function):
    """Calls it in a pid namespace and a procfs of its own; all ends with it."""
    if not os.access(LAST_PID, os.W_OK):
        raise Skip(f'no {LAST_PID} here')
    syscall('unshare', CLONE_NEWPID | CLONE_NEWNS)
    first = os.fork()
    if first == 0:
        try:
            run('mount', '--make-rprivate', '/')
            run('mount', '-t', 'proc', 'proc', '/proc')
            function()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    assert os.waitpid(first, 0)[1] == 0


def sleeper(slow=False):
    """A process; with slow=True one of which "status" is long, so that those that come after it in
    a list are looked at late."""
    def become():
        os.setgroups(range(100000, 100000 + (os.sysconf('SC_NGROUPS_MAX') // 4 if slow else 0)))
        os.setresuid(THIRD, THIRD, THIRD)

    subprocess.Popen(['sleep', '1000'], preexec_fn=become)


def chain_keeps_its_files():
    """It runs above processes that are slow to look at, and below others. A session of another kind
    waits, so each process is looked at in two ways. A list is read in pieces: with one or with five
    slow ones both are in a piece with the chain."""
    with Mount(options='session=uid') as mount:
        os.stat(mount.tmpdir(OTHER))
        as_user(OTHER, put, f'{mount.tmpdir(OTHER)}/waits')
        run(binary('SPOOLCTL'), 'set', 'session=sid', mount.path)
        put(LAST_PID, b'30000')
        for _ in range(3):
            sleeper()
        for slow in 1, 4:
            put(LAST_PID, b'%d' % (1000 * slow))
            for _ in range(slow):
                sleeper(slow=True)
            with Forks(mount, USER) as chain:
                kept = f'{chain.place}/kept'
                for _ in range(30):
                    time.sleep(0.1)
                    assert os.path.exists(kept)
            wait_until(lambda: not os.path.exists(kept), 'it goes')


@case(mount=False)
def a_chain_of_short_lived_processes_keeps_its_files():
    in_pid_namespace(chain_keeps_its_files)


def sessions_end_in_a_storm():
    with Mount(options='session=sid') as mount:
        place = mount.tmpdir(OTHER)
        os.stat(place)
        with Forks(mount, USER, 'many') as many:
            for _ in range(5):
                run('setsid', '-w', 'setpriv', f'--reuid={OTHER}', '--clear-groups', 'sh', '-c',
                    f'cd {place}; echo x >goes')
                wait_until(lambda: not os.path.exists(f'{place}/goes'), 'it goes')
            assert os.path.exists(f'{many.place}/kept')


@case(mount=False)
def who_starts_many_processes_holds_up_nobody():
    in_pid_namespace(sessions_end_in_a_storm)
