"""Open files: every way to read and write one, several openers, and what an open file holds."""
import errno
import fcntl
import mmap
import os
import select
import signal
import stat
import struct
import threading

from rig import as_user, case, fails, fallocate, get, put, wait_until

MASKED = True  # also run without each feature of the kernel
F_OFD_GETLK, F_OFD_SETLK = 36, 37  # linux/fcntl.h; not in every Python's fcntl


@case()
def sizes_around_every_boundary(d):
    """Pages, the pool's size classes, blocks, the largest request."""
    for edge in (0, 1, 64, 512, 4096, 8192, 16384, 32768, 65536, 131072, 1 << 20, (1 << 20) + 4096):
        for size in {max(0, edge - 1), edge, edge + 1}:
            data = os.urandom(size)
            put('f', data)
            assert get('f') == data and os.stat('f').st_size == size
            fd = os.open('f', os.O_RDWR)
            os.pwrite(fd, b'!', size)
            assert os.pread(fd, 100, max(0, size - 1)) == data[max(0, size - 1):] + b'!'
            os.ftruncate(fd, size // 2)
            os.ftruncate(fd, size)
            os.close(fd)
            assert get('f') == data[:size // 2] + bytes(size - size // 2)
            os.unlink('f')


@case()
def o_trunc_empties_for_every_opener(d):
    put('f', b'x' * 100000)
    reader = os.open('f', os.O_RDONLY)
    assert len(os.read(reader, 50000)) == 50000
    os.close(os.open('f', os.O_WRONLY | os.O_TRUNC))
    assert os.fstat(reader).st_size == 0 and os.read(reader, 10) == b''
    assert os.stat('f').st_blocks == 0
    put('f', b'y' * 10)
    assert os.pread(reader, 100, 0) == b'y' * 10
    os.close(reader)


@case()
def direct_io(d):
    fd = os.open('f', os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o600)
    with mmap.mmap(-1, 1 << 20) as page, mmap.mmap(-1, 1 << 20) as back:
        page[:] = os.urandom(1 << 20)
        assert os.pwritev(fd, [page], 0) == 1 << 20
        assert get('f') == page[:]
        assert os.preadv(fd, [back], 0) == 1 << 20 and back[:] == page[:]
        buffered = os.open('f', os.O_RDWR)
        os.pwrite(buffered, b'new', 5000)
        assert os.preadv(fd, [back], 0) == 1 << 20 and back[5000:5003] == b'new'
        os.close(buffered)
    os.close(fd)


@case()
def pipes_sendfile_and_vectors(d):
    data = os.urandom(300000)
    put('from', data)
    source, target = os.open('from', os.O_RDONLY), os.open('to', os.O_RDWR | os.O_CREAT, 0o600)
    while os.sendfile(target, source, None, 100000):
        pass
    assert get('to') == data
    reader, writer = os.pipe()
    moved = os.splice(source, writer, 50000, offset_src=1000)
    assert os.read(reader, 65536) == data[1000:1000 + moved] and moved > 0
    os.write(writer, b'pipe')
    assert os.splice(reader, target, 4, offset_dst=10) == 4
    assert os.pread(target, 6, 9) == data[9:10] + b'pipe' + data[14:15]
    parts = [bytearray(3), bytearray(70000)]
    assert os.preadv(source, parts, 1) == 70003 and bytes(parts[1]) == data[4:70004]
    assert select.select([source], [target], [], 0)[:2] == ([source], [target])
    for fd in (source, target, reader, writer):
        os.close(fd)


@case()
def a_reader_sees_what_another_process_has_just_written(d):
    put('log')
    reader = os.open('log', os.O_RDONLY)
    expected = b''
    for i in range(200):
        def append(i=i):
            fd = os.open('log', os.O_WRONLY | os.O_APPEND)
            os.write(fd, b'line %d\n' % i)
            os.close(fd)
        if i % 20:
            append()
        else:
            as_user(0, append)
        expected += b'line %d\n' % i
        assert os.pread(reader, 1 << 20, 0) == expected
    os.close(reader)


@case()
def threads_on_their_own_parts_of_one_file(d):
    fd = os.open('f', os.O_RDWR | os.O_CREAT, 0o600)
    n, size = 8, 100_003  # parts that share pages and blocks

    def work(i):
        for start in range(0, size, 7000):
            part = bytes([65 + i]) * min(7000, size - start)
            os.pwrite(fd, part, i * size + start)
            assert os.pread(fd, len(part), i * size + start) == part
    threads = [threading.Thread(target=work, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.close(fd)
    assert get('f') == b''.join(bytes([65 + i]) * size for i in range(n))


@case()
def mappings_follow_truncation(d):
    put('f', b'm' * 20000)
    fd = os.open('f', os.O_RDWR)
    with mmap.mmap(fd, 20000) as mapping:
        os.ftruncate(fd, 5000)
        assert mapping[4999:5001] == b'm\0', 'the tail of the last page is not cleared'
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGBUS, signal.SIG_DFL)
            os._exit(mapping[10000])
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGBUS
        os.ftruncate(fd, 20000)
        assert mapping[5000:20000] == bytes(15000)
        before = os.fstat(fd).st_mtime_ns
        mapping[0:3] = b'new'
        mapping.flush()
        assert get('f')[:4] == b'newm' and os.fstat(fd).st_mtime_ns >= before
    os.close(fd)


@case()
def locks_of_open_file_descriptions(d):
    put('f', b'x' * 100)
    one, two = os.open('f', os.O_RDWR), os.open('f', os.O_RDWR)

    def lock(fd, kind, command=F_OFD_SETLK):
        return fcntl.fcntl(fd, command, struct.pack('hhqqi4x', kind, 0, 0, 10, 0))
    lock(one, fcntl.F_WRLCK)
    fails(errno.EAGAIN, lock, two, fcntl.F_WRLCK)
    holder = lock(two, fcntl.F_WRLCK, F_OFD_GETLK)
    assert struct.unpack('hhqqi4x', holder)[0] == fcntl.F_WRLCK
    again = os.dup(one)
    os.close(one)
    fails(errno.EAGAIN, lock, two, fcntl.F_WRLCK)  # the description is still open
    os.close(again)
    lock(two, fcntl.F_WRLCK)
    os.close(two)


@case()
def locks_go_with_a_killed_process(d):
    put('f')
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        fcntl.lockf(os.open('f', os.O_RDWR), fcntl.LOCK_EX)
        fcntl.flock(os.open('f', os.O_RDWR), fcntl.LOCK_EX)
        os.write(writer, b'x')
        signal.pause()
    os.read(reader, 1)
    fd = os.open('f', os.O_RDWR)
    fails(errno.EAGAIN, fcntl.lockf, fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fails(errno.EAGAIN, fcntl.flock, fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(fd)


@case(needs=['fallocate'])
def an_unlinked_file_holds_its_space_until_the_last_close(d):
    def left():
        vfs = os.statvfs(d)
        return vfs.f_bfree * vfs.f_frsize
    start = left()
    fd = os.open('f', os.O_RDWR | os.O_CREAT, 0o600)
    fallocate(fd, 0, 0, 4 << 20)
    mapping = mmap.mmap(fd, 4 << 20)
    os.unlink('f')
    os.fchmod(fd, 0o400)
    os.fchown(fd, os.geteuid(), os.getegid())
    fallocate(fd, 0, 4 << 20, 4 << 20)
    assert os.fstat(fd).st_size == 8 << 20 and stat.S_IMODE(os.fstat(fd).st_mode) == 0o400
    assert start - left() >= 8 << 20
    os.close(fd)
    mapping[0] = 1  # a mapping holds it too
    assert start - left() >= 8 << 20
    mapping.close()
    wait_until(lambda: start - left() < 1 << 16, 'the space comes back')


@case()
def a_killed_writer_leaves_a_usable_file_and_no_charge(d):
    start = os.statvfs(d).f_bfree
    for _ in range(5):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            fd = os.open('f', os.O_WRONLY | os.O_CREAT, 0o600)
            hidden = os.open('hidden', os.O_WRONLY | os.O_CREAT, 0o600)
            os.unlink('hidden')
            os.write(writer, b'x')
            while True:
                os.pwrite(fd, b'w' * 100000, 0)
                os.pwrite(hidden, b'w' * 1000000, 0)
        os.read(reader, 1)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)
        os.close(writer)
        assert set(get('f')) <= {ord('w')}
        os.unlink('f')
    wait_until(lambda: start - os.statvfs(d).f_bfree < 16, 'the space comes back')
