"""RAM that is smaller than what is written at once: it gets through all the same."""
import os
import threading

from loop_disk import noise
from rig import Mount, case, drop_caches
from transport import transports

MIB = 1 << 20
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
