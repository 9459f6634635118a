"""The manifest for Kubernetes: whether kubectl knows all of it, and its pods, run by podman. There
is no cluster in it."""
import contextlib
import json
import os
import shutil

from containers import Podman, daemon_of, kill, machine, quiet, remove_cgroups, rootfs
from rig import Skip, binary, case, get, is_mounted, need, put, run, wait_until

PACKAGES = 'podman conmon runc busybox-static catatonit kubernetes-client python3-yaml'

MANIFESTS = os.path.join(os.path.dirname(__file__), '../../packaging/containers')
MOUNT = '/run/spoolfs/m'
PARENT = '/libpod_parent'  # of the control groups of pods
LIBRARIES = '/usr/lib/spool-test'


def written(name='kubernetes.yaml'):
    """The documents of a manifest: in the end the DaemonSet, and the example."""
    try:
        import yaml  # pylint: disable=import-outside-toplevel
    except ImportError as error:
        raise Skip('python3-yaml is not installed') from error
    with open(f'{MANIFESTS}/{name}', encoding='utf-8') as file:
        return list(yaml.safe_load_all(file))


def known(name):
    """The same, as kubectl understands them: what it does not know, it leaves out."""
    need('kubectl')
    text = run('kubectl', 'annotate', '--local', '--filename', f'{MANIFESTS}/{name}',
               '--output=json', 'spool-test=yes').stdout.strip()
    found = []
    while text:
        document, end = json.JSONDecoder().raw_decode(text)
        found.append(document)
        text = text[end:].strip()
    return found


def members(value, path=''):
    """The paths of all, with their values."""
    items = value.items() if isinstance(value, dict) else enumerate(value) \
        if isinstance(value, list) else None
    if items is None:
        yield path, value
    for name, member in items or ():
        yield from members(member, f'{path}/{name}')


@case(mount=False)
def kubectl_knows_all_of_it():
    for name in 'kubernetes.yaml', 'kubernetes-csi.yaml':
        for mine, its in zip(written(name), known(name), strict=True):
            lost = set(members(mine)) - set(members(its))
            assert not lost, lost


def image(podman):
    """One with spoolfs, spoolctl and what they need, and busybox."""
    root = rootfs('/run/case/image')
    os.makedirs(f'{root}/usr/bin')
    os.mkdir(f'{root}/lib64')
    os.makedirs(f'{root}{LIBRARIES}')
    for name, program in (('spoolfs', 'SPOOLFS'), ('spoolctl', 'SPOOLCTL')):
        shutil.copy(binary(program), f'{root}/usr/bin/{name}')
        for line in run('ldd', binary(program)).stdout.splitlines():
            path = next((word for word in line.split() if word.startswith('/')), None)
            if path:
                shutil.copy(path, f'{root}/lib64' if 'ld-linux' in path else f'{root}{LIBRARIES}')
    for name in 'umount', 'cat':
        if not os.path.lexists(f'{root}/bin/{name}'):
            os.symlink('busybox', f'{root}/bin/{name}')
    run('tar', '-C', root, '-cf', '/run/case/image.tar', '.')
    podman.podman('import', '--change', f'ENV LD_LIBRARY_PATH={LIBRARIES}', '/run/case/image.tar',
                  'localhost/spoolfs:latest')


def play(podman, document):
    put('/run/case/pod.yaml', json.dumps(document).encode())
    podman.podman('kube', 'play', '--network=none', '/run/case/pod.yaml')


def start_daemons(podman, document):
    """The container that a DaemonSet has on each node; podman kube play knows no hostPID."""
    spec = document['spec']['template']['spec']
    container, = spec['containers']
    assert spec['hostPID'] and container['securityContext']['privileged']
    paths = {volume['name']: volume['hostPath']['path'] for volume in spec['volumes']}
    paths['backing'] = '/run/case/backing'  # which is in RAM; the host has no other /var
    options = ['--privileged', '--pid=host']
    for mount in container['volumeMounts']:
        how = {'Bidirectional': ':rshared'}.get(mount.get('mountPropagation'), ':ro'
                                                if mount.get('readOnly') else ':rprivate')
        os.makedirs(paths[mount['name']], exist_ok=True)
        options.append(f'--volume={paths[mount["name"]]}:{mount["mountPath"]}{how}')
    script = container['args'][0].replace('backing=', 'backing_any=on,backing=')
    quiet(*podman.command, 'run', '--detach', '--name=daemons', '--restart=always',
          *podman.options, *options, container['image'], *container['command'], script)


@contextlib.contextmanager
def node():
    """A machine with podman in the place of the kubelet."""
    machine()
    run('mount', '--make-rshared', '/run')
    with Podman('runc') as podman:
        image(podman)
        yield podman
        pods = podman.podman('pod', 'ps', '--no-trunc', '--quiet').stdout.split()
        podman.podman('pod', 'rm', '--all', '--force', '--time=1')
        for above in (top for top, _, _ in os.walk('/sys/fs/cgroup') if top.endswith(PARENT)):
            for pod in pods:
                remove_cgroups(f'{above}/{pod}')
            with contextlib.suppress(OSError):
                os.rmdir(above)  # others may have pods
        podman.podman('rm', '--all', '--force', '--time=0')
        podman.podman('rmi', '--all', '--force')


@case(mount=False)
def its_pods_run():
    daemons, example = written()
    with node() as podman:
        play(podman, example)  # before there is a mount
        start_daemons(podman, daemons)
        job = f'{MOUNT}/1000/job'
        wait_until(lambda: is_mounted(MOUNT) and os.path.exists(job), 'the pod has found it')
        assert get(job) == b'on spoolfs\n' and os.stat(job).st_uid == 1000
        podman.podman('pod', 'kill', 'spoolfs-example')
        wait_until(lambda: not os.path.exists(job), 'its files have gone with it')
        podman.podman('stop', 'daemons')
        assert not is_mounted(MOUNT)


@case(mount=False)
def one_that_was_killed_starts_again():
    daemons, _ = written()
    with node() as podman:
        start_daemons(podman, daemons)
        wait_until(lambda: is_mounted(MOUNT), 'it is mounted')
        kill(*daemon_of(MOUNT))
        wait_until(lambda: daemon_of(MOUNT) and is_mounted(MOUNT), 'it is started again')
        run(binary('SPOOLCTL'), 'status', MOUNT)
