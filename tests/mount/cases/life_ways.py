"""Other ways to files than their names, when sessions end: handles, and descriptors of others."""
import errno
import os
import signal
import socket

from file_handles import handle_of, open_by_handle
from rig import (Skip, as_user, case, drop_caches, fails, get, linkat_fd, put, run,
                 wait_until)

USER, OTHER = 61091, 61092
LIFE = 'session=sid,lifetime=session'


def in_session(uid, function, *args):
    """Calls it as a user in a POSIX session that ends with the call."""
    def enter():
        os.setsid()
        return function(*args)

    return as_user(uid, enter)


def open_nameless(uid, place, mode):
    """Has a user open a file without a name there, in a session that has ended when this returns.
    Its descriptor."""
    here, there = socket.socketpair()

    def make():
        os.umask(0)
        fd = os.open(place, os.O_TMPFILE | os.O_RDWR, mode)
        os.fchmod(fd, mode)
        os.write(fd, b'data')
        socket.send_fds(there, [b'x'], [fd])

    in_session(uid, make)
    _, fds, _, _ = socket.recv_fds(here, 1, 1)
    here.close()
    there.close()
    return fds[0]


class Linker:
    """A user who names a file of which he has a descriptor, in a session of his own that goes on.
    """

    def __init__(self, uid, fd, path):
        told, says = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(told)
            try:
                in_session(uid, self.link, fd, path, says)
            finally:
                os._exit(1)
        os.close(says)
        with os.fdopen(told) as source:
            self.error, self.linker = map(int, source.readline().split())

    @staticmethod
    def link(fd, path, says):
        error = 0
        try:
            linkat_fd(fd, path)
        except OSError as failure:
            error = failure.errno
        os.close(fd)
        os.write(says, b'%d %d\n' % (error, os.getpid()))
        os.close(says)
        signal.pause()

    def end(self):
        os.kill(self.linker, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def session_ends(*witnesses):
    """Waits until the witness of a session that ended later than others has gone."""
    for witness in witnesses:
        wait_until(lambda path=witness: not os.path.lexists(path), f'{witness} goes')


@case(layout='shared', options=LIFE)
def what_another_names_goes_with_his_session(mount):
    """Not with that of the owner, who has made it without a name."""
    path, witness = f'{mount.path}/named', f'{mount.path}/witness'
    fd = open_nameless(USER, mount.path, 0o666)
    linker = Linker(OTHER, fd, path)
    assert linker.error == 0, linker.error
    in_session(USER, put, witness, b'x')
    session_ends(witness)
    assert get(path) == b'data' and os.stat(path).st_uid == USER
    linker.end()
    session_ends(path)
    assert os.pread(fd, 10, 0) == b'data' and os.fstat(fd).st_nlink == 0
    os.close(fd)


@case(options=LIFE)
def nobody_names_a_file_in_another_tree(mount):
    tree = mount.tmpdir(OTHER)
    for uid in (USER, OTHER):
        os.stat(mount.tmpdir(uid))
    for mode, error in ((0o600, errno.EPERM), (0o666, errno.EXDEV)):
        fd = open_nameless(USER, mount.tmpdir(USER), mode)
        linker = Linker(OTHER, fd, f'{tree}/named')
        assert linker.error == error, errno.errorcode[linker.error]
        linker.end()
        os.close(fd)
    assert os.listdir(tree) == os.listdir(mount.tmpdir(USER)) == []


@case(options=LIFE)
def handles_of_what_has_gone_are_stale(mount):
    """open_by_handle_at(2), as NFS servers use it, with what the kernel has cached and without."""
    place, handles = mount.tmpdir(USER), {}
    as_user(USER, os.mkdir, f'{place}/stays')
    top = os.open(mount.path, os.O_RDONLY | os.O_DIRECTORY)
    here, there = socket.socketpair()

    def make():
        os.makedirs(f'{place}/dir/sub')
        put(f'{place}/dir/sub/f', b'data')
        there.send(b'x')
        there.recv(1)

    pid = os.fork()
    if pid == 0:
        try:
            in_session(USER, make)
            os._exit(0)
        finally:
            os._exit(1)
    here.recv(1)
    for name in ('stays', 'dir', 'dir/sub', 'dir/sub/f'):
        handles[name] = handle_of(f'{place}/{name}')
        os.close(open_by_handle(top, handles[name]))
    here.send(b'x')
    assert os.waitpid(pid, 0)[1] == 0
    session_ends(f'{place}/dir')
    for _ in range(2):
        for name in ('dir', 'dir/sub', 'dir/sub/f'):
            fails(errno.ESTALE, open_by_handle, top, handles[name])
        os.close(open_by_handle(top, handles['stays']))
        drop_caches()
    put(f'{place}/anew', b'x')
    for name in ('dir', 'dir/sub', 'dir/sub/f'):
        fails(errno.ESTALE, open_by_handle, top, handles[name])
    os.close(top)
    here.close()
    there.close()


def overlay():
    """Mounts one, with its layers in the working directory."""
    run('mount', '-t', 'overlay', 'overlay', '-o',
        'lowerdir=low,upperdir=up,workdir=work,xino=off', 'over')


def make_overlay(place):
    if 'overlay' not in get('/proc/filesystems').decode():
        raise Skip('no overlayfs here')
    os.chdir(place)
    for name in ('low', 'up', 'work', 'over', 'low/dir'):
        os.mkdir(name)
        os.chmod(name, 0o777)
    for name in ('low/changed', 'low/removed', 'low/dir/f'):
        put(name, b'lower')
        os.chmod(name, 0o666)
    overlay()


def change(place):
    os.chdir(f'{place}/over')
    put('changed', b'upper')
    put('new', b'upper')
    put('dir/f', b'upper')
    os.mkdir('made')
    put('made/f', b'upper')
    os.unlink('removed')


def seen():
    return {name: get(f'over/{name}') for name in ('changed', 'new', 'removed', 'dir/f', 'made/f')
            if os.path.exists(f'over/{name}')}


UPPER = {name: b'upper' for name in ('changed', 'new', 'dir/f', 'made/f')}
LOWER = {name: b'lower' for name in ('changed', 'removed', 'dir/f')}


@case(layout='shared', options='session=sid', needs=['rename2', 'tmpfile'])
def sessions_leave_an_overlay_as_it_is(mount):
    """Where files go with the mount, as they do in shared."""
    os.mkdir(f'{mount.path}/goes')
    os.chmod(f'{mount.path}/goes', 0o777)
    os.setxattr(f'{mount.path}/goes', 'user.spoolfs.lifetime', b'session')
    make_overlay(mount.path)
    for _ in range(2):
        in_session(USER, change, mount.path)
        in_session(USER, put, 'goes/witness', b'x')
        session_ends('goes/witness')
        drop_caches()
        assert seen() == UPPER
        run('umount', 'over')
        assert sorted(os.listdir('up')) == ['changed', 'dir', 'made', 'new', 'removed']
        run('rm', '-r', *(f'up/{name}' for name in os.listdir('up')))
        overlay()
        assert seen() == LOWER
    run('umount', 'over')
    os.chdir('/')


@case(layout='shared', options=LIFE, needs=['rename2', 'tmpfile'])
def an_overlay_whose_files_go_ends_well(mount):
    """It does not know that they may: what it still holds fails, and a new one is as new."""
    make_overlay(mount.path)
    for _ in range(2):
        in_session(USER, change, mount.path)
        wait_until(lambda: os.listdir('up') == [], 'all that it has made goes')
        try:
            seen()
            in_session(USER, change, mount.path)
        except OSError as error:
            assert error.errno in (errno.EIO, errno.ENOENT, errno.ESTALE), error
        run('umount', 'over')
        wait_until(lambda: os.listdir('up') == [], 'all goes')
        overlay()
        assert seen() == LOWER
    run('umount', 'over')
    os.chdir('/')
