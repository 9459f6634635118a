"""Files that are read in order: what the kernel reads ahead of them comes from the disk."""
import errno
import mmap
import os
import threading

from loop_disk import Backing, noise
from rig import Mount, Skip, case, fails, get, wait_until
from transport import status

MIB = 1 << 20
PAGE, PIECE = 4096, 16384


def forget(fd):
    """The kernel's pages of the file, which are clean."""
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def spilled(mount, size):
    """A file of noise on the disk."""
    fd = os.open(f'{mount.tmpdir()}/f', os.O_RDWR | os.O_CREAT)
    assert os.pwrite(fd, noise(size), 0) == size
    wait_until(lambda: status(mount)['tier']['disk_used'] >= size, 'it spills')
    return fd


def spoil(mount, backing):
    """Turns a bit in the middle of what is in one of the files of the backing directory."""
    fds = f'/proc/{mount.worker}/fd'
    names = [f'{fds}/{number}' for number in os.listdir(fds)
             if os.readlink(f'{fds}/{number}').startswith(f'{backing}/')]
    with open(max(names, key=lambda name: os.stat(name).st_blocks), 'r+b', buffering=0) as file:
        fd = file.fileno()
        at = os.lseek(fd, os.fstat(fd).st_blocks * 256, os.SEEK_DATA) + 100
        byte = os.pread(fd, 1, at)
        assert os.pwrite(fd, bytes([byte[0] ^ 1]), at) == 1
        os.fsync(fd)


def reads_ahead(path):
    """How far the kernel does, in KiB."""
    device = os.stat(path).st_dev
    return int(get(f'/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb'))


@case(mount=False)
def spilled_files_are_read_ahead_as_from_a_disk():
    if os.statvfs('/sys').f_flag & os.ST_RDONLY:
        raise Skip('/sys is read-only here')
    with Mount(options='backing=none') as mount:
        usual = reads_ahead(mount.path)
    with Backing() as backing, Mount(options=f'backing={backing}') as mount:
        assert reads_ahead(mount.path) == max(512, usual)


@case(mount=False)
def what_a_reader_will_want_is_read_once():
    size = 16 * MIB
    data = noise(size)
    for transport in ('auto', 'dev'):
        with Backing() as backing, \
                Mount(options=f'backing={backing},threshold=0,transport={transport}') as mount:
            fd = spilled(mount, size)
            forget(fd)
            got = bytearray()
            while part := os.read(fd, 65536):
                got += part
            assert got == data
            tasks = f'/proc/{mount.worker}/task'
            assert b'spoolfs-ahead\n' in [get(f'{tasks}/{task}/comm') for task in
                                          os.listdir(tasks)]
            # who comes when a run is just being given up reads a part of it again
            assert size <= status(mount)['tier']['disk_read'] <= size + 2 * MIB
            os.close(fd)


@case(mount=False)
def an_error_ahead_is_told_to_nobody_but_who_reads_there():
    size = 8 * MIB
    data = noise(size)
    for options in ('', ',encrypt=off'):
        with Backing() as backing, \
                Mount(options=f'backing={backing},threshold=0{options}',
                      allow_log=['is not what was written']) as mount:
            fd = spilled(mount, size)
            spoil(mount, backing)
            forget(fd)
            got = bytearray()
            try:
                while part := os.read(fd, PAGE):
                    got += part
            except OSError as error:
                assert error.errno == errno.EIO, error
            assert 0 < len(got) < size and len(got) % PIECE == 0, len(got)
            assert got == data[:len(got)]
            for at in range(len(got), len(got) + PIECE, PAGE):
                fails(errno.EIO, os.pread, fd, PAGE, at)
            after = len(got) + PIECE
            assert os.pread(fd, size, after) == data[after:]
            assert status(mount)['tier']['disk_bad_pieces'] > 0
            os.close(fd)


@case(mount=False)
def what_is_written_meanwhile_is_never_read_as_it_was():
    size = 8 * MIB
    with Backing() as backing, Mount(options=f'backing={backing},threshold=0') as mount:
        fd = spilled(mount, size)
        ends = threading.Event()

        def stream():
            other = os.open(f'{mount.tmpdir()}/f', os.O_RDONLY)
            while not ends.is_set():
                forget(other)
                for at in range(0, size, 65536):
                    assert len(os.pread(other, 65536, at)) == 65536
            os.close(other)

        reader = threading.Thread(target=stream)
        reader.start()
        direct = os.open(f'{mount.tmpdir()}/f', os.O_RDONLY | os.O_DIRECT)
        room = mmap.mmap(-1, PAGE)
        for i in range(300):
            at = i * 7919 * PAGE % size
            page = noise(PAGE, i)
            assert os.pwrite(fd, page, at) == PAGE
            assert os.pread(fd, PAGE, at) == page, (i, at)
            assert os.preadv(direct, [room], at) == PAGE
            assert room[:] == page, (i, at)
        ends.set()
        reader.join()
        os.close(direct)
        os.close(fd)
