"""Traps T18 to T30: what the system around the programs does. See traps.py."""
import errno
import fcntl
import json
import mmap
import os
import shutil
import signal
import subprocess
import tempfile
import time

from memory import memory_of
from rig import (DEADLINE_S, GONE, Mount, alive, as_user, bash, binary, case, fails, fallocate, get,
                 is_mounted, is_run_again, linkat_fd, need, pass_time, put, run, unmount,
                 wait_until)

MASKED = True  # also run without each feature of the kernel
ALICE, APT = 61001, 42
FULL = 'ram=16M,user_size=100%,user_ram=100%'


def fill(path):
    """Writes until there is no room. What fitted, in bytes."""
    total = 0
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        while True:
            total += os.write(fd, b'f' * 65536)
    except OSError as error:
        assert error.errno in (errno.ENOSPC, errno.EDQUOT), error
    finally:
        os.close(fd)
    return total


@case()
def t18_a_background_job_keeps_the_files_of_its_dead_session(d):
    """Caught: a session that ends with its leader. There are no sessions here yet: a daemonised
    child must find its parent's file for as long as the mount lives."""
    script = 'echo parent > job; mkfifo go; ' \
             '(setsid sh -c "read x < go; cat job; echo child >> job" > out 2>&1 &)'
    done = subprocess.Popen(['sh', '-c', script], cwd=d, start_new_session=True)
    assert done.wait(DEADLINE_S) == 0  # the session's leader is gone
    pass_time(0.6)
    put('go', b'x\n')
    wait_until(lambda: get('job') == b'parent\nchild\n', 'the background job goes on')
    assert get('out') == b'parent\n'


@case()
def t19_tmpdir_stays_right_when_the_user_changes(mount):
    """Caught: a per-user directory whose path is inherited by another user (sudo, su, cron)."""
    tmpdir = f'{mount.path}/self'
    mine = bash('mktemp', tmpdir).stdout.strip()
    theirs = as_user(ALICE, lambda: bash('mktemp', tmpdir).stdout.strip())
    assert os.listdir(f'{mount.path}/{ALICE}') == [os.path.basename(theirs)]
    assert os.listdir(f'{mount.path}/0') == [os.path.basename(mine)]
    # who inherits the path of another's directory gets an error, not a file somewhere else
    done = as_user(ALICE, lambda: run('mktemp', env={'TMPDIR': f'{mount.path}/0'}, check=False,
                                      cwd='/'))
    assert done.returncode == 1 and 'Permission denied' in done.stderr
    assert get(f'{mount.path}/{ALICE}/{os.path.basename(theirs)}') == b''  # root may look


@case(mount=False)
def t20_a_dead_daemon_is_no_reason_to_hang_or_to_write_below():
    """Caught: ENOTCONN for ever, a caller that cannot be killed, files in the covered directory."""
    mount = Mount(allow_log=['killed by signal', "made root's own"])
    os.chmod(mount.path, 0o1777)
    mount.start()
    tmpdir = f'{mount.path}/{ALICE}'
    as_user(ALICE, put, f'{tmpdir}/f', b'x')
    held = os.open(f'{tmpdir}/f', os.O_RDWR)
    busy = subprocess.Popen(['sh', '-c', f'cd {tmpdir} && while :; do : > x; done'],
                            stderr=subprocess.DEVNULL)
    os.kill(mount.worker, signal.SIGKILL)
    for call in (lambda: os.pwrite(held, b'y', 0), lambda: os.fstat(held)):
        try:
            call()
        except OSError as error:
            assert error.errno in GONE, error
    mount.process.wait(DEADLINE_S)
    assert not is_mounted(mount.path)
    done = as_user(ALICE, lambda: run('mktemp', '-p', mount.path, check=False, cwd='/'))
    assert done.returncode == 1 and os.listdir(mount.path) == [], 'written below the mount'
    busy.kill()
    busy.wait(DEADLINE_S)
    os.close(held)
    mount.stop(status=1)


@case(options=FULL, needs=['fallocate'])
def t21_reserved_space_holds_for_a_mapping_when_the_mount_is_full(d):
    """Caught: fallocate that reserves nothing, so that a store is SIGBUS or is lost."""
    fd = os.open('mapped', os.O_RDWR | os.O_CREAT, 0o600)
    fallocate(fd, 0, 0, 4 << 20)
    fill('rest')
    pattern = os.urandom(1 << 16)
    with mmap.mmap(fd, 4 << 20) as mapping:
        for at in range(0, 4 << 20, 1 << 16):
            mapping[at:at + (1 << 16)] = pattern
        mapping.flush()
    os.close(fd)
    assert get('mapped') == pattern * 64
    fd = os.open('more', os.O_RDWR | os.O_CREAT, 0o600)
    fails(errno.ENOSPC, fallocate, fd, 0, 0, 4 << 20)
    os.close(fd)


