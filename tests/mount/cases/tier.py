"""Data that go to the disk: they come back, nothing readable is left, and limits hold."""
import errno
import hashlib
import os
import signal
import subprocess
import tempfile

from loop_disk import Backing, LoopDisk, noise
from memory import memory_of
from rig import (DEADLINE_S, Mount, Skip, as_user, binary, case, drop_caches, fails, fallocate, get,
                 put, run, wait_until)
from transport import status, transports

MIB = 1 << 20
USER, OTHER = 61001, 61002


class Overlay:
    """A directory of root's on an overlay, whose upper directory is in @path."""

    def __init__(self, path):
        self.dirs = [f'{path}/{name}' for name in ('lower', 'upper', 'work', 'merged')]

    def __enter__(self):
        for path in self.dirs:
            os.mkdir(path, 0o700)
        lower, upper, work, merged = self.dirs
        dirs = f'lowerdir={lower},upperdir={upper},workdir={work}'
        done = run('mount', '-t', 'overlay', '-o', dirs, 'overlay', merged, check=False)
        if done.returncode != 0 and b'overlay' not in get('/proc/filesystems'):
            raise Skip('an overlay cannot be mounted here')
        assert done.returncode == 0, done
        return merged

    def __exit__(self, kind, value, trace):
        run('umount', self.dirs[-1], check=kind is None)


def tier(mount):
    return status(mount)['tier']


def threads_waiting(mount):
    """Threads of the worker that spill and wait for the disk."""
    tasks = f'/proc/{mount.worker}/task'
    return sum(get(f'{tasks}/{task}/comm') == b'spoolfs-spill\n' and
               get(f'{tasks}/{task}/stat').rsplit(b')', 1)[1].split()[0] == b'D'
               for task in os.listdir(tasks))


def disk_threads(mount):
    """Threads of the worker that may wait; they are started when they are needed."""
    tasks = f'/proc/{mount.worker}/task'
    return [get(f'{tasks}/{task}/comm') for task in os.listdir(tasks)].count(b'spoolfs-disk\n')


def wait_spilled(mount, size):
    wait_until(lambda: tier(mount)['disk_used'] >= size, 'it spills')


@case(mount=False)
def a_file_past_the_threshold_spills_and_reads_back():
    """With everything that the backing filesystem has, and without each of its features."""
    data = noise(40 * MIB)
    for options, mask in (('', ''), ('', 'backing_tmpfile'), ('', 'backing_direct'),
                          (',encrypt=off', '')):
        with Backing() as backing, \
                Mount(options=f'backing={backing},threshold=1M{options}', mask=mask) as mount:
            path = f'{mount.tmpdir()}/f'
            put(path, data)
            wait_spilled(mount, 39 * MIB)
            assert os.listdir(backing) == []
            drop_caches()
            assert get(path) == data
            with open(path, 'r+b') as file:  # a part of what is on the disk
                os.pwrite(file.fileno(), b'changed', 20 * MIB + 5)
                os.truncate(path, 30 * MIB + 1)
            drop_caches()
            want = bytearray(data[:30 * MIB + 1])
            want[20 * MIB + 5:20 * MIB + 12] = b'changed'
            assert get(path) == want
            os.unlink(path)
            wait_until(lambda m=mount: tier(m)['disk_used'] == 0, 'the disk space comes back')
            assert tier(mount)['disk_bad_pieces'] == 0


@case(mount=False)
def small_files_stay_in_ram_and_threshold_0_spills_all():
    with Backing() as backing, Mount(options=f'backing={backing},threshold=1M') as mount:
        for i in range(50):
            put(f'{mount.tmpdir()}/{i}', b'x' * 10000)
        put(f'{mount.tmpdir()}/large', b'x' * (4 * MIB))
        wait_spilled(mount, 3 * MIB)
        assert tier(mount)['disk_used'] <= 4 * MIB
        run(binary('SPOOLCTL'), 'set', 'threshold=0', mount.path)
        put(f'{mount.tmpdir()}/0', b'y' * 10000)
        wait_spilled(mount, 4 * MIB + 10000)


@case(mount=False, masked='uring')
def ram_is_a_bound_and_nothing_is_lost():
    """A stream of eight times the RAM budget, read back in full; the daemon stays small."""
    with Backing() as backing, \
            Mount(options=f'ram=32M,user_ram=100%,backing={backing},threshold=none') as mount:
        digest = hashlib.sha256()
        with open(f'{mount.tmpdir()}/f', 'wb') as file:
            for i in range(256):
                chunk = noise(MIB, i)
                digest.update(chunk)
                file.write(chunk)
        held = status(mount)
        assert held['ram_used'] <= 32 * MIB and held['tier']['disk_used'] >= 224 * MIB
        memory = memory_of([mount.worker])
        assert memory < 96 * MIB, memory
        drop_caches()
        with open(f'{mount.tmpdir()}/f', 'rb') as file:
            assert hashlib.file_digest(file, 'sha256').digest() == digest.digest()


