"""What is removed at the end of a session: all of it, whatever it looks like, and no more."""
import ctypes
import errno
import os
import signal
import struct
import subprocess

from rig import LIBC, as_user, binary, case, fails, get, put, run, wait_until

USER, OTHER = 61031, 61032
IN_DELETE_SELF, IN_NONBLOCK = 0x400, 0o4000


def in_session(function, *args):
    """Calls it as a user in a POSIX session that ends with the call."""
    def enter():
        os.setsid()
        return function(*args)

    return as_user(USER, enter)


def told(mount):
    return run(binary('SPOOLCTL'), 'debug', mount.path).stdout


def gone(*paths):
    for path in paths:
        wait_until(lambda path=path: not os.path.lexists(path), f'{path} goes')


@case(options='session=sid')
def trees_of_every_form_go(mount):
    """A thousand levels, many entries, modes that forbid it, hard links, and where a link leads."""
    place, outside = mount.tmpdir(USER), f'{mount.tmpdir(OTHER)}/outside'
    as_user(OTHER, put, outside, b'x')

    def make():
        os.chdir(place)
        for i in range(1000):
            os.mkdir('deep')
            os.chdir('deep')
        os.chdir(place)
        os.mkdir('wide')
        for i in range(10000):
            os.close(os.open(f'wide/{i}', os.O_CREAT))
        os.mkdir('closed')
        put('closed/f', b'x')
        os.mkdir('closed/d')
        os.chmod('closed/d', 0)
        os.chmod('closed', 0o500)
        put('linked', b'x')
        os.mkdir('names')
        for i in range(100):
            os.link('linked', f'names/{i}')
        os.symlink(outside, 'link')
        os.symlink('/tmp', 'link_to_dir')
        os.mkfifo('fifo')

    in_session(make)
    wait_until(lambda: os.listdir(place) == [], 'all goes')
    wait_until(lambda: 'names to tell: 0, ' in told(mount), 'the kernel has been told')
    assert ', left out 0, ' in told(mount) and 'removed: 11' in told(mount), told(mount)
    assert as_user(OTHER, get, outside) == b'x'
    used = os.statvfs(place)
    assert used.f_files > used.f_ffree  # the directories of the users


@case(options='session=sid')
def a_name_that_went_can_be_made_anew(mount):
    """The kernel has dropped what it knew of it, and of the directory that it was in."""
    place = mount.tmpdir(USER)
    as_user(USER, os.mkdir, f'{place}/stays')  # of this session

    def make():
        os.chdir(f'{place}/stays')
        for name in 'abc':
            put(name, b'old')
            os.stat(name)
            get(name)
        os.mkdir('dir')
        os.listdir('.')
        os.listdir('dir')

    def anew():
        os.chdir(f'{place}/stays')
        os.close(os.open('a', os.O_CREAT | os.O_EXCL, 0o600))
        os.mkdir('b')
        os.symlink('x', 'c')
        put('dir', b'new')
        return sorted(os.listdir('.')), os.stat('.').st_nlink

    in_session(make)
    gone(*(f'{place}/stays/{name}' for name in ('a', 'b', 'c', 'dir')))
    assert os.stat(f'{place}/stays').st_nlink == 2
    assert as_user(USER, anew) == (['a', 'b', 'c', 'dir'], 3)


@case(options='session=sid')
def what_is_open_lives_without_a_name(mount):
    """Also a working directory; and the last close frees it."""
    place = mount.tmpdir(USER)
    free = os.statvfs(place).f_ffree

    def make():
        os.mkdir(f'{place}/dir')
        put(f'{place}/dir/file', b'x' * 8192)
        put(f'{place}/dir/unlinked', b'y')

    ready, go = os.pipe()
    pid = os.fork()
    if pid == 0:  # of this session, which goes on
        os.close(go)
        try:
            wait_until(lambda: os.path.exists(f'{place}/dir/unlinked'), 'it is made')
            os.chdir(f'{place}/dir')
            fd, other = os.open('file', os.O_RDWR), os.open('unlinked', os.O_RDONLY)
            os.unlink('unlinked')
            put(f'{mount.base}/open')
            os.read(ready, 1)
            assert os.pread(fd, 9000, 0) == b'x' * 8192 and os.pread(other, 9, 0) == b'y'
            os.pwrite(fd, b'z' * 8192, 8192)
            assert os.fstat(fd).st_size == 16384 and os.fstat(fd).st_nlink == 0
            assert os.pread(fd, 9000, 8192) == b'z' * 8192
            assert os.listdir('.') == [] and os.stat('.').st_nlink == 0
            fails(errno.ENOENT, os.open, 'new', os.O_CREAT | os.O_WRONLY)
            fails(errno.ENOENT, os.mkdir, 'new')
            os._exit(0)
        finally:
            os._exit(1)
    as_user(USER, os.stat, place)

    def work():
        make()
        wait_until(lambda: os.path.exists(f'{mount.base}/open'), 'it is open')

    in_session(work)
    gone(f'{place}/dir')
    os.write(go, b'x')
    assert os.waitpid(pid, 0)[1] == 0
    os.unlink(f'{mount.base}/open')
    wait_until(lambda: os.statvfs(place).f_ffree == free, 'the last close frees it')


