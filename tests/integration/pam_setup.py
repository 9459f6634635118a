"""pam_spoolfs.so in the stacks of Debian, set up by pam-auth-update, with real logins; and its peer
pam_tmpdir.so, from the package libpam-tmpdir, beside it."""
import re

from booted import SSH, on_each
from rig import wait_until

PACKAGES = 'systemd-container mmdebstrap'
STACKS = 'common-session', 'common-session-noninteractive'
OWN = '/run/spoolfs/1000'
LOGINS = {
    'su': lambda script: ['su', '-', 'alice', '-c', script],
    # login(1) drops what was typed before it asks: her shell finds the script in a file
    'login': lambda script: ['script', '-qec', 'exec login -f alice', '/dev/null'],
    'sshd': lambda script: [*SSH, script],
}
TMPDIR = ['TEMP=' + OWN, 'TMP=' + OWN, 'TMPDIR=' + OWN]
PEERS = [line.replace(OWN, '/tmp/user/1000') for line in TMPDIR]


def modules(machine, name):
    """Those that open sessions, in their order."""
    text = machine.sh(f'cat /etc/pam.d/{name}')
    return re.findall(r'^session\s.*?(\w+)\.so', text, re.M)


def update(machine, *arguments):
    machine.run('pam-auth-update', *arguments)
    return [name for name in STACKS if 'pam_spoolfs' in modules(machine, name)]


def variables(machine, login):
    """Those of a new login that are about temporary files, sorted."""
    machine.write('/home/alice/.bash_profile',
                  '[ ! -e /run/typed ] || { . /run/typed; exit 0; }\n')
    machine.sh('rm -f /run/typed' if login != 'login' else 'echo env >/run/typed')
    said = machine.run(*LOGINS[login]('env'))
    return sorted(re.findall(r'^(?:TMP|TEMP|TMPDIR|TEMPDIR)=[^\r\n]*', said.stdout, re.M))


@on_each()
def debian_sets_it_up(machine):
    """As its package does, before and after; and it stays as an administrator wants to have it."""
    assert update(machine, '--package') == [*STACKS]
    assert update(machine, '--disable', 'spoolfs') == []
    assert update(machine, '--package') == []
    assert update(machine, '--enable', 'spoolfs') == [*STACKS]
    assert update(machine, '--package', '--remove', 'spoolfs') == []


@on_each(options='grace=1')
def each_login_has_it(machine):
    update(machine, '--package')
    machine.let_in_by_ssh()
    for login in LOGINS:
        assert variables(machine, login) == TMPDIR, login
    machine.run(*SSH, 'umask 0; echo x > $TMPDIR/f; setsid sleep 1000 >/dev/null 2>&1 </dev/null &')
    assert machine.sh(f'stat -c "%U %a" {OWN}/f') == 'alice 600'
    assert machine.run('su', 'bob', '-c', f'cat {OWN}/f', check=False).returncode == 1
    machine.run('pkill', '-9', '-u', 'alice', 'sleep')
    wait_until(lambda: not machine.has(f'{OWN}/f'), 'its files have gone with the login')


@on_each(options='grace=1')
def files_go_though_no_session_is_closed(machine):
    """All processes of an ssh login are killed, with sshd's own."""
    update(machine, '--package')
    machine.let_in_by_ssh()
    client = machine.popen(*SSH, 'echo x > $TMPDIR/f; echo ok; exec sleep 1000')
    assert client.stdout.readline() == 'ok\n'
    assert machine.has(f'{OWN}/f')
    machine.run('loginctl', 'kill-user', '-s', 'KILL', 'alice')
    client.communicate()
    wait_until(lambda: not machine.has(f'{OWN}/f'), 'its files have gone')


@on_each()
def comes_after_pam_tmpdir(machine):
    """What both set is ours, where the mount serves, and theirs where it does not."""
    machine.let_in_by_ssh()
    update(machine, '--enable', 'tmpdir')
    update(machine, '--package')
    for name in STACKS:
        found = modules(machine, name)
        assert found.index('pam_tmpdir') < found.index('pam_spoolfs'), found
    for login in LOGINS:
        assert variables(machine, login) == ['TEMP=' + OWN, 'TEMPDIR=/tmp/user/1000', *TMPDIR[1:]]
    machine.run('systemctl', 'stop', 'spoolfs')
    for login in LOGINS:
        assert variables(machine, login) == [PEERS[0], 'TEMPDIR=/tmp/user/1000', *PEERS[1:]]


@on_each()
def takes_the_place_of_pam_tmpdir(machine):
    machine.let_in_by_ssh()
    update(machine, '--enable', 'tmpdir')
    update(machine, '--package')
    machine.run('dpkg', '--purge', 'libpam-tmpdir')
    for login in LOGINS:
        assert variables(machine, login) == TMPDIR
    machine.run('systemctl', 'stop', 'spoolfs')
    for login in LOGINS:
        assert variables(machine, login) == []
    machine.run('systemctl', 'start', 'spoolfs')
    for login in LOGINS:
        assert variables(machine, login) == TMPDIR
