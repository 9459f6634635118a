"""Memory pressure: whether it is watched, and what it does."""
import ctypes
import json
import os
import signal
import subprocess
import tempfile

from rig import (DEADLINE_S, Mount, Skip, alive, as_user, binary, case, get, put, run, syscall,
                 wait_until)
from transport import status

MIB, GIB = 1 << 20, 1 << 30
USER, OTHER = 61001, 61002
PSI = '/proc/pressure/memory'
CGROUP = '/sys/fs/cgroup/memory'  # version 1; in version 2 the limit is in another file


def need_psi():
    try:
        with open(PSI, encoding='ascii'):
            pass
    except OSError as error:
        raise Skip('no pressure stall information') from error


def watched(mount):
    return status(mount)['tier']['pressure']


@case(mount=False)
def it_can_be_switched():
    need_psi()
    with Mount(options='backing=/var/tmp,pressure=on') as mount:
        assert watched(mount)
        run(binary('SPOOLCTL'), 'set', 'pressure=off', mount.path)
        assert not watched(mount)
        run(binary('SPOOLCTL'), 'set', 'pressure=on', mount.path)
        assert watched(mount)
    for value, wanted in ('on', True), ('off', False):
        with Mount(options=f'backing=/var/tmp,pressure={value}') as mount:
            assert watched(mount) == wanted


@case(mount=False)
def a_kernel_that_does_not_tell_is_not_asked():
    script = '''set -e
        mount -t tmpfs none /proc/pressure
        mount -t tmpfs none "$1"; cd /
        mkdir "$1/m"
        ! "$0" -o pressure=on "$1/m" 2>"$1/log"
        grep -q "pressure=on: /proc/pressure/memory: .* (allowed: off)" "$1/log"
        "$0" "$1/m"
        "$2" status --json "$1/m" >"$1/status"
        grep -q '"pressure": false' "$1/status"
        ! "$2" set pressure=on "$1/m" 2>"$1/log"
        grep -q "pressure=on: the kernel does not tell (allowed: off)" "$1/log"
        "$2" set pressure=off "$1/m"
        umount "$1/m"
        sed -n 's/.*"supervisor_pid": \\([0-9]*\\).*/\\1/p' "$1/status"'''
    need_psi()
    done = run('unshare', '-m', 'sh', '-c', script, binary('SPOOLFS'),
               os.environ['SPOOL_CASE_DIR'], binary('SPOOLCTL'), timeout=DEADLINE_S)
    wait_until(lambda: not alive(int(done.stdout)), 'the daemon ends')


@case(mount=False)
def it_is_watched_by_default():
    script = '''set -e
        mount -t tmpfs none "$1"; cd /
        mkdir "$1/m"
        "$0" "$1/m"
        "$2" status --json "$1/m"
        umount "$1/m"'''
    need_psi()
    done = run('unshare', '-m', 'sh', '-c', script, binary('SPOOLFS'),
               os.environ['SPOOL_CASE_DIR'], binary('SPOOLCTL'), timeout=DEADLINE_S)
    got = json.loads(done.stdout)
    assert got['tier']['pressure']
    wait_until(lambda: not alive(got['supervisor_pid']), 'the daemon ends')


class Thrash:
    """Reads a file with less memory than it needs, in a cgroup of its own: others may go on."""

    def __enter__(self):
        if not os.access(f'{CGROUP}/memory.limit_in_bytes', os.R_OK):
            raise Skip('no memory cgroup of version 1')
        self.group = tempfile.mkdtemp(prefix='spool-thrash-', dir=CGROUP)
        put(f'{self.group}/memory.limit_in_bytes', b'8M')
        self.file = tempfile.NamedTemporaryFile(dir='/var/tmp')
        self.file.truncate(512 * MIB)
        script = f'echo $$ > {self.group}/cgroup.procs; while :; do cat {self.file.name}; done'
        self.readers = [subprocess.Popen(['sh', '-c', script], stdout=subprocess.DEVNULL)
                        for _ in range(4)]
        return self

    def is_empty(self):
        """Ends what the shells have started, which would read the file to its end, for long."""
        pids = get(f'{self.group}/cgroup.procs').split()
        for pid in pids:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        return not pids

    def __exit__(self, kind, value, trace):
        for reader in self.readers:
            reader.kill()
            reader.wait()
        wait_until(self.is_empty, 'the readers end')
        os.rmdir(self.group)
        self.file.close()


CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000


class Machine:
    """What /proc/meminfo says to processes that this one starts: so much of 16 GiB is available."""

    def __init__(self, available):
        self.path = f'{os.environ["SPOOL_CASE_DIR"]}/meminfo'
        self.set(available)
        syscall('unshare', CLONE_NEWNS)
        syscall('mount', None, b'/', None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None)
        syscall('mount', self.path.encode(), b'/proc/meminfo', None, ctypes.c_ulong(MS_BIND), None)

    def set(self, available):
        put(self.path, b'MemTotal: %12d kB\nMemFree: %12d kB\nMemAvailable: %12d kB\n'
            % (16 << 20, 1 << 20, available >> 10))


def budget(mount):
    return status(mount)['tier']['ram_budget']


@case(mount=False)
def pressure_brings_data_to_the_disk():
    """Well below ram= and the threshold: only the machine's want of memory can be the reason."""
    need_psi()
    data = os.urandom(MIB)
    machine = Machine(available=GIB)
    with Mount(options='backing=/var/tmp,threshold=none,ram=1G,pressure=on',
               allow_log=['memory is short']) as mount:
        for i in range(100):
            put(f'{mount.tmpdir()}/f{i}', data)
        before = status(mount)['tier']
        assert before['disk_used'] == 0 and before['ram_budget'] == GIB
        with Thrash():
            wait_until(lambda: status(mount)['tier']['disk_used'] >= 20 * MIB, 'data leave RAM')
            assert budget(mount) < 100 * MIB
            machine.set(15 * GIB)
            wait_until(lambda: budget(mount) > 200 * MIB, 'what is not the machine\'s calms down')
        for i in range(100):
            assert get(f'{mount.tmpdir()}/f{i}') == data
        run(binary('SPOOLCTL'), 'set', 'pressure=off', mount.path)
        wait_until(lambda: budget(mount) == GIB, 'the budget is back')


@case(mount=False)
def a_group_that_thrashes_is_not_the_machine():
    """Its tasks wait for memory, for its own limit; the machine has plenty, and others work."""
    need_psi()
    Machine(available=12 * GIB)
    with Mount(options='backing=/var/tmp,ram=128M,pressure=on,log_level=debug',
               allow_log=['']) as mount:
        with Thrash():
            wait_until(lambda: 'tasks wait for memory, but the machine has' in mount.read_log(),
                       'the daemon hears of it')
        assert budget(mount) == 128 * MIB
        assert 'memory is short' not in mount.read_log()


def hoard(path, n):
    """Metadata, which cannot go to the disk: @n values of 60 KB."""
    for i in range(n):
        if i % 50 == 0:
            put(f'{path}/hoard{i}')
        os.setxattr(f'{path}/hoard{i // 50 * 50}', f'user.{i}', b'm' * 60000)


@case(mount=False)
def who_hoards_metadata_is_squeezed_first():
    """52 MB of one user's metadata are more than pressure leaves: another has his share."""
    need_psi()
    Machine(available=GIB)
    with Mount(options='backing=/var/tmp,ram=128M,pressure=on',
               allow_log=['memory is short']) as mount:
        as_user(USER, hoard, f'{mount.path}/{USER}', 900)
        with Thrash():
            wait_until(lambda: budget(mount) < 128 * MIB, 'the budget shrinks')
            for _ in range(100):
                as_user(OTHER, put, f'{mount.path}/{OTHER}/f', b'x' * MIB)
                got = status(mount)['tier']
                assert got['waiting_for_ram'] == 0 and got['ram_budget'] > 60 * MIB, got
