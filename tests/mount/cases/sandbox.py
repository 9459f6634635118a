"""What the daemon has, and has not: descriptors, privileges, system calls, the tree of files."""
import json
import os
import subprocess

from rig import (DEADLINE_S, Mount, alive, binary, case, children, get, is_mounted, put, run,
                 wait_until)


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


IPC_LOCK = 1 << 14  # linux/capability.h


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


def nice_values(mount):
    """Of all threads that serve, and what status says."""
    found = set()
    for thread in os.listdir(f'/proc/{mount.worker}/task'):
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
