"""What the daemon has, and has not: descriptors, privileges, system calls, the tree of files."""
import json
import os
import signal
import subprocess

from rig import (DEADLINE_S, Mount, Skip, alive, as_user, binary, case, children, get, is_mounted,
                 put, run, wait_until)

ALICE, BOB = 1000, 1001


def targets(pid):
    """What the descriptors of a process lead to."""
    found = []
    for name in os.listdir(f'/proc/{pid}/fd'):
        try:
            found.append(os.readlink(f'/proc/{pid}/fd/{name}'))
        except FileNotFoundError:
            continue  # closed meanwhile
    return found


@case(mount=False)
def what_the_starter_had_open_is_closed():
    """Files and pipes alike; those that were given by a switch stay as long as they are needed."""
    base = os.environ['SPOOL_CASE_DIR']
    path, secret = f'{base}/m', f'{base}/secret'
    os.mkdir(path)
    reader, writer = os.pipe()
    alive_reader, alive_writer = os.pipe()
    ready_reader, ready_writer = os.pipe()
    with open(secret, 'w', encoding='ascii') as file:
        high = 900
        os.dup2(file.fileno(), high)
        daemon = subprocess.Popen(
            [binary('SPOOLFS'), '-f', '-o', 'backing=none', f'--alive-fd={alive_writer}',
             f'--ready-fd={ready_writer}', path],
            pass_fds=[file.fileno(), high, writer, alive_writer, ready_writer])
        os.close(high)
    for fd in writer, alive_writer, ready_writer:
        os.close(fd)
    with os.fdopen(ready_reader) as ready:
        assert ready.read() == 'ready\n'
    with os.fdopen(reader) as pipe:
        assert pipe.read() == ''  # its end comes at once
    pids = [daemon.pid, *children(daemon.pid)]
    pids += children(pids[1])
    for pid in pids:
        assert secret not in targets(pid), targets(pid)
    daemon.terminate()
    with os.fdopen(alive_reader) as pipe:
        assert pipe.read() == ''
    wait_until(lambda: not any(map(alive, pids[1:])), 'the processes end, whose descriptor did')
    assert daemon.wait(DEADLINE_S) == 0


@case(mount=False)
def what_the_starter_had_open_is_closed_in_the_background():
    base = os.environ['SPOOL_CASE_DIR']
    path = f'{base}/m'
    os.mkdir(path)
    reader, writer = os.pipe()
    subprocess.run([binary('SPOOLFS'), '-o', 'backing=none', path], pass_fds=[writer], check=True)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        assert pipe.read() == '' and is_mounted(path)
    subprocess.run(['umount', path], check=True)
    wait_until(lambda: not is_mounted(path), 'the mount goes')


# linux/capability.h
CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, IPC_LOCK, SYS_ADMIN = (
    1 << number for number in (0, 1, 2, 3, 4, 14, 21))
TO_UNMOUNT = SYS_ADMIN | DAC_READ_SEARCH | CHOWN | FSETID
TO_REMOVE = TO_UNMOUNT | DAC_OVERRIDE | FOWNER


def process_status(pid):
    """Of each thread: what capabilities it has, and what /proc says of its sandbox."""
    found = []
    for thread in os.listdir(f'/proc/{pid}/task'):
        fields = dict(line.split(':\t', 1) for line in
                      get(f'/proc/{pid}/task/{thread}/status').decode().splitlines())
        caps = [int(fields[f'Cap{which}'], 16) for which in ('Inh', 'Prm', 'Eff', 'Amb')]
        found.append((caps, int(fields['NoNewPrivs']), int(fields['Seccomp'])))
    return found


def sandbox_of(options, uid=0, layout='private'):
    """What the processes of a mount have that has been used, beside what status says."""
    with Mount(layout=layout, options=options, uid=uid) as mount:
        said = json.loads(run(binary('SPOOLCTL'), 'status', '--json', mount.path,
                              user=uid or None, group=uid or None,
                              extra_groups=[] if uid else None).stdout)
        if not uid:
            for i in range(20):
                put(f'{mount.tmpdir()}/{i}', os.urandom(100_000))
                assert len(get(f'{mount.tmpdir()}/{i}')) == 100_000
        return process_status(mount.worker), said


