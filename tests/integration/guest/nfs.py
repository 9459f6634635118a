"""The backing directory on NFS, of a server on this machine: run by integration/nfs.py in a virtual
machine. SPOOL_NFS holds the options of mount(8) for the version."""
import contextlib
import errno
import os
import signal
import subprocess
import tempfile
import time

from loop_disk import noise
from rig import (DEADLINE_S, Mount, alive, as_user, binary, case, drop_caches, fails, get,
                 is_mounted, put, run, unmount, wait_until)
from transport import status

MIB = 1 << 20
DISK = '/srv/disk'  # what the server exports; its directory `squashed` with root_squash
VERSION = os.environ['SPOOL_NFS']
HARD, SOFT = 'hard', 'soft,timeo=10,retrans=1'  # timeo: tenths of a second
FAILS = ['does not take data', 'takes data again']


class Nfs:
    """A directory of the server's, mounted. .path is as we see it, .served as the server does."""

    def __init__(self, options=HARD, export=DISK, mode=0o700, uid=0):
        self.options = f'{VERSION},{options}'
        self.export = export
        self.served = tempfile.mkdtemp(prefix='backing-', dir=export)
        os.chown(self.served, uid, uid)
        os.chmod(self.served, mode)
        self.mountpoint = tempfile.mkdtemp(prefix='nfs-', dir=os.environ['SPOOL_CASE_DIR'])
        self.path = f'{self.mountpoint}/{os.path.basename(self.served)}'

    def __enter__(self):
        seen = self.export if 'vers=3' in VERSION else self.export.removeprefix(DISK) or '/'
        run('mount', '-t', 'nfs', '-o', self.options, f'127.0.0.1:{seen}', self.mountpoint)
        return self

    def __exit__(self, kind, value, trace):
        serve()
        unmount(self.mountpoint)
        os.rmdir(self.mountpoint)
        left = os.listdir(self.served)
        run('rm', '-rf', self.served)
        assert kind or not left, left

    def wait_empty(self):
        wait_until(lambda: not os.listdir(self.served), 'nothing is left on the server')


def serve():
    """Starts the server, with no wait for clients of before."""
    run('rpc.nfsd', *os.environ['SPOOL_NFSD'].split(), '2')
    with contextlib.suppress(OSError):
        put('/proc/fs/nfsd/v4_end_grace', b'Y')


def stop_serving():
    run('rpc.nfsd', '0')


def tier(mount):
    return status(mount)['tier']


def wait_spilled(mount, size):
    wait_until(lambda: tier(mount)['disk_used'] >= size, 'it spills')


def on_disk(text):
    """Whether it is on the server's disk in readable form."""
    os.sync()
    drop_caches()
    return run('grep', '-qaF', text, '/dev/vda', check=False).returncode == 0


def backed(nfs, more='', **options):
    return Mount(options=f'backing={nfs.path},threshold=0,reserve=0,ram=32M,user_ram=100%'
                         f'{more}', **options)


