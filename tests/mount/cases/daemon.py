"""The daemon: starting, refusing, mount(8), dying and what is left."""
import ctypes
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

from rig import (DEADLINE_S, LIBC, Mount, Skip, alive, as_user, binary, case, children, fails, get,
                 gone, is_mounted, put, run, unmount, wait_until)

NOBODY = 65534


def need_user_mounts():
    if not os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')


def start_in_background(path, *args):
    """The pids of supervisor and worker."""
    run(binary('SPOOLFS'), *args, path)
    assert is_mounted(path), 'said it had mounted'
    status = run(binary('SPOOLCTL'), 'status', '--json', path).stdout
    return [int(re.search(rf'"{name}_pid": (\d+)', status)[1]) for name in ('supervisor', 'worker')]


class Directory:
    """A mount point for cases that mount by themselves."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix='spool-', dir='/tmp')
        return self.path

    def __exit__(self, kind, value, trace):
        while is_mounted(self.path):
            subprocess.run(['umount', '-l', self.path], check=True)
        os.rmdir(self.path)


@case(mount=False)
def background_returns_when_mounted_and_umount_ends_it():
    with Directory() as path:
        pids = start_in_background(path)
        put(f'{path}/self/f', b'x')
        unmount(path)
        wait_until(lambda: not any(map(alive, pids)), 'both processes end')
        assert os.listdir(path) == []


@case(mount=False)
def every_bad_option_is_one_line_and_nothing_is_mounted():
    bad = '''ram=0 ram=x ram=-1 ram=101% ram=1k ram= ram size=0 size=9999999999999999999999
        nr_inodes=x user_size=0% user_inodes=-5 user_ram=1.5G layout=both layout=
        modes=all uid=x uid=007
        uid=4294967295,layout=single gid=-1 mode=999 mode=7777777,layout=single uid=0 mode=0700
        noexec=1 log_level=loud unknown unknown=1 ro mask=nothing threshold=-1
        threshold=x
        threshold= backing=relative backing=/missing backing=/etc/passwd backing=/dev/shm
        backing= reserve=x reserve=101% encrypt=yes encrypt= backing_any=1
        lifetime=ever lifetime= linger=x linger=86401 linger= session=process session= grace=x
        grace=-1 grace= detach=soon detach=-1
        detach= mlock=yes passthrough=on passthrough=off pressure=often transport=wire
        layout=shared,modes=owner fsname=a\\b'''.split()
    with Directory() as path:
        for option in bad:
            done = run(binary('SPOOLFS'), '-o', option, path, check=False)
            assert done.returncode == 2, (option, done.returncode, done.stderr)
            lines = done.stderr.splitlines()
            assert len(lines) == 1 and lines[0].startswith('spoolfs: '), (option, lines)
            assert 'allowed' in lines[0] and not done.stdout, (option, lines)
            assert not is_mounted(path), option


@case(mount=False)
def wrong_use_is_2():
    with Directory() as path:
        for args in ([], ['a', 'b', 'c'], ['--bogus', path], ['-o'], ['--holder-fd=x', path],
                     ['a,suid', path], ['a\\', path]):
            assert run(binary('SPOOLFS'), *args, check=False).returncode == 2, args
        for target in (f'{path}/missing', binary('SPOOLFS')):
            done = run(binary('SPOOLFS'), target, check=False)
            assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done
        assert run(binary('SPOOLFS'), '--help').stdout.startswith('usage: spoolfs')
        assert run(binary('SPOOLFS'), '--version').stdout.startswith('spoolfs ')


@case(mount=False)
def sigterm_while_busy_unmounts_and_cuts_off():
    mount = Mount().start()
    path = f'{mount.tmpdir()}/f'
    put(path, b'x' * 100000)
    fd = os.open(path, os.O_RDWR)
    os.chdir(mount.tmpdir())
    mount.process.terminate()
    wait_until(lambda: not is_mounted(mount.path), 'the mount goes')
    mount.process.wait(DEADLINE_S)
    gone(os.pwrite, fd, b'y', 0)
    os.chdir('/')
    os.close(fd)
    mount.stop()


@case(mount=False)
def kill_9_of_the_worker_leaves_no_dead_mount():
    mount = Mount(allow_log=['the worker was killed by signal 9']).start()
    writers = [subprocess.Popen(['sh', '-c', 'while dd if=/dev/zero of=$0 bs=64k count=50; do :; '
                                 'done', f'{mount.tmpdir()}/{i}'], stderr=subprocess.DEVNULL)
               for i in range(4)]
    wait_until(lambda: len(os.listdir(mount.tmpdir())) == 4, 'all are writing')
    os.kill(mount.worker, signal.SIGKILL)
    mount.process.wait(DEADLINE_S)  # it is killed, and nobody waits for it to stop: see the log
    assert not is_mounted(mount.path)
    for writer in writers:
        writer.wait(DEADLINE_S)
    mount.stop(status=1)


@case(mount=False)
def a_crash_leaves_the_mount_point_unwritable():
    mount = Mount(allow_log=['killed by signal', "made root's own"])
    os.chmod(mount.path, 0o1777)
    os.chown(mount.path, 1000, 1000)
    mount.start()
    os.kill(mount.worker, signal.SIGKILL)
    mount.process.wait(DEADLINE_S)
    found = os.stat(mount.path)
    assert found.st_uid == 0 and not found.st_mode & 0o022
    fails(errno.EACCES, as_user, 1000, put, f'{mount.path}/x')
    mount.stop(status=1)


@case(mount=False)
def lazy_umount_serves_on_until_the_last_close():
    mount = Mount(options='detach=never', allow_log=['mounted here no more']).start()
    path = f'{mount.tmpdir()}/f'
    fd = os.open(path, os.O_CREAT | os.O_RDWR)
    os.write(fd, b'before')
    run('umount', '-l', mount.path)
    os.pwrite(fd, b'after!', 0)
    assert os.pread(fd, 10, 0) == b'after!'
    os.close(fd)
    wait_until(lambda: not any(map(alive, mount.pids)), 'all end with the last close') \
        if mount.process.poll() is not None else mount.process.wait(DEADLINE_S)
    mount.stop()


@case(mount=False)
def an_abort_ends_all_cleanly():
    mount = Mount().start()
    minor = os.minor(os.stat(mount.path).st_dev)
    with open(f'/sys/fs/fuse/connections/{minor}/abort', 'w', encoding='utf-8') as abort:
        abort.write('1')
    mount.process.wait(DEADLINE_S)
    assert not is_mounted(mount.path)
    mount.stop()


@case(mount=False)
def an_ordinary_user_mounts_for_himself():
    need_user_mounts()
    with Mount(layout='single', uid=NOBODY) as mount:
        as_user(NOBODY, put, f'{mount.path}/f', b'mine')
        assert as_user(NOBODY, get, f'{mount.path}/f') == b'mine'
        fails(errno.EACCES, os.listdir, mount.path)  # not even root, without allow_other
        assert as_user(NOBODY, os.stat, mount.path).st_uid == NOBODY
    done = run(binary('SPOOLFS'), '-o', 'layout=private', '/tmp', check=False, user=NOBODY)
    assert done.returncode == 2 and 'only root' in done.stderr


@case(mount=False)
def works_through_mount_8_and_fstab():
    """In a mount namespace of its own, with the helpers and an fstab that only it sees."""
    script = '''set -e
        mount --make-rprivate /
        dir=$(mktemp -d); sbin=$(realpath /sbin)
        mount -t tmpfs none $dir && mkdir $dir/m $dir/old $dir/sbin
        mount --bind $sbin $dir/old
        for file in $dir/old/*; do ln -s $file $dir/sbin/; done
        cp --remove-destination "$SPOOLFS" $dir/sbin/spoolfs
        cp --remove-destination "$HELPER" $dir/sbin/mount.spoolfs
        mount --bind $dir/sbin $sbin
        check() { grep -q " $dir/m .* fuse.spoolfs $1 " /proc/self/mountinfo; touch $dir/m/self/f
            umount $dir/m; }
        mount -t spoolfs -o ram=64M first $dir/m; check first
        mount -t fuse.spoolfs -o ram=64M second $dir/m; check second
        options=ram=64M,noauto,nofail,noatime,nodiratime,x-systemd.automount
        echo "third $dir/m spoolfs $options 0 0" > $dir/fstab
        mount -T $dir/fstab $dir/m
        mount -o remount,ram=96M,threshold=1M $dir/m
        "$SPOOLCTL" status --json $dir/m | grep -q '"ram_limit": 100663296'
        ! mount -o remount,layout=single $dir/m 2> $dir/error
        grep -q 'layout=single: cannot be changed' $dir/error
        check third
        ! mount -t spoolfs -o ram=bad none $dir/m
        umount -l $sbin; umount -l $dir; rmdir $dir
        echo fine'''
    # in a build it lies beside spoolctl, where it is installed beside spoolfs
    places = [os.path.dirname(binary(name)) for name in ('SPOOLCTL', 'SPOOLFS')]
    helper = shutil.which('mount.spoolfs', path=':'.join(places))
    done = run('unshare', '-m', 'sh', '-c', script, check=False,
               env={**os.environ, 'HELPER': helper, 'PATH': '/usr/sbin:/usr/bin:/sbin:/bin'})
    assert done.stdout.endswith('fine\n'), done.stdout + done.stderr


@case(mount=False)
def mounts_on_one_another_come_off_in_order():
    with Directory() as path:
        below = start_in_background(path)
        put(f'{path}/self/below', b'1')
        above = start_in_background(path)
        assert not os.path.exists(f'{path}/self/below')
        os.kill(above[0], signal.SIGTERM)
        wait_until(lambda: not any(map(alive, above)), 'the upper one ends')
        assert get(f'{path}/self/below') == b'1'
        os.kill(below[0], signal.SIGTERM)
        wait_until(lambda: not any(map(alive, below)), 'the lower one ends')


def free_next(device, directory):
    """Makes a device number that is free the one that the next mount gets: the lowest is given, so
    those below it are taken by mounts in @directory. Returns the mount points, or raises
    LookupError where somebody else took it."""
    taken = []
    while len(taken) < 500:
        path = os.path.join(directory, str(len(taken)))
        os.mkdir(path)
        run('mount', '-t', 'tmpfs', '-o', 'size=4k', 'none', path)
        taken.append(path)
        if os.stat(path).st_dev == device:
            run('umount', taken.pop())
            return taken
        if os.stat(path).st_dev > device:
            break
    unmount(*taken)
    raise LookupError(device)


@case(mount=False)
def a_late_supervisor_does_not_unmount_a_stranger():
    """Device numbers are used again as soon as a filesystem is gone."""
    for _ in range(10):
        with (Directory() as first, Directory() as second,
              tempfile.TemporaryDirectory() as directory):
            mine = start_in_background(first)
            device = os.stat(first).st_dev
            os.kill(mine[0], signal.SIGSTOP)
            unmount(first)
            try:
                taken = free_next(device, directory)
            except LookupError:
                taken = []
            theirs = start_in_background(second)
            same = os.stat(second).st_dev == device
            for path in taken:
                unmount(path)
            os.kill(mine[0], signal.SIGCONT)
            wait_until(lambda: not any(map(alive, mine)), 'the first daemon ends')
            assert is_mounted(second), 'unmounted a stranger'
            unmount(second)
            wait_until(lambda: not any(map(alive, theirs)), 'the second daemon ends')
        if same:
            return
    raise Skip('others take every device number that is free')


def take_at_once(device, path, stop):
    """Mounts a tmpfs on @path again and again until it gets @device. Smaller numbers stay taken."""
    while not stop.is_set():
        LIBC.mount(b'none', path.encode(), b'tmpfs', 0, b'size=4k')
        if os.stat(path).st_dev == device:
            return
        if os.stat(path).st_dev > device:
            LIBC.umount2(path.encode(), 0)


@case(mount=False)
def a_stranger_with_our_number_is_no_failure():
    """A number that somebody else's mount gets as soon as ours has gone is not ours any more."""
    for _ in range(5):
        with tempfile.TemporaryDirectory() as directory, Mount() as mount:
            stop = threading.Event()
            thread = threading.Thread(target=take_at_once,
                                      args=(os.stat(mount.path).st_dev, directory, stop))
            thread.start()
            try:
                mount.process.terminate()
                mount.process.wait(DEADLINE_S)
            finally:
                stop.set()
                thread.join()
                while os.path.ismount(directory):
                    unmount(directory)