@case(options='session=sid')
def who_watches_a_file_learns_of_its_end(mount):
    """inotify(7) of files and directories themselves. Of the directory that they were in it is
    not told, see spoolfs(8)."""
    place = mount.tmpdir(USER)
    fd = LIBC.inotify_init1(IN_NONBLOCK)
    assert fd >= 0

    def make():
        os.mkdir(f'{place}/dir')
        for name in ('file', 'dir/file'):
            put(f'{place}/{name}', b'x')
        wait_until(lambda: os.path.exists(f'{mount.base}/watching'), 'it is watched')

    watches = set()
    pid = os.fork()
    if pid == 0:
        try:
            in_session(make)
            os._exit(0)
        finally:
            os._exit(1)
    names = [f'{place}/{name}' for name in ('file', 'dir/file', 'dir')]
    for name in names:
        wait_until(lambda name=name: os.path.exists(name), name)
        watch = LIBC.inotify_add_watch(fd, os.fsencode(name), IN_DELETE_SELF)
        assert watch > 0, ctypes.get_errno()
        watches.add(watch)
    put(f'{mount.base}/watching')
    assert os.waitpid(pid, 0)[1] == 0

    def all_told():
        try:
            data = os.read(fd, 4096)
        except BlockingIOError:
            return not watches
        while data:
            watch, mask, _, length = struct.unpack_from('iIII', data)
            data = data[16 + length:]
            if mask & IN_DELETE_SELF:
                watches.discard(watch)
        return not watches

    wait_until(all_told, 'all watchers are told')
    os.close(fd)
    os.unlink(f'{mount.base}/watching')


@case(options='session=sid')
def rename_and_link_change_no_session(mount):
    """A file that somebody else moves still goes with who has made it; one that has no name yet
    goes with who names it."""
    place = mount.tmpdir(USER)

    def make():
        os.chdir(place)
        os.mkdir('dir')
        put('dir/f', b'x')
        fd = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o600)
        os.set_inheritable(fd, True)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            try:
                os.rename('dir/f', 'f')
                os.link('f', 'g')
                os.mkdir('own')
                os.rename('f', 'own/f')
                os.symlink('.', 'own/s')
                LIBC.linkat(-100, f'/proc/self/fd/{fd}'.encode(), -100, b'named', 0x400)
                signal.pause()
            finally:
                os._exit(1)
        wait_until(lambda: os.path.exists('named'), 'the other one has worked')
        return pid

    pid = in_session(make)
    gone(f'{place}/dir', f'{place}/own/f', f'{place}/g')
    assert sorted(os.listdir(place)) == ['named', 'own']
    assert os.listdir(f'{place}/own') == ['s']
    os.kill(pid, signal.SIGKILL)
    gone(f'{place}/own', f'{place}/named')


@case(layout='shared', options='session=sid,lifetime=session')
def a_directory_stays_for_what_lives_longer(mount):
    """Of another user and session, also deep below it; and goes when that does."""
    def make():
        os.chdir(mount.path)
        os.makedirs('a/b/c')
        os.mkdir('a/empty')
        put('a/f', b'x')
        for name in ('a', 'a/b', 'a/b/c'):
            os.chmod(name, 0o777)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            try:
                os.chdir('a/b/c')
                put('kept', b'x')
                os.chdir('/')
                signal.pause()
            finally:
                os._exit(1)
        wait_until(lambda: os.path.exists('a/b/c/kept'), 'the other one has worked')
        return pid

    pid = in_session(make)
    gone(f'{mount.path}/a/f', f'{mount.path}/a/empty')
    assert get(f'{mount.path}/a/b/c/kept') == b'x'
    os.kill(pid, signal.SIGKILL)
    gone(f'{mount.path}/a')


@case(options='session=sid')
def an_attribute_keeps_a_file(mount):
    """And the directories above it; of a directory, what is made in it later."""
    place, name = mount.tmpdir(USER), 'user.spoolfs.lifetime'

    def make():
        os.chdir(place)
        os.makedirs('a/b')
        for path in ('a/b/kept', 'a/b/goes', 'a/goes'):
            put(path, b'x')
        os.setxattr('a/b/kept', name, b'mount')
        os.mkdir('c')
        put('c/before', b'x')
        os.setxattr('c', name, b'mount')
        put('c/after', b'x')
        os.setxattr('c', name, b'session')
        fails(errno.EINVAL, os.setxattr, 'c', name, b'ever')
        fails(errno.EOPNOTSUPP, os.setxattr, 'c', 'user.spoolfs.other', b'mount')

    in_session(make)
    gone(*(f'{place}/{path}' for path in ('a/goes', 'a/b/goes', 'c/before')))
    assert get(f'{place}/a/b/kept') == get(f'{place}/c/after') == b'x'
    assert as_user(USER, os.getxattr, f'{place}/a/b/kept', name) == b'mount'
    as_user(USER, os.setxattr, f'{place}/c/after', name, b'session')
    gone(f'{place}/c')
    as_user(USER, os.unlink, f'{place}/a/b/kept')
    gone(f'{place}/a')


@case(options='session=sid')
def the_end_of_the_mount_waits_for_no_removal(mount):
    """However much is still to go."""
    place = mount.tmpdir(USER)
    subprocess.run(['setsid', '-w', 'setpriv', f'--reuid={USER}', f'--regid={USER}',
                    '--clear-groups', 'bash', '-c',
                    f'cd {place} && for i in $(seq 20000); do :>$i; done'], check=True)
