"""Attributes: modes and owners by policy, times, statfs, extended attributes."""
import errno
import mmap
import os
import stat

from rig import Mount, as_user, case, fails, fallocate, get, need, put, run


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)

MASKED = True  # also run without each feature of the kernel


@case()
def chown_to_somebody_else_is_refused(mount):
    os.stat(f'{mount.path}/1000')

    def inside():
        os.chdir(f'{mount.path}/1000')
        put('f')
        os.chown('f', 1000, -1)
        fails(errno.EPERM, os.chown, 'f', 1001, -1)
    as_user(1000, inside)
    for uid in 0, 1001:  # not even root
        fails(errno.EPERM, os.chown, f'{mount.path}/1000/f', uid, uid)
    put(f'{mount.path}/0/f')
    os.chown(f'{mount.path}/0/f', 1000, 1000)  # but in root's own tree


@case()
def times_to_the_nanosecond(d):
    put('f')
    os.symlink('f', 'link')
    os.mkdir('dir')
    for path in ('f', 'link', 'dir'):
        os.utime(path, ns=(1_111_111_111, 2_222_222_222_123_456_789), follow_symlinks=False)
        found = os.lstat(path)
        assert (found.st_atime_ns, found.st_mtime_ns) == (1_111_111_111, 2_222_222_222_123_456_789)
    assert os.stat('f').st_mtime_ns == 2_222_222_222_123_456_789
    os.utime('f', ns=(0, 20_000_000_000 * 10 ** 9))  # the year 2603
    assert os.stat('f').st_mtime == 20_000_000_000


@case()
def changes_move_the_right_times(d):
    put('f', b'1')
    os.utime('f', (1, 1))
    os.utime('.', (1, 1))
    before = os.stat('f').st_ctime_ns
    fd = os.open('f', os.O_WRONLY)
    os.write(fd, b'2')
    os.close(fd)
    assert os.stat('f').st_mtime > 1 and os.stat('f').st_ctime_ns > before
    os.link('f', 'g')
    assert os.stat('.').st_mtime > 1
    os.utime('.', (1, 1))
    os.unlink('g')
    assert os.stat('.').st_mtime > 1


@case(mount=False)
def statfs_shows_the_callers_own_limits():
    options = 'ram=64M,user_size=16M,user_ram=32M,nr_inodes=1000,user_inodes=100'
    with Mount(options=options) as mount:
        def sizes(uid):
            vfs = os.statvfs(f'{mount.path}/{uid}')
            return vfs.f_blocks * vfs.f_frsize, vfs.f_bavail * vfs.f_frsize, vfs.f_files, \
                vfs.f_ffree
        for uid in (1000, 1001):
            os.stat(f'{mount.path}/{uid}')
        total, left, files, files_left = as_user(1000, sizes, 1000)
        assert total == 16 << 20 and left > 15 << 20 and files == 100 and files_left == 99
        as_user(1000, put, f'{mount.path}/1000/f', b'x' * (8 << 20))
        assert as_user(1000, sizes, 1000)[1] < 8 << 20
        assert as_user(1001, sizes, 1001)[1] > 15 << 20
        assert os.statvfs(mount.path).f_namemax == 255


@case()
def user_xattrs_with_limits(d):
    put('f')
    os.setxattr('f', 'user.a', b'1')
    os.setxattr('f', 'user.b', b'x' * 65536)
    assert os.getxattr('f', 'user.a') == b'1' and len(os.getxattr('f', 'user.b')) == 65536
    assert sorted(os.listxattr('f')) == ['user.a', 'user.b']
    fails(errno.EEXIST, os.setxattr, 'f', 'user.a', b'2', os.XATTR_CREATE)
    fails(errno.ENODATA, os.setxattr, 'f', 'user.c', b'2', os.XATTR_REPLACE)
    fails(errno.ENODATA, os.removexattr, 'f', 'user.c')
    fails(errno.EOPNOTSUPP, os.setxattr, 'f', 'trusted.x', b'1')
    fails(errno.EOPNOTSUPP, os.setxattr, 'f', 'user.spoolfs.other', b'1')
    assert os.getxattr('f', 'user.spoolfs.lifetime') == b'session'
    os.removexattr('f', 'user.a')
    assert os.listxattr('f') == ['user.b']
    os.mkdir('dir')
    os.setxattr('dir', 'user.d', b'')
    assert os.getxattr('dir', 'user.d') == b''


