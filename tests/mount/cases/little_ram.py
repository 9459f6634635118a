"""RAM that is smaller than what is written at once: it gets through all the same."""
import errno
import itertools
import os
import threading

from loop_disk import noise
from rig import Mount, as_user, case, drop_caches, fails, put
from transport import transports

MIB = 1 << 20
USER, OTHER, THIRD = 61001, 61002, 61003
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


def write_beside(mount, namers, ram, error):
    """USER writes as much as all the RAM, in one write and then 5000 bytes at a time, while each of
    `namers` has as many empty files as he may."""
    mine = f'{mount.path}/{USER}'
    as_user(USER, put, f'{mine}/small', b'data')
    for uid in namers:
        assert as_user(uid, fill_with_names, f'{mount.path}/{uid}', error) > 10, uid
    as_user(USER, put, f'{mine}/whole', noise(ram, 1))
    as_user(USER, write_in_pieces, f'{mine}/pieces', noise(ram, 2), 5000)
    drop_caches()
    for name, seed in ('whole', 1), ('pieces', 2):
        with open(f'{mine}/{name}', 'rb') as file:
            assert file.read() == noise(ram, seed), name


def write_in_pieces(path, data, size):
    """Each with one write(2), which takes all."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    for at in range(0, len(data), size):
        piece = data[at:at + size]
        assert os.write(fd, piece) == len(piece), at
    os.close(fd)


@case(mount=False, masked='uring', timeout_s=240)
def names_of_others_keep_no_data_in_ram():
    """What names leave is little: data go to the disk from it before a write would have to wait for
    what nobody sends there."""
    for ram, namers in (1, [OTHER]), (2, [OTHER]), (4, [OTHER]), (16, [OTHER]):
        with Mount(options=f'ram={ram}M,size=1G,user_size=100%,backing=/var/tmp',
                   patience=100) as mount:
            write_beside(mount, namers, ram * MIB, errno.EDQUOT)
    # two of them leave less than a block beside what is kept for names, or just that
    for ram, user_ram in (1, '40%'), (4, '45%'), (16, '47%'):
        with Mount(options=f'ram={ram}M,user_ram={user_ram},size=1G,user_size=100%,'
                   'backing=/var/tmp', patience=100) as mount:
            write_beside(mount, [OTHER, THIRD], ram * MIB, errno.EDQUOT)