@case(mount=False)
def data_spill_and_come_back():
    """What the server holds has no lasting name, and cannot be read."""
    marker = 'words that are on the disk of the server '
    data = noise(3 * MIB) + marker.encode() * (2 * MIB // len(marker))
    with Nfs() as nfs:
        with backed(nfs) as mount:
            path = f'{mount.tmpdir()}/f'
            put(path, data)
            wait_spilled(mount, 4 * MIB)
            print({name: tier(mount)[name] for name in ('o_tmpfile', 'direct_io', 'punch')})
            assert tier(mount)['direct_io'] and not tier(mount)['o_tmpfile']
            assert tier(mount)['punch'] == ('4.2' in VERSION)
            assert all(name.startswith('.nfs') for name in os.listdir(nfs.served))
            drop_caches()
            assert get(path) == data
            with open(path, 'r+b') as file:
                os.pwrite(file.fileno(), b'changed', MIB + 5)
            drop_caches()
            assert get(path) == data[:MIB + 5] + b'changed' + data[MIB + 12:]
            assert not on_disk(marker)
        nfs.wait_empty()
        assert not on_disk(marker)
        with backed(nfs, ',encrypt=off') as mount:
            put(f'{mount.tmpdir()}/f', data)
            wait_spilled(mount, 4 * MIB)
            assert on_disk(marker)


@case(mount=False)
def without_direct_io():
    with Nfs() as nfs, backed(nfs, mask='backing_direct') as mount:
        put(f'{mount.tmpdir()}/f', noise(12 * MIB))
        wait_spilled(mount, 11 * MIB)
        assert not tier(mount)['direct_io']
        drop_caches()
        assert get(f'{mount.tmpdir()}/f') == noise(12 * MIB)


@case(mount=False)
def space_of_removed_files_is_used_again():
    """Of one file after the other; where holes cannot be made, too."""
    with Nfs() as nfs, backed(nfs, ',size=1G,user_size=100%', allow_log=FAILS,
                              patience=100) as mount:
        for i in range(6):
            put(f'{mount.tmpdir()}/f', noise(4 * MIB, i))
            wait_spilled(mount, 3 * MIB)
            os.unlink(f'{mount.tmpdir()}/f')
            wait_until(lambda: tier(mount)['disk_used'] == 0, 'it goes')
        held = sum(os.stat(f'{nfs.served}/{name}').st_blocks * 512
                   for name in os.listdir(nfs.served))
        print('held by the server:', held)
        assert held <= 8 * MIB, held


@case(mount=False)
def nothing_is_left_when_all_are_killed():
    with Nfs() as nfs:
        for who in (1,), (0, 1):
            mount = backed(nfs, allow_log=['killed by signal 9', 'supervisor is gone',
                                           "made root's own"]).start()
            put(f'{mount.tmpdir()}/f', noise(8 * MIB))
            wait_spilled(mount, 7 * MIB)
            for n in who:
                os.kill(mount.pids[n], signal.SIGKILL)
            mount.process.wait(DEADLINE_S)
            wait_until(lambda m=mount: not is_mounted(m.path), 'it is unmounted')
            nfs.wait_empty()
            mount.stop(1 if who == (1,) else -9)


@case(mount=False)
def a_full_server_is_enospc_to_the_write():
    with Nfs() as nfs, backed(nfs, ',size=4G,user_size=100%', allow_log=FAILS) as mount:
        disk = os.statvfs(DISK)
        filler = f'{DISK}/filler'
        run('fallocate', '-l', str(disk.f_bavail * disk.f_frsize - 16 * MIB), filler)
        try:
            written, fd = 0, os.open(f'{mount.tmpdir()}/f', os.O_CREAT | os.O_RDWR, 0o600)
            try:
                while True:
                    written += os.write(fd, noise(MIB, written // MIB))
            except OSError as error:
                assert error.errno == errno.ENOSPC, error
            assert 12 * MIB < written < 64 * MIB, written
            drop_caches()
            for i in range(written // MIB):
                assert os.pread(fd, MIB, i * MIB) == noise(MIB, i), i
            os.close(fd)
        finally:
            os.unlink(filler)
        put(f'{mount.tmpdir()}/g', b'x' * (8 * MIB))


def refused(nfs):
    """What is said when it is not taken as the backing directory."""
    mount = backed(nfs)
    try:
        mount.start()
    except AssertionError as error:
        os.rmdir(mount.path)
        os.rmdir(mount.base)
        lines = str(error).splitlines()
        assert len(lines) == 1 and mount.process.returncode == 2, error
        return lines[0]
    mount.stop()
    raise AssertionError('it is taken')


@case(mount=False)
def with_root_squash_a_directory_of_roots_own_is_refused():
    with Nfs(export=f'{DISK}/squashed') as nfs:
        said = refused(nfs)
        print(said)
        assert 'root_squash' in said, said
    with Nfs(export=f'{DISK}/squashed', uid=65534) as nfs:
        said = refused(nfs)
        print(said)
        assert 'belongs to uid 65534 (allowed: a directory of uid 0)' in said


@case(mount=False)
def with_root_squash_a_sticky_directory_is_used():
    with Nfs(export=f'{DISK}/squashed', mode=0o1777) as nfs, backed(nfs) as mount:
        put(f'{mount.tmpdir()}/f', noise(8 * MIB))
        wait_spilled(mount, 7 * MIB)
        drop_caches()
        assert get(f'{mount.tmpdir()}/f') == noise(8 * MIB)


@case(mount=False)
def an_ordinary_user_has_one_of_his_own():
    with Nfs(export=f'{DISK}/squashed', uid=1000) as nfs, \
            backed(nfs, layout='single', uid=1000) as mount:
        as_user(1000, put, f'{mount.path}/f', noise(4 * MIB))
        wait_until(lambda: as_user(1000, tier, mount)['disk_used'] > 3 * MIB, 'it spills')
        assert as_user(1000, get, f'{mount.path}/f') == noise(4 * MIB)


@case(mount=False)
def a_server_that_is_away_stops_nobody_while_there_is_ram():
    """On a hard mount, which waits for it; when it is back all goes on."""
    with Nfs() as nfs, backed(nfs, allow_log=FAILS) as mount:
        put(f'{mount.tmpdir()}/old', noise(8 * MIB))
        wait_spilled(mount, 7 * MIB)
        drop_caches()
        stop_serving()
        signal.alarm(DEADLINE_S)
        for i in range(4):
            put(f'{mount.tmpdir()}/{i}', noise(4 * MIB, i))
        for i in range(4):
            assert get(f'{mount.tmpdir()}/{i}') == noise(4 * MIB, i)
        os.unlink(f'{mount.tmpdir()}/0')
        run(binary('SPOOLCTL'), 'status', mount.path)
        signal.alarm(0)
        reader = subprocess.Popen(['cmp', f'{mount.tmpdir()}/old', '-'], stdin=subprocess.PIPE)
        wait_until(lambda: status(mount)['waiting_disk'] > 0, 'a read waits')
        serve()
        reader.communicate(noise(8 * MIB), DEADLINE_S)
        assert reader.returncode == 0
        for i in range(1, 4):
            assert get(f'{mount.tmpdir()}/{i}') == noise(4 * MIB, i)


def end_while_away(nfs, end, killed=None):
    """Calls @end(mount) with data on the server, and data that wait for it."""
    mount = backed(nfs, allow_log=[*FAILS, killed or 'ends without it'], patience=1).start()
    put(f'{mount.tmpdir()}/f', noise(4 * MIB))
    wait_spilled(mount, 3 * MIB)
    stop_serving()
    put(f'{mount.tmpdir()}/g', noise(4 * MIB, 2))
    start = time.monotonic()
    end(mount)
    wait_until(lambda: not is_mounted(mount.path), 'it is unmounted')
    unmounted = time.monotonic() - start
    mount.process.wait(DEADLINE_S)
    print(f'unmounted after {unmounted:.1f} s, ended after {time.monotonic() - start:.1f} s')
    serve()
    wait_until(lambda: not any(map(alive, mount.pids)), 'all processes end')
    nfs.wait_empty()
    mount.stop(1 if killed else 0)


@case(mount=False)
def it_ends_while_the_server_is_away():
    """In order, though its process dies when the server is back: it closes its files there. As a
    user's, which frees nothing that the kernel takes at once: to close files here would hang."""
    os.environ.pop('SPOOL_TEST_TEARDOWN', None)
    with Nfs() as nfs:
        end_while_away(nfs, lambda mount: mount.process.terminate())
        end_while_away(nfs, lambda mount: unmount(mount.path))
        end_while_away(nfs, lambda mount: os.kill(mount.worker, signal.SIGKILL), 'worker')


@case(mount=False)
def a_soft_mount_gives_eio_and_ram_goes_on():
    with Nfs(SOFT) as nfs, backed(nfs, allow_log=[*FAILS, 'cannot be read: EIO']) as mount:
        put(f'{mount.tmpdir()}/f', noise(8 * MIB))
        wait_spilled(mount, 8 * MIB)
        drop_caches()
        stop_serving()
        put(f'{mount.tmpdir()}/g', noise(2 * MIB))
        fails(errno.EIO, get, f'{mount.tmpdir()}/f')
        wait_until(lambda: tier(mount)['disk_failures'] > 0, 'the failure is counted')
        assert get(f'{mount.tmpdir()}/g') == noise(2 * MIB)
        serve()
        assert get(f'{mount.tmpdir()}/f') == noise(8 * MIB)
        wait_spilled(mount, 10 * MIB)
        drop_caches()
        assert get(f'{mount.tmpdir()}/g') == noise(2 * MIB)


@case(mount=False)
def files_that_somebody_removes_on_the_server_are_eio():
    """ESTALE to the daemon; what is written from then on goes to a new file."""
    with Nfs() as nfs, backed(nfs, allow_log=[*FAILS, 'cannot be read: EIO']) as mount:
        put(f'{mount.tmpdir()}/f', noise(8 * MIB))
        wait_spilled(mount, 8 * MIB)
        for name in os.listdir(nfs.served):
            os.unlink(f'{nfs.served}/{name}')
        stop_serving()
        serve()  # it holds no files that were open
        drop_caches()
        fails(errno.EIO, get, f'{mount.tmpdir()}/f')
        os.unlink(f'{mount.tmpdir()}/f')
        put(f'{mount.tmpdir()}/g', noise(8 * MIB, 2))
        wait_spilled(mount, 8 * MIB)
        drop_caches()
        assert get(f'{mount.tmpdir()}/g') == noise(8 * MIB, 2)
