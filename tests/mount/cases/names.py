"""Names: atomic creation, links, renames, listings that stay right."""
import ctypes
import errno
import os
import random
import socket
import stat
import struct
import threading

from rig import case, fails, get, linkat_fd, put, renameat2, syscall

NOREPLACE, EXCHANGE = 1, 2
AT_EMPTY_PATH = 0x1000

MASKED = True  # also run without each feature of the kernel


@case()
def one_of_64_threads_wins_o_excl(d):
    winners = []
    for i in range(40):
        barrier = threading.Barrier(64)

        def race(name=f'{d}/{i}', barrier=barrier):
            barrier.wait()
            try:
                os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                winners.append(name)
            except FileExistsError:
                pass
        threads = [threading.Thread(target=race) for _ in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(winners) == sorted(f'{d}/{i}' for i in range(40)), winners


@case()
def plain_o_creat_race_opens_the_same_file(d):
    for i in range(40):
        barrier, inodes, errors = threading.Barrier(8), [], []

        def race(name=f'{d}/{i}', barrier=barrier, inodes=inodes, errors=errors):
            barrier.wait()
            try:
                fd = os.open(name, os.O_CREAT | os.O_WRONLY, 0o600)
                inodes.append(os.fstat(fd).st_ino)
                os.close(fd)
            except OSError as error:
                errors.append(error)
        threads = [threading.Thread(target=race) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors, errors
        assert len(inodes) == 8 and len(set(inodes)) == 1, inodes


@case(needs=['tmpfile'])
def o_tmpfile_has_no_name_until_linked(d):
    fd = os.open(d, os.O_TMPFILE | os.O_RDWR, 0o600)
    assert os.listdir(d) == [] and os.fstat(fd).st_nlink == 0
    os.write(fd, b'x' * 70000)
    linkat_fd(fd, f'{d}/named')
    assert os.fstat(fd).st_nlink == 1 and get(f'{d}/named') == b'x' * 70000
    assert os.stat(f'{d}/named').st_ino == os.fstat(fd).st_ino
    os.close(fd)


@case(needs=['tmpfile'])
def o_tmpfile_with_o_excl_cannot_be_linked(d):
    fd = os.open(d, os.O_TMPFILE | os.O_EXCL | os.O_RDWR, 0o600)
    fails(errno.ENOENT, linkat_fd, fd, f'{d}/x')
    os.close(fd)


@case()
def o_tmpfile_without_kernel_support_is_refused_cleanly(mount):
    flags = os.O_TMPFILE | os.O_RDWR
    if 'tmpfile' in mount.masked:
        fails(errno.EOPNOTSUPP, os.open, mount.tmpdir(), flags, 0o600)
    else:
        os.close(os.open(mount.tmpdir(), flags, 0o600))


@case()
def rmdir_of_a_directory_whose_file_is_unlinked_but_open(d):
    os.mkdir(f'{d}/sub')
    fd = os.open(f'{d}/sub/f', os.O_CREAT | os.O_RDWR, 0o600)
    os.unlink(f'{d}/sub/f')
    os.rmdir(f'{d}/sub')
    os.write(fd, b'still here')
    assert os.pread(fd, 100, 0) == b'still here'
    os.close(fd)


@case()
def a_removed_working_directory_takes_nothing_more(d):
    os.mkdir(f'{d}/sub')
    os.chdir(f'{d}/sub')
    os.rmdir(f'{d}/sub')
    fails(errno.ENOENT, os.open, 'x', os.O_CREAT | os.O_WRONLY)
    fails(errno.ENOENT, os.mkdir, 'x')
    os.chdir('/')


@case(needs=['rename2'])
def rename_noreplace_and_exchange(d):
    put('a', b'A')
    put('b', b'B')
    os.mkdir('dir')
    put('dir/inside')
    fails(errno.EEXIST, renameat2, 'a', 'b', NOREPLACE)
    renameat2('a', 'c', NOREPLACE)
    renameat2('b', 'c', EXCHANGE)
    assert get('b') == b'A' and get('c') == b'B'
    renameat2('dir', 'b', EXCHANGE)
    assert get('dir') == b'A' and os.listdir('b') == ['inside']
    fails(errno.ENOENT, renameat2, 'b', 'missing', EXCHANGE)


@case()
def rename2_without_kernel_support_fails_cleanly(mount):
    os.chdir(mount.tmpdir())
    put('a', b'A')
    put('b', b'B')
    if 'rename2' in mount.masked:
        fails(errno.EINVAL, renameat2, 'a', 'b', EXCHANGE)
    os.rename('a', 'b')
    assert get('b') == b'A'


@case()
def rename_rules(d):
    put('file', b'1')
    os.makedirs('dir/sub')
    put('dir/sub/x')
    os.mkdir('empty')
    fails(errno.EINVAL, os.rename, 'dir', 'dir/sub/below')
    fails(errno.ENOTDIR, os.rename, 'dir', 'file')
    fails(errno.EISDIR, os.rename, 'file', 'dir')
    fails(errno.ENOTEMPTY, os.rename, 'empty', 'dir')
    os.rename('dir', 'empty')
    assert os.listdir('empty/sub') == ['x']
    os.link('file', 'same')
    os.rename('file', 'same')  # two names of one file: both stay
    assert os.path.exists('file') and os.stat('same').st_nlink == 2


@case()
def rename_over_an_open_file_leaves_it_usable(d):
    put('old', b'old')
    put('new', b'new')
    fd = os.open('old', os.O_RDWR)
    os.rename('new', 'old')
    assert get('old') == b'new' and os.pread(fd, 10, 0) == b'old'
    assert os.fstat(fd).st_nlink == 0
    os.close(fd)


@case()
def link_counts(d):
    put('a')
    for i in range(50):
        os.link('a', f'l{i}')
    assert os.stat('a').st_nlink == 51
    os.mkdir('dir')
    base = os.stat('dir').st_nlink
    os.mkdir('dir/1')
    os.mkdir('dir/2')
    assert os.stat('dir').st_nlink == base + 2
    os.rename('dir/1', 'moved')
    os.rmdir('dir/2')
    assert os.stat('dir').st_nlink == base
    fails(errno.EPERM, os.link, 'dir', 'dirlink')


@case()
def names_of_every_kind(d):
    for name in (b'a' * 255, b'\xff\xfe\x80', b'new\nline', b'\x01', b' ', b'-', 'ü€'.encode()):
        put(os.path.join(os.fsencode(d), name), name)
    assert len(os.listdir(d)) == 7
    for name in os.listdir(os.fsencode(d)):
        assert get(os.path.join(os.fsencode(d), name)) == name
    fails(errno.ENAMETOOLONG, put, 'b' * 256)


@case()
def a_tree_of_1000_levels(d):
    fd = os.open(d, os.O_RDONLY)
    for _ in range(1000):
        os.mkdir('x', dir_fd=fd)
        below = os.open('x', os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(os.open('bottom', os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    assert os.listdir(fd) == ['bottom']
    os.close(fd)


@case()
def symlinks(d):
    os.symlink('target' * 600, 'long')
    assert os.readlink('long') == 'target' * 600
    assert os.lstat('long').st_size == 3600 and stat.S_ISLNK(os.lstat('long').st_mode)
    os.symlink('loop', 'loop')
    fails(errno.ELOOP, os.open, 'loop', os.O_RDONLY)
    put('file', b'data')
    os.symlink('file', 'link')
    assert get('link') == b'data'
    fails(errno.ELOOP, os.open, 'link', os.O_RDONLY | os.O_NOFOLLOW)


@case()
def fifos_and_sockets(d):
    os.mkfifo('fifo')
    writer = threading.Thread(target=put, args=('fifo', b'through the pipe'))
    writer.start()
    assert get('fifo') == b'through the pipe'
    writer.join()
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind('socket')
        server.listen()
        client.connect('socket')
        connection, _ = server.accept()
        client.send(b'hello')
        assert connection.recv(10) == b'hello'
        connection.close()


@case()
def a_listing_under_churn_loses_and_doubles_nothing(d):
    seed = int(os.environ.get('SPOOL_SEED', random.SystemRandom().randrange(1 << 32)))
    print(f'# seed {seed} (SPOOL_SEED)')
    rng = random.Random(seed)
    stable = {f'stable-{i}' for i in range(3000)}
    for name in stable:
        put(name)
    stop = threading.Event()

    def churn():
        names = []
        while not stop.is_set():
            if names and rng.random() < 0.5:
                os.unlink(names.pop(rng.randrange(len(names))))
            else:
                names.append(f'churn-{rng.random()}')
                put(names[-1])
    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(10):
            seen = [entry.name for entry in os.scandir(d)]
            kept = [name for name in seen if name in stable]
            assert len(kept) == len(set(kept)) == len(stable), 'lost or doubled'
            assert len(seen) == len(set(seen)), 'an entry was seen twice'
    finally:
        stop.set()
        thread.join()


def small_getdents(fd):
    """All (name, position after it), read with a buffer that holds a handful of entries."""
    buffer = ctypes.create_string_buffer(256)
    found = []
    while (n := syscall('getdents64', fd, buffer, 256)) > 0:
        at = 0
        while at < n:
            _, offset, length, _ = struct.unpack_from('=QqHB', buffer.raw, at)
            name = buffer.raw[at + 19:at + length].split(b'\0')[0]
            found.append((os.fsdecode(name), offset))
            at += length
    return found


@case()
def a_listing_in_small_steps_goes_on_where_it_was(d):
    """Positions stay right when entries before and after them come and go."""
    stable = {f'stable-{i:04}' for i in range(500)}
    for name in sorted(stable):
        put(name)
        put(f'passing-{name}')
    fd = os.open(d, os.O_RDONLY)
    listing = small_getdents(fd)
    assert len(listing) == len(set(listing)) == 1002
    for i in range(0, 1002, 83):
        os.lseek(fd, listing[i][1], os.SEEK_SET)
        assert small_getdents(fd) == listing[i + 1:], 'seekdir leads elsewhere'
    place = listing[500][1]
    for name in stable:
        os.unlink(f'passing-{name}')
    for i in range(300):
        put(f'new-{i}')
    os.lseek(fd, place, os.SEEK_SET)
    rest = [name for name, _ in small_getdents(fd) if name in stable]
    assert rest == [name for name, _ in listing[501:] if name in stable]
    os.lseek(fd, 0, os.SEEK_SET)
    names = [name for name, _ in small_getdents(fd)]
    assert len(names) == len(set(names)) == 802
    os.close(fd)


def read_while(d, change):
    """Reads a directory of 3000 in small steps, with change(name) after each entry. Twice."""
    for i in range(3000):
        put(f'{i}')
    fd = os.open(d, os.O_RDONLY)
    for _ in range(2):
        there, seen, all_seen = set(os.listdir(d)), 0, 0
        os.lseek(fd, 0, os.SEEK_SET)
        buffer = ctypes.create_string_buffer(1024)
        while (n := syscall('getdents64', fd, buffer, 1024)) > 0:
            at = 0
            while at < n:
                length, = struct.unpack_from('=H', buffer.raw, at + 16)
                name = os.fsdecode(buffer.raw[at + 19:at + length].split(b'\0')[0])
                if name not in '..':
                    seen += name in there
                    all_seen += 1
                    assert all_seen < 3 * len(there), 'it never ends'
                    change(name)
                at += length
        assert seen == len(there), f'{seen} of {len(there)}'
    os.close(fd)


@case()
def who_renames_what_he_lists_comes_to_an_end(d):
    read_while(d, lambda name: os.rename(name, f'{name}x'))


@case()
def who_creates_where_he_lists_comes_to_an_end(d):
    read_while(d, lambda name: put(f'{name}+'[:200]))


@case(needs=['tmpfile'])
def o_tmpfile_is_linked_by_its_descriptor_alone(d):
    fd = os.open(d, os.O_TMPFILE | os.O_WRONLY, 0o600)
    os.write(fd, b'data')
    syscall('linkat', fd, b'', -100, b'named', AT_EMPTY_PATH)
    os.close(fd)
    assert get('named') == b'data'


@case()
def inode_numbers_are_never_used_twice(d):
    seen = set()
    for i in range(500):
        put('x')
        number = os.stat('x').st_ino
        assert number not in seen
        seen.add(number)
        os.unlink('x')


@case(needs=['readdirplus'])
def d_ino_and_d_type_match_stat(d):
    put('file')
    os.mkdir('dir')
    os.symlink('file', 'link')
    os.mkfifo('fifo')
    for entry in os.scandir(d):
        assert entry.inode() == os.lstat(entry.name).st_ino
        assert entry.is_dir(follow_symlinks=False) == stat.S_ISDIR(os.lstat(entry.name).st_mode)
        assert entry.is_symlink() == stat.S_ISLNK(os.lstat(entry.name).st_mode)