@case(mount=False)
def the_worker_has_no_privileges():
    """Of root and of others, over both transports, with and without a disk."""
    disk = f'{os.environ["SPOOL_CASE_DIR"]}/disk'
    os.mkdir(disk)
    users = [0, 65534] if os.stat('/dev/fuse').st_mode & 0o006 == 0o006 else [0]
    for uid in users:
        for options in ('backing=none', 'backing=none,transport=dev', 'mlock=on,ram=16M,size=16M,'
                        'backing=none', f'backing={disk},backing_any=on,threshold=0'):
            if uid and 'backing=none' not in options or uid and 'mlock' in options:
                continue
            threads, said = sandbox_of(options, uid, 'single' if uid else 'private')
            assert len(threads) > 3, threads
            allowed = 0 if 'mlock' not in options and 'none' in options else IPC_LOCK
            for caps, no_new_privs, seccomp in threads:
                assert caps[0] == caps[3] == 0 and caps[1] | caps[2] in (0, allowed), caps
                assert no_new_privs == 1
                assert (seccomp == 2) == said['seccomp'].startswith('on'), (seccomp, said)
            kept = 'ipc_lock' if threads[0][0][2] else ''
            assert said['capabilities'] == kept, said
            assert said['seccomp'] == 'on' or said['seccomp'].startswith('off: '), said
            assert said['landlock'].startswith(('on (ABI ', 'off: ')), said


def expect_privileges(pids, allowed, no_new_privs=1):
    for pid in pids:
        (caps, got_no_new_privs, _), = process_status(pid)
        assert caps == [0, allowed, allowed, 0] and got_no_new_privs == no_new_privs, (pid, caps)


