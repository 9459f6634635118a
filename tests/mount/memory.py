"""How much memory processes hold."""
import contextlib
import os
import stat


def rollup(pids, kind):
    total = 0
    for pid in pids:
        with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as file:
            total += sum(int(line.split()[1]) << 10 for line in file if line.startswith(kind))
    return total


def descriptors(pid):
    """Also where the first thread has ended."""
    for thread in os.listdir(f'/proc/{pid}/task'):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended since
            for fd in os.listdir(f'/proc/{pid}/task/{thread}/fd'):
                yield f'/proc/{pid}/task/{thread}/fd/{fd}'


def arenas(pids):
    """Of memory files without a name: on a tmpfs that nobody sees, their path is only a number."""
    files = {}
    for pid in pids:
        for path in descriptors(pid):
            try:
                name, found = os.readlink(path), os.stat(path)
            except (FileNotFoundError, ProcessLookupError):
                continue  # closed meanwhile
            if name.startswith(('/memfd:', '/#')) and stat.S_ISREG(found.st_mode):
                files[found.st_dev, found.st_ino] = found.st_blocks * 512
    return sum(files.values())


def memory_of(pids):
    """In bytes: what they share counts once, and what they have in memory files counts as well
    where it is not mapped."""
    unmapped = arenas(pids) - rollup(pids, 'Pss_Shmem:')
    return rollup(pids, 'Pss:') + max(unmapped, 0)