@case(mount=False)
def nothing_of_a_file_is_in_a_core_dump():
    """The arena is left out of dumps: its pages carry the dd (do not dump) flag."""
    with Mount() as mount:
        put(f'{mount.tmpdir()}/f', b'secret' * 100000)
        areas = get(f'/proc/{mount.worker}/smaps').decode()
        arena = re.findall(r'(?:memfd:spoolfs|/#\d+ \(deleted\)).*?VmFlags: ([^\n]*)', areas,
                           re.S)
        assert arena and all('dd' in flags.split() for flags in arena), arena


def locked_kib(pid):
    with open(f'/proc/{pid}/smaps', encoding='utf-8') as file:
        areas = re.split(r'^(?=[0-9a-f]+-)', file.read(), flags=re.M)
    return sum(int(re.search(r'Locked: +(\d+) kB', area)[1]) for area in areas
               if 'memfd:spoolfs' in area or '(deleted)' in area)


@case(mount=False)
def data_are_not_swapped_where_that_can_be_had():
    """On a tmpfs with noswap, or locked, or neither; status tells which."""
    def protected(options, mask=''):
        with Mount(options=options, mask=mask) as mount:
            put(f'{mount.tmpdir()}/f', bytes(range(256)) * 40000)
            assert get(f'{mount.tmpdir()}/f') == bytes(range(256)) * 40000
            got = json.loads(run(binary('SPOOLCTL'), 'status', '--json', mount.path).stdout)
            return got['swap_protected'], locked_kib(mount.worker) * 1024 >= 10_000_000

    script = 'mount -t tmpfs -o noswap none "$1"'
    has_noswap = run('unshare', '-m', 'sh', '-c', script, 'sh', os.environ['SPOOL_CASE_DIR'],
                     check=False).returncode == 0
    assert protected('') == (has_noswap, False)
    assert protected('', mask='noswap') == (False, False)
    assert protected('mlock=on') == (True, True)
    assert protected('mlock=on', mask='noswap') == (True, True)