@case(mount=False)
def who_unmounts_has_the_privileges_for_that():
    """Supervisor and janitor; with run, those as well that the directory's removal takes."""
    with Mount() as mount:
        expect_privileges([mount.pids[0], mount.pids[2]], TO_UNMOUNT)
    if os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
        with Mount(layout='single', uid=65534) as mount:  # fusermount3 needs to gain some
            expect_privileges([mount.pids[0], mount.pids[2]], 0, no_new_privs=0)
    with subprocess.Popen([binary('SPOOLCTL'), 'run', '--', 'sh', '-c', 'echo $TMPDIR; read x'],
                          text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        path = process.stdout.readline().strip()
        said = json.loads(run(binary('SPOOLCTL'), 'status', '--json', path).stdout)
        pids = [said['supervisor_pid'], *children(said['supervisor_pid'])]
        pids.remove(said['worker_pid'])
        assert len(pids) == 2
        expect_privileges(pids, TO_REMOVE)
        process.communicate('\n', DEADLINE_S)
    assert not os.path.exists(path)


def ways_to_end(mount):
    """What is told to whom, and how the supervisor then ends."""
    supervisor, worker, _ = mount.pids
    return {'order': ([(supervisor, signal.SIGTERM)], 0),
            'worker': ([(worker, signal.SIGKILL)], 1),
            'supervisor': ([(supervisor, signal.SIGKILL)], -signal.SIGKILL),
            'both': ([(supervisor, signal.SIGKILL), (worker, signal.SIGKILL)], -signal.SIGKILL)}


LOG = ['killed by signal 9', "made root's own", 'the supervisor is gone']


@case(mount=False)
def a_mount_in_a_closed_directory_of_a_user_ends():
    """In whatever way; what was covered is guarded where it must be, with the bits that it has."""
    for way in 'order', 'worker', 'supervisor', 'both':
        mount = Mount(allow_log=LOG)
        os.chown(mount.path, ALICE, BOB)
        os.chmod(mount.path, 0o2777)
        os.chown(mount.base, ALICE, ALICE)
        os.chmod(mount.base, 0o700)
        mount.start()
        victims, status = ways_to_end(mount)[way]
        for pid, number in victims:
            os.kill(pid, number)
        assert mount.process.wait(DEADLINE_S) == status, way
        wait_until(lambda m=mount: not any(map(alive, m.pids)), 'all processes end')
        assert not is_mounted(mount.path), way
        got = os.stat(mount.path)
        assert (got.st_uid, got.st_mode & 0o7777) == \
            ((ALICE, 0o2777) if way == 'order' else (0, 0o2755)), (way, got)
        mount.process.returncode = 0
        mount.stop()


def litter(uid, covered):
    """Files that root may not remove as it is root, but as it has the capabilities."""
    os.mkdir(str(uid), 0o700, dir_fd=covered)
    os.symlink('x', f'{uid}/link', dir_fd=covered)
    os.mkdir(f'{uid}/d', dir_fd=covered)
    os.mkdir(f'{uid}/d/d', dir_fd=covered)
    os.chmod(f'{uid}/d', 0o500, dir_fd=covered)


@case(mount=False)
def a_directory_goes_with_what_others_have_made_there():
    """The supervisor removes it, and when that is killed the janitor."""
    for is_killed in False, True:
        outer = f'{os.environ["SPOOL_CASE_DIR"]}/outer'
        path = f'{outer}/m'
        os.makedirs(path)
        os.chmod(path, 0o1777)
        for name in path, outer:
            os.chown(name, ALICE, ALICE)
        holder, ours = os.pipe()
        reader, writer = os.pipe()
        covered = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        daemon = subprocess.Popen(
            [binary('SPOOLFS'), '-f', '-o', 'backing=none', f'--holder-fd={holder}',
             f'--ready-fd={writer}', path], pass_fds=[holder, writer])
        for fd in holder, writer:
            os.close(fd)
        with os.fdopen(reader) as ready:
            assert ready.read() == 'ready\n'
        pids = [daemon.pid, *children(daemon.pid)]
        for uid in ALICE, BOB:
            as_user(uid, litter, uid, covered)
        os.close(covered)
        if is_killed:
            daemon.kill()
        os.close(ours)
        assert daemon.wait(DEADLINE_S) == (-signal.SIGKILL if is_killed else 0)
        wait_until(lambda p=pids: not any(map(alive, p)), 'all processes end')
        assert not os.path.exists(outer), is_killed


def nice_values(mount):
    """Of all threads that serve, and what status says. The one that looks for members of sessions
    serves nobody who waits: it lets others go first."""
    found = set()
    for thread in os.listdir(f'/proc/{mount.worker}/task'):
        if get(f'/proc/{mount.worker}/task/{thread}/comm') == b'spoolfs-life\n':
            continue
        stat = get(f'/proc/{mount.worker}/task/{thread}/stat').decode()
        found.add(int(stat.rsplit(')', 1)[1].split()[16]))
    said = json.loads(run(binary('SPOOLCTL'), 'status', '--json', mount.path).stdout)
    return found, said['nice']


@case(mount=False)
def threads_of_root_compete_well():
    os.setpriority(os.PRIO_PROCESS, 0, 0)
    for options, expected in ('backing=none', -10), ('backing=none,nice=5', 5):
        with Mount(options=options) as mount:
            assert nice_values(mount) == ({expected}, expected), nice_values(mount)
    os.setpriority(os.PRIO_PROCESS, 0, 3)
    with Mount(options='backing=none') as mount:
        assert nice_values(mount) == ({3}, 3)  # whoever starts it so has decided
    os.setpriority(os.PRIO_PROCESS, 0, 0)
    for value in '20', '-21', 'x', '':
        done = run(binary('SPOOLFS'), '-o', f'nice={value}', mount.base, check=False)
        assert done.returncode == 2 and 'nice' in done.stderr, done


@case(mount=False)
def a_session_of_the_daemons_own_competes_well():
    """Where sessions compete (autogroup, sched(7)). One that others are in, too, is left alone."""
    if not os.path.exists('/proc/self/autogroup'):
        raise Skip('sessions do not compete here')
    os.setpriority(os.PRIO_PROCESS, 0, 0)
    base = f'{os.environ["SPOOL_CASE_DIR"]}/m'
    os.mkdir(base)
    before = get('/proc/self/autogroup')
    for own in True, False:
        with subprocess.Popen([binary('SPOOLFS'), '-f', '-o', 'backing=none', base],
                              start_new_session=own, stderr=subprocess.DEVNULL) as daemon:
            wait_until(lambda: is_mounted(base), 'it is mounted')
            path = f'/proc/{daemon.pid}/autogroup'
            if own:
                wait_until(lambda p=path: get(p).endswith(b' nice -10\n'), 'it competes well')
            else:
                assert get(path) == before
            daemon.terminate()
            daemon.wait(DEADLINE_S)
