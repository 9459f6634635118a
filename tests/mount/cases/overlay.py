"""What an overlay wants of the filesystem of its upper directory, and such overlays at work."""
import ctypes
import errno
import json
import os
import stat
import struct

from file_handles import handle_of, open_by_handle
from rig import Skip, as_user, binary, case, fails, fallocate, get, need, put, renameat2, run, \
    syscall, wait_until

ALICE = 61001
RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT = 1, 2, 4  # linux/fs.h
FS_IOC_GETFLAGS = 0x80086601  # linux/fs.h
CAPABILITY = struct.pack('=IIIII', 0x02000001, 1 << 10, 0, 0, 0)  # cap_net_bind_service=ep

MASKED = True  # also run without each feature of the kernel


def forget_all():
    """The kernel drops what it has cached of inodes that nobody uses."""
    with open('/proc/sys/vm/drop_caches', 'w', encoding='ascii') as file:
        file.write('2')


@case()
def file_handles_outlive_the_kernels_caches(mount):
    d = mount.tmpdir()
    os.makedirs(f'{d}/a/b')
    put(f'{d}/a/b/f', b'data')
    os.symlink('t', f'{d}/a/link')
    handles = {name: handle_of(f'{d}/{name}') for name in ('a/b/f', 'a/b', 'a', 'a/link')}
    numbers = {name: os.lstat(f'{d}/{name}').st_ino for name in handles}
    removed = handle_of(f'{d}/a/b/f')
    place = os.open(mount.path, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(2):
        forget_all()
        for name, handle in handles.items():
            fd = open_by_handle(place, handle, os.O_PATH)
            assert os.fstat(fd).st_ino == numbers[name], name
            os.close(fd)
    forget_all()
    fd = open_by_handle(place, handles['a/b/f'], os.O_RDWR)
    assert os.read(fd, 10) == b'data'
    os.unlink(f'{d}/a/b/f')
    os.write(fd, b' and more')  # open, though without a name
    os.close(fd)

    def is_gone():  # the last close reaches the daemon a little later
        forget_all()
        try:
            os.close(open_by_handle(place, removed))
        except OSError as error:
            return error.errno == errno.ESTALE
        return False
    wait_until(is_gone, 'a removed file is stale')
    fails(errno.EPERM, as_user, ALICE, open_by_handle, place, handles['a'])
    os.close(place)


@case(layout='shared')
def trusted_xattrs_are_for_administrators(d):
    put('f', b'', 0o666)
    os.setxattr('f', 'trusted.a', b'secret')
    os.setxattr('f', 'user.b', b'x')
    os.symlink('f', 'link')
    os.setxattr('link', 'trusted.c', b'1', follow_symlinks=False)
    assert sorted(os.listxattr('f')) == ['trusted.a', 'user.b']
    assert os.listxattr('link', follow_symlinks=False) == ['trusted.c']
    os.chmod('.', 0o755)
    assert as_user(ALICE, os.listxattr, 'f') == ['user.b']
    fails(errno.ENODATA, as_user, ALICE, os.getxattr, 'f', 'trusted.a')
    fails(errno.EPERM, as_user, ALICE, os.setxattr, 'f', 'trusted.a', b'x')
    fails(errno.EPERM, as_user, ALICE, os.removexattr, 'f', 'trusted.a')
    assert os.getxattr('f', 'trusted.a') == b'secret'
    fails(errno.EINVAL, os.setxattr, 'f', 'trusted.', b'x')
    os.removexattr('f', 'trusted.a')
    fails(errno.ENODATA, os.getxattr, 'f', 'trusted.a')


@case()
def trusted_xattrs_are_for_shared_only(d):
    put('f')
    fails(errno.EOPNOTSUPP, os.setxattr, 'f', 'trusted.a', b'x')
    fails(errno.EOPNOTSUPP, os.setxattr, 'f', 'security.capability', CAPABILITY)


@case(layout='shared')
def a_file_capability_goes_with_a_change(d):
    """By whomever: a write, a truncation, a change of owner, a reservation, a copy."""
    def change(function):
        def opened():
            fd = os.open('f', os.O_RDWR)
            function(fd)
            os.close(fd)
        return opened
    put('source', b'z' * 10)
    source = os.open('source', os.O_RDONLY)
    changes = {
        'write': change(lambda fd: os.write(fd, b'y')),
        'ftruncate': change(lambda fd: os.ftruncate(fd, 1)),
        'fallocate': change(lambda fd: fallocate(fd, 0, 0, 100)),
        'copy': change(lambda fd: os.copy_file_range(source, fd, 5)),
        'truncate': lambda: os.truncate('f', 3),
        'O_TRUNC': lambda: os.close(os.open('f', os.O_WRONLY | os.O_TRUNC)),
        'chown': lambda: os.chown('f', 1, 1),
    }
    for name, function in changes.items():
        for uid in (0, ALICE):
            if uid and name == 'chown':
                continue
            put('f', b'x' * 10)
            os.chmod('f', 0o777)
            os.setxattr('f', 'security.capability', CAPABILITY)
            assert os.getxattr('f', 'security.capability') == CAPABILITY
            try:
                as_user(uid, function)
            except OSError as error:  # without the kernel's feature
                assert error.errno == errno.EOPNOTSUPP, error
                continue
            fails(errno.ENODATA, os.getxattr, 'f', 'security.capability')
    fails(errno.EPERM, as_user, ALICE, os.setxattr, 'f', 'security.capability', CAPABILITY)


@case(layout='shared', needs=['rename2'])
def rename_leaves_a_whiteout(d):
    put('f', b'new')
    put('target', b'old')
    for target in ('moved', 'target'):
        renameat2('f', target, RENAME_WHITEOUT)
        assert get(target) == b'new'
        left = os.stat('f')
        assert stat.S_ISCHR(left.st_mode) and left.st_rdev == 0 and left.st_nlink == 1
        assert stat.S_IMODE(left.st_mode) == 0
        os.rename(target, 'f')
    assert sorted(os.listdir('.')) == ['f']
    os.mkdir('dir')
    fails(errno.EEXIST, renameat2, 'f', 'dir', RENAME_WHITEOUT | RENAME_NOREPLACE)
    fails(errno.EINVAL, renameat2, 'f', 'dir', RENAME_WHITEOUT | RENAME_EXCHANGE)
    renameat2('dir', 'dir2', RENAME_WHITEOUT | RENAME_NOREPLACE)
    assert stat.S_ISCHR(os.lstat('dir').st_mode) and os.listdir('dir2') == []


@case()
def whiteouts_are_for_shared_only(d):
    put('f')
    fails(errno.EINVAL, renameat2, 'f', 'g', RENAME_WHITEOUT)


@case()
def birth_times(d):
    """statx(2), by stat(1): it stays whatever happens to the file."""
    need('stat')

    def born(path):
        return float(run('stat', '-c', '%.9W', path).stdout)
    put('f', b'x')
    first = born('f')
    made = os.stat('f').st_ctime_ns
    assert abs(first - made / 1e9) < 1, (first, made)
    os.utime('f', (1, 1))
    put('f', b'yy')
    os.rename('f', 'g')
    os.link('g', 'h')
    forget_all()
    assert born('g') == born('h') == first
    os.mkdir('dir')
    os.symlink('x', 'link')
    assert first <= born('dir') <= born('link')


@case()
def inode_flags_are_not_there(d):
    """As the manual says; lsattr and chattr tell so."""
    put('f')
    for path in ('f', '.'):
        fd = os.open(path, os.O_RDONLY)
        fails(errno.ENOTTY, syscall, 'ioctl', fd, ctypes.c_ulong(FS_IOC_GETFLAGS),
              ctypes.create_string_buffer(8))
        os.close(fd)


LAYERS = '''
mkdir low up work over
mkdir low/dir low/gone low/kept
echo lower > low/changed; echo lower > low/removed; echo lower > low/moved
echo lower > low/dir/inside; echo lower > low/gone/inside; echo lower > low/kept/inside
ln -s changed low/link; chmod 640 low/changed; ln low/moved low/second
'''
CHANGES = '''
echo upper >> over/changed
rm over/removed
mv over/moved over/renamed
rm -r over/gone over/dir; mkdir over/dir; echo new > over/dir/new
mkdir over/fresh; mv over/fresh over/fresh2
chmod 700 over/kept; touch -h -d 2001-01-01 over/link
mkfifo over/fifo; ln over/changed over/linked
'''
CHECKS = '''
test "$(cat over/changed)" = "$(printf 'lower\\nupper')"; test "$(stat -c %a over/changed)" = 640
test ! -e over/removed; test ! -e over/moved; test "$(cat over/renamed)" = lower
test ! -e over/gone; test "$(ls over/dir)" = new
test -d over/fresh2; test "$(stat -c %a over/kept)" = 700; test "$(cat over/kept/inside)" = lower
test "$(stat -c %y over/link | cut -c1-4)" = 2001; test -p over/fifo
test "$(ls low/dir low/gone)" = "$(printf 'low/dir:\\ninside\\n\\nlow/gone:\\ninside')"
test "$(cat low/changed low/removed low/moved)" = "$(printf 'lower\\nlower\\nlower')"
rm -r over/* && test -z "$(ls over)"
'''


def overlay_script(options):
    mount = f'mount -t overlay overlay -o lowerdir=low,upperdir=up,workdir=work,{options} over'
    # what was unmounted may be in use a moment longer, and so may its upperdir: EBUSY; also what is
    # to be unmounted, by who looks at all mounts
    again = f'for i in {{1..1000}}; do {mount} && break; sleep 0.1; done; mountpoint -q over'
    end = 'for i in {1..1000}; do umount over && break; sleep 0.1; done; ! mountpoint -q over'
    return '\n'.join([LAYERS, f'{mount} || exit 77', CHANGES, end, again, CHECKS, end])


def whiteouts(directory):
    return sorted(name for name in os.listdir(directory)
                  if stat.S_ISCHR(os.lstat(f'{directory}/{name}').st_mode))


def try_overlay(*argv):
    done = run(*argv, check=False)
    if done.returncode == 77 and 'overlay' not in open('/proc/filesystems').read():
        raise Skip('no overlayfs here')
    assert done.returncode == 0, f'{done.returncode}: {done.stdout}{done.stderr}'


@case(layout='shared', needs=['rename2', 'tmpfile'])
def an_overlay_of_roots_lies_on_a_mount(d):
    try_overlay('bash', '-eux', '-c', overlay_script('xino=off'))
    assert whiteouts('up') == ['changed', 'dir', 'gone', 'kept', 'link', 'moved', 'removed',
                               'second']


@case(layout='shared', needs=['rename2', 'tmpfile'])
def an_overlay_with_all_features_lies_on_a_mount(d):
    """Handles (index, nfs_export), redirected directories; metacopy by itself."""
    try_overlay('bash', '-eux', '-c', overlay_script('index=on,nfs_export=on,redirect_dir=on'))
    os.rename('low', 'low1')
    os.mkdir('meta')
    os.chdir('meta')
    try_overlay('bash', '-eux', '-c', overlay_script('metacopy=on,redirect_dir=on'))


@case(layout='shared', needs=['rename2', 'tmpfile'])
def an_overlay_outlives_the_kernels_caches(d):
    """What lies below is found again by its handle, and is looked at once more after that."""
    again = """
for path in over/* over/*/*; do
    echo 2 > /proc/sys/vm/drop_caches
    for i in 1 2 3; do stat -c %a "$path" && ls -ld "$path"; done
done"""
    for name, options in (('plain', 'xino=off'), ('index', 'index=on,nfs_export=on')):
        os.mkdir(f'{d}/{name}')
        os.chdir(f'{d}/{name}')
        try_overlay('bash', '-eux', '-c', overlay_script(options).replace(CHECKS, again + CHECKS))


@case(layout='shared', needs=['rename2', 'tmpfile'])
def an_overlay_of_a_user_namespace_lies_on_a_mount(d):
    need('unshare')
    os.chmod(d, 0o777)
    unshare = ['unshare', '--user', '--map-root-user', '--mount']
    if as_user(ALICE, lambda: run(*unshare, 'true', check=False).returncode) != 0:
        raise Skip('no user namespaces here')
    as_user(ALICE, try_overlay, *unshare, 'bash', '-eux', '-c', overlay_script('userxattr'))
    assert 'removed' in whiteouts('up')
    assert os.stat('up/removed').st_uid == ALICE
    status = run(binary('SPOOLCTL'), 'status', '--json', d)
    assert json.loads(status.stdout)['layout'] == 'shared'
