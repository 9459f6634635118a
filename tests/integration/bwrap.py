"""bubblewrap: a mount as the /tmp of a sandbox."""
import contextlib
import os
import subprocess

from containers import kill
from rig import (DEADLINE_S, Mount, alive, as_user, binary, case, children, get, gone,
                 is_mounted, need, put, run, unmount, wait_until)

PACKAGES = 'bubblewrap'


WAIT = 'echo mine > /tmp/f; echo > /tmp/ready; while :; do sleep 1; done'


def command(directory, script, *options):
    """A shell script with this directory as its /tmp, and nothing else to write to."""
    return ['bwrap', '--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--bind', directory,
            '/tmp', *options, '--unshare-all', '--die-with-parent', '/bin/sh', '-euc', script]


def sandbox(*args):
    run(*command(*args))


@contextlib.contextmanager
def running(directory):
    """In the background. Gives bwrap, and the first process of the sandbox."""
    with subprocess.Popen(command(directory, WAIT)) as process:
        wait_until(lambda: os.path.exists(f'{directory}/ready'), 'it runs')
        first, = children(process.pid)
        yield process, first
        process.kill()
        wait_until(lambda: not alive(first), 'all of it ends')


@case(mount=False)
def is_its_tmp():
    need('bwrap')
    with Mount() as mount:
        own = mount.tmpdir()
        sandbox(own, 'f=$(mktemp); echo inside > $f; mv $f /tmp/result')
        assert get(os.path.join(own, 'result')) == b'inside\n'
        assert os.listdir(own) == ['result']


@case(mount=False)
def is_the_tmp_of_an_ordinary_user():
    need('bwrap')
    with Mount() as mount:
        own = mount.tmpdir(1000)
        as_user(1000, sandbox, own, 'echo mine > /tmp/f; stat -c %a /tmp/f > /tmp/mode')
        assert as_user(1000, get, os.path.join(own, 'mode')) == b'600\n'


@case(mount=False)
def others_are_out_of_reach():
    """Also where the sandbox is given the mount as a whole."""
    need('bwrap')
    with Mount() as mount:
        own, other = mount.tmpdir(1000), mount.tmpdir(1001)
        as_user(1001, put, f'{other}/secret', b'x')
        as_user(1000, sandbox, own, '! ls /mnt/1001; ! cat /mnt/1001/secret; ls /mnt > /tmp/seen',
                '--bind', mount.path, '/mnt')
        assert as_user(1000, get, f'{own}/seen') == b'1000\nself\n'


@case(mount=False)
def its_files_go_with_it():
    """Killed, it cannot clean up: a session that it holds does."""
    need('bwrap')
    with Mount(layout='shared', options='lifetime=session') as mount:
        own = f'{mount.path}/own'
        os.mkdir(own)
        script = f'read begin; {WAIT}'
        with subprocess.Popen(command(own, script), stdin=subprocess.PIPE) as process:
            run(binary('SPOOLCTL'), 'session', 'begin', '--dir', own, '--holder', str(process.pid))
            process.stdin.write(b'\n')
            process.stdin.flush()
            wait_until(lambda: os.path.exists(f'{own}/ready'), 'it runs')
            first, = children(process.pid)
            process.kill()
            wait_until(lambda: not os.listdir(own), 'what it has made is gone')
            wait_until(lambda: not alive(first), 'all of it ends')


@case(mount=False)
def what_is_unmounted_is_gone_though_it_holds_a_copy():
    need('bwrap')
    mount = Mount(layout='shared', options='detach=1', allow_log=['unmounted', 'detach']).start()
    with running(mount.path) as (process, first):
        unmount(mount.path)
        mount.process.wait(DEADLINE_S)
        gone(get, f'/proc/{first}/root/tmp/f')
        assert process.poll() is None
    mount.stop()


@case(mount=False)
def a_killed_daemon_leaves_nothing_in_it():
    need('bwrap')
    mount = Mount(layout='shared', allow_log=['supervisor is gone', "made root's own"]).start()
    with running(mount.path) as (process, first):
        kill(*mount.pids[:2])
        wait_until(lambda: not is_mounted(mount.path), 'it is unmounted')
        gone(get, f'/proc/{first}/root/tmp/f')
        assert process.poll() is None
    mount.stop(status=-9)
