"""Data: sparse files, truncation, fallocate, mmap, big offsets, running out of space."""
import errno
import fcntl
import mmap
import os
import random
import re
import signal
import sqlite3
import subprocess

from rig import Mount, binary, case, fails, fallocate, get, put, run, wait_until
from transport import status

KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 1, 2, 16
MIB = 1 << 20


def blocks(path):
    return os.stat(path).st_blocks * 512

MASKED = True  # also run without each feature of the kernel


@case()
def holes_cost_nothing(d):
    with open('sparse', 'wb') as file:
        file.truncate(100 << 30)
        file.seek(50 << 30)
        file.write(b'x')
    assert os.stat('sparse').st_size == 100 << 30
    assert blocks('sparse') == 4096
    fd = os.open('sparse', os.O_RDONLY)
    assert os.pread(fd, 3, (50 << 30) - 1) == b'\0x\0'
    os.close(fd)


@case()
def truncation_down_and_up_shows_zeros(d):
    for size in (1, 100, 4095, 4096, 4097, 65535, 65536, 65537, 200000):
        put('f', b'\xff' * 300000)
        os.truncate('f', size)
        os.truncate('f', 300000)
        data = get('f')
        assert data == b'\xff' * size + b'\0' * (300000 - size), size
    os.truncate('f', 0)
    assert blocks('f') == 0 and get('f') == b''


@case(needs=['fallocate'])
def fallocate_reserves_punches_and_zeroes(d):
    fd = os.open('f', os.O_CREAT | os.O_RDWR, 0o600)
    fallocate(fd, KEEP_SIZE, 0, MIB)
    assert os.fstat(fd).st_size == 0 and os.fstat(fd).st_blocks * 512 == MIB
    fallocate(fd, 0, 0, MIB)
    assert os.fstat(fd).st_size == MIB
    assert os.pread(fd, MIB, 0) == b'\0' * MIB
    os.pwrite(fd, b'a' * MIB, 0)
    fallocate(fd, PUNCH_HOLE | KEEP_SIZE, 5000, 100000)
    assert os.pread(fd, MIB, 0) == b'a' * 5000 + b'\0' * 100000 + b'a' * (MIB - 105000)
    assert os.fstat(fd).st_blocks * 512 < MIB
    fallocate(fd, ZERO_RANGE, 200000, 300000)
    assert os.pread(fd, 300000, 200000) == b'\0' * 300000
    assert os.pread(fd, 1, 199999) == b'a'
    fails(errno.EOPNOTSUPP, fallocate, fd, 8, 0, 4096)  # COLLAPSE_RANGE
    os.close(fd)


@case()
def fallocate_without_kernel_support_fails_cleanly(mount):
    fd = os.open(f'{mount.tmpdir()}/f', os.O_CREAT | os.O_RDWR, 0o600)
    if 'fallocate' in mount.masked:
        fails(errno.EOPNOTSUPP, fallocate, fd, KEEP_SIZE, 0, 4096)
    os.posix_fallocate(fd, 0, 10000)  # glibc falls back to writing
    assert os.fstat(fd).st_size == 10000
    os.close(fd)


@case(needs=['lseek'])
def seek_data_and_seek_hole(d):
    fd = os.open('f', os.O_CREAT | os.O_RDWR, 0o600)
    os.pwrite(fd, b'a' * 4096, 4096)
    os.pwrite(fd, b'b' * 4096, 10 * MIB)
    os.ftruncate(fd, 20 * MIB)
    assert os.lseek(fd, 0, os.SEEK_DATA) == 4096
    assert os.lseek(fd, 4096, os.SEEK_HOLE) == 8192
    assert os.lseek(fd, 8192, os.SEEK_DATA) == 10 * MIB
    assert os.lseek(fd, 10 * MIB, os.SEEK_HOLE) == 10 * MIB + 4096
    fails(errno.ENXIO, os.lseek, fd, 11 * MIB, os.SEEK_DATA)
    assert os.lseek(fd, 11 * MIB, os.SEEK_HOLE) == 11 * MIB
    fails(errno.ENXIO, os.lseek, fd, 20 * MIB, os.SEEK_HOLE)
    os.close(fd)


