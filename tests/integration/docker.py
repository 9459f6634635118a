"""docker with volumes of spoolfs-volume: a real dockerd, and whoever can be killed."""
import json
import os
import signal
import subprocess

from containers import MAPPED, machine, remove_cgroups, rootfs
from rig import (DEADLINE_S, alive, case, gone, is_mounted, need, pass_time, put, run, wait_until)
from volumes import Plugin, daemons_end

PACKAGES = 'docker.io busybox-static'
SOCKET = '/run/docker/plugins/spoolfs.sock'


class Docker:
    """A dockerd with directories, a /run and control groups of its own, and the plugin."""

    def __init__(self, *args):
        need('dockerd')
        machine()
        self.base = f'{os.environ["SPOOL_CASE_DIR"]}/docker'
        self.parent = f'spool-test-{os.getpid()}-docker'
        self.args = args
        os.makedirs(self.base)
        self.plugin = Plugin()
        self.plugin.socket, self.plugin.dir = SOCKET, '/run/spoolfs-volume'
        self.plugin.args = ['-o', 'backing=none,pressure=off']
        self.process = None

    def start(self):
        with open(f'{self.base}/log', 'a', encoding='utf-8') as log:
            self.process = subprocess.Popen(
                ['dockerd', '--data-root', f'{self.base}/data', '--exec-root', f'{self.base}/exec',
                 '-H', f'unix://{self.base}/docker.sock', '--pidfile', f'{self.base}/pid',
                 '--iptables=false', '--ip6tables=false', '--bridge=none',
                 '--oom-score-adjust=0', f'--cgroup-parent=/{self.parent}', *self.args],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(os.environ, DOCKER_BUILDKIT='0'))
        wait_until(self.serves, 'dockerd serves')

    def serves(self):
        assert self.process.poll() is None, self.read_log()
        return self('info', check=False).returncode == 0

    def read_log(self):
        with open(f'{self.base}/log', encoding='utf-8') as log:
            return log.read()[-3000:]

    def __call__(self, *args, **kwargs):
        return run('/usr/bin/docker', '-H', f'unix://{self.base}/docker.sock', *args, **kwargs)

    def run(self, *args, **kwargs):
        return self('run', '--network=none', *args, **kwargs).stdout

    def shell(self, script, *args, volume='v1:/data', **kwargs):
        """What a container says that is gone afterwards."""
        return self.run('--rm', '-v', volume, *args, 'bb', 'sh', '-ec', script, **kwargs)

    def create(self, name='v1', *options):
        self('volume', 'create', '-d', 'spoolfs', *(f'-o{option}' for option in options), name)

    def inspect(self, name='v1'):
        return json.loads(self('volume', 'inspect', name).stdout)[0]

    def volumes(self):
        return sorted(self('volume', 'ls', '-q').stdout.split())

    def pid(self, name):
        return int(self('inspect', '-f', '{{.State.Pid}}', name).stdout)

    def kill(self):
        """And containerd with it, which the next one would wait for while it ends."""
        with open(f'{self.base}/exec/containerd/containerd.pid', encoding='ascii') as file:
            containerd = file.read().strip()
        self.process.kill()
        self.process.wait()
        wait_until(lambda: not os.path.exists(f'/proc/{containerd}'), 'containerd ends')

    def stop(self):
        self.process.terminate()
        assert self.process.wait(DEADLINE_S) == 0, self.read_log()

    def __enter__(self):
        self.plugin.start()
        self.start()
        os.mkdir(f'{rootfs(f"{self.base}/root")}/data')
        put(f'{self.base}/root/data/seed', b'of the image\n')
        subprocess.run(f'tar -C {self.base}/root -c . | /usr/bin/docker '
                       f'-H unix://{self.base}/docker.sock import - bb', shell=True, check=True,
                       stdout=subprocess.DEVNULL)
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            print(self.read_log(), self.plugin.read_log())
        for name in self('ps', '-aq', check=False).stdout.split():
            self('rm', '-fv', name, check=False)
        self.stop() if not kind else self.process.terminate()
        self.process.wait(DEADLINE_S)
        self.plugin.__exit__(kind, value, trace)
        for above, names, _ in os.walk('/sys/fs/cgroup'):
            if self.parent in names:
                remove_cgroups(f'{above}/{self.parent}')


