"""systemd and logind: what logins, lingering users, services and scopes have of the mount for all,
and for how long; and the mount of one user."""
import re

from booted import SSH, TOP, on_each
from rig import wait_until

PACKAGES = 'systemd-container mmdebstrap'
MAN = TOP / 'packaging/systemd/spoolfs.service.8'
OWN = '/run/spoolfs/1000'
LOGINS = {
    'su': lambda script: ['su', '-', 'alice', '-c', script],
    'a unit with PAM': lambda script: ['systemd-run', '-q', '--wait', '--pipe', '-p', 'User=alice',
                                       '-p', 'PAMName=login', 'sh', '-c', script],
    'ssh': lambda script: [*SSH, script],
}


def example(line):
    """The text of a unit from the manual, which has this line."""
    blocks = re.findall(r'^\.Bd -literal.*?\n(.*?)^\.Ed', MAN.read_text(encoding='utf-8'),
                        re.S | re.M)
    return next(block for block in blocks if f'\n{line}\n' in block)


def let_in(machine):
    """Logins have TMPDIR on the mount, and alice can log in by ssh."""
    machine.run('pam-auth-update', '--package')
    machine.let_in_by_ssh()


class Login:
    """A login of alice's, which has made a file of this name, until it is ended."""

    def __init__(self, machine, way, name):
        script = f'echo x > $TMPDIR/{name} && echo $TMPDIR; read x'
        self.process = machine.popen(*LOGINS[way](script))
        said = self.process.stdout.readline().strip()
        assert said == OWN, f'{way}: TMPDIR is {said!r}'
        assert machine.has(f'{OWN}/{name}')

    def end(self):
        self.process.communicate('\n')


def as_alice(machine, script, **options):
    """A shell script of hers, that reaches her service manager."""
    return machine.run('setpriv', '--reuid=1000', '--regid=1000', '--init-groups', 'env',
                       'HOME=/home/alice', 'XDG_RUNTIME_DIR=/run/user/1000', 'sh', '-euc', script,
                       **options).stdout.strip()


def linger(machine, user='alice', uid=1000):
    """Her service manager runs without a login."""
    machine.run('systemctl', 'start', f'user@{uid}.service')
    assert machine.is_active(f'user@{uid}.service'), user


@on_each(options='grace=1')
def files_go_when_logins_end(machine):
    let_in(machine)
    for way in LOGINS:
        login = Login(machine, way, 'f')
        login.end()
        wait_until(lambda: not machine.has(f'{OWN}/f'), f'the files of {way} have gone')


@on_each(options='grace=1')
def what_runs_on_keeps_its_files(machine):
    """A process that a login has left in the background, until it ends."""
    let_in(machine)
    machine.run(*LOGINS['ssh']('echo x > $TMPDIR/f; setsid sleep 1000 >/dev/null 2>&1 </dev/null & '
                               'echo $! > ~/pid'))
    machine.run(*LOGINS['ssh']('echo x > $TMPDIR/g'))
    wait_until(lambda: not machine.has(f'{OWN}/g'), 'the files of the later login have gone')
    assert machine.has(f'{OWN}/f')
    machine.sh('kill $(cat /home/alice/pid)')
    wait_until(lambda: not machine.has(f'{OWN}/f'), 'its files have gone')


@on_each(options='grace=1')
def lingering_users_keep_their_files(machine):
    """Those of their units, whatever logins come and go."""
    let_in(machine)
    linger(machine)
    as_alice(machine, 'systemd-run -q --user -u job '
             'sh -c \'echo x > $TMPDIR/job; exec sleep 1000\'')
    wait_until(lambda: machine.has(f'{OWN}/job'), 'the unit runs')
    login = Login(machine, 'ssh', 'f')
    login.end()
    wait_until(lambda: not machine.has(f'{OWN}/f'), 'the files of the login have gone')
    assert machine.has(f'{OWN}/job')
    machine.run('systemctl', 'stop', 'user@1000.service')
    wait_until(lambda: not machine.has(f'{OWN}/job'), 'those of the unit have gone')


@on_each()
def user_units_have_tmpdir_without_pam(machine):
    """If the mount serves when the service manager of the user starts."""
    def variables():
        return as_alice(machine, 'systemctl --user show-environment').splitlines()

    linger(machine)
    assert 'TMPDIR=/run/spoolfs/self' in variables()
    machine.run('systemctl', 'stop', 'user@1000.service', 'spoolfs.service')
    linger(machine)
    assert not any(line.startswith('TMPDIR=') for line in variables())


