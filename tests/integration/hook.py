"""spoolfs-oci-hook: containers that an annotation gives a mount of their own."""
import json
import os
import re
import socket
import subprocess

from containers import MAPPED, Podman, Runtime, daemon_of, kill, machine
from logins import own_dev
from rig import (DEADLINE_S, alive, binary, case, get, gone, is_mounted, mounts, need, put, run,
                 wait_until)

PACKAGES = 'podman conmon runc crun busybox-static strace'

PLACES = '/run/spoolfs-oci'
ASKED = {'spoolfs.scratch': '64M,ram=32M'}
WAIT = 'echo mine > /tmp/f; echo > /tmp/ready; while :; do sleep 1; done'
WRONG = {  # what is asked for, and what comes of it
    'big': 'spoolfs-oci-hook: annotation spoolfs.scratch: big: not expected (allowed: a size, ',
    'size=big': 'spoolfs: size=big: not a number (allowed: BYTES|PERCENT%, 1M or more, '
                '1% to 100%)',
    'backing=/etc': 'spoolfs-oci-hook: annotation spoolfs.scratch: backing=/etc: not expected',
    'path=/a/../b': 'spoolfs-oci-hook: annotation spoolfs.scratch: path=/a/../b: not a path',
    'path=/proc/self': 'spoolfs-oci-hook: path: /proc/self: ',
    'path=/proc': 'spoolfs-oci-hook: path: /proc: in /proc or /sys (allowed: elsewhere)',
}


def hooks():
    """As config.json names them."""
    hook = [{'path': os.environ['SPOOLFS_OCI_HOOK']}]
    return {'createRuntime': hook, 'poststop': hook}


def ask(text):
    return f'--annotation=spoolfs.scratch={text}'


def place_of(pid):
    """Where the mount of a container is on the host, by its first process."""
    name, = [name for name in os.listdir(PLACES) if name.endswith(f'-{pid}')]
    return f'{PLACES}/{name}'


def nothing_is_left():
    wait_until(lambda: not os.path.exists(PLACES), 'the mount points are gone')
    assert not [point for point, kind in mounts() if point.startswith(PLACES)]


def wait_for(place):
    wait_until(lambda: os.path.exists(f'{place}/ready'), 'the container runs')


def runtimes_give_it(name):
    machine()
    runtime = Runtime(name)
    done = runtime.run('one', 'grep spoolfs /proc/mounts; stat -c %a,%u /tmp; df -m /tmp;'
                       'test -z "$(ls -A /tmp)"; echo secret > /tmp/f; cat /tmp/f', ASKED, hooks())
    assert ' /tmp fuse.spoolfs rw,nosuid,nodev' in done.stdout, done
    assert '1777,0\n' in done.stdout and ' 64 ' in done.stdout and 'secret' in done.stdout, done
    assert not os.listdir('/run/case/one/rootfs/tmp'), 'something is left below the mount'
    assert not os.path.exists(PLACES)  # when the runtime says that it has ended
    assert 'spoolfs' not in runtime.run('two', 'cat /proc/mounts', {}, hooks()).stdout


@case(mount=False)
def runc_gives_it():
    runtimes_give_it('runc')


@case(mount=False)
def crun_gives_it():
    runtimes_give_it('crun')


def runtimes_isolate(name):
    """Each container has its own, with a limit of its own; what is started in it later sees it."""
    machine()
    runtime = Runtime(name)
    pids = {who: runtime.start(who, WAIT, ASKED, hooks()) for who in ('one', 'two')}
    for pid in pids.values():
        wait_for(place_of(pid))
    full = runtime.exec('one', 'dd if=/dev/zero of=/tmp/g bs=1M count=100 2>&1 || echo no')
    assert 'No space' in full and full.endswith('no\n'), full
    runtime.exec('two', 'test ! -e /tmp/g; dd if=/dev/zero of=/tmp/h bs=1M count=20')
    assert sorted(os.listdir(place_of(pids['two']))) == ['f', 'h', 'ready']
    daemons = daemon_of(place_of(pids['one']))
    runtime.remove('one')
    wait_until(lambda: not any(map(alive, daemons)), 'the daemon ends')
    assert len(os.listdir(PLACES)) == 1
    assert runtime.exec('two', 'cat /tmp/f') == 'mine\n'
    runtime.remove('two')
    nothing_is_left()


@case(mount=False)
def runc_isolates():
    runtimes_isolate('runc')


