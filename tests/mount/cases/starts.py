"""Starts that go wrong, and what lies on top: nothing hangs or is lost, and a line says why."""
import os
import re
import resource
import select
import signal
import subprocess
import tempfile
import threading

from rig import (DEADLINE_S, Mount, Skip, alive, as_user, binary, case, get, is_mounted,
                 need_limited_addresses, own_mounts, put, run, unmount, wait_until)
from transport import IO_URING_SETUP, forbid, status

USER = 2  # fusermount3 wants one with a name


class Place:
    """A mount point for a daemon in the background; unmounted at the end."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(dir=os.environ['SPOOL_CASE_DIR'])
        return self

    def __exit__(self, kind, value, trace):
        while is_mounted(self.path):
            run('umount', '-l', self.path)
        os.rmdir(self.path)


@case(mount=False)
def a_start_with_closed_standard_streams():
    for closed in ('0<&-', '1>&-', '2>&-', '0<&- 1>&- 2>&-'):
        with Place() as place:
            run('sh', '-c', f'exec "$0" -o backing=none "$1" {closed}', binary('SPOOLFS'),
                place.path, timeout=DEADLINE_S)
            put(f'{place.path}/self/f', b'x')
            got = status(place)
            unmount(place.path)
            wait_until(lambda g=got: not alive(g['worker_pid']) and not alive(g['supervisor_pid']),
                       'both processes end')


@case(mount=False)
def who_kills_a_start_is_held_up_by_nothing():
    """The daemon lets go of the streams of a starting process that was killed meanwhile."""
    ready, told = os.pipe()
    os.set_blocking(told, False)
    while True:  # until it is full: the daemon waits before it says that it has started
        try:
            os.write(told, b'x')
        except BlockingIOError:
            break
    os.set_blocking(told, True)
    with Place() as place, subprocess.Popen(
            [binary('SPOOLFS'), '-o', 'backing=none', f'--ready-fd={told}', place.path],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=[told]) as starter:
        os.close(told)
        wait_until(lambda: is_mounted(place.path), 'it is mounted')
        starter.kill()
        starter.wait()
        while b'ready' not in os.read(ready, 1 << 16):
            pass
        assert select.select([starter.stderr], [], [], DEADLINE_S)[0], 'the stream is still open'
        assert starter.stderr.read() == b''
        unmount(place.path)
    os.close(ready)


def refuse_signals():
    """As a program may be that starts daemons."""
    signals = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    for number in signals:
        signal.signal(number, signal.SIG_IGN)


def signals_of(pid):
    return re.findall(r'Sig(Blk|Ign):\s*(\w+)', get(f'/proc/{pid}/status').decode())


@case(mount=False)
def signals_that_a_starter_refuses_are_none_of_the_daemons():
    """It stops when it is told to, and its processes have the signals that they have else."""
    found = []
    for before in None, refuse_signals:
        with Place() as place:
            run(binary('SPOOLFS'), '-o', 'backing=none', place.path, preexec_fn=before,
                timeout=DEADLINE_S)
            got = status(place)
            pids = got['supervisor_pid'], got['worker_pid']
            found.append([signals_of(pid) for pid in pids])
            os.kill(pids[0], signal.SIGTERM)
            wait_until(lambda p=pids: not any(map(alive, p)), 'it ends')
            assert not is_mounted(place.path)
    assert found[0] == found[1], found


@case(mount=False)
def a_failed_start_in_the_background_says_why():
    with Place() as place:
        for option in ('nr_inodes=1', 'transport=uring'):
            done = run(binary('SPOOLFS'), '-o', option, place.path, check=False,
                       preexec_fn=lambda: forbid(IO_URING_SETUP))
            assert done.returncode == 2 and done.stderr.startswith('spoolfs: '), (option, done)
            assert not is_mounted(place.path)


@case()
def a_start_where_one_hangs_does_not_hang(mount):
    """The one that hangs is left alone: it goes on. Nothing waits for it, this pipe neither."""
    os.kill(mount.worker, signal.SIGSTOP)
    try:
        for path in mount.path, f'{mount.path}/':
            done = run(binary('SPOOLFS'), '-f', '-o', 'backing=none', path, check=False)
            assert done.returncode == 2 and 'does not answer' in done.stderr, done
            assert done.stderr.count('\n') == 1, done
    finally:
        os.kill(mount.worker, signal.SIGCONT)
    put(f'{mount.tmpdir()}/f', b'x')  # and nothing has happened to that one


@case(mount=False)
def a_user_who_could_not_unmount_does_not_mount():
    """fusermount3 needs /etc/mtab for that, which a system that was never started lacks."""
    with Place() as place:
        os.chmod(os.environ['SPOOL_CASE_DIR'], 0o755)
        os.chown(place.path, 1000, 1000)
        os.mkdir(f'{place.path}/m')
        os.chown(f'{place.path}/m', 1000, 1000)
        script = '''set -e
            mount -t tmpfs none /etc
            exec setpriv --reuid=1000 --regid=1000 --clear-groups "$0" -f -o backing=none "$1"'''
        done = run('unshare', '-m', 'sh', '-c', script, binary('SPOOLFS'), f'{place.path}/m',
                   check=False, timeout=DEADLINE_S)
        assert done.returncode == 2, done
        assert done.stderr.startswith('spoolfs: /etc/mtab: No such file or directory'), done
        assert done.stderr.count('\n') == 1, done
        os.rmdir(f'{place.path}/m')


@case(mount=False)
def a_small_stack_keeps_no_users_mount():
    """fusermount3 needs more to unmount than to mount: it gets that, or nothing is mounted."""
    if os.stat('/dev/fuse').st_mode & 0o006 != 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')
    user = 'setpriv', f'--reuid={USER}', f'--regid={USER}', '--clear-groups'
    done = run('prlimit', '--stack=65536:', *user, binary('SPOOLCTL'), 'run', '-o', 'backing=none',
               'sh', '-c', 'echo $TMPDIR')
    assert done.stderr == '' and not is_mounted(done.stdout.rstrip('\n')), done
    with Place() as place:
        os.chown(place.path, USER, USER)
        done = run('prlimit', '--stack=65536', *user, binary('SPOOLFS'), '-o', 'backing=none',
                   place.path, check=False)
        assert done.returncode == 2 and done.stderr.count('\n') == 1, done
        assert done.stderr.startswith('spoolfs: RLIMIT_STACK is 65536 bytes: '), done
        assert not is_mounted(place.path)


@case(mount=False)
def no_umask_keeps_a_user_from_his_mount():
    """What programs of ours make for themselves has its mode; the command has its own umask."""
    if os.stat('/dev/fuse').st_mode & 0o006 != 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')
    own_mounts()
    run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'none', '/run')
    os.makedirs(f'/run/user/{USER}')
    os.chown(f'/run/user/{USER}', USER, USER)
    user = 'setpriv', f'--reuid={USER}', f'--regid={USER}', '--clear-groups'
    look = f'umask; stat -c %a $TMPDIR $TMPDIR/.. /run/user/{USER}/spoolfsd'
    for mask in '0777', '0000', '0777':
        done = run(*user, 'sh', '-c', f'umask {mask}; exec "$0" run -o backing=none sh -c "$1"',
                   binary('SPOOLCTL'), look, cwd='/', check=False)
        assert done.stdout == f'{mask}\n700\n700\n700\n' and done.stderr == '', (mask, done)


@case(mount=False)
def a_start_with_too_few_descriptors_is_refused():
    """Not half-way, not without a word, and not later, by a write that no file takes."""
    for limit in (*range(5, 48), 48):
        with Place() as place:
            done = run('sh', '-c', f'ulimit -n {limit}; exec "$0" -o threshold=0,ram=16M "$1"',
                       binary('SPOOLFS'), place.path, check=False, timeout=DEADLINE_S)
            if limit < 48:
                assert done.returncode == 2, (limit, done)
                assert done.stderr == \
                    f'spoolfs: RLIMIT_NOFILE is {limit} (allowed: at least 48)\n', done
            else:
                assert done.returncode == 0, done
                for i in range(8):
                    put(f'{place.path}/self/f{i}', b'x' * (20 << 20))
                unmount(place.path)
            assert not is_mounted(place.path), limit
    with Place() as place:  # a soft limit is raised
        run('sh', '-c', 'ulimit -Sn 10; exec "$0" -o backing=none "$1"', binary('SPOOLFS'),
            place.path, timeout=DEADLINE_S)
        unmount(place.path)


def limits_are_raised(names, *limits):
    with Place() as place:
        run('prlimit', *limits, binary('SPOOLFS'), '-o', 'backing=none', place.path,
            timeout=DEADLINE_S)
        put(f'{place.path}/self/f', b'x' * (4 << 20))
        worker = status(place)['worker_pid']
        for name in names:
            soft, hard = resource.prlimit(worker, getattr(resource, f'RLIMIT_{name}'))
            assert soft == hard, (name, soft, hard)
        unmount(place.path)


@case(mount=False)
def limits_of_who_starts_it_do_not_end_it():
    limits_are_raised(('FSIZE', 'CPU'), '--fsize=2000000:', '--cpu=600:')


@case(mount=False)
def a_limit_of_cpu_time_that_stays_is_told():
    """The kernel would kill the worker, and with it goes the mount."""
    withheld = 'setpriv', '--bounding-set=-sys_resource'
    for limit, told in ('600:600', 'RLIMIT_CPU is 600 s, '), ('600:unlimited', ''):
        with Place() as place:
            done = run(*withheld, 'prlimit', f'--cpu={limit}', binary('SPOOLFS'), '-o',
                       'backing=none', place.path, timeout=DEADLINE_S)
            assert told in done.stderr and done.stderr.count('\n') == bool(told), done
            unmount(place.path)


@case(mount=False)
def a_limit_of_data_does_not_end_it():
    need_limited_addresses()
    limits_are_raised(('DATA',), '--data=500000000:')


@case(mount=False)
def what_is_mounted_on_top_stays():
    """The end of the daemon does not unmount somebody else's filesystem; ours goes with that."""
    mount = Mount(allow_log=['something is mounted on top']).start()
    run('mount', '-t', 'tmpfs', 'none', mount.path)
    put(f'{mount.path}/precious', b'data')
    mount.process.terminate()
    assert mount.process.wait(DEADLINE_S) == 0
    assert get(f'{mount.path}/precious') == b'data'
    unmount(mount.path)
    wait_until(lambda: not is_mounted(mount.path), 'the one below goes')
    mount.stop()