@on_each()
def a_user_has_a_mount_of_his_own(machine):
    place = '/run/user/1000/spoolfs'

    def pids():
        return machine.sh('cat /sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/'
                          'app.slice/spoolfs.service/cgroup.procs').split()

    def is_active():
        return 'active' == as_alice(machine, 'systemctl --user show -P ActiveState spoolfs')

    def makes_file():
        as_alice(machine, f'mktemp -p {place}')
        assert as_alice(machine, f'ls {place} | wc -l') == '1'

    linger(machine)
    as_alice(machine, 'mkdir -p ~/.config; echo SPOOLFS_OPTIONS=size=10M >~/.config/spoolfs.conf; '
             'systemctl --user start spoolfs')
    assert machine.mounts(place) == 1 and is_active()
    assert re.search(r'size +\S+ used of 10M', as_alice(machine, f'spoolctl status {place}'))
    makes_file()
    as_alice(machine, 'systemctl --user restart spoolfs')
    assert as_alice(machine, f'ls {place}') == '' and machine.mounts(place) == 1
    makes_file()
    killed = pids()
    machine.kill(killed)
    wait_until(lambda: is_active() and not set(killed) & set(pids()), 'it is started again')
    assert as_alice(machine, f'ls {place}') == '' and machine.mounts(place) == 1
    makes_file()
    as_alice(machine, 'systemctl --user stop spoolfs')
    assert machine.mounts(place) == 0 and as_alice(machine, f'ls -A {place}') == ''


def start(machine, name, text, script):
    """A service of this text that runs this script and goes on."""
    machine.write(f'/run/systemd/system/{name}.service',
                  f"{text}Type=notify\nNotifyAccess=all\nExecStart=/bin/bash -euc "
                  f"'{script}; systemd-notify --ready; sleep 1000'\n")
    machine.run('systemctl', 'daemon-reload')
    machine.run('systemctl', 'start', name)


@on_each()
def is_the_tmp_of_a_service(machine):
    """As the manual says, also with users of its own."""
    text = example('BindPaths=/run/spoolfs/33:/tmp')
    start(machine, 'web', text, 'echo x > /tmp/f')
    assert machine.sh('stat -c "%u %a" /run/spoolfs/33/f') == '33 600'
    start(machine, 'apart', text + 'PrivateUsers=yes\n', 'echo x > /tmp/g')
    assert machine.sh('stat -c "%u %a" /run/spoolfs/33/g') == '33 600'
    assert not machine.has('/tmp/f') and not machine.has('/tmp/g')


@on_each()
def is_the_tmp_of_a_dynamic_user(machine):
    """A mount of the service's own, which goes with it, also when it is killed."""
    machine.write('/etc/spoolfs/run-scratch-myjob.conf', 'SPOOLFS_OPTIONS=layout=shared\n')
    mount = 'spoolfs@run-scratch-myjob.service'
    for users in ('', 'PrivateUsers=yes\n'):
        start(machine, 'myjob', example('DynamicUser=yes') + users, 'echo x > /tmp/f')
        assert machine.is_active(mount) and machine.mounts('/run/scratch/myjob') == 1
        assert int(machine.sh('stat -c %u /run/scratch/myjob/f')) > 60000
        if users:
            machine.run('systemctl', 'kill', '-s', 'KILL', 'myjob')
        else:
            machine.run('systemctl', 'stop', 'myjob')
        wait_until(lambda: machine.show(mount, 'ActiveState') == 'inactive', 'its mount has ended')
        assert machine.mounts('/run/scratch/myjob') == 0
        assert machine.sh('ls -A /run/scratch/myjob') == ''


@on_each(options='grace=1')
def is_the_tmpdir_of_a_service(machine):
    """A dynamic user's files go with the last of his processes."""
    text = example('Environment=TMPDIR=/run/spoolfs/self')
    start(machine, 'job', text + 'DynamicUser=yes\n', 'mktemp')
    uid = machine.sh('stat -c %u /proc/$(systemctl show -P MainPID job)')
    assert machine.sh(f'ls /run/spoolfs/{uid} | wc -l') == '1'
    machine.run('systemctl', 'stop', 'job')
    wait_until(lambda: machine.sh(f'ls /run/spoolfs/{uid} | wc -l') == '0', 'they have gone')


@on_each(options='session=cgroup')
def files_of_a_scope_go_with_it(machine):
    """session=cgroup: whatever user they are of, until its last process has ended."""
    script = ('echo x > /run/spoolfs/self/f; setsid sleep 1000 </dev/null >/dev/null 2>&1 & '
              'echo ok; read x')
    scope = machine.popen('systemd-run', '-q', '--scope', '-u', 'batch', '--uid=1000', 'sh', '-c',
                          script)
    assert scope.stdout.readline() == 'ok\n'
    wait_until(lambda: machine.has(f'{OWN}/f'), 'the file is there')
    scope.communicate('\n')
    assert machine.has(f'{OWN}/f'), 'a process of the scope runs on'
    machine.run('systemctl', 'stop', 'batch.scope')
    wait_until(lambda: not machine.has(f'{OWN}/f'), 'its files have gone')
