"""A disk that is full, or whose reserve is reached: what is refused, and when there is room."""
import errno
import os

from loop_disk import LoopDisk, noise
from rig import Mount, as_user, case, drop_caches, fails, get, put, wait_until
from transport import transports

MIB = 1 << 20
USER, OTHER = 61001, 61002


@case(mount=False, masked='uring')
def a_full_disk_is_enospc_and_earlier_data_stay():
    allowed = ['does not take data', 'takes data again']
    with LoopDisk('ext4', 48) as disk:
        with Mount(options=f'ram=16M,user_ram=100%,size=1G,user_size=100%,backing={disk.path},'
                           'threshold=0,reserve=0', allow_log=allowed) as mount:
            path = f'{mount.tmpdir()}/f'
            written = 0
            fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
            try:
                while True:
                    written += os.write(fd, noise(MIB, written // MIB))
            except OSError as error:
                assert error.errno == errno.ENOSPC, error
            assert 30 * MIB < written < 80 * MIB, written
            drop_caches()
            for i in range(written // MIB):
                assert os.pread(fd, MIB, i * MIB) == noise(MIB, i), i
            os.close(fd)
            os.unlink(path)
            wait_until(lambda: disk.used() < 24 * MIB, 'the disk has its space back')

            def usable():
                try:
                    put(f'{mount.tmpdir()}/g', b'x' * (20 * MIB))
                    return True
                except OSError:
                    return False
            wait_until(usable, 'the space can be used again')


def refill(path, how, size):
    """Fills @path, and makes room again in one way. The write that comes next must find it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(size // MIB):
        assert os.write(fd, b'x' * MIB) == MIB
    if how == 'close last':
        os.unlink(path)
    os.close(fd)
    if how == 'unlink':
        os.unlink(path)
    elif how == 'rename over':
        put(f'{path}.new')
        os.rename(f'{path}.new', path)


@case(mount=False)
def room_of_a_removed_file_is_there_for_the_next_write():
    """Whatever is short: of the size, or of RAM, in which data wait for the disk."""
    for transport in transports():
        for options in 'ram=2M,user_ram=100%,threshold=0,backing=/var/tmp', 'ram=32M':
            with Mount(options=f'{transport},size=6M,user_size=100%,{options}',
                       patience=100) as mount:
                for how in 'unlink', 'rename over', 'close last':
                    for _ in range(40):
                        refill(f'{mount.tmpdir()}/f', how, 4 * MIB)
                    if how == 'rename over':
                        os.unlink(f'{mount.tmpdir()}/f')


@case(mount=False)
def the_reserve_stays_free():
    with LoopDisk('ext4', 96) as disk:
        total = os.statvfs(disk.mountpoint).f_blocks * os.statvfs(disk.mountpoint).f_frsize
        with Mount(options=f'ram=8M,user_ram=100%,size=1G,user_size=100%,backing={disk.path},'
                           'threshold=0,reserve=50%',
                   allow_log=['does not take data', 'takes data again']) as mount:
            for i in range(3):
                fails(errno.ENOSPC, put, f'{mount.tmpdir()}/f{i}', noise(100 * MIB))
                stat = os.statvfs(disk.mountpoint)
                assert stat.f_bavail * stat.f_frsize >= total // 2
            for i in range(3):
                os.unlink(f'{mount.tmpdir()}/f{i}')


@case(mount=False)
def a_full_disk_is_no_limit_of_a_user():
    """His RAM is full as his data do not leave it; what he is told is that the disk is."""
    with LoopDisk('ext4', 32) as disk:
        with Mount(options=f'ram=32M,user_ram=8M,size=1G,user_size=100%,backing={disk.path},'
                           'threshold=0,reserve=0',
                   allow_log=['does not take data', 'takes data again']) as mount:
            fails(errno.ENOSPC, as_user, USER, put, f'{mount.path}/{USER}/f', noise(64 * MIB))
            as_user(OTHER, put, f'{mount.path}/{OTHER}/f', noise(4 * MIB))
            assert as_user(OTHER, get, f'{mount.path}/{OTHER}/f') == noise(4 * MIB)


def free_bytes(path):
    stat = os.statvfs(path)
    return stat.f_bfree * stat.f_frsize


@case(mount=False)
def what_is_removed_from_a_full_disk_is_room_at_once():
    """As often as it is filled to the last byte, and emptied, by us and by others."""
    with LoopDisk('ext4', 48) as disk:
        with Mount(options=f'ram=8M,user_ram=100%,size=1G,user_size=100%,backing={disk.path},'
                           'threshold=0,reserve=1M',
                   allow_log=['does not take data', 'takes data again']) as mount:
            path, data = f'{mount.tmpdir()}/f', noise(64 * MIB)
            for _ in range(8):
                fails(errno.ENOSPC, put, path, data)
                os.unlink(path)
                put(path, data[:24 * MIB])
                os.unlink(path)
            for _ in range(3):
                # what was removed leaves the disk soon, not at once
                wait_until(lambda: free_bytes(disk.mountpoint) >= 24 * MIB,
                           'the disk has its room back')
                put(f'{disk.mountpoint}/others', data[:20 * MIB])
                fails(errno.ENOSPC, put, path, data)
                os.unlink(f'{disk.mountpoint}/others')
                with open(path, 'ab', buffering=0) as file:
                    assert file.write(noise(MIB)) == MIB
                os.unlink(path)