@case()
def seek_without_kernel_support_treats_all_as_data(mount):
    put(f'{mount.tmpdir()}/f', b'abc')
    fd = os.open(f'{mount.tmpdir()}/f', os.O_RDONLY)
    assert os.lseek(fd, 1, os.SEEK_DATA) == 1
    assert os.lseek(fd, 1, os.SEEK_HOLE) == 3
    os.close(fd)


@case()
def copy_file_range_copies_and_keeps_holes(d):
    put('src', b'x' * 300000)
    os.truncate('src', 5 * MIB)
    src, dst = os.open('src', os.O_RDONLY), os.open('dst', os.O_CREAT | os.O_RDWR, 0o600)
    left = 5 * MIB
    while left:
        done = os.copy_file_range(src, dst, left)
        assert done > 0
        left -= done
    assert get('dst') == get('src')
    os.close(src)
    os.close(dst)


@case()
def appends_of_many_processes_do_not_mix(d):
    procs = [subprocess.Popen(['sh', '-c', f'for i in $(seq 300); do echo {i}-line >> log; done'])
             for i in range(8)]
    assert all(proc.wait() == 0 for proc in procs)
    lines = get('log').decode().splitlines()
    assert sorted(lines) == sorted(f'{i}-line' for i in range(8) for _ in range(300))


@case()
def offsets_up_to_the_largest_and_efbig_beyond(d):
    fd = os.open('f', os.O_CREAT | os.O_RDWR, 0o600)
    top = (1 << 63) - 1
    for off in ((4 << 30) - 1, 1 << 40, 1 << 62, top - 2):
        os.pwrite(fd, b'z', off)
        assert os.pread(fd, 1, off) == b'z'
    assert os.fstat(fd).st_size == top - 1
    os.ftruncate(fd, top)
    assert os.fstat(fd).st_size == top
    fails(errno.EFBIG, os.posix_fallocate, fd, top - 10, 20)
    os.ftruncate(fd, 0)
    assert os.fstat(fd).st_blocks == 0
    os.close(fd)


@case()
def shared_writable_mmap(d):
    put('f', b'\0' * 200000)
    fd = os.open('f', os.O_RDWR)
    with mmap.mmap(fd, 200000) as one, mmap.mmap(fd, 200000) as two:
        one[100000:100005] = b'hello'
        assert two[100000:100005] == b'hello'
        one.flush()
        assert os.pread(fd, 5, 100000) == b'hello'
    os.close(fd)
    put('sparse')
    os.truncate('sparse', MIB)
    fd = os.open('sparse', os.O_RDWR)
    with mmap.mmap(fd, MIB) as area:
        area[500000] = 7
        area.flush()
    os.close(fd)
    subprocess.run(['sh', '-c', 'echo 3 > /proc/sys/vm/drop_caches'], check=True)
    assert get('sparse')[500000] == 7


@case()
def programs_run_from_the_mount(d):
    put('script', b'#!/bin/sh\necho ran $1\n')
    os.chmod('script', 0o700)
    assert subprocess.check_output(['./script', 'it']) == b'ran it\n'
    subprocess.run(['cp', '/bin/true', 'true'], check=True)
    assert subprocess.run(['./true'], check=False).returncode == 0


@case(mount=False)
def noexec_is_obeyed():
    with Mount(options='noexec') as mount:
        script = f'{mount.tmpdir()}/script'
        put(script, b'#!/bin/sh\n')
        os.chmod(script, 0o700)
        fails(errno.EACCES, os.execv, script, [script])


