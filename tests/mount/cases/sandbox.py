"""What the daemon has, and has not: descriptors, privileges, system calls, the tree of files."""
import os
import subprocess

from rig import DEADLINE_S, alive, binary, case, children, is_mounted, wait_until


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
