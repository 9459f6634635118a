"""Ends in full flight: writers are at work on each transport when the mount goes."""
import contextlib
import os
import signal
import subprocess

from rig import DEADLINE_S, Mount, alive, case, gone, is_mounted, run, wait_until
from transport import counts, status, transports

WRITERS = 8
LOOP = 'cd "$0" || exit; while echo x > $$ && rm $$; do :; done'


class Flight:
    """A mount with writers that make and remove files until they get an error."""

    def __init__(self, options, **mount):
        self.mount = Mount(options=options, **mount).start()
        self.writers = [subprocess.Popen(['sh', '-c', LOOP, self.mount.tmpdir()],
                                         stderr=subprocess.DEVNULL) for _ in range(WRITERS)]
        wait_until(lambda: counts(self.mount).get('UNLINK', 0) > 200, 'writes')

    def ends(self, returncode=0):
        """Every writer gets an error and ends, and nothing is left of the mount."""
        for writer in self.writers:
            writer.wait(DEADLINE_S)
        self.mount.process.wait(DEADLINE_S)
        wait_until(lambda: not is_mounted(self.mount.path), 'it unmounts')
        self.mount.stop(returncode)


@case(mount=False)
def an_abort_in_full_flight():
    for options in transports():
        flight = Flight(options)
        number = os.minor(os.stat(flight.mount.path).st_dev)
        with open(f'/sys/fs/fuse/connections/{number}/abort', 'w', encoding='ascii') as file:
            file.write('1')
        flight.ends()


@case(mount=False)
def a_killed_worker_in_full_flight():
    for options in transports():
        flight = Flight(options, allow_log=['killed by signal 9'])
        fd = os.open(f'{flight.mount.tmpdir()}/f', os.O_CREAT | os.O_RDWR, 0o600)
        os.kill(flight.mount.worker, signal.SIGKILL)
        wait_until(lambda f=flight: not is_mounted(f.mount.path), 'it unmounts')
        gone(os.pwrite, fd, b'x', 0)
        os.close(fd)
        flight.ends(1)


@case(mount=False)
def sigterm_in_full_flight():
    for options in transports():
        flight = Flight(options)
        flight.mount.process.terminate()
        flight.ends()


@case(mount=False)
def forced_umount_in_full_flight():
    for options in transports():
        flight = Flight(options)
        run('umount', '-f', flight.mount.path, check=False)  # busy: it aborts, and does not unmount
        flight.ends()


@case(mount=False)
def lazy_umount_in_full_flight():
    """The writers go on where they are; with the last of them it ends."""
    for options in transports():
        flight = Flight(f'{options},detach=never', allow_log=['mounted here no more'])
        run('umount', '-l', flight.mount.path)
        assert not is_mounted(flight.mount.path)
        assert all(map(alive, flight.mount.pids))
        assert not any(writer.poll() for writer in flight.writers)
        for writer in flight.writers:
            writer.terminate()
        flight.ends()


@case(mount=False)
def killed_writers_in_full_flight():
    """Whoever is killed in the middle of a request takes nothing with it."""
    for options in transports():
        flight = Flight(options)
        for writer in flight.writers:
            writer.kill()
            writer.wait(DEADLINE_S)
        for name in os.listdir(flight.mount.tmpdir()):
            with contextlib.suppress(FileNotFoundError):  # the rm of one lived on for a moment
                os.unlink(f'{flight.mount.tmpdir()}/{name}')
        wait_until(lambda m=flight.mount: status(m)['inodes_used'] <= 3, 'all inodes come back')
        flight.mount.stop()