@case()
def random_operations_against_a_plain_file(d):
    """Reads, writes, truncates, maps; the same on another filesystem must give the same."""
    seed = int(os.environ.get('SPOOL_SEED', random.SystemRandom().randrange(1 << 32)))
    print(f'# seed {seed} (SPOOL_SEED)')
    rng = random.Random(seed)
    ours = os.open('f', os.O_CREAT | os.O_RDWR, 0o600)
    model = bytearray()
    for step in range(3000):
        off, n = rng.randrange(400000), rng.randrange(1, 70000)
        action = rng.randrange(4)
        if action == 0:
            data = rng.randbytes(n)
            os.pwrite(ours, data, off)
            if off > len(model):
                model.extend(b'\0' * (off - len(model)))
            model[off:off + n] = data
        elif action == 1:
            assert os.pread(ours, n, off) == bytes(model[off:off + n]), step
        elif action == 2 and step % 10 == 0:
            os.ftruncate(ours, off)
            model = model[:off].ljust(off, b'\0')
        elif action == 3 and len(model) > 10:
            with mmap.mmap(ours, len(model)) as area:
                at = rng.randrange(len(model))
                part = rng.randbytes(min(n, len(model) - at))
                area[at:at + len(part)] = part
                model[at:at + len(part)] = part
        if step % 500 == 499:
            with open('/proc/sys/vm/drop_caches', 'w', encoding='utf-8') as caches:
                os.fsync(ours)
                caches.write('1')
    assert get('f') == bytes(model)
    os.close(ours)


def fill(path, chunk=65536):
    """Writes until there is no room. The error, and how much went in."""
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    total = 0
    try:
        while True:
            total += os.write(fd, b'f' * chunk)
    except OSError as error:
        return error.errno, total
    finally:
        os.close(fd)


@case(mount=False)
def a_full_mount_says_enospc_and_loses_nothing():
    with Mount(options='ram=8M,user_size=100%,user_ram=100%') as mount:
        os.chdir(mount.tmpdir())
        put('early', b'precious' * 1000)
        error, total = fill('big')
        assert error == errno.ENOSPC, errno.errorcode[error]
        assert os.stat('big').st_size == total and 6 * MIB < total <= 8 * MIB
        assert get('early') == b'precious' * 1000 and get('big') == b'f' * total
        vfs = os.statvfs('.')
        assert vfs.f_bavail * vfs.f_frsize < MIB
        os.unlink('big')
        # the kernel tells of the last close in its own time
        wait_until(lambda: os.statvfs('.').f_bavail * vfs.f_frsize > 7 * MIB, 'space comes back')
        error, again = fill('big')
        assert error == errno.ENOSPC and again > total - 2 * MIB
        os.chdir('/')


def overfill_database(path):
    """What SQLite says when it finds no room."""
    database = sqlite3.connect(path)
    try:
        database.execute('CREATE TABLE t (data BLOB)')
        while True:
            with database:
                database.execute('INSERT INTO t VALUES (zeroblob(1000000))')
    except sqlite3.OperationalError as error:
        return str(error)
    finally:
        database.close()


@case(mount=False, masked=False)
def one_user_alone_has_all_and_full_is_enospc():
    """Programs look for ENOSPC, and have no word for a quota that their user has not got."""
    for options in 'ram=16M', 'size=16M':
        with Mount(layout='single', options=f'{options},backing=none') as mount:
            error, total = fill(f'{mount.path}/big')
            assert error == errno.ENOSPC and total > 15 * MIB, (error, total)
            os.unlink(f'{mount.path}/big')
            said = overfill_database(f'{mount.path}/db')
            assert said == 'database or disk is full', said
    with Mount(layout='single', options='ram=16M,nr_inodes=20') as mount:
        for i in range(19):
            put(f'{mount.path}/f{i}', b'')
        fails(errno.ENOSPC, put, f'{mount.path}/more', b'')
    script = 'head -c 18M /dev/zero >"$TMPDIR/f"; head -c 4M /dev/zero >"$TMPDIR/g"'
    done = run(binary('SPOOLCTL'), 'run', '-o', 'size=20M,backing=none', 'sh', '-c', script,
               check=False)
    assert done.returncode != 0 and 'No space left on device' in done.stderr, done