@case(options=FULL, patience=100, allow_log=['stored through a mapping'])
def t21_a_store_into_a_hole_of_a_full_mount_spares_everybody_else(d):
    """Caught: one mapping without room brings down the daemon, or the data of others."""
    put('precious', b'p' * 100000)
    fd = os.open('sparse', os.O_RDWR | os.O_CREAT, 0o600)
    os.ftruncate(fd, 64 << 20)
    filled = fill('rest')

    def store():
        with mmap.mmap(fd, 64 << 20) as mapping:
            for at in range(0, 64 << 20, 4096):
                mapping[at] = 1
            mapping.flush()
    pid = os.fork()
    if pid == 0:
        try:
            store()
            os._exit(0)
        except OSError:
            os._exit(1)  # msync has told
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (1, -signal.SIGBUS), f'nobody was told ({code})'
    os.close(fd)
    os.unlink('sparse')
    assert get('precious') == b'p' * 100000 and os.stat('rest').st_size == filled
    os.unlink('rest')
    put('again', b'a' * (4 << 20))


@case(mount=False)
def t22_memory_comes_back_when_files_are_deleted():
    """Caught: a heap that grows and stays (the prototypes kept all of it)."""
    with Mount(options='backing=none') as mount:
        before = memory_of([mount.worker])
        for i in range(4):
            put(f'{mount.tmpdir()}/{i}', b'x' * (48 << 20))
        full = memory_of([mount.worker])
        assert full - before > 150 << 20
        assert full - before < 250 << 20, 'the data are held twice in the daemon'
        for i in range(4):
            os.unlink(f'{mount.tmpdir()}/{i}')
        wait_until(lambda: memory_of([mount.worker]) - before < 64 << 20,
                   'the memory comes back')

        def used():  # the last close reaches the daemon a little later
            status = run(binary('SPOOLCTL'), 'status', '--json', mount.path).stdout
            return json.loads(status)['size_used']
        wait_until(lambda: used() < 1 << 20, 'the space comes back')


@case(mount=False)
def t23_a_daemon_that_is_started_from_its_own_mount_point():
    """Caught: the daemon waits for itself: its cwd, TMPDIR, open files or backing directory are on
    its own mount."""
    path = tempfile.mkdtemp(dir=os.environ['SPOOL_CASE_DIR'])
    environment = dict(os.environ, TMPDIR=path, TMP=path, HOME=path, XDG_RUNTIME_DIR=path)
    run(binary('SPOOLFS'), '.', cwd=path, env=environment)
    status = json.loads(run(binary('SPOOLCTL'), 'status', '--json', path).stdout)
    pids = [status['supervisor_pid'], status['worker_pid']]
    for pid in pids:
        assert os.readlink(f'/proc/{pid}/cwd') == '/'
        for fd in os.listdir(f'/proc/{pid}/fd'):
            assert os.stat(f'/proc/{pid}/fd/{fd}').st_dev != os.stat(path).st_dev
    put(f'{path}/0/f', b'x' * (8 << 20))
    unmount(path)
    wait_until(lambda: not any(map(alive, pids)), 'the daemon ends')
    os.mkdir(f'{path}/backing', 0o700)
    done = run(binary('SPOOLFS'), '-o', f'backing={path}/backing,backing_any=on', path, check=False)
    assert done.returncode == 2 and 'lies in the mount point' in done.stderr
    os.rmdir(f'{path}/backing')
    os.rmdir(path)


@case()
def t24_growing_data_change_no_identity(d):
    """Caught: st_ino, st_dev or ctime that change when the storage of a file does."""
    fd = os.open('f', os.O_RDWR | os.O_CREAT, 0o600)
    identity = os.fstat(fd).st_ino, os.fstat(fd).st_dev
    seen = set()
    for size in (0, 1, 100, 4096, 65535, 65536, 65537, 1 << 20, 16 << 20, 40 << 20):
        os.pwrite(fd, b'd' * (size - os.fstat(fd).st_size), os.fstat(fd).st_size)
        for found in (os.fstat(fd), os.stat('f')):
            assert (found.st_ino, found.st_dev) == identity and found.st_size == size
            assert found.st_ctime_ns == found.st_mtime_ns
    before = os.fstat(fd)
    for _ in range(20):
        assert get('f')[-1:] == b'd'
        seen.add((os.stat('f').st_ctime_ns, os.stat('f').st_mtime_ns, os.stat('f').st_ino))
    assert seen == {(before.st_ctime_ns, before.st_mtime_ns, before.st_ino)}
    os.close(fd)
    need('git')
    done = bash('git init -q r; mv f r; cd r; git add .; git diff-files --name-only', d)
    assert done.stdout == '', 'the index sees a change where there is none'


