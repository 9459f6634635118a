"""podman with volumes of spoolfs-volume, of root."""
import os
import signal

from containers import MAPPED, Podman, machine, quiet, rootfs
from rig import case, gone, put, run, wait_until
from volumes import Plugin, daemons_end

PACKAGES = 'podman runc crun busybox-static'
SOCKET = '/run/docker/plugins/spoolfs.sock'


class Engine:
    """podman, the plugin, and an image bb that has files in /data."""

    def __init__(self, runtime='runc'):
        machine()
        self.podman = Podman(runtime)
        with open('/run/case/containers.conf', 'a', encoding='utf-8') as conf:
            conf.write(f'[engine]\nruntime="{runtime}"\n'
                       f'[engine.volume_plugins]\nspoolfs="{SOCKET}"\n')
        self.plugin = Plugin()
        self.plugin.socket, self.plugin.dir = SOCKET, '/run/spoolfs-volume'
        self.plugin.args = ['-o', 'backing=none,pressure=off']

    def __call__(self, *args, **kwargs):
        return self.podman.podman(*args, **kwargs)

    def run(self, script, *options, volume='v1:/data', **kwargs):
        return self('run', '--rm', *self.podman.options, '-v', volume, *options, 'bb', 'sh', '-euc',
                    script, **kwargs).stdout

    def start(self, name, *options, volume='v1:/data'):
        """In the background. Return: its first process."""
        quiet(*self.podman.command, 'run', '--detach', '--name', name, *self.podman.options, '-v',
              volume, *options, 'bb', 'sleep', '1000')
        return int(self.podman.inspect(name, 'State.Pid'))

    def create(self, name='v1', *options):
        self('volume', 'create', '--driver', 'spoolfs', *(f'-o={option}' for option in options),
             name)

    def volumes(self):
        return sorted(self('volume', 'ls', '-q').stdout.split())

    def __enter__(self):
        self.plugin.start()
        image = rootfs('/run/case/image')
        os.mkdir(f'{image}/data')
        put(f'{image}/data/seed', b'of the image\n')
        run('tar', '-C', image, '-cf', '/run/case/image.tar', '.')
        self('import', '/run/case/image.tar', 'bb')
        return self

    def __exit__(self, kind, value, trace):
        self.podman.__exit__(kind, value, trace)
        self.plugin.__exit__(kind, value, trace)


@case(mount=False)
def a_volume_is_a_mount():
    with Engine() as engine:
        engine.create('v1', 'size=8m', 'noexec')
        assert engine.volumes() == ['v1']
        assert engine('volume', 'inspect', '-f', '{{.Driver}}', 'v1').stdout == 'spoolfs\n'
        assert engine.run('cat /data/seed; touch /data/f') == 'of the image\n'
        engine.plugin.is_wiped('v1')
        engine('volume', 'rm', 'v1')
        assert engine.volumes() == []
        done = engine('volume', 'create', '--driver', 'spoolfs', '-o=size=8x', 'v1', check=False)
        assert done.returncode != 0, done
        assert 'spoolfs: size=8x: not a number (allowed: ' in done.stderr, done
        assert engine.volumes() == []


@case(mount=False)
def two_containers_share_one_volume():
    """All have the same id, and the engine is a new process each time."""
    with Engine() as engine:
        engine.create()
        engine.start('a1')
        engine.start('b1')
        engine('exec', 'a1', 'sh', '-c', 'echo shared > /data/f')
        assert engine('exec', 'b1', 'cat', '/data/f').stdout == 'shared\n'
        engine('cp', 'a1:/data/f', '/run/case/copy')
        engine('rm', '-f', '-t', '0', 'a1')
        assert engine('exec', 'b1', 'cat', '/data/f').stdout == 'shared\n'
        engine('rm', '-f', '-t', '0', 'b1')
        engine.plugin.is_wiped('v1')
        engine('volume', 'rm', 'v1')


@case(mount=False)
def root_of_a_user_namespace_writes():
    """Nobody changes the owner of the volume: its mode, or its options, let him."""
    with Engine() as engine:
        mapping = f'--uidmap=0:{MAPPED}:65536', f'--gidmap=0:{MAPPED}:65536'
        engine.create()
        assert engine.run('touch /data/f; stat -c %u /data/f', *mapping) == '0\n'
        engine.plugin.is_wiped('v1')
        engine.create('v2', f'uid={MAPPED}', f'gid={MAPPED}', 'mode=0700')
        assert engine.run('touch /data/f; stat -c "%u %a" /data', *mapping, volume='v2:/data') in \
            ('0 700\n', '0 755\n')  # or what the image has
        engine('volume', 'rm', 'v1', 'v2')


@case(mount=False)
def a_container_that_is_killed_takes_it_along():
    """Its first process, or all that podman has of it."""
    with Engine() as engine:
        engine.create()
        pid = engine.start('c1')
        os.kill(pid, signal.SIGKILL)
        engine.plugin.is_wiped('v1')
        engine('rm', '-f', 'c1')
        pid = engine.start('c1')
        conmon = int(engine.podman.inspect('c1', 'State.ConmonPid'))
        put(f'/proc/{pid}/root/data/f', b'x')
        os.kill(conmon, signal.SIGKILL)
        assert os.listdir(f'/proc/{pid}/root/data') == ['f']
        os.kill(pid, signal.SIGKILL)
        engine.plugin.is_wiped('v1')
        # podman needs a second try for a container without a conmon
        wait_until(lambda: engine('rm', '-f', '-t', '0', 'c1', check=False).returncode == 0,
                   'podman removes it')
        engine('volume', 'rm', 'v1')
        assert engine.volumes() == []


@case(mount=False)
def a_plugin_that_is_killed_goes_on():
    with Engine() as engine:
        engine.create('v1', 'size=8m')
        engine.start('c1')
        engine('exec', 'c1', 'touch', '/data/f')
        engine.plugin.kill()
        engine.plugin.start()
        assert engine('exec', 'c1', 'ls', '/data').stdout == 'f\nseed\n'
        engine('rm', '-f', '-t', '0', 'c1')
        engine.plugin.is_wiped('v1')
        pid = engine.start('c1')
        wait_until(lambda: engine.plugin.sees('v1'), 'the container is seen')
        engine.plugin.kill()
        os.kill(pid, signal.SIGKILL)
        engine.plugin.start()
        engine.plugin.is_wiped('v1')
        engine('rm', '-f', '-t', '0', 'c1')
        engine('volume', 'rm', 'v1')


@case(mount=False)
def a_daemon_that_was_killed_is_replaced():
    with Engine() as engine:
        engine.create()
        root = f'/proc/{engine.start("c1")}/root/data'
        pids = engine.plugin.daemon('v1')
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        daemons_end(pids)
        gone(os.listdir, root)
        engine('rm', '-f', '-t', '0', 'c1')
        assert engine.run('ls /data') == ''  # podman copies to a volume but once
        engine.plugin.is_wiped('v1')
        engine('volume', 'rm', 'v1')


@case(mount=False)
def crun_has_the_same():
    with Engine('crun') as engine:
        engine.create()
        assert engine.run('cat /data/seed; touch /data/f') == 'of the image\n'
        engine.plugin.is_wiped('v1')
        engine('volume', 'rm', 'v1')
