"""The Debian packages on machines that systemd has booted: an administrator installs them, and
users have their TMPDIR."""
import os

from booted import Booted, on_each
from debian_roots import DEBS, OURS, built, bump
from rig import run, wait_until

PACKAGES = 'mmdebstrap debian-archive-keyring systemd-container'
MOUNTS = '/run/spoolfs', '/srv/scratch'
URING = 'spoolfs-uring.conf'


class Administered(Booted):
    """A machine that has all that our packages want, and them as files, but not installed."""

    def put_in(self):
        for name, source in (('packages', built(self.suite)), ('proc', '/proc'), ('dev', '/dev')):
            os.makedirs(f'{self.path}/{name}', exist_ok=True)
            run('mount', '--rbind', source, f'{self.path}/{name}')
        self.inside('apt-get update -q && apt-get install -qy --no-install-recommends kmod $(ls '
                    f'{DEBS}) && mkdir /debs /newer && cp $(ls {DEBS}) /debs && dpkg --purge '
                    f'{OURS}')
        self.inside(bump('/debs', '/newer'))
        for name in ('packages', 'proc', 'dev'):
            run('umount', '-R', f'{self.path}/{name}')

    def inside(self, script):
        run('chroot', self.path, 'env', 'DEBIAN_FRONTEND=noninteractive', 'bash', '-euc', script)


def daemons(machine):
    return machine.run('pidof', 'spoolfs', check=False).stdout.split()


@on_each(Administered, {'timeout_s': 3600})
def come_and_go(machine):
    """Installed, it serves, and logins have TMPDIR; an upgrade ends nothing; a removal ends all."""
    machine.sh('dpkg -i /debs/*.deb')
    assert machine.is_active() and machine.mounts() == 1
    assert machine.show('spoolfs.service', 'UnitFileState') == 'enabled'
    assert machine.sh('systemctl --global is-enabled spoolfs.service || true') == 'disabled'
    assert machine.sh("su - alice -c 'echo his >$TMPDIR/f; echo $TMPDIR'") == '/run/spoolfs/1000'
    machine.sh('systemctl start spoolfs@srv-scratch; echo x >/srv/scratch/0/f')
    pid = machine.show('spoolfs.service', 'MainPID')
    said = machine.sh('dpkg -i /newer/*.deb')
    assert 'goes on with version' in said, said
    assert machine.show('spoolfs.service', 'MainPID') == pid
    assert machine.sh('cat /run/spoolfs/1000/f /srv/scratch/0/f') == 'his\nx'
    machine.sh('spoolctl status /run/spoolfs')
    machine.sh(f'dpkg --remove {OURS}')
    assert not any(map(machine.mounts, MOUNTS))
    wait_until(lambda: not daemons(machine), 'all daemons end')
    machine.sh(f'dpkg --purge {OURS}')
    assert machine.sh('find /etc /var/lib/systemd /usr /lib/systemd -name "*spoolfs*"') == ''
    machine.sh('dpkg -i /debs/*.deb')
    assert machine.is_active() and machine.mounts() == 1


@on_each(Administered, {'timeout_s': 3600})
def turn_io_uring_on(machine):
    """Where fuse is a module, and where it is built in, unless an administrator does not want."""
    def configured():
        return (machine.sh('modprobe -c').count('options fuse enable_uring=1'),
                machine.sh('systemd-tmpfiles --cat-config').count('enable_uring - - - - Y'))
    assert configured() == (0, 0)
    machine.sh('dpkg -i /debs/*.deb')
    assert configured() == (1, 1)
    machine.sh(f'mkdir -p /etc/modprobe.d; ln -s /dev/null /etc/modprobe.d/{URING}; '
               f'ln -s /dev/null /etc/tmpfiles.d/{URING}')
    assert configured() == (0, 0)