@case(mount=False)
def a_limit_that_is_reached_is_logged_once():
    """With its name, its value, whose it is and how much was used; not for each refusal."""
    with Mount(options='ram=16M,user_ram=100%,user_size=4M,nr_inodes=50') as mount:
        for i in range(20):
            fill(f'{mount.tmpdir()}/f{i}')
        lines = [line for line in mount.read_log().splitlines() if 'limit reached' in line]
        assert len(lines) == 1, lines
        got = re.search(r': user_size=4194304 of uid 0: (\d+) used, (\d+) more wanted$', lines[0])
        assert got and 4194304 - int(got[2]) < int(got[1]) <= 4194304, lines
        assert status(mount)['users'][0]['size_refused'] >= 20
        assert status(mount)['size_refused'] == status(mount)['inodes_refused'] == 0
        assert status(mount)['users_size_refused'] == status(mount)['users'][0]['size_refused']
        os.stat(f'{mount.path}/4711')
        fails(errno.ENOSPC, list, map(put, [f'{mount.path}/4711/{i}' for i in range(50)]))
        lines = [line for line in mount.read_log().splitlines() if 'limit reached' in line]
        assert len(lines) == 2 and 'nr_inodes=50 of the mount: 50 used, 1 more' in lines[1], lines
        assert status(mount)['inodes_refused'] == 1
        told = run(binary('SPOOLCTL'), 'status', mount.path).stdout
        assert re.search(r'refused +0 for size, 0 for ram, 1 for inodes\n', told), told


@case(mount=False)
def a_full_user_gets_edquot_and_others_go_on():
    with Mount(options='ram=16M,user_size=4M,user_ram=50%') as mount:
        error, total = fill(f'{mount.tmpdir()}/big')
        assert error == errno.EDQUOT and 3 * MIB < total <= 4 * MIB, (error, total)
        os.stat(f'{mount.path}/4711')  # root makes another user's directory
        put(f'{mount.path}/4711/other', b'o' * MIB)


@case(mount=False)
def inodes_are_limited():
    with Mount(options='ram=16M,nr_inodes=100,user_inodes=100%', patience=100) as mount:
        os.chdir(mount.tmpdir())
        made = 0
        try:
            while True:
                put(f'f{made}')
                made += 1
        except OSError as error:
            assert error.errno == errno.ENOSPC
        assert 90 <= made < 100, made
        os.unlink('f0')
        put('again')
        os.chdir('/')


@case(mount=False)
def metadata_is_limited_too():
    with Mount(options='ram=2M,user_size=100%,user_ram=100%') as mount:
        os.chdir(mount.tmpdir())
        try:
            for i in range(100000):
                os.symlink('t' * 1000, f'{i}')
            raise AssertionError('links without end')
        except OSError as error:
            assert error.errno == errno.ENOSPC
        os.chdir('/')


@case(mount=False, needs=['fallocate'])
def fallocate_beyond_the_limit_changes_nothing():
    with Mount(options='ram=8M,user_size=100%,user_ram=100%') as mount:
        fd = os.open(f'{mount.tmpdir()}/f', os.O_CREAT | os.O_RDWR, 0o600)
        os.write(fd, b'data')
        before = os.fstat(fd), os.statvfs(mount.tmpdir()).f_bfree
        fails(errno.ENOSPC, fallocate, fd, 0, 0, 1 << 30)
        after = os.fstat(fd), os.statvfs(mount.tmpdir()).f_bfree
        assert before[0].st_size == after[0].st_size and before[0].st_blocks == after[0].st_blocks
        assert before[1] == after[1]
        os.close(fd)


@case()
def unlinked_open_files_keep_working(d):
    fd = os.open('f', os.O_CREAT | os.O_RDWR, 0o600)
    os.write(fd, b'content')
    os.unlink('f')
    assert os.fstat(fd).st_nlink == 0 and os.fstat(fd).st_size == 7
    os.ftruncate(fd, 3)
    os.fchmod(fd, 0o400)
    assert os.fstat(fd).st_mode & 0o777 == 0o400
    os.utime(fd, (1, 2))
    assert os.fstat(fd).st_mtime == 2
    again = os.open(f'/proc/self/fd/{fd}', os.O_RDONLY)
    assert os.read(again, 10) == b'con'
    os.close(fd)
    assert os.pread(again, 10, 0) == b'con'
    os.close(again)