@case(mount=False)
def set_id_bits_go_when_others_write():
    with Mount(layout='shared') as mount:
        path = f'{mount.path}/f'
        put(path, b'x', 0o777)
        os.chmod(path, 0o6777)
        as_user(1000, lambda: os.close(os.open(path, os.O_WRONLY | os.O_APPEND)))
        assert mode(path) == 0o6777

        def write():
            fd = os.open(path, os.O_WRONLY)
            os.write(fd, b'y')
            os.close(fd)
        as_user(1000, write)
        assert mode(path) == 0o777, oct(mode(path))
        assert get(path) == b'y'


@case(layout='shared')
def chown_drops_setgid_of_who_is_outside_the_group(d):
    for groups, want in (([4711, 4712], 0o2644), ([4712], 0o644)):
        put('f', b'x')
        os.chown('f', 1000, 4711)
        os.chmod('f', 0o2644)
        as_user(1000, os.chown, 'f', -1, 4712, groups=groups)
        assert mode('f') == want, (groups, oct(mode('f')))


@case(layout='shared', needs=['killpriv', 'fallocate', 'copy_file_range', 'atomic_o_trunc'])
def set_id_bits_that_went_are_not_shown(d):
    """To those who ask for the mode alone, as stat(1) does: other attributes move by themselves."""
    need('stat')
    put('source', b'z' * 100, 0o644)
    os.chmod('.', 0o755)

    def opened(function, flags=os.O_RDWR):
        def call():
            fd = os.open('f', flags)
            function(fd)
            os.close(fd)
        return call

    def copy(fd):
        source = os.open('source', os.O_RDONLY)
        assert os.copy_file_range(source, fd, 50) == 50
    changes = {
        'write': opened(lambda fd: os.write(fd, b'y')),
        'O_TRUNC': opened(lambda fd: None, os.O_WRONLY | os.O_TRUNC),
        'truncate': lambda: os.truncate('f', 5),
        'allocate': opened(lambda fd: fallocate(fd, 0, 0, 100000)),
        'keep size': opened(lambda fd: fallocate(fd, 1, 0, 100000)),
        'punch': opened(lambda fd: fallocate(fd, 3, 0, 4096)),
        'zero': opened(lambda fd: fallocate(fd, 0x10, 0, 4096)),
        'copy': opened(copy),
    }
    for name, change in changes.items():
        put('f', b'x' * 10000)
        os.chmod('f', 0o6777)
        assert run('stat', '-c', '%a', 'f').stdout == '6777\n'
        as_user(0, change)
        assert run('stat', '-c', '%a', 'f').stdout == '6777\n', f'{name} by root'
        as_user(1000, change)
        assert run('stat', '-c', '%a', 'f').stdout == '777\n', name
        # where the group may not execute the bit is kept for its members
        for gid, want in ((4711, '2666\n'), (1000, '666\n')):
            put('f', b'x' * 10000)
            os.chown('f', -1, 4711)
            os.chmod('f', 0o6666)
            as_user(1000, change, groups=[gid])
            assert run('stat', '-c', '%a', 'f').stdout == want, (name, gid)


@case()
def programs_are_told_to_use_large_buffers(d):
    """stdio's, Python's and others' are as large as st_blksize: fewer requests."""
    with open('f', 'wb') as file:
        assert os.fstat(file.fileno()).st_blksize == 65536
        file.write(b'x')
    assert os.stat('f').st_blksize == os.stat(d).st_blksize == 65536
    assert os.stat('f').st_blocks == 8


@case()
def a_time_that_was_set_outlives_stores_through_a_mapping(d):
    """Pages that were stored before go to the daemon later; what is stored after the next open for
    writing is newer again."""
    when = 1_500_000_000 * 10**9
    fd = os.open('f', os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, 65536)
    for flush in (True, False):
        with mmap.mmap(fd, 65536) as mapped:
            mapped[0:5] = b'hello'
            os.utime('f', ns=(when, when))
            if flush:
                mapped.flush()
                assert os.stat('f').st_mtime_ns == when
        os.fsync(fd)
        assert os.stat('f').st_mtime_ns == when
    os.close(fd)
    assert os.stat('f').st_mtime_ns == when
    fd = os.open('f', os.O_RDWR)
    with mmap.mmap(fd, 65536) as mapped:
        mapped[0:5] = b'again'
        mapped.flush()
    os.close(fd)
    assert os.stat('f').st_mtime_ns > when
    os.utime('f', ns=(when, when))
    with open('f', 'r+b') as file:
        file.write(b'a write')
    assert os.stat('f').st_mtime_ns > when