@case(mount=False)
def what_may_not_be_locked_is_refused():
    with Directory() as path:
        os.chown(path, 1000, 1000)
        os.chmod(path, 0o755)
        done = run('setpriv', '--reuid=1000', '--regid=1000', '--clear-groups', 'prlimit',
                   '--memlock=1048576', binary('SPOOLFS'), '-f', '-o',
                   'backing=none,ram=64M,mlock=on', path, check=False)
        assert done.returncode == 2 and done.stderr.count('\n') == 1, done
        assert 'mlock=on: RLIMIT_MEMLOCK is 1048576 bytes (allowed: at least twice ram=)' \
            in done.stderr, done


@case(mount=False)
def the_oom_killer_is_sent_elsewhere_unless_somebody_has_decided():
    def score(value):
        with Directory() as path:
            script = f'echo {value} > /proc/self/oom_score_adj; exec "$0" -o backing=none "$1"'
            run('sh', '-c', script, binary('SPOOLFS'), path)
            got = json.loads(run(binary('SPOOLCTL'), 'status', '--json', path).stdout)
            scores = {get(f'/proc/{got[pid]}/oom_score_adj').decode().strip()
                      for pid in ('worker_pid', 'supervisor_pid')}
            unmount(path)
            wait_until(lambda: not alive(got['supervisor_pid']), 'the daemon ends')
        return scores

    try:
        with open('/proc/self/oom_score_adj', 'w', encoding='ascii') as file:
            file.write('-500')
        with open('/proc/self/oom_score_adj', 'w', encoding='ascii') as file:
            file.write('0')
        lower = '-500'
    except OSError:
        lower = '0'  # root without CAP_SYS_RESOURCE, as in a container
    assert score(0) == {lower}
    assert score(300) == {'300'}


