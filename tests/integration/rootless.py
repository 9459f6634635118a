"""podman in user namespaces: of root with mapped users, and of an ordinary user."""
import contextlib
import os
import signal

from containers import MAPPED, Podman, kill, machine, only_cgroup2, quiet, rootfs
from logins import add_user
from rig import (DEADLINE_S, Mount, alive, as_user, binary, case, get, gone, need, own_uids, put,
                 run, unmount, wait_until)

PACKAGES = 'podman conmon runc crun busybox-static uidmap'

WAIT = 'echo mine > /tmp/f; echo > /tmp/ready; while :; do sleep 1; done'
SUBUIDS = 200000


class Rootless:
    """podman of an ordinary user. It needs no daemon of root's, and gets none."""

    def __init__(self):
        machine()
        need('podman', 'crun', 'newuidmap')
        only_cgroup2()
        self.uid, = own_uids(1)
        run('cp', '-a', '/etc', '/run/etc')
        run('mount', '--bind', '/run/etc', '/etc')
        add_user('alice', self.uid)
        for name in 'subuid', 'subgid':
            put(f'/etc/{name}', f'alice:{SUBUIDS}:65536\n'.encode())
        self.home = '/run/case/alice'
        self.root = rootfs('/run/case/rootfs')
        os.mkdir(self.home)
        os.mkdir(f'{self.home}/run', 0o700)
        run('chown', '-R', f'{self.uid}:{self.uid}', self.home, self.root)
        self.command = ['podman', '--runtime=crun', '--cgroup-manager=cgroupfs',
                        '--storage-driver=vfs', '--events-backend=file']
        self.user = {'user': self.uid, 'group': self.uid, 'extra_groups': [], 'cwd': self.home,
                     'env': {'HOME': self.home, 'XDG_RUNTIME_DIR': f'{self.home}/run',
                             'PATH': os.environ['PATH'], 'USER': 'alice',
                             'CONTAINERS_CONF': os.environ['CONTAINERS_CONF']}}

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.podman('rm', '--all', '--force', '--time=0', check=kind is None)
        for name in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError):
                if os.stat(f'/proc/{name}').st_uid == self.uid:
                    os.kill(int(name), signal.SIGKILL)  # podman's pause process

    def podman(self, *args, check=True):
        return run(*self.command, *args, check=check, **self.user)

    def container(self, source, script, *options):
        return ['--network=none', '--cgroups=disabled', f'--volume={source}:/tmp', *options,
                '--rootfs', self.root, 'sh', '-euc', script]

    def run(self, source, script, *options):
        return self.podman('run', '--rm', *self.container(source, script, *options)).stdout

    def start(self, name, source):
        quiet(*self.command, 'run', '--detach', '--name', name, *self.container(source, WAIT),
              **self.user)
        wait_until(lambda: os.path.exists(f'{source}/ready'), 'it runs')
        return int(self.podman('inspect', '--format', '{{.State.Pid}}', name).stdout)


@case(mount=False)
def root_of_a_container_of_a_user_is_that_user():
    """His directory is root's there; what other users of the container make is his, too: charged to
    him by /etc/subuid."""
    with Rootless() as podman, Mount() as mount:
        own, other = mount.tmpdir(podman.uid), mount.tmpdir(1001)
        as_user(1001, put, f'{other}/secret', b'x')
        said = podman.run(own, 'id -u; stat -c %u,%a /tmp; echo in > /tmp/f; ls -A /tmp/..')
        assert said.startswith('0\n0,700\n') and '1001' not in said, said
        assert os.stat(f'{own}/f').st_uid == podman.uid


@case(mount=False)
def its_subordinate_users_are_charged_to_him():
    with Rootless() as podman, Mount(layout='shared', options='user_size=8M,size=64M') as mount:
        full = 'dd if=/dev/zero of=/tmp/$1 bs=1M count=6 2>&1 || echo no'
        podman.run(mount.path, f'set -- a; {full}; stat -c %u /tmp/a')
        said = podman.run(mount.path, f'set -- b; {full}', '--user=7')
        assert said.endswith('no\n'), said
        assert os.stat(f'{mount.path}/b').st_uid == SUBUIDS + 7 - 1
        assert os.stat(f'{mount.path}/a').st_uid == podman.uid


@case(mount=False)
def what_is_unmounted_is_gone_though_podman_holds_a_copy():
    """Its pause process does, too, when no container is left."""
    with Rootless() as podman:
        mount = Mount(layout='shared', options='detach=1',
                      allow_log=['unmounted', 'detach']).start()
        pid = podman.start('one', mount.path)
        unmount(mount.path)
        mount.process.wait(DEADLINE_S)
        gone(get, f'/proc/{pid}/root/tmp/f')
        assert alive(pid)
        mount.stop()


@case(mount=False)
def a_killed_daemon_leaves_nothing_in_it():
    with Rootless() as podman:
        mount = Mount(layout='shared', allow_log=['supervisor is gone', "made root's own"]).start()
        pid = podman.start('one', mount.path)
        kill(*mount.pids[:2])
        gone(get, f'/proc/{pid}/root/tmp/f')
        podman.podman('rm', '--force', '--time=0', 'one')
        mount.stop(status=-9)


@case(mount=False)
def his_own_mount_serves_his_containers():
    """A user mounts for himself: no root is needed for any of it."""
    with Rootless() as podman:
        path = f'{podman.home}/scratch'
        as_user(podman.uid, os.mkdir, path)
        run(binary('SPOOLFS'), '-o', 'backing=none', path, **podman.user)
        try:
            podman.run(path, 'echo in > /tmp/f')
            assert as_user(podman.uid, get, f'{path}/f') == b'in\n'
        finally:
            run('fusermount3', '-u', path, **podman.user)


@case(mount=False)
def mapped_users_of_roots_containers_pay_for_their_own():
    machine()
    with Podman('runc') as podman, Mount(layout='shared') as mount:
        run('chown', '-R', f'{MAPPED}:{MAPPED}', podman.root)
        mapping = [f'--{kind}map=0:{MAPPED}:65536' for kind in ('uid', 'gid')]
        podman.run('echo > /tmp/f', f'--volume={mount.path}:/tmp', *mapping)
        podman.run('echo > /tmp/g', f'--volume={mount.path}:/tmp', '--user=7', *mapping)
        assert os.stat(f'{mount.path}/f').st_uid == MAPPED
        assert os.stat(f'{mount.path}/g').st_uid == MAPPED + 7


@case(mount=False)
def an_id_mapping_keeps_owners():
    """--volume=...:idmap, with crun: root of the container is root in its files."""
    machine()
    with Podman('crun') as podman, Mount(layout='shared') as mount:
        run('chown', '-R', f'{MAPPED}:{MAPPED}', podman.root)
        mapping = [f'--{kind}map=0:{MAPPED}:65536' for kind in ('uid', 'gid')]
        podman.run('echo > /tmp/f', f'--volume={mount.path}:/tmp:idmap', *mapping)
        assert os.stat(f'{mount.path}/f').st_uid == 0