@case(mount=False)
def a_volume_is_a_mount():
    with Docker() as docker:
        docker.create('v1', 'size=8m', 'noexec')
        assert docker.volumes() == ['v1']
        found = docker.inspect()
        assert found['Driver'] == 'spoolfs' and found['Scope'] == 'local', found
        assert found['Options'] == {'size': '8m', 'noexec': ''} and not found['Mountpoint'], found
        assert docker.shell('cat /data/seed; stat -c %a /data; touch /data/f') == \
            'of the image\n755\n'
        docker.plugin.is_wiped('v1')
        docker('volume', 'rm', 'v1')
        assert docker.volumes() == []


@case(mount=False)
def files_of_the_image_are_copied_once():
    """To a volume that is empty when the container is made."""
    with Docker() as docker:
        docker.create()
        docker('create', '--network=none', '--name=c1', '-v', 'v1:/data', 'bb', 'cat', '/data/seed',
               '/data/more')
        put(f'{docker.base}/more', b'of docker cp\n')
        docker('cp', f'{docker.base}/more', 'c1:/data/more')
        pass_time(1)
        done = docker('start', '-a', 'c1', check=False)
        assert done.stdout == 'of the image\nof docker cp\n', done
        docker('rm', 'c1')
        docker.plugin.is_wiped('v1')
        assert docker.shell('ls /data', volume='v1:/data:nocopy') == ''
        docker('volume', 'rm', 'v1')


@case(mount=False)
def scratch_goes_with_its_container():
    """An anonymous volume, with options of its own."""
    with Docker() as docker:
        said = docker.run('--rm', '--mount', 'type=volume,volume-driver=spoolfs,volume-opt=size=1m,'
                          'dst=/scratch,volume-nocopy', 'bb', 'sh', '-c',
                          'df -k /scratch; dd if=/dev/zero of=/scratch/f bs=1M count=2 2>&1 || :')
        assert 'No space left' in said and ' 1024 ' in said, said
        assert docker.volumes() == [] and not os.listdir(f'{docker.plugin.dir}/volumes')
        done = docker('volume', 'create', '-d', 'spoolfs', '-o', 'size=8x', 'v1', check=False)
        assert done.returncode == 1 and 'spoolfs: size=8x: not a number (allowed: ' in done.stderr
        assert docker.volumes() == []


@case(mount=False)
def two_containers_share_one_volume():
    with Docker() as docker:
        docker.create('v1', 'size=8m')
        for name in 'a1', 'b1':
            docker.run('-d', f'--name={name}', '-v', 'v1:/data', 'bb', 'sleep', '1000')
        docker('exec', 'a1', 'sh', '-c', 'echo shared > /data/f')
        assert docker('exec', 'b1', 'cat', '/data/f').stdout == 'shared\n'
        for _ in range(3):
            docker('cp', 'a1:/data/f', f'{docker.base}/copy')
        docker('kill', 'a1')
        assert docker('exec', 'b1', 'cat', '/data/f').stdout == 'shared\n'
        docker('restart', '-t', '0', 'a1')
        assert docker('exec', 'a1', 'cat', '/data/f').stdout == 'shared\n'
        docker('rm', '-f', 'a1', 'b1')
        docker.plugin.is_wiped('v1')
        docker('volume', 'rm', 'v1')


@case(mount=False)
def an_engine_that_is_killed_leaks_nothing():
    """It never says Unmount, neither when it is back."""
    with Docker() as docker:
        docker.create()
        docker.run('-d', '--name=c1', '-v', 'v1:/data', 'bb', 'sleep', '1000')
        docker('exec', 'c1', 'touch', '/data/f')
        pid = docker.pid('c1')
        docker.kill()
        assert os.path.exists(f'/proc/{pid}/root/data/f')
        os.kill(pid, signal.SIGKILL)
        docker.plugin.is_wiped('v1')
        docker.start()
        assert docker.shell('ls /data', volume='v1:/data:nocopy') == ''
        docker('rm', '-f', 'c1')
        docker('volume', 'rm', 'v1')
        assert docker.volumes() == []