@case()
def locks_of_all_kinds(d):
    put('f', b'x' * 100)
    one, two = os.open('f', os.O_RDWR), os.open('f', os.O_RDWR)
    fcntl.flock(one, fcntl.LOCK_EX)
    fails(errno.EAGAIN, fcntl.flock, two, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(one, fcntl.LOCK_UN)
    fcntl.lockf(one, fcntl.LOCK_EX, 10, 0)
    code = 'import fcntl,os,sys\nfd=os.open("f",2)\ntry:\n fcntl.lockf(fd,fcntl.LOCK_EX|' \
           'fcntl.LOCK_NB,10,5)\nexcept OSError: sys.exit(3)'
    assert subprocess.run(['/usr/bin/python3', '-c', code], check=False).returncode == 3
    fcntl.lockf(one, fcntl.LOCK_UN, 10, 0)
    assert subprocess.run(['/usr/bin/python3', '-c', code], check=False).returncode == 0
    os.close(one)
    os.close(two)


@case(needs=['fallocate', 'lseek'])
def what_is_reserved_is_a_hole_until_it_is_written(d):
    fd = os.open('f', os.O_RDWR | os.O_CREAT)
    fallocate(fd, 0, 0, MIB)
    os.pwrite(fd, b'x' * 4096, 0)
    os.pwrite(fd, b'x', 100 * 4096 + 5)
    assert os.lseek(fd, 0, os.SEEK_HOLE) == 4096
    assert os.lseek(fd, 4096, os.SEEK_DATA) == 100 * 4096
    assert os.lseek(fd, 100 * 4096, os.SEEK_HOLE) == 101 * 4096
    fails(errno.ENXIO, os.lseek, fd, 101 * 4096, os.SEEK_DATA)
    os.close(fd)


STORES = """
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
os.ftruncate(fd, 40 << 20)
mapped = mmap.mmap(fd, 40 << 20)
for page in range(10240):
    mapped[page * 4096:page * 4096 + 4096] = b'w' * 4096
try:
    mapped.flush()
except OSError:
    pass
mapped.madvise(21)  # MADV_PAGEOUT
print('stored', flush=True)
print(sum(mapped[page * 4096] != ord('w') for page in range(10240)))
"""


@case(layout='single', masked=False,
      allow_log=['there is no room for what was stored through a mapping'],
      options='ram=24M,size=24M,user_ram=100%,user_size=100%,backing=none')
def stores_that_find_no_room_never_read_as_zeros(d):
    """The kernel does not ask before a store through a mapping. What it cannot write out is gone:
    SIGBUS or EIO, until it is written anew."""
    done = run('/usr/bin/python3', '-c', STORES, f'{d}/f', check=False)
    assert done.stdout == 'stored\n' and done.returncode == -signal.SIGBUS, done
    fd = os.open('f', os.O_RDWR)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    lost = []
    for page in range(10240):  # one by one, as reading ahead fails where one of many does
        try:
            assert os.pread(fd, 4096, page * 4096) == b'w' * 4096, page
        except OSError as error:
            assert error.errno == errno.EIO, error
            lost.append(page)
    assert 2000 < len(lost) < 10000, len(lost)
    page = lost[0]
    assert os.lseek(fd, page * 4096, os.SEEK_DATA) == page * 4096
    fails(errno.EIO, os.pwrite, fd, b'a part', page * 4096 + 5)
    fallocate(fd, 3, lost[-1] * 4096, 4096)
    assert os.pread(fd, 4096, lost[-1] * 4096) == bytes(4096)
    for kept in sorted(set(range(10240)) - set(lost))[:3000]:  # room, also for what page-outs take
        fallocate(fd, 3, kept * 4096, 4096)
    os.pwrite(fd, b'n' * 4096, page * 4096)
    assert os.pread(fd, 4096, page * 4096) == b'n' * 4096
    os.ftruncate(fd, 0)
    os.ftruncate(fd, 40 * MIB)
    assert os.pread(fd, 4096, lost[1] * 4096) == bytes(4096)
    os.close(fd)
