"""systemd-nspawn: a mount of the host, or a directory of it, in a container."""
import contextlib
import os
import subprocess
import tempfile

from containers import MAPPED, kill, machine, rootfs
from rig import (DEADLINE_S, Mount, alive, as_user, binary, case, children, get, gone, is_mounted,
                 need, put, run, unmount, wait_until)

PACKAGES = 'systemd-container busybox-static'

WAIT = 'echo mine > /scratch/f; echo > /scratch/ready; while :; do sleep 1; done'


def container():
    """Its root directory, on a machine of its own."""
    machine()
    need('systemd-nspawn')
    os.makedirs('/run/systemd/nspawn')
    root = rootfs('/run/case/root')
    os.mkdir(f'{root}/usr')
    os.mkdir(f'{root}/scratch')
    put(f'{root}/etc/os-release', b'ID=busybox\n')
    return root


def command(root, script, *options):
    return ['systemd-nspawn', '--quiet', f'--directory={root}', '--register=no', '--keep-unit',
            '--console=pipe', '--timezone=off', '--resolv-conf=off', *options, '/bin/sh', '-euc',
            script]


@contextlib.contextmanager
def running(root, directory, *options):
    """In the background. Gives nspawn, and the first process of the container."""
    with tempfile.TemporaryFile() as said, \
            subprocess.Popen(command(root, WAIT, *options), stdin=subprocess.DEVNULL,
                             stdout=said, stderr=said) as process:
        wait_until(lambda: os.path.exists(f'{directory}/ready') or process.poll() is not None,
                   'it runs')
        if process.poll() is not None:
            said.seek(0)
            raise AssertionError(said.read())
        first = children(process.pid)[-1]
        yield process, first
        process.kill()
        kill(first)


@case(mount=False)
def it_sees_what_it_is_given():
    """A user's directory, and nothing of the others'."""
    root = container()
    with Mount() as mount:
        own, other = mount.tmpdir(1000), mount.tmpdir(1001)
        as_user(1001, put, f'{other}/secret', b'x')
        done = run(*command(root, 'id; ls -A /scratch /; echo in > /scratch/f',
                            f'--bind={own}:/scratch'))
        assert 'secret' not in done.stdout and '1001' not in done.stdout, done
        assert get(f'{own}/f') == b'in\n'


@case(mount=False)
def its_tmp_may_be_one():
    """It mounts a tmpfs on /tmp by itself, but not where it is told what to have there."""
    root = container()
    with Mount(layout='shared') as mount:
        run(*command(root, 'grep " /tmp fuse.spoolfs" /proc/mounts; echo in > /tmp/f',
                     f'--bind={mount.path}:/tmp'))
        assert get(f'{mount.path}/f') == b'in\n'


@case(mount=False)
def a_user_namespace_pays_for_its_own():
    root = container()
    with Mount(layout='shared') as mount:
        run('chown', '-R', f'{MAPPED}:{MAPPED}', root)
        run(*command(root, 'id; echo x > /scratch/f', f'--private-users={MAPPED}:65536',
                     '--private-users-ownership=off', f'--bind={mount.path}:/scratch'))
        assert os.stat(f'{mount.path}/f').st_uid == MAPPED


@case(mount=False)
def an_id_mapping_keeps_owners():
    """--bind=...:idmap: root of the container is root in its files."""
    root = container()
    with Mount(layout='shared') as mount:
        run('chown', '-R', f'{MAPPED}:{MAPPED}', root)
        run(*command(root, 'id; echo x > /scratch/f', f'--private-users={MAPPED}:65536',
                     '--private-users-ownership=off', f'--bind={mount.path}:/scratch:idmap'))
        assert os.stat(f'{mount.path}/f').st_uid == 0


@case(mount=False)
def its_files_go_with_it():
    """Killed, with nobody to clean up: by a session that nspawn holds."""
    root = container()
    with Mount(layout='shared', options='lifetime=session') as mount:
        own = f'{mount.path}/own'
        os.mkdir(own)
        script = f'read begin; {WAIT}'
        with subprocess.Popen(command(root, script, f'--bind={own}:/scratch'),
                              stdin=subprocess.PIPE) as process:
            run(binary('SPOOLCTL'), 'session', 'begin', '--dir', own, '--holder', str(process.pid))
            process.stdin.write(b'\n')
            process.stdin.flush()
            wait_until(lambda: os.path.exists(f'{own}/ready'), 'it runs')
            first = children(process.pid)[-1]
            process.kill()
            kill(first)
            wait_until(lambda: not os.listdir(own), 'what it has made is gone')


@case(mount=False)
def what_is_unmounted_is_gone_though_it_holds_a_copy():
    root = container()
    mount = Mount(layout='shared', options='detach=1', allow_log=['unmounted', 'detach']).start()
    with running(root, mount.path, f'--bind={mount.path}:/scratch') as (process, first):
        unmount(mount.path)
        mount.process.wait(DEADLINE_S)
        gone(get, f'/proc/{first}/root/scratch/f')
        assert process.poll() is None and alive(first)
    mount.stop()


@case(mount=False)
def a_killed_daemon_leaves_nothing_in_it():
    root = container()
    mount = Mount(layout='shared', allow_log=['supervisor is gone', "made root's own"]).start()
    with running(root, mount.path, f'--bind={mount.path}:/scratch') as (process, first):
        kill(*mount.pids[:2])
        wait_until(lambda: not is_mounted(mount.path), 'it is unmounted')
        gone(get, f'/proc/{first}/root/scratch/f')
        assert process.poll() is None
    mount.stop(status=-9)