@case(mount=False)
def a_container_outlives_engine_and_plugin():
    with Docker('--live-restore') as docker:
        docker.create()
        docker.run('-d', '--name=c1', '-v', 'v1:/data', 'bb', 'sleep', '1000')
        docker('exec', 'c1', 'touch', '/data/f')
        docker.kill()
        docker.plugin.kill()
        docker.plugin.start()
        docker.start()
        assert docker('exec', 'c1', 'ls', '/data').stdout == 'f\nseed\n'
        docker.stop()
        docker.start()
        assert docker('exec', 'c1', 'ls', '/data').stdout == 'f\nseed\n'
        docker('rm', '-f', 'c1')
        docker.plugin.is_wiped('v1')
        docker('volume', 'rm', 'v1')


@case(mount=False)
def a_plugin_that_is_away_when_a_container_ends():
    with Docker() as docker:
        docker.create()
        docker.run('-d', '--name=c1', '-v', 'v1:/data', 'bb', 'sleep', '1000')
        wait_until(lambda: docker.plugin.sees('v1'), 'the container is seen')
        docker.plugin.kill()
        docker('rm', '-f', 'c1', check=False)
        docker.plugin.start()
        docker('rm', '-f', 'c1', check=False)
        docker.run('--rm', '-v', 'v1:/data', 'bb', 'test', '-e', '/data/seed')
        assert docker.shell('ls /data') == 'seed\n'
        docker('volume', 'rm', 'v1')
        docker.plugin.is_wiped('v1')


@case(mount=False)
def a_daemon_that_was_killed_is_replaced():
    with Docker() as docker:
        docker.create()
        docker.run('-d', '--name=c1', '-v', 'v1:/data', 'bb', 'sleep', '1000')
        root = f'/proc/{docker.pid("c1")}/root/data'
        pids = docker.plugin.daemon('v1')
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        daemons_end(pids)
        gone(os.listdir, root)
        assert docker.shell('ls /data') == 'seed\n'
        docker('restart', '-t', '0', 'c1')
        assert docker('exec', 'c1', 'ls', '/data').stdout == ''  # copied when it was made
        docker('rm', '-f', 'c1')
        docker.plugin.is_wiped('v1')
        docker('volume', 'rm', 'v1')
        assert alive(docker.plugin.process.pid) and not is_mounted(docker.plugin.path('v1'))


@case(mount=False)
def root_of_a_user_namespace_writes():
    docker = Docker('--userns-remap=remap')
    run('cp', '-a', '/etc', '/run/etc')
    run('mount', '--bind', '/run/etc', '/etc')
    for name, line in (('passwd', f'remap:x:{MAPPED}:{MAPPED}::/:/bin/sh'),
                       ('group', f'remap:x:{MAPPED}:'), ('subuid', f'remap:{MAPPED}:65536'),
                       ('subgid', f'remap:{MAPPED}:65536')):
        with open(f'/etc/{name}', 'a', encoding='utf-8') as file:
            file.write(f'{line}\n')
    with docker:
        docker.create()
        docker.run('-d', '--name=c1', '-v', 'v1:/data', 'bb', 'sleep', '1000')
        docker('exec', 'c1', 'sh', '-ec', 'cat /data/seed; touch /data/f; chown 1:1 /data/f')
        assert os.stat(f'{docker.plugin.path("v1")}/f').st_uid == MAPPED + 1
        assert docker('exec', 'c1', 'stat', '-c', '%u', '/data/f').stdout == '1\n'
        docker('rm', '-f', 'c1')
        docker.plugin.is_wiped('v1')
        docker('volume', 'rm', 'v1')