@case(mount=False)
def threads_of_many_users_at_once():
    with Mount() as mount:
        errors = []

        def work(uid):
            try:
                as_user(uid, lambda: [put(f'{mount.path}/self/f{i}', b'%d' % i) or
                                      os.rename(f'{mount.path}/self/f{i}', f'{mount.path}/self/g')
                                      for i in range(300)])
            except BaseException as error:
                errors.append(error)
        threads = [threading.Thread(target=work, args=(1000 + i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors, errors
        assert len(children(mount.pids[0])) == 2  # the worker and the janitor


@case(mount=False)
def hostile_ioctls_are_refused():
    with Mount() as mount:
        fd = os.open(mount.path, os.O_RDONLY | os.O_DIRECTORY)
        buffer = ctypes.create_string_buffer(16384)
        size = 1 << 30

        def ioctl(number):
            if LIBC.ioctl(fd, ctypes.c_ulong(number), buffer) < 0:
                raise OSError(ctypes.get_errno(), 'ioctl')
        for number in (1, 3, 250):  # with this size, or none, they are of another version
            buffer[0:4] = (77).to_bytes(4, sys.byteorder)
            fails(errno.EPROTO, ioctl, 0xC000B700 | number | (8 << 16))
            ours = int.from_bytes(buffer[0:4], sys.byteorder)
            assert 1 < ours < 77, 'the daemon says its version'
        fails(errno.EPROTO, ioctl, 0xC000B700 | 1 | (2 << 16))
        fails(errno.ENOTTY, ioctl, 0x5401)
        fails(errno.ENOTTY, ioctl, 0xFFFFFFFF & ~size)
        os.close(fd)
        assert shutil.disk_usage(mount.path).total > 0
