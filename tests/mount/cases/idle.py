"""A mount that nobody uses costs next to nothing: no thread of it wakes, and it holds little
memory, also when much has been written and removed before."""
import contextlib
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

from loop_disk import Backing
from memory import memory_of
from rig import (Mount, Skip, as_user, binary, case, children, drop_caches, has_address_sanitizer,
                 own_mounts, put, run, wait_until)
from transport import status, transports

MIB = 1 << 20
HELD_MAX = 10 * MIB  # by all processes of a mount together
LOOK_S = 11  # longer than what any thread of the daemon waits, as memory is kept for 10 s
NOBODY = 65534
KINDS = [{'layout': 'private'}, {'layout': 'private', 'options': 'writeback'},
         {'layout': 'single', 'options': 'noallow_other,xattr=off'}, {'layout': 'shared'},
         {'layout': 'single', 'uid': NOBODY}]


def descendants(pid):
    return [pid, *(one for child in children(pid) for one in descendants(child))]


def wakes(pids):
    """How often each thread has been put on a CPU."""
    found = {}
    for pid in pids:
        for tid in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{tid}/status', encoding='ascii') as file:
                lines = dict(line.split(':', 1) for line in file)
            found[f'{lines["Name"].strip()} {tid}'] = sum(
                int(lines[name]) for name in ('voluntary_ctxt_switches',
                                              'nonvoluntary_ctxt_switches'))
    return found


def own_memory():
    """malloc's tests fill what nobody would touch."""
    os.environ.pop('MALLOC_PERTURB_', None)


def use(directory):
    """Small files, and two that go past the threshold to the disk, all of them removed."""
    names = [f'{directory}/{i}' for i in range(300)]
    for name in names:
        put(name, b'x' * 5000)
    for name in f'{directory}/large', f'{directory}/larger':
        names.append(name)
        put(name, os.urandom(MIB) * 48)
        with open(name, 'rb') as file:
            while file.read(MIB):
                pass
    for name in names:
        os.unlink(name)


@case(mount=False)
def a_mount_that_was_used_sleeps_and_is_small():
    own_mounts()  # what others mount wakes the supervisors
    own_memory()
    with contextlib.ExitStack() as stack:
        pids = {}
        for transport in transports():
            for kind in KINDS:
                options = dict(kind)
                backing = stack.enter_context(Backing())
                os.chown(backing, kind.get('uid', 0), -1)
                options['options'] = ','.join(filter(None, [
                    kind.get('options'), transport, f'backing={backing}']))
                mount = stack.enter_context(Mount(**options))
                as_user(mount.uid, use, mount.tmpdir())
                pids[str(options)] = descendants(mount.process.pid)
        everything = [pid for some in pids.values() for pid in some]
        awake = {}

        def sleep():
            before = wakes(everything)
            time.sleep(LOOK_S)
            awake.update({name: count - before.get(name, 0) for name, count in
                          wakes(everything).items()})
            return not any(awake.values())
        wait_until(sleep, 'no thread wakes')
        if not has_address_sanitizer():
            memory = {name: memory_of(some) for name, some in pids.items()}
            assert max(memory.values()) <= HELD_MAX, memory


@case(mount=False)
def what_read_from_the_disk_keeps_no_buffers():
    """Each thread that reads from the disk needs a buffer for a request; over /dev/fuse there is no
    other to read to."""
    if has_address_sanitizer():
        raise Skip('AddressSanitizer needs memory itself')
    own_memory()
    readers = 12
    with Backing() as backing, \
            Mount(options=f'transport=dev,threshold=0,backing={backing}') as mount:
        path = f'{mount.tmpdir()}/f'
        put(path, os.urandom(64 * MIB))
        wait_until(lambda: status(mount)['tier']['disk_used'] >= 64 * MIB, 'it is on the disk')

        def read(part):
            with open(path, 'rb', buffering=0) as file:
                return len(os.pread(file.fileno(), MIB, part * 5 * MIB))

        def all_have_read():
            drop_caches()
            with ThreadPoolExecutor(readers) as pool:
                assert set(pool.map(read, range(readers))) == {MIB}
            text = run(binary('SPOOLCTL'), 'debug', mount.path).stdout
            return int(re.search(r'^disk threads: (\d+)', text, re.M).group(1)) >= readers - 1
        wait_until(all_have_read, 'many threads have read at the same time')
        pids = descendants(mount.process.pid)
        wait_until(lambda: memory_of(pids) <= HELD_MAX, 'their memory comes back')
