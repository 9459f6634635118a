"""pam_spoolfs.so with cover=: /tmp and others are the user's own for as long as the login lasts."""
import os

from logins import Pam, Syslog, logins, machine, stack
from rig import Mount, case, get, is_mounted, need, put, run, wait_until


def own_tmp(bob):
    """What covered directories hold on the machine is this case's, too, from here on. The programs
    of the build may lie there."""
    for path in ('/tmp', '/var/tmp'):
        os.makedirs(f'/run/machine{path}')
        run('mount', '--bind', f'/run/machine{path}', path)
        os.chmod(path, 0o1777)
        put(f'{path}/marker')
    for name, owner in (('.X11-unix', 0), ('.ICE-unix', bob)):
        os.mkdir(f'/tmp/{name}')
        os.chown(f'/tmp/{name}', owner, owner)
        put(f'/tmp/{name}/socket')


@case(mount=False)
def covered_places_are_the_users_own():
    alice, bob = machine()
    with Mount(options='lifetime=mount') as mount, Syslog() as log:
        own_tmp(bob)
        stack(f'required mount={mount.path} cover=/tmp,/var/tmp')
        for user, uid in (('alice', alice), ('bob', bob), ('root', 0)):
            for number, login in enumerate(logins(user)):
                name = f'{user}{number}'
                login(f'touch /tmp/{name} /var/tmp/v{name}; ls -A /tmp /var/tmp >/tmp/list; '
                      f'ls /tmp/.X11-unix >/tmp/x; echo $TMPDIR >/tmp/where; pwd >/tmp/here')
                own = f'{mount.path}/{uid}'
                assert os.path.exists(f'{own}/{name}') and os.path.exists(f'{own}/v{name}')
                assert not os.path.exists(f'/tmp/{name}')
                assert b'marker' not in get(f'{own}/list')
                assert get(f'{own}/x') == b'socket\n'
                assert get(f'{own}/where') == f'{own}\n'.encode()
            # that of no root could be anybody's
            assert not os.path.exists(f'{mount.path}/{uid}/.ICE-unix')
            assert os.stat(f'{mount.path}/{uid}/.X11-unix').st_uid == uid
            assert not os.listdir(f'{mount.path}/{uid}/.X11-unix')
        assert not log.lines()
        assert not set(os.listdir(f'{mount.path}/{alice}')) & {'bob0', 'root0'}
        assert sorted(os.listdir('/tmp')) == ['.ICE-unix', '.X11-unix', 'marker']
        assert os.listdir('/var/tmp') == ['marker']
        assert not any(is_mounted(f'{path}/.X11-unix') for path in ('/tmp', mount.path))


@case(mount=False)
def logins_within_a_covered_login_are_covered_by_their_own():
    """By su with its set-user-ID bit, as alice runs it."""
    alice, bob = machine()
    need('su', 'sudo')
    put('/etc/sudoers', b'alice ALL=(ALL) NOPASSWD: ALL\n', 0o440)
    with Mount(options='lifetime=mount') as mount, Syslog() as log:
        own_tmp(bob)
        stack(f'required mount={mount.path} cover=/tmp')
        inner = 'touch /tmp/inner; ls -A /tmp; ls /tmp/.X11-unix; env | grep ^TMPDIR='
        for command, uid in ((f'su bob -c "{inner}"', bob), (f"sudo sh -c '{inner}'", 0)):
            script = f'touch /tmp/outer; {command}; rm /tmp/outer; ls -A /tmp >/tmp/list'
            lines = run('su', 'alice', '-c', script).stdout.split()
            assert lines == ['.X11-unix', 'inner', 'socket', f'TMPDIR={mount.path}/{uid}'], lines
            assert get(f'{mount.path}/{alice}/list').split() == [b'.X11-unix', b'list']
            os.unlink(f'{mount.path}/{uid}/inner')
            os.unlink(f'{mount.path}/{alice}/list')
        assert not log.lines()


@case(mount=False)
def users_cannot_turn_a_cover_aside():
    """Whatever a user has laid where sockets are to be reached, nothing of root's is changed."""
    alice, bob = machine()
    os.mkdir('/run/target')
    with Mount() as mount, Syslog() as log:
        own_tmp(bob)
        stack(f'required mount={mount.path} cover=/tmp')
        own = f'{mount.path}/{alice}'
        for lay in (lambda path: os.symlink('/run/target', path), put):
            lay(f'{own}/.X11-unix')
            out = run('su', '-', 'alice', '-c', 'echo in; ls -A /tmp').stdout
            assert 'in' in out and 'marker' not in out
            assert log.lines() == ['the sockets of X cannot be reached']
            assert not os.listdir('/run/target')
            os.unlink(f'{own}/.X11-unix')
        os.chdir('/tmp')
        out = run('su', 'alice', '-c', 'echo "<$(pwd -P)>"').stdout
        os.chdir('/')
        assert '</>' in out, out


@case(mount=False)
def directories_for_sockets_stay():
    """Or they would go from below other logins of the user."""
    alice, bob = machine()
    with Mount(options='grace=1') as mount:
        own_tmp(bob)
        stack(f'required mount={mount.path} cover=/tmp')
        run('su', '-', 'alice', '-c', 'touch /tmp/f')
        wait_until(lambda: os.listdir(f'{mount.path}/{alice}') == ['.X11-unix'], 'the file goes')
        assert os.getxattr(f'{mount.path}/{alice}/.X11-unix', 'user.spoolfs.lifetime') == b'mount'


@case(mount=False)
def links_are_covered_with_what_they_lead_to():
    alice, _ = machine()
    for name in ('tmp', 'vartmp'):
        os.mkdir(f'/run/{name}')
    os.symlink('/run/tmp', '/run/link')
    os.symlink('/run/vartmp', '/run/away')
    with Mount() as mount, Syslog() as log:
        stack(f'required mount={mount.path} cover=/run/tmp,/run/link')
        assert 'in' in run('su', '-', 'alice', '-c', 'touch /run/link/f && ls /run/tmp/f && '
                                                     'echo in').stdout
        os.unlink(f'{mount.path}/{alice}/f')
        assert not log.lines()
        stack(f'required mount={mount.path} cover=/run/tmp,/run/away')
        assert run('su', '-', 'alice', '-c', 'true', check=False).returncode != 0
        assert 'Too many levels of symbolic links' in log.lines()[0]


@case(mount=False)
def mounts_arrive_in_a_covered_login_and_none_leaves():
    _, bob = machine()
    for name in ('later', 'inside'):
        os.mkdir(f'/run/{name}')
    run('mount', '--make-rshared', '/')
    with Mount() as mount:
        own_tmp(bob)
        stack(f'required mount={mount.path} cover=/tmp')
        pam = Pam('alice')
        helper = os.open('/proc/self/ns/mnt', os.O_RDONLY)
        assert pam.open() == Pam.SUCCESS
        run('nsenter', f'--mount=/proc/{os.getpid()}/fd/{helper}', 'mount', '-t', 'tmpfs', 'tmpfs',
            '/run/later')
        assert is_mounted('/run/later')
        run('mount', '-t', 'tmpfs', 'tmpfs', '/run/inside')
        assert pam.close() == Pam.SUCCESS
        assert is_mounted('/run/later')
        assert not is_mounted('/run/inside') and not is_mounted('/tmp/.X11-unix')
        pam.end()
        os.close(helper)
        os.chdir('/')