@case(mount=False)
def crun_isolates():
    runtimes_isolate('crun')


@case(mount=False)
def two_stages_are_as_good_as_one():
    """A configuration may name the hook for the older stage as well."""
    machine()
    twice = {'prestart': hooks()['poststop'], **hooks()}
    for name in ('runc', 'crun'):
        done = Runtime(name).run(name, 'grep spoolfs /proc/mounts; ls -A /tmp', ASKED, twice)
        assert done.stdout.count('spoolfs') == 2 and done.stdout.count('\n') == 1, done
        nothing_is_left()


@case(mount=False)
def what_is_wrong_lets_the_container_fail():
    """With the reason, and with nothing left."""
    machine()
    for name in ('runc', 'crun'):
        runtime = Runtime(name)
        for i, (text, reason) in enumerate(WRONG.items()):
            done = runtime.run(f'{name}{i}', 'echo started', {'spoolfs.scratch': text}, hooks(),
                               check=False)
            assert done.returncode != 0 and reason in done.stderr, done
            assert 'started' not in done.stdout
            nothing_is_left()


@case(mount=False)
def the_reason_is_in_the_systems_log():
    """Where the runtime throws away what hooks say."""
    machine()
    own_dev()
    runtime = Runtime('crun')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind('/dev/log')
        log.settimeout(DEADLINE_S)
        done = runtime.run('one', 'echo started', {'spoolfs.scratch': 'size=big'}, hooks(),
                           change=lambda config: config['annotations'].pop('run.oci.hooks.stderr'),
                           check=False)
        assert done.returncode != 0 and 'size=big' not in done.stdout + done.stderr, done
        line = log.recv(4096)
        assert re.search(rb'spoolfs-oci-hook\[\d+\]: spoolfs: size=big: not a number', line), line
    nothing_is_left()


@case(mount=False)
def the_administrator_has_the_last_word():
    machine()
    runtime, called = Runtime('runc'), hooks()
    called['createRuntime'][0]['args'] = ['spoolfs-oci-hook', '-o', 'size=16M,mode=750']
    done = runtime.run('one', 'stat -c %a /tmp; df -m /tmp', {'spoolfs.scratch': '1G'}, called)
    assert done.stdout.startswith('750\n') and ' 16 ' in done.stdout, done
    called['createRuntime'][0]['args'][2] = 'backing=/nowhere'
    done = runtime.run('two', 'echo', {'spoolfs.scratch': '1G'}, called, check=False)
    assert done.returncode != 0 and 'spoolfs: backing=/nowhere: ' in done.stderr, done
    nothing_is_left()


def podman_gives_it(runtime):
    machine()
    with Podman(runtime, os.environ['SPOOLFS_OCI_HOOK']) as podman:
        script = 'echo $TMPDIR,$TMP,$TEMP; grep spoolfs /proc/mounts; echo secret > $TMPDIR/f'
        done = podman.run(script, ask('64M path=/deep/in/scratch'), '--env=TMP=/x')
        assert done.stdout.startswith(','.join(['/deep/in/scratch'] * 3)), done
        assert ' /deep/in/scratch fuse.spoolfs ' in done.stdout, done
        assert not os.path.exists(PLACES)  # when podman says that it has ended
        assert not os.listdir(f'{podman.root}/deep/in/scratch')
        # one that asks for nothing is as it would be
        assert 'spool' not in podman.run('cat /proc/mounts; env').stdout
        # limits that no signed number holds
        podman.run('true', ask('64M'), '--ulimit=core=-1:-1', check=False)
        nothing_is_left()


@case(mount=False)
def podman_with_runc_gives_it():
    podman_gives_it('runc')


@case(mount=False)
def podman_with_crun_gives_it():
    podman_gives_it('crun')


def podman_maps(runtime):
    """Root of the container is another user outside, and so is whom it becomes."""
    machine()
    with Podman(runtime, os.environ['SPOOLFS_OCI_HOOK']) as podman:
        mapping = [f'--{kind}map=0:{MAPPED}:65536' for kind in ('uid', 'gid')]
        run('chown', '-R', f'{MAPPED}:{MAPPED}', podman.root)
        pid = podman.start('one', 'stat -c %u,%g,%a /tmp > /tmp/owner; ' + WAIT, ask('64M'),
                           *mapping)
        place = place_of(pid)
        wait_for(place)
        assert get(f'{place}/owner') == b'0,0,1777\n'
        assert os.stat(place).st_uid == os.stat(f'{place}/f').st_uid == MAPPED
        podman.podman('exec', '--user=7', 'one', 'touch', '/tmp/g')
        assert os.stat(f'{place}/g').st_uid == MAPPED + 7
        podman.podman('rm', '--force', '--time=0', 'one')
        assert not os.path.exists(PLACES)