@case()
def open_never_sees_a_rename_in_its_middle(d):
    """A name that always exists can always be opened, also O_TRUNC, while it is replaced."""
    for i in range(2):
        put(f'f{i}', b'x' * 10)
    put('name', b'x' * 10)
    stop = threading.Event()

    def replace():
        i = 0
        while not stop.is_set():
            put(f'new{i % 2}', b'x' * 10)
            os.rename(f'new{i % 2}', 'name')
            i += 1
    thread = threading.Thread(target=replace)
    thread.start()
    try:
        for i in range(20000):
            fd = os.open('name', os.O_RDWR | (os.O_TRUNC if i % 7 == 0 else 0))
            assert os.read(fd, 20) in (b'x' * 10, b'')
            os.close(fd)
    finally:
        stop.set()
        thread.join()


@case(mount=False, needs=['lseek'])
def data_in_the_page_cache_are_no_hole():
    """cp and tar find what was stored through a mapping, and with -o writeback what was written."""
    script = '''import mmap, os, sys
fd = os.open('mapped', os.O_RDWR | os.O_CREAT, 0o600)
os.ftruncate(fd, 1000000)
with mmap.mmap(fd, 1000000) as view:
    os.close(fd)
    view[500000:500010] = b'0123456789'
    assert os.system('cp --sparse=auto mapped copy && cmp mapped copy') == 0
    with open('mapped', 'rb') as file:
        assert file.seek(0, os.SEEK_DATA) <= 500000
with open('written', 'wb', buffering=0) as file:
    file.write(b'y' * 1000000)
    assert os.system('cp --sparse=auto written copy2 && cmp written copy2') == 0
    assert os.system('tar -S -cf t.tar written && tar -xOf t.tar written | cmp - written') == 0
'''
    for options in ('', 'writeback'):
        with Mount(options=options) as mount:
            os.chdir(mount.tmpdir())
            run('/usr/bin/python3', '-c', script)
            os.chdir('/')


