"""RAM that is smaller than what is written at once: it gets through all the same."""
import errno
import itertools
import os
import threading

from loop_disk import noise
from rig import Mount, as_user, case, drop_caches, fails, put
from transport import transports

MIB = 1 << 20
USER, OTHER = 61001, 61002
WRITERS, WRITES = 3, 2
OPTIONS = 'ram=1M,user_ram=100%,size=1G,user_size=100%,threshold=64K,backing=/var/tmp'


def write_all(fd, i, failed):
    """As dd bs=1M does."""
    try:
        for n in range(WRITES):
            assert os.write(fd, noise(MIB, i * WRITES + n)) == MIB
        os.fsync(fd)
        os.close(fd)
    except BaseException as error:  # for the main thread
        failed.append(f'{i}: {error!r}')


@case(mount=False)
def writes_that_are_larger_than_ram_get_through():
    """By several writers, each of whose writes is as large as all the RAM that they wait for."""
    for transport in transports():
        for more in '', ',writeback':
            with Mount(options=f'{transport},{OPTIONS}{more}', patience=100) as mount:
                failed, top = [], mount.tmpdir()
                fds = [os.open(f'{top}/{i}', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                       for i in range(WRITERS)]
                threads = [threading.Thread(target=write_all, args=(fd, i, failed))
                           for i, fd in enumerate(fds)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                assert not failed, failed
                drop_caches()
                for i in range(WRITERS):
                    with open(f'{top}/{i}', 'rb') as file:
                        for n in range(WRITES):
                            assert file.read(MIB) == noise(MIB, i * WRITES + n), (i, n)
                        assert not file.read(1)


def fill_with_names(top, error):
    """Until there is no RAM for another. Returns how many."""
    for n in itertools.count():
        try:
            put(f'{top}/{n:0200}')
        except OSError as refused:
            assert refused.errno == error, refused
            return n


@case(mount=False, masked='uring')
def a_write_is_told_at_once_that_names_have_taken_the_ram():
    """Nothing of it can go to the disk, so nobody waits: with this patience that would be for 50
    minutes. Another user has his RAM, unless it is the mount's that is used up."""
    with Mount(options='ram=8M,user_ram=2M,size=1G,user_size=100%,threshold=64K,backing=/var/tmp',
               patience=100) as mount:
        mine, others = f'{mount.path}/{USER}', f'{mount.path}/{OTHER}'
        as_user(USER, put, f'{mine}/first', b'data')
        assert as_user(USER, fill_with_names, mine, errno.EDQUOT) > 100
        fails(errno.EDQUOT, as_user, USER, put, f'{mine}/first', b'x' * MIB)
        as_user(OTHER, put, f'{others}/first', b'x' * MIB)
    with Mount(options='ram=2M,user_ram=100%,size=1G,user_size=100%,threshold=64K,'
               'backing=/var/tmp', patience=100) as mount:
        mine, others = f'{mount.path}/{USER}', f'{mount.path}/{OTHER}'
        as_user(USER, put, f'{mine}/first', b'data')
        as_user(OTHER, put, f'{others}/first', b'data')
        assert as_user(USER, fill_with_names, mine, errno.ENOSPC) > 100
        fails(errno.ENOSPC, as_user, USER, put, f'{mine}/first', b'x' * MIB)
        fails(errno.ENOSPC, as_user, OTHER, put, f'{others}/first', b'x' * MIB)