@case(needs=['tmpfile'])
def t25_linking_an_anonymous_file(d):
    """Caught: link() of the /proc link itself is EXDEV as elsewhere; with O_EXCL it is ENOENT."""
    fd = os.open(d, os.O_TMPFILE | os.O_RDWR, 0o600)
    fails(errno.EXDEV, os.link, f'/proc/self/fd/{fd}', f'{d}/x')
    linkat_fd(fd, f'{d}/x')
    os.close(fd)
    fd = os.open(d, os.O_TMPFILE | os.O_EXCL | os.O_RDWR, 0o600)
    fails(errno.ENOENT, linkat_fd, fd, f'{d}/y')
    os.close(fd)
    assert os.listdir(d) == ['x']


@case()
def t26_empty_and_closed_is_the_normal_state_of_a_fresh_file(d):
    """Caught: garbage collection that takes size 0 and no descriptor for garbage."""
    name = bash('mktemp', d).stdout.strip()
    inode = os.stat(name).st_ino
    end = time.monotonic() + (0 if is_run_again() else 2.5)  # longer than a linger may be
    while time.monotonic() < end:  # what would make a collector run
        for i in range(200):
            put(f'other{i}', b'x')
            os.unlink(f'other{i}')
    assert os.stat(name).st_ino == inode and os.listdir(d) == [os.path.basename(name)]


@case()
def t27_a_lock_file_stays_whatever_its_age(d):
    """Caught: ageing of files that are open, locked, mapped or somebody's cwd."""
    os.mkdir('cwd')
    put('lock')
    put('mapped', b'm' * 4096)
    holder = os.open('lock', os.O_RDWR)
    fcntl.flock(holder, fcntl.LOCK_EX)
    with open('mapped', 'r+b') as file:
        mapping = mmap.mmap(file.fileno(), 4096)
    sleeper = subprocess.Popen(['sleep', '60'], cwd=f'{d}/cwd')
    for name in ('lock', 'mapped', 'cwd'):
        os.utime(name, (0, 0))
    pass_time(0.6)
    assert sorted(os.listdir(d)) == ['cwd', 'lock', 'mapped'] and mapping[:1] == b'm'

    def second():
        fd = os.open('lock', os.O_RDWR | os.O_CREAT)
        fails(errno.EAGAIN, fcntl.flock, fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    as_user(0, second)
    assert os.stat(f'/proc/{sleeper.pid}/cwd').st_nlink == 2
    sleeper.kill()
    sleeper.wait()
    mapping.close()
    os.close(holder)


@case(options=FULL)
def t28_statfs_is_believed(d):
    """Caught: zeros ("full" to many programs), numbers that are not the caller's own."""
    before = os.statvfs(d)
    assert before.f_blocks * before.f_frsize == 16 << 20
    assert 0 < before.f_bavail <= before.f_bfree <= before.f_blocks and before.f_favail > 0
    put('f', b'x' * (4 << 20))
    used = (before.f_bavail - os.statvfs(d).f_bavail) * before.f_frsize
    assert 4 << 20 <= used < 5 << 20
    fill('rest')
    full = os.statvfs(d)
    assert full.f_blocks == before.f_blocks and full.f_bavail * full.f_frsize < 1 << 17
    assert run('df', '--output=pcent', d).stdout.split()[1] in ('99%', '100%')
    os.unlink('rest')
    wait_until(lambda: os.statvfs(d).f_bavail * before.f_frsize > 11 << 20, 'space comes back')


@case()
def t29_system_users_reach_an_inherited_tmpdir(mount):
    """Caught: a TMPDIR that _apt and other service users cannot traverse."""
    tmpdir = f'{mount.path}/self'
    name = as_user(APT, lambda: bash('mktemp; echo data > $TMPDIR/f; cat $TMPDIR/f',
                                     tmpdir).stdout.split())
    assert name[0].startswith(tmpdir) and name[1] == 'data'
    assert os.stat(f'{mount.path}/{APT}/f').st_uid == APT
    fails(errno.EACCES, as_user, ALICE, get, f'{mount.path}/{APT}/f')


@case()
def t30_only_copies_cross_the_devices(d):
    """Caught: nothing to catch but a wrong errno; what must work is mv, and rename inside."""
    outside = os.environ['SPOOL_CASE_DIR']
    put('f', b'content')
    fails(errno.EXDEV, os.rename, 'f', f'{outside}/f')
    fails(errno.EXDEV, os.link, 'f', f'{outside}/f')
    bash(f'mv f {outside}/f; mv {outside}/f g', d)
    assert get('g') == b'content' and not os.path.exists(f'{outside}/f')
    shutil.move('g', f'{outside}/h')
    shutil.move(f'{outside}/h', 'h')
    put('new', b'new')
    os.rename('new', 'h')
    assert get('h') == b'new' and os.listdir(d) == ['h']
