"""Containers of real engines and runtimes, on a machine of their own."""
import json
import os
import shutil
import signal
import subprocess
import tempfile

from rig import DEADLINE_S, Skip, alive, need, own_mounts, put, run, wait_until

BUSYBOX = ('sh', 'cat', 'dd', 'df', 'echo', 'env', 'grep', 'id', 'ls', 'mkdir', 'mount', 'rm',
           'sleep', 'stat', 'test', 'touch')
TEMPLATES = os.path.join(os.path.dirname(__file__), '../../packaging/containers')
V1, V2 = '/sys/fs/cgroup/unified', '/sys/fs/cgroup'
MAPPED = 100000  # who root of a container with a user namespace is outside
# more than this machine may give would fail
ULIMITS = '[containers]\ndefault_ulimits=["nofile=1024:1024", "nproc=1024:1024"]\n'
CGROUP = f'spool-test-{os.getpid()}'


def machine():
    """From here on /run, /dev/shm and the store of containers are this case's own."""
    if not os.path.exists('/bin/busybox'):
        raise Skip('busybox is not installed')
    own_mounts()
    run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run')
    run('mount', '-t', 'tmpfs', '-o', 'mode=1777', 'tmpfs', '/dev/shm')
    os.makedirs('/var/lib/containers', exist_ok=True)
    run('mount', '-t', 'tmpfs', 'tmpfs', '/var/lib/containers')
    os.mkdir('/run/case')
    put('/run/case/containers.conf', ULIMITS.encode())
    os.environ['CONTAINERS_CONF'] = '/run/case/containers.conf'


def only_cgroup2():
    """crun wants all control groups to be of version 2, and then none, where this machine mixes
    both."""
    if os.path.exists(f'{V1}/cgroup.procs'):
        run('umount', '-R', V2)
        run('mount', '-t', 'cgroup2', 'none', V2)


def rootfs(path):
    """A small Linux of busybox. Return: its path."""
    for name in ('bin', 'dev', 'etc', 'proc', 'run', 'sys', 'tmp'):
        os.makedirs(f'{path}/{name}')
    shutil.copy('/bin/busybox', f'{path}/bin/busybox')
    for name in BUSYBOX:
        os.symlink('busybox', f'{path}/bin/{name}')
    return path


def quiet(*argv, **kwargs):
    """What stays in the background holds what it was given, so nobody reads that to its end."""
    with tempfile.TemporaryFile('w+') as said:
        done = subprocess.run(argv, check=False, stdin=subprocess.DEVNULL, stdout=said,
                              stderr=said, timeout=DEADLINE_S, **kwargs)
        said.seek(0)
        assert done.returncode == 0, (argv, said.read())


class Runtime:
    """runc or crun, without an engine. A container is a directory with its configuration."""

    def __init__(self, name):
        need(name)
        self.name = name
        self.command = [name]
        if name == 'crun':
            only_cgroup2()
            self.command.append('--cgroup-manager=disabled')

    def bundle(self, name, script, annotations=(), hooks=None, change=None, owner=0):
        """A container that runs this. @change: gets its configuration and changes it. @owner: of
        its root directory."""
        path = f'/run/case/{name}'
        run('chown', '-R', f'{owner}:{owner}', rootfs(f'{path}/rootfs'))
        run(*self.command, 'spec', cwd=path)
        with open(f'{path}/config.json', encoding='utf-8') as file:
            config = json.load(file)
        config['process'].update(terminal=False, args=['/bin/sh', '-euc', script], rlimits=[])
        config['annotations'] = {'run.oci.hooks.stderr': '/dev/stderr', **dict(annotations)}
        config['hooks'] = hooks or {}
        config['linux']['cgroupsPath'] = f'/{CGROUP}-{name}'
        if change:
            change(config)
        put(f'{path}/config.json', json.dumps(config).encode())
        return path

    def run(self, name, *args, check=True, **options):
        """Return: what it has said, and how it ended."""
        path = self.bundle(name, *args, **options)
        done = run(*self.command, 'run', name, check=False, cwd=path)
        assert not check or done.returncode == 0, done
        return done

    def start(self, name, *args, before=None, **options):
        """In the background. @before: is given its first process before that runs the script.
        Return: that process."""
        path = self.bundle(name, *args, **options)
        quiet(*self.command, 'create', name, cwd=path)
        pid = self.state(name)['pid']
        if before:
            before(pid)
        run(*self.command, 'start', name)
        return pid

    def state(self, name):
        return json.loads(run(*self.command, 'state', name).stdout)

    def exec(self, name, script):
        return run(*self.command, 'exec', name, '/bin/sh', '-euc', script).stdout

    def remove(self, name):
        run(*self.command, 'delete', '--force', name)


class Podman:
    """podman with one of the runtimes. @hook: what its files of hooks name."""

    def __init__(self, runtime, hook=None):
        need('podman', runtime)
        self.root = '/run/case/rootfs'
        self.options = ['--network=none']
        self.cgroup = None
        if runtime == 'crun':
            only_cgroup2()
            self.options.append('--cgroups=disabled')
        else:
            self.cgroup = CGROUP
            self.options.append(f'--cgroup-parent=/{self.cgroup}')
        os.mkdir('/run/case/hooks')
        if hook:
            hook_files('/run/case/hooks', hook)
        rootfs(self.root)
        self.command = ['podman', '--runtime', runtime, '--cgroup-manager=cgroupfs',
                        '--hooks-dir=/run/case/hooks']

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        run(*self.command, 'rm', '--all', '--force', '--time=0', check=kind is None)
        for above, names, _ in os.walk('/sys/fs/cgroup') if self.cgroup else ():
            if self.cgroup in names:
                remove_cgroups(f'{above}/{self.cgroup}')

    def podman(self, *args, **kwargs):
        return run(*self.command, *args, **kwargs)

    def run(self, script, *options, check=True):
        return self.podman('run', '--rm', *self.options, *options, '--rootfs', self.root, 'sh',
                           '-euc', script, check=check)

    def start(self, name, script, *options):
        """In the background. Return: its first process."""
        quiet(*self.command, 'run', '--detach', '--name', name, *self.options, *options,
              '--rootfs', self.root, 'sh', '-euc', script)
        return int(self.inspect(name, 'State.Pid'))

    def inspect(self, name, member):
        return self.podman('inspect', '--format', f'{{{{.{member}}}}}', name).stdout.strip()

    def exec(self, name, script):
        return self.podman('exec', name, 'sh', '-euc', script).stdout


def remove_cgroups(path):
    """With what an engine has made below."""
    for above, _, _ in os.walk(path, topdown=False):
        wait_until(lambda above=above: removed(above), f'{above} is empty')


def removed(path):
    try:
        os.rmdir(path)
    except OSError:
        return not os.path.exists(path)
    return True


def hook_files(directory, hook):
    """What is installed for engines, with this hook."""
    for name in os.listdir(TEMPLATES):
        if name.endswith('.json.in'):
            with open(f'{TEMPLATES}/{name}', encoding='utf-8') as file:
                put(f'{directory}/{name[:-3]}', file.read().replace('@HOOK@', hook).encode())


def daemon_of(path):
    """The processes of the daemon that was told to mount there."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as file:
                line = file.read().split(b'\0')
        except OSError:
            continue
        if os.path.basename(line[0]) == b'spoolfs' and os.fsencode(path) in line \
                and alive(int(pid)):
            found.append(int(pid))
    return found


def kill(*pids):
    """All at once, and they are gone."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(alive, pids)), 'they die')