@case(layout='shared')
def set_id_bits_go_with_writes_fallocate_and_copies(d):
    def act():
        for name in 'ab':
            put(name, b'x' * 10000)
        os.chmod('b', 0o6755)
        fd = os.open('b', os.O_RDWR)
        assert os.stat('b').st_mode & 0o6000
        os.pwrite(fd, b'y', 0)
        assert os.stat('b').st_mode & 0o7777 == 0o755
        os.fchmod(fd, 0o6755)
        os.posix_fallocate(fd, 0, 20000)
        assert os.stat('b').st_mode & 0o6000 == 0
        os.fchmod(fd, 0o6755)
        source = os.open('a', os.O_RDONLY)
        os.copy_file_range(source, fd, 100, 0, 0)
        assert os.stat('b').st_mode & 0o6000 == 0
        os.close(source)
        os.close(fd)
    os.chmod('.', 0o777)
    as_user(61001, act)


@case(mount=False)
def a_remount_changes_what_can_be_changed():
    with Mount(options='ram=64M') as mount:
        done = subprocess.run([binary('SPOOLFS'), '-o', 'remount,ram=32M,user_ram=25%',
                               'spoolfs', mount.path], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        got = status(mount)
        assert got['ram_limit'] == 32 << 20
        assert got['users'][0]['ram_limit'] == 8 << 20
        for option, code in (('remount,layout=single', 2), ('remount,ro', 2), ('remount,ram=x', 2)):
            done = subprocess.run([binary('SPOOLFS'), '-o', option, 'spoolfs', mount.path],
                                  check=False, capture_output=True, text=True)
            assert done.returncode == code and done.stderr.count('\n') == 1, (option, done)
