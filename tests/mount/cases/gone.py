"""Unmounting means gone: what the kernel has cached for who still holds a mount goes, too."""
import ctypes
import json
import os
import re
import signal
import subprocess
import time

from loop_disk import LoopDisk, SlowReads
from rig import (DEADLINE_S, GONE, LIBC, Mount, Skip, alive, as_user, binary, case, drop_caches,
                 get, gone, own_mounts, put, run, unmount, wait_until)
from transport import transports, waiting_requests

ALICE = 1000
OPEN_TREE, MOVE_MOUNT, PIVOT_ROOT = 428, 429, 155  # numbers of system calls on x86-64
AT_FDCWD, OPEN_TREE_CLONE, F_EMPTY_PATH = -100, 1, 4
DATA = b'secret data' * 5000
# Looks at a page of a mapping each time that it is asked, until it dies of that.
LOOKER = r'''
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
pages = mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ)
os.close(fd)
assert pages[:11] == b'secret data'
print(flush=True)
for line in sys.stdin:
    print(pages[4096], flush=True)
'''


class Looker:
    """A process that has a file mapped."""

    def __init__(self, path):
        self.process = subprocess.Popen(['python3', '-c', LOOKER, path], cwd='/',
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b'\n'

    def dies(self):
        """Of SIGBUS, as no page is readable any more."""
        self.process.communicate(b'look\n', timeout=DEADLINE_S)
        assert self.process.returncode == -signal.SIGBUS, self.process.returncode


class Holder:
    """Has of a mount all that can be had: a file, a directory, a mapping, the cwd."""

    def __init__(self, mount):
        self.path = f'{mount.tmpdir()}/d'
        os.mkdir(self.path)
        put(f'{self.path}/f', DATA)
        put(f'{self.path}/g', DATA)
        self.file = os.open(f'{self.path}/f', os.O_RDWR)
        self.dir = os.open(self.path, os.O_RDONLY)
        self.looker = Looker(f'{self.path}/f')
        os.chdir(self.path)
        self.check()

    def check(self):
        """All of it serves."""
        assert os.pread(self.file, len(DATA), 0) == DATA
        assert sorted(os.listdir(self.dir)) == ['f', 'g']
        assert os.stat('g').st_size == len(DATA)

    def finds_all_gone(self):
        """Nothing of it can be read any more, cached or not."""
        gone(os.pread, self.file, 100, 0)
        gone(os.pread, self.file, 100, 20000)
        gone(os.pwrite, self.file, b'x', 0)
        gone(os.fstat, self.file)
        gone(os.listdir, self.dir)
        gone(os.stat, 'g')
        gone(os.open, 'g', os.O_RDONLY)
        self.looker.dies()
        os.chdir('/')
        os.close(self.file)
        os.close(self.dir)


def clone_of(path):
    """A copy of a mount that is in no namespace. Skips where the kernel has no such call."""
    fd = LIBC.syscall(OPEN_TREE, AT_FDCWD, os.fsencode(path), OPEN_TREE_CLONE | os.O_CLOEXEC)
    if fd < 0:
        raise OSError(ctypes.get_errno(), 'open_tree')
    return fd


def move_mount(fd, path):
    if LIBC.syscall(MOVE_MOUNT, fd, b'', AT_FDCWD, os.fsencode(path), F_EMPTY_PATH) != 0:
        raise OSError(ctypes.get_errno(), 'move_mount')
    os.close(fd)


def has_threads(pid):
    """A process that dies is a zombie already while threads of it still hold what it had."""
    try:
        return len(os.listdir(f'/proc/{pid}/task')) > 1
    except FileNotFoundError:
        return False


@case(mount=False)
def sigterm_leaves_no_cached_page():
    """An abort alone does: whoever has a file open or mapped would read on."""
    for options in transports():
        mount = Mount(options=options).start()
        holder = Holder(mount)
        mount.process.terminate()
        assert mount.process.wait(DEADLINE_S) == 0
        holder.finds_all_gone()
        mount.stop()


def mountpoints(mount):
    """Where its filesystem is mounted here."""
    device = mount.device
    with open('/proc/self/mountinfo', encoding='utf-8', errors='surrogateescape') as file:
        return [line.split()[4] for line in file if line.split()[2] == device]


def start(detach, **options):
    """A mount whose log may say what becomes of it when it is mounted no more."""
    more = options.pop('options', '')
    allowed = [*options.pop('allow_log', ()), 'mounted here no more', 'not mounted for',
               'mounted again', 'mounted on top']
    mount = Mount(options=','.join(filter(None, [f'detach={detach}', more])), allow_log=allowed,
                  **options).start()
    number = os.stat(mount.tmpdir()).st_dev if not mount.uid else as_user(
        mount.uid, lambda: os.stat(mount.path).st_dev)
    mount.device = f'{os.major(number)}:{os.minor(number)}'
    return mount


def says(mount, text):
    wait_until(lambda: text in mount.read_log(), f'"{text}" in the log')


def ended(mount, status=0):
    """The daemon has ended by itself, in order, and has said so."""
    assert mount.process.wait(DEADLINE_S) == status, mount.read_log()
    if status == 0:
        assert mount.read_log().count('everything goes now') == 1, mount.read_log()
    mount.stop(status)


def serves(mount, holder):
    """It goes on, though it has had time to end: one look at the mount table is enough."""
    time.sleep(0.6)
    assert mount.process.poll() is None, mount.read_log()
    holder.check()


class Copy:
    """A mount namespace with copies of all mounts, where a process goes on using one."""

    def __init__(self, path, propagation='private'):
        loop = f'exec 5<"{path}"; echo; while read x; do cat <&5 && cat "{path}"; echo "$?"; done'
        self.process = subprocess.Popen(
            ['unshare', '-m', '--propagation', propagation, 'sh', '-c', loop], cwd='/',
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout.readline() == b'\n'
        self.root = f'/proc/{self.process.pid}/root'

    def end(self):
        self.process.communicate(timeout=DEADLINE_S)


def umount(mount, *options):
    if mount.uid:
        as_user(mount.uid, run, 'fusermount3', '-u', '-z', mount.path)
    else:
        run('umount', *(options or ['-l']), mount.path)


@case(mount=False)
def a_lazy_unmount_ends_with_the_grace():
    """Files, directories, mappings and the cwd do not keep it, whichever way requests go."""
    for options in transports():
        mount = start(0, options=options)
        holder = Holder(mount)
        umount(mount)
        ended(mount)
        holder.finds_all_gone()


@case(mount=False)
def a_copy_in_another_namespace_ends_with_the_grace():
    for options in transports():
        mount = start(1, options=options)
        path = f'{mount.tmpdir()}/f'
        put(path, DATA)
        copy = Copy(path)
        umount(mount, '-i')
        assert get(f'{copy.root}{path}') == DATA
        assert mount.process.wait(DEADLINE_S) == 0
        gone(get, f'{copy.root}{path}')
        copy.end()
        ended(mount)


@case(mount=False)
def what_is_mounted_somewhere_never_ends():
    """The twin: bound elsewhere, moved, covered, below what is covered. With the last it ends."""
    mount = start(0)
    holder = Holder(mount)
    other, third = f'{mount.base}/other', f'{mount.base}/third'
    os.mkdir(other)
    os.mkdir(third)
    run('mount', '--bind', f'{mount.tmpdir()}/d', other)
    umount(mount)
    serves(mount, holder)
    run('mount', '--move', other, third)
    serves(mount, holder)
    run('mount', '-t', 'tmpfs', 'cover', third)
    run('mount', '-t', 'tmpfs', 'cover', mount.base)
    serves(mount, holder)
    assert 'no more' not in mount.read_log(), mount.read_log()
    unmount(mount.base)
    unmount(third)
    run('umount', '-l', third)
    assert mount.process.wait(DEADLINE_S) == 0
    holder.finds_all_gone()
    os.rmdir(other)
    os.rmdir(third)
    ended(mount)


@case(mount=False)
def a_mount_that_comes_back_cancels_the_end():
    mount = start(600)
    holder = Holder(mount)
    clone = clone_of(mount.path)
    umount(mount)
    says(mount, 'everything goes in')
    move_mount(clone, mount.path)
    says(mount, 'mounted again: stays')
    run(binary('SPOOLCTL'), 'set', 'detach=0', mount.path)
    serves(mount, holder)
    umount(mount)
    ended(mount)
    holder.finds_all_gone()


@case(mount=False)
def the_grace_may_be_changed_while_it_runs():
    for before, after in ('never', '0'), ('600', '1'), ('0', 'never'):
        mount = start(600 if after == 'never' else before)
        path = f'{mount.tmpdir()}/f'
        put(path, DATA)
        copy = Copy(path)
        umount(mount)
        says(mount, 'mounted here no more')
        run(binary('SPOOLCTL'), 'set', f'detach={after}', f'{copy.root}{mount.path}')
        if after == 'never':
            says(mount, 'detach=never')
            run(binary('SPOOLCTL'), 'set', f'detach={before}', f'{copy.root}{mount.path}')
        assert mount.process.wait(DEADLINE_S) == 0
        gone(get, f'{copy.root}{path}')
        copy.end()
        ended(mount)


@case(mount=False)
def sigterm_does_not_wait_for_the_grace():
    mount = start(600)
    holder = Holder(mount)
    umount(mount)
    says(mount, 'everything goes in 600 s')
    mount.process.terminate()
    assert mount.process.wait(DEADLINE_S) == 0
    holder.finds_all_gone()
    mount.stop()


@case(mount=False)
def status_says_until_when():
    mount = start(600)
    holder = Holder(mount)
    umount(mount)
    says(mount, 'everything goes in')
    done = run(binary('SPOOLCTL'), 'status', '--json', mount.path, cwd='/')
    one = json.loads(done.stdout)
    assert one['detached'] and one['detached_until'] - one['detached_since'] == 600, one
    text = run(binary('SPOOLCTL'), 'status', mount.path, cwd='/').stdout
    assert re.search(r'detached +since [-0-9]+ [:0-9]+; everything goes at ', text), text
    mount.process.terminate()
    assert mount.process.wait(DEADLINE_S) == 0
    holder.finds_all_gone()
    mount.stop()


@case(mount=False)
def killed_in_the_grace_it_ends_at_once():
    """Of a worker that was killed, what is cached can be read on; nothing more."""
    for which in range(2):
        mount = start(600, allow_log=['killed by signal', 'the supervisor is gone'])
        holder = Holder(mount)
        umount(mount)
        says(mount, 'everything goes in')
        os.kill(mount.pids[which], signal.SIGKILL)
        wait_until(lambda m=mount: not any(map(alive, m.pids)), 'all processes end')
        if which == 0:
            holder.finds_all_gone()
        else:
            gone(os.listdir, holder.dir)
            gone(os.open, 'g', os.O_RDONLY)
            os.chdir('/')
            os.close(holder.file)
            os.close(holder.dir)
            holder.looker.process.communicate(timeout=DEADLINE_S)
        mount.stop(1 if which else -signal.SIGKILL)


@case(mount=False)
def an_ordinary_users_mount_ends_with_the_grace():
    if not os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')
    mount = start(0, layout='single', uid=ALICE)
    as_user(ALICE, put, f'{mount.path}/f', DATA)
    program = 'import os,sys; fd=os.open(sys.argv[1], 0); os.read(fd, 9); print(flush=True)\n' \
              'input()\ntry: os.pread(fd, 9, 0)\nexcept OSError as e: print(e.errno)'
    with subprocess.Popen(['python3', '-c', program, f'{mount.path}/f'], user=ALICE, group=ALICE,
                          extra_groups=[], cwd='/', text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as reader:
        assert reader.stdout.readline() == '\n'
        umount(mount)
        assert mount.process.wait(DEADLINE_S) == 0
        assert int(reader.communicate('\n', timeout=DEADLINE_S)[0]) in GONE
    ended(mount)


@case(mount=False)
def a_namespace_full_of_mounts_and_strange_names():
    """That of the daemon. What only looks like a mount of it is none."""
    own_mounts()
    mount = start(0)
    holder = Holder(mount)
    many = f'{mount.base}/a b\n\t\\040 \n1 2 {mount.device} x x - fuse.spoolfs'
    os.mkdir(many)
    run('mount', '-t', 'tmpfs', 'many', many)
    os.mkdir(f'{many}/x')
    for _ in range(2000):
        LIBC.mount(os.fsencode(many), os.fsencode(f'{many}/x'), None, 0x1000, None)
    strange = f'{mount.base}/\n1 2 0:1 x'
    os.mkdir(strange)
    run('mount', '--bind', f'{mount.tmpdir()}/d', strange)
    umount(mount)
    serves(mount, holder)
    run('umount', '-l', strange)
    assert mount.process.wait(DEADLINE_S) == 0
    holder.finds_all_gone()
    run('umount', '-l', many)
    os.rmdir(many)
    os.rmdir(strange)
    ended(mount)


@case(mount=False)
def who_holds_the_kernel_up_does_not_hold_the_end():
    """His pages are locked by a read of a disk that stands still. Others' are dropped all the
    same."""
    os.environ['SPOOL_TEST_HURRY'] = '20'  # to kill the worker, which waits for the disk
    with LoopDisk() as disk:
        mount = start(0, options=f'backing={disk.path},threshold=1M,reserve=0,ram=64M',
                      allow_log=['waits in the kernel', 'does not stop', 'does not die',
                                 'killed by signal'])
        holder = Holder(mount)
        slow = f'{mount.path}/{ALICE}/f'
        as_user(ALICE, put, slow, bytes(32 << 20))
        run(binary('SPOOLCTL'), 'spill', slow)
        drop_caches()
        number = mount.device.split(':')[1]
        with SlowReads(disk, mount.worker):
            with subprocess.Popen(['cat', slow], user=ALICE, group=ALICE, extra_groups=[],
                                  cwd='/', stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) as reader:
                wait_until(lambda: waiting_requests(number) > 0, 'it reads')
                holder.check()
                umount(mount)
                mount.process.wait(DEADLINE_S)
                assert reader.wait(DEADLINE_S) != 0
                holder.finds_all_gone()
            wait_until(lambda: not has_threads(mount.worker), 'the last thread ends')
        mount.stop(mount.process.returncode)


def in_a_namespace_of_its_own():
    """Daemons that are started from now on have one, and nobody else is in it."""
    path = f'{os.environ["SPOOL_CASE_DIR"]}/alone'
    with open(path, 'w', encoding='utf-8') as file:
        file.write(f'#!/bin/sh\nexec unshare -m --propagation private {binary("SPOOLFS")} "$@"\n')
    os.chmod(path, 0o755)
    os.environ['SPOOLFS'] = path


@case(mount=False)
def a_daemon_alone_in_its_namespace_is_mounted_there():
    in_a_namespace_of_its_own()
    mount = Mount(options='detach=0', allow_log=['mounted here no more', 'not mounted for']).start()
    inside = f'/proc/{mount.process.pid}/root{mount.path}'
    put(f'{inside}/0/f', DATA)
    time.sleep(0.6)
    assert mount.process.poll() is None and get(f'{inside}/0/f') == DATA
    fd = os.open(f'{inside}/0/f', os.O_RDONLY)
    run('nsenter', '-t', str(mount.process.pid), '-m', 'umount', '-l', mount.path)
    assert mount.process.wait(DEADLINE_S) == 0
    gone(os.pread, fd, 100, 0)
    os.close(fd)
    ended(mount)


@case(mount=False)
def a_root_that_is_pivoted_takes_nothing_away():
    """What was mounted below the old root goes with it; a copy of it below the new one stays."""
    own_mounts()
    mount = start(0)
    put(f'{mount.tmpdir()}/f', DATA)
    root, old = f'{mount.base}/root', f'{mount.base}/old'
    os.mkdir(root)
    os.mkdir(old)
    run('mount', '--rbind', '/', root)
    assert LIBC.syscall(PIVOT_ROOT, os.fsencode(root), os.fsencode(root + old)) == 0
    os.chdir('/')
    run('umount', '-l', old)
    time.sleep(0.6)
    assert mount.process.poll() is None, mount.read_log()
    assert get(f'{mount.tmpdir()}/f') == DATA
    fd = os.open(f'{mount.tmpdir()}/f', os.O_RDONLY)
    umount(mount)
    assert mount.process.wait(DEADLINE_S) == 0
    gone(os.pread, fd, 100, 0)
    os.close(fd)
    os.rmdir(root)
    os.rmdir(old)
    ended(mount)


@case(mount=False)
def a_slave_namespace_loses_what_is_unmounted_here():
    """As of systemd's units; what was bound there meanwhile is a mount of that namespace alone."""
    own_mounts()
    run('mount', '--make-rshared', '/')
    mount = start(1)
    path = f'{mount.tmpdir()}/f'
    put(path, DATA)
    bound = f'{mount.base}/bound'
    os.mkdir(bound)
    copy = Copy(path, 'slave')
    run('nsenter', '-t', str(copy.process.pid), '-m', 'mount', '--bind', mount.tmpdir(), bound)
    assert get(f'{copy.root}{bound}/f') == DATA
    umount(mount)
    assert get(f'{copy.root}{bound}/f') == DATA
    assert mount.process.wait(DEADLINE_S) == 0
    gone(get, f'{copy.root}{bound}/f')
    copy.end()
    os.rmdir(bound)
    ended(mount)
