"""runc and crun: a mount of the host, or a directory of it, in a container."""
import os

from containers import MAPPED, Runtime, kill, machine
from rig import (Mount, alive, as_user, binary, case, get, gone, is_mounted, put, run, unmount,
                 wait_until)

PACKAGES = 'runc crun busybox-static'

WAIT = 'echo mine > /scratch/f; echo > /scratch/ready; while :; do sleep 1; done'


def bind(source, *options):
    """Changes a configuration: this directory is /scratch of the container."""
    def change(config):
        if 'rslave' in options:  # as podman does; runc needs it not
            config['linux']['rootfsPropagation'] = 'rslave'
        config['mounts'].append({'destination': '/scratch', 'type': 'bind', 'source': source,
                                 'options': ['rbind', *options]})
    return change


def mapped(source):
    """The same, and root of the container is another user outside."""
    def change(config):
        bind(source)(config)
        config['linux']['namespaces'].append({'type': 'user'})
        for kind in 'uid', 'gid':
            config['linux'][f'{kind}Mappings'] = [
                {'containerID': 0, 'hostID': MAPPED, 'size': 65536}]
    return change


def in_both(function):
    """With each of the runtimes; cgroups of version 2 alone come second."""
    machine()
    for name in 'runc', 'crun':
        function(Runtime(name), name)


def wait_for(directory):
    wait_until(lambda: os.path.exists(f'{directory}/ready'), 'the container runs')


@case(mount=False)
def it_sees_what_it_is_given():
    """A user's directory, and nothing of the others'."""
    def look(runtime, name):
        with Mount() as mount:
            own, other = mount.tmpdir(1000), mount.tmpdir(1001)
            as_user(1001, put, f'{other}/secret', b'x')

            def as_1000(config):
                bind(own)(config)
                config['process']['user'] = {'uid': 1000, 'gid': 1000}
            done = runtime.run(name, 'ls -A /scratch/ /scratch/..; echo in > /scratch/f',
                               change=as_1000)
            assert 'secret' not in done.stdout and '1001' not in done.stdout, done
            assert get(f'{own}/f') == b'in\n'
    in_both(look)


@case(mount=False)
def two_share_one():
    def share(runtime, name):
        with Mount(layout='shared') as mount:
            pids = []
            for who in 'one', 'two':
                script = f'echo {who} > /scratch/{who}; {WAIT}'
                pids.append(runtime.start(f'{name}-{who}', script, change=bind(mount.path)))
                wait_for(mount.path)
                os.unlink(f'{mount.path}/ready')
            assert runtime.exec(f'{name}-one', 'cat /scratch/two') == 'two\n'
            for who in 'one', 'two':
                runtime.remove(f'{name}-{who}')
            wait_until(lambda: not any(map(alive, pids)), 'they end')
            assert sorted(os.listdir(mount.path)) == ['f', 'one', 'two']  # it is the host's
    in_both(share)


@case(mount=False)
def its_files_go_with_it():
    """By a session that its first process holds: however it ends."""
    def end(runtime, name):
        with Mount(layout='shared', options='lifetime=session') as mount:
            own = f'{mount.path}/{name}'
            os.mkdir(own)
            put(f'{mount.path}/other', b'x')

            def begin(pid):
                run(binary('SPOOLCTL'), 'session', 'begin', '--dir', own, '--holder', str(pid))
            pid = runtime.start(name, WAIT, change=bind(own), before=begin)
            wait_for(own)
            runtime.exec(name, 'echo > /scratch/g')
            kill(pid)
            wait_until(lambda: not os.listdir(own), 'what it has made is gone')
            assert sorted(os.listdir(mount.path)) == sorted([name, 'other'])
            runtime.remove(name)
    in_both(end)


@case(mount=False)
def a_user_namespace_pays_for_its_own():
    def work(runtime, name):
        with Mount(layout='shared') as mount:
            runtime.run(name, 'echo x > /scratch/f; mkdir /scratch/d',
                        change=mapped(mount.path), owner=MAPPED)
            assert os.stat(f'{mount.path}/f').st_uid == MAPPED
            assert os.stat(f'{mount.path}/d').st_uid == MAPPED
    in_both(work)


@case(mount=False)
def what_is_unmounted_is_gone_though_it_holds_a_copy():
    """The mount namespace of a container keeps a filesystem alive that the host has unmounted."""
    def unmounted(runtime, name):
        mount = Mount(layout='shared', options='detach=1',
                      allow_log=['unmounted', 'detach']).start()
        pid = runtime.start(name, WAIT, change=bind(mount.path, 'rprivate'))
        wait_for(mount.path)
        unmount(mount.path)
        mount.process.wait()
        gone(get, f'/proc/{pid}/root/scratch/f')
        assert alive(pid)
        runtime.remove(name)
        mount.stop()
    in_both(unmounted)


@case(mount=False)
def what_is_mounted_later_arrives():
    """And what is unmounted leaves, where the directory above is bound with rslave."""
    def arrive(runtime, name):
        above = f'/run/case/above-{name}'
        os.makedirs(f'{above}/m')
        run('mount', '--bind', above, above)
        run('mount', '--make-rshared', above)
        pid = runtime.start(name, 'while :; do sleep 1; done', change=bind(above, 'rslave'))
        inside = f'/proc/{pid}/root/scratch/m'
        run(binary('SPOOLFS'), '-o', 'layout=shared,backing=none', f'{above}/m')
        runtime.exec(name, 'echo in > /scratch/m/f')
        assert get(f'{above}/m/f') == b'in\n'
        unmount(f'{above}/m')
        wait_until(lambda: not is_mounted(f'{above}/m') and not os.listdir(inside), 'it leaves')
        runtime.remove(name)
        unmount(above)
    in_both(arrive)


@case(mount=False)
def a_killed_daemon_leaves_nothing_in_it():
    def killed(runtime, name):
        mount = Mount(layout='shared', allow_log=['supervisor is gone', "made root's own"]).start()
        pid = runtime.start(name, WAIT, change=bind(mount.path))
        wait_for(mount.path)
        kill(*mount.pids[:2])
        wait_until(lambda: not is_mounted(mount.path), 'it is unmounted')
        gone(get, f'/proc/{pid}/root/scratch/f')
        runtime.remove(name)
        mount.stop(status=-9)
    in_both(killed)