@case(mount=False)
def nothing_readable_is_left_on_the_disk():
    """After removal, after unmount and after kill -9, on the raw disk; encrypt=off shows that the
    search finds what is there."""
    for kind in ('ext4', 'xfs', 'btrfs'):
        for ending in ('remove', 'umount', 'kill'):
            marker = f'marker of {kind} at {ending} '.encode() * 2
            with LoopDisk(kind) as disk:
                mount = Mount(options=f'backing={disk.path},threshold=0,reserve=0',
                              allow_log=['killed by signal 9']).start()
                put(f'{mount.tmpdir()}/f', marker * (20 * MIB // len(marker)))
                wait_spilled(mount, 19 * MIB)
                assert os.listdir(disk.path) == []
                if ending == 'remove':
                    os.unlink(f'{mount.tmpdir()}/f')
                if ending == 'kill':
                    os.kill(mount.worker, signal.SIGKILL)
                    mount.process.wait(DEADLINE_S)
                mount.stop(1 if ending == 'kill' else 0)
                assert os.listdir(disk.path) == []
                assert not disk.holds(marker), (kind, ending)
    with LoopDisk('ext4') as disk:
        with Mount(options=f'backing={disk.path},threshold=0,reserve=0,encrypt=off') as mount:
            put(f'{mount.tmpdir()}/f', marker * (8 * MIB // len(marker)))
            wait_spilled(mount, 7 * MIB)
        assert disk.holds(marker)


def ends(*argv):
    """Whether the program ends soon, and well. One that does not is left alone."""
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    try:
        return process.wait(DEADLINE_S) == 0
    except subprocess.TimeoutExpired:
        return False


@case(mount=False, masked='uring')
def a_disk_that_does_not_answer_is_not_asked_by_requests():
    """Not even for its free space, which an overlay on a daemon that stands still does not tell:
    status and set answer, and so does the mount."""
    with Mount(layout='shared', options='backing=none') as disk, Overlay(disk.path) as backing:
        with Mount(options=f'backing={backing}') as mount:
            path = mount.tmpdir()
            os.kill(disk.worker, signal.SIGSTOP)
            try:
                assert ends(binary('SPOOLCTL'), 'status', mount.path)
                wait_until(lambda: tier(mount)['backing_age_ms'] > 2000, 'it is asked in vain')
                assert ends(binary('SPOOLCTL'), 'status', mount.path)
                assert ends(binary('SPOOLCTL'), 'set', 'reserve=10%', mount.path)
                assert ends('df', path) and ends('touch', f'{path}/f')
            finally:
                os.kill(disk.worker, signal.SIGCONT)
            wait_until(lambda: tier(mount)['backing_age_ms'] <= 2000, 'it is asked again')
            now = tier(mount)
            assert 0 < now['reserve'] == now['backing_total'] // 100 * 10 + \
                now['backing_total'] % 100 * 10 // 100, now


@case(mount=False)
def data_that_were_changed_on_the_disk_are_eio():
    for options in ('', ',encrypt=off'):
        with Backing() as backing, \
                Mount(options=f'backing={backing},threshold=0{options}',
                      allow_log=['is not what was written']) as mount:
            path = f'{mount.tmpdir()}/f'
            put(path, noise(8 * MIB))
            put(f'{mount.tmpdir()}/other', b'')
            wait_spilled(mount, 8 * MIB)
            changed = 0
            for fd in os.listdir(f'/proc/{mount.worker}/fd'):
                name = f'/proc/{mount.worker}/fd/{fd}'
                if not os.readlink(name).startswith(f'{backing}/'):
                    continue
                with open(name, 'r+b', buffering=0) as file:
                    for at in range(0, os.fstat(file.fileno()).st_size, 65536):
                        byte = os.pread(file.fileno(), 1, at + 100)
                        os.pwrite(file.fileno(), bytes([byte[0] ^ 1]), at + 100)
                        changed += 1
            assert changed >= 128
            drop_caches()
            fails(errno.EIO, get, path)
            put(f'{mount.tmpdir()}/other', b'fine')
            assert get(f'{mount.tmpdir()}/other') == b'fine'
            assert tier(mount)['disk_bad_pieces'] > 0
            os.unlink(path)


@case(mount=False, masked='uring')
def a_frozen_disk_stops_nobody_while_there_is_ram():
    with LoopDisk('ext4') as disk:
        with Mount(options=f'ram=48M,user_ram=100%,backing={disk.path},threshold=0,'
                           'reserve=0') as mount:
            run('fsfreeze', '-f', disk.mountpoint)
            signal.alarm(DEADLINE_S)
            for i in range(8):
                put(f'{mount.tmpdir()}/{i}', noise(4 * MIB, i))
            for i in range(8):
                assert get(f'{mount.tmpdir()}/{i}') == noise(4 * MIB, i)
            signal.alarm(0)
            writer = subprocess.Popen(['dd', 'if=/dev/zero', f'of={mount.tmpdir()}/more', 'bs=1M',
                                       'count=64', 'status=none'])
            wait_until(lambda: tier(mount)['waiting_for_ram'] > 0, 'a write waits for RAM')
            os.listdir(mount.tmpdir())
            assert writer.poll() is None
            run('fsfreeze', '-u', disk.mountpoint)
            assert writer.wait(DEADLINE_S) == 0
            drop_caches()
            for i in range(8):
                assert get(f'{mount.tmpdir()}/{i}') == noise(4 * MIB, i)
            assert get(f'{mount.tmpdir()}/more') == b'\0' * (64 * MIB)


@case(mount=False)
def who_asks_for_the_status_does_not_ask_the_disk():
    """Its space is known from writeback: no thread of for_disk is started."""
    for options in transports():
        with Backing() as backing, Mount(options=f'{options},backing={backing}') as mount:
            as_user(USER, run, binary('SPOOLCTL'), 'status', mount.path)
            assert disk_threads(mount) == 0
            assert tier(mount)['backing_total'] > 0
            assert disk_threads(mount) == 0


@case(mount=False)
def reserving_much_is_done_by_threads_that_may_take_their_time():
    for options in transports():
        with Backing() as backing, \
                Mount(options=f'{options},backing={backing},size=1T,user_size=1T') as mount:
            fd = os.open(f'{mount.tmpdir()}/f', os.O_RDWR | os.O_CREAT)
            fallocate(fd, 0, 0, MIB)
            assert disk_threads(mount) == 0
            fallocate(fd, 0, 0, 65 << 30)
            assert disk_threads(mount) == 1
            assert os.fstat(fd).st_blocks * 512 == 65 << 30
            os.close(fd)


@case(mount=False)
def many_spilled_files_need_few_descriptors():
    with Backing() as backing:
        mount = Mount(options=f'ram=64M,user_ram=100%,backing={backing},threshold=0')
        limited = f'{mount.base}/spoolfs'
        with open(limited, 'w', encoding='utf-8') as file:
            file.write(f'#!/bin/sh\nulimit -n 256\nexec {binary("SPOOLFS")} "$@"\n')
        os.chmod(limited, 0o755)
        os.environ['SPOOLFS'] = limited
        mount.start()
        os.unlink(limited)
        for i in range(3000):
            put(f'{mount.tmpdir()}/{i}', noise(16384, i))
        wait_spilled(mount, 3000 * 16384)
        assert len(os.listdir(f'/proc/{mount.worker}/fd')) < 64
        drop_caches()
        for i in range(0, 3000, 7):
            assert get(f'{mount.tmpdir()}/{i}') == noise(16384, i)
        for i in range(20):  # each of these gets a file of its own, as long as there are enough
            put(f'{mount.tmpdir()}/large{i}', noise(17 * MIB, i)[:17 * MIB])
        wait_spilled(mount, 300 * MIB)
        assert get(f'{mount.tmpdir()}/large19') == noise(17 * MIB, 19)
        mount.stop()


@case(mount=False)
def a_large_sparse_file_costs_what_it_holds():
    with Backing() as backing, Mount(options=f'backing={backing},threshold=1M') as mount:
        path = f'{mount.tmpdir()}/f'
        with open(path, 'wb') as file:
            for i in range(40):
                file.seek(i * (100 << 30) // 40)
                file.write(noise(65536, i))
            file.truncate(100 << 30)
        wait_spilled(mount, 39 * 65536)
        drop_caches()
        stat = os.stat(path)
        assert stat.st_size == 100 << 30 and stat.st_blocks * 512 <= 41 * 65536 + 40 * 4096
        with open(path, 'rb') as file:
            for i in range(40):
                at = i * (100 << 30) // 40
                assert os.pread(file.fileno(), 65536, at) == noise(65536, i)
                assert os.lseek(file.fileno(), at + 131072, os.SEEK_DATA) > at + 131072 \
                    if i < 39 else True


@case(mount=False)
def spilling_on_demand_is_for_the_owner():
    with Backing() as backing, Mount(options=f'backing={backing},threshold=none') as mount:
        def make():
            put(f'{mount.path}/{USER}/f', noise(3 * MIB))
        as_user(USER, make)
        path = f'{mount.path}/{USER}/f'
        assert tier(mount)['disk_used'] == 0
        for uid, want in ((OTHER, 1), (USER, 0)):
            done = subprocess.run([binary('SPOOLCTL'), 'spill', path], user=uid, group=uid,
                                  extra_groups=[], capture_output=True, check=False)
            assert done.returncode == want, done
        assert tier(mount)['disk_used'] == 3 * MIB
        drop_caches()
        assert as_user(USER, get, path) == noise(3 * MIB)
        for args in (['set', 'ram=1G', mount.path],):
            done = subprocess.run([binary('SPOOLCTL'), *args], user=USER, group=USER,
                                  extra_groups=[], capture_output=True, check=False)
            assert done.returncode == 1, done


@case(layout='shared')
def who_may_not_spill_is_told_that_first(mount):
    """Whether there is a disk is told to whom the file is."""
    path = f'{mount.path}/f'
    as_user(USER, put, path, b'x')
    for uid, line in ((USER, 'the mount has no backing directory'),
                      (OTHER, 'only root and its owner may do that')):
        done = subprocess.run([binary('SPOOLCTL'), 'spill', path], user=uid, group=uid,
                              extra_groups=[], capture_output=True, text=True, check=False)
        assert done.returncode == 1 and line in done.stderr, done


@case(mount=False, masked='uring')
def spilling_on_demand_to_a_frozen_disk_holds_nothing_of_others():
    """More callers of one user than threads for the disk: others read what is on the disk,
    and callers who are interrupted go at once."""
    with LoopDisk('ext4') as disk:
        with Mount(options=f'ram=128M,backing={disk.path},threshold=none,reserve=0') as mount:
            def make(uid):
                for i in range(24):
                    put(f'{mount.path}/{uid}/{i}', noise(MIB, i))
            as_user(USER, make, USER)
            as_user(OTHER, make, OTHER)
            run(binary('SPOOLCTL'), 'spill', f'{mount.path}/{OTHER}/0')
            assert tier(mount)['disk_used'] == MIB
            run('fsfreeze', '-f', disk.mountpoint)
            callers = [subprocess.Popen([binary('SPOOLCTL'), 'spill', f'{mount.path}/{USER}/{i}'],
                                        user=USER, group=USER, extra_groups=[],
                                        stderr=subprocess.DEVNULL) for i in range(24)]
            wait_until(lambda: threads_waiting(mount) > 0, 'the disk is asked')
            signal.alarm(DEADLINE_S)
            for _ in range(20):
                drop_caches()
                assert as_user(OTHER, get, f'{mount.path}/{OTHER}/0') == noise(MIB, 0)
            signal.alarm(0)
            for caller in callers[:12]:
                caller.send_signal(signal.SIGINT)
            for caller in callers[:12]:
                assert caller.wait(DEADLINE_S) == -signal.SIGINT
            assert any(caller.poll() is None for caller in callers[12:])
            run('fsfreeze', '-u', disk.mountpoint)
            assert [caller.wait(DEADLINE_S) for caller in callers[12:]] == [0] * 12
            assert tier(mount)['disk_used'] >= 13 * MIB


@case(mount=False, masked='uring')
def one_user_who_floods_does_not_stop_another():
    with Backing() as backing, \
            Mount(options=f'ram=64M,backing={backing},threshold=none') as mount:
        flood = subprocess.Popen(
            ['dd', 'if=/dev/zero', f'of={mount.path}/{USER}/f', 'bs=1M', 'count=400',
             'status=none'], user=USER, group=USER, extra_groups=[])
        wait_until(lambda: tier(mount)['disk_used'] > 8 * MIB, 'it spills')

        def work():
            for i in range(50):
                put(f'{mount.path}/{OTHER}/{i}', noise(65536, i))
                assert get(f'{mount.path}/{OTHER}/{i}') == noise(65536, i)
        as_user(OTHER, work)
        assert flood.wait(DEADLINE_S) == 0


@case(mount=False)
def without_a_usable_default_it_is_ram_only():
    script = '''set -e
        mount --make-rprivate /
        mount -t tmpfs none /var/tmp
        dir=$(mktemp -d)
        "$SPOOLFS" $dir
        "$SPOOLCTL" status --json $dir
        umount $dir; rmdir $dir'''
    done = run('unshare', '-m', 'sh', '-c', script)
    assert '"on": false' in done.stdout and 'filesystem in memory' in done.stdout, done.stdout