@case(mount=False)
def podman_with_runc_maps_users():
    podman_maps('runc')


@case(mount=False)
def podman_with_crun_maps_users():
    podman_maps('crun')


@case(mount=False)
def podman_tells_what_is_wrong():
    machine()
    with Podman('runc', os.environ['SPOOLFS_OCI_HOOK']) as podman:
        for text, reason in WRONG.items():
            done = podman.run('echo started', ask(text), check=False)
            assert done.returncode == 126 and reason in done.stderr, done
            assert 'started' not in done.stdout
            nothing_is_left()


@case(mount=False)
def a_second_start_finds_it_empty():
    machine()
    with Podman('runc', os.environ['SPOOLFS_OCI_HOOK']) as podman:
        first = podman.start('one', 'test ! -e /tmp/f; ' + WAIT, ask('64M'))
        wait_for(place_of(first))
        podman.podman('restart', '--time=0', 'one')
        second = int(podman.inspect('one', 'State.Pid'))
        wait_for(place_of(second))
        assert second != first and len(os.listdir(PLACES)) == 1


@case(mount=False)
def an_image_leads_nowhere_else():
    """By its symbolic links."""
    machine()
    runtime = Runtime('runc')
    outside = '/run/case/outside'
    os.mkdir(outside)
    for i, (link, found) in enumerate({outside: '/run/case/outside', '../../../bin': '/bin',
                                       '/': '/'}.items()):
        def change(config, link=link):
            root = config['root']['path'] = f'/run/case/c{i}/rootfs'
            os.symlink(link, f'{root}/scratch')
            os.makedirs(f'{root}/run/case/outside')
        done = runtime.run(f'c{i}', 'grep spoolfs /proc/mounts || echo none', {
            'spoolfs.scratch': '64M,path=/scratch/below'}, hooks(), change=change)
        assert f' {os.path.join(found, "below")} fuse.spoolfs ' in done.stdout, done
        assert not os.listdir(outside), 'something was made outside of the image'
    nothing_is_left()


@case(mount=False)
def what_is_mounted_in_it_stays_in_it():
    """And the other way round, though /run of the host is shared with everybody."""
    machine()
    run('mount', '--make-rshared', '/run')
    runtime = Runtime('runc')

    def may_mount(config):
        for kind in ('bounding', 'effective', 'permitted'):
            config['process']['capabilities'][kind].append('CAP_SYS_ADMIN')
        config['linux'].pop('seccomp', None)
        config['linux']['rootfsPropagation'] = 'shared'
    pid = runtime.start('one', 'mkdir /tmp/d /tmp/e; mount -t tmpfs none /tmp/d; ' + WAIT, ASKED,
                        hooks(), change=may_mount)
    place = place_of(pid)
    wait_for(place)
    assert not is_mounted(f'{place}/d')
    run('mount', '-t', 'tmpfs', 'none', f'{place}/e')
    assert '/tmp/e' not in runtime.exec('one', 'cat /proc/mounts')
    run('umount', f'{place}/e')
    runtime.remove('one')
    nothing_is_left()


def all_killed(podman, who):
    """SIGKILL for one party, and what comes of it."""
    pid = podman.start(who, WAIT, ask('64M'))
    place = place_of(pid)
    wait_for(place)
    daemon = daemon_of(place)
    status = json.loads(run(binary('SPOOLCTL'), 'status', '--json', place).stdout)
    if who == 'container':
        kill(pid)
    elif who == 'conmon':
        kill(int(podman.inspect(who, 'State.ConmonPid')))
        assert podman.exec(who, 'cat /tmp/f') == 'mine\n'  # nobody has ended
        kill(pid)
    elif who == 'both':
        kill(int(podman.inspect(who, 'State.ConmonPid')), pid)
    elif who == 'daemon':
        kill(*daemon)
        gone(os.listdir, f'/proc/{pid}/root/tmp')
        kill(pid)
        podman.podman('rm', '--force', '--time=0', who)
    else:
        kill(status[f'{who}_pid'])
        wait_until(lambda: not os.path.exists(place), 'it is unmounted')
        gone(os.listdir, f'/proc/{pid}/root/tmp')
        kill(pid)
    nothing_is_left()
    wait_until(lambda: not any(map(alive, daemon)), 'the daemon ends')
    # without conmon, podman notices only as it tries to stop it
    wait_until(lambda: podman.podman('rm', '--force', '--time=0', who,
                                     check=False).returncode == 0, 'podman removes it')


def nothing_is_left_whoever_is_killed(runtime):
    machine()
    with Podman(runtime, os.environ['SPOOLFS_OCI_HOOK']) as podman:
        for who in ('container', 'conmon', 'both', 'supervisor', 'worker', 'daemon'):
            all_killed(podman, who)


@case(mount=False)
def podman_with_runc_whoever_is_killed():
    nothing_is_left_whoever_is_killed('runc')


@case(mount=False)
def podman_with_crun_whoever_is_killed():
    nothing_is_left_whoever_is_killed('crun')


@case(mount=False)
def what_a_killed_daemon_has_left_goes_with_the_next():
    """Where neither a hook is run at the end nor any of its processes is there to unmount."""
    machine()
    runtime, called = Runtime('runc'), hooks()
    del called['poststop']
    pid = runtime.start('one', WAIT, ASKED, called)
    place = place_of(pid)
    wait_for(place)
    kill(*daemon_of(place))
    runtime.remove('one')
    assert is_mounted(place)
    runtime.run('two', 'echo', ASKED, called)
    wait_until(lambda: not is_mounted(place), 'it is unmounted')
    nothing_is_left()


@case(mount=False)
def a_hook_that_is_killed_leaves_nothing():
    """While the daemon starts: the container fails, and the mount goes."""
    machine()
    runtime = Runtime('runc')
    slow = '/run/case/hook'
    put(slow, f'#!/bin/sh\n{os.environ["SPOOLFS_OCI_HOOK"]} "$@"\nkill -9 $$\n'.encode(), 0o755)
    done = runtime.run('one', 'echo started', ASKED, {'createRuntime': [{'path': slow}]},
                       check=False)
    assert done.returncode != 0 and 'started' not in done.stdout, done
    nothing_is_left()


@case(mount=False)
def a_hook_that_is_killed_at_any_step():
    """As it enters a system call. An empty directory may be left, which the next one removes."""
    need('strace')
    machine()
    runtime = Runtime('runc')
    for step in ('mkdir:when=1', 'mkdir:when=2', 'clone', 'wait4', 'open_tree', 'mount_setattr',
                 'setns', 'openat2', 'mkdirat', 'move_mount', 'exit_group'):
        name = step.replace(':when=', '')
        killed = f'/run/case/{name}-hook'
        put(killed, f'#!/bin/sh\nexec strace -o {killed}.log -e inject={step}:signal=KILL '
            f'{os.environ["SPOOLFS_OCI_HOOK"]}\n'.encode(), 0o755)
        asked = {'spoolfs.scratch': '64M,path=/a/b'}
        done = runtime.run(name, 'echo started', asked, {'createRuntime': [{'path': killed}]},
                           check=False)
        assert done.returncode != 0 and 'started' not in done.stdout, (step, done)
        assert b'killed by SIGKILL' in get(f'{killed}.log'), step
        wait_until(lambda: not [point for point, _ in mounts() if point.startswith(PLACES)],
                   'it is unmounted')
    runtime.run('one', 'true', ASKED, hooks())
    nothing_is_left()


@case(mount=False)
def the_command_that_runs_it_is_killed():
    """podman run, while it waits for the container, which goes on."""
    machine()
    with Podman('runc', os.environ['SPOOLFS_OCI_HOOK']) as podman:
        with subprocess.Popen([*podman.command, 'run', '--rm', '--name=one', *podman.options,
                               ask('64M'), '--rootfs', podman.root, 'sh', '-euc', WAIT],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as client:
            wait_until(lambda: os.path.exists(PLACES) and os.listdir(PLACES), 'it begins')
            place = f'{PLACES}/{os.listdir(PLACES)[0]}'
            wait_for(place)
            client.kill()
        assert get(f'{place}/f') == b'mine\n'
        podman.podman('kill', 'one')
        nothing_is_left()
        wait_until(lambda: not podman.podman('ps', '--all', '--quiet').stdout, 'it is removed')
