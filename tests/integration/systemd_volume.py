"""systemd: the units of spoolfs-volume on booted machines."""
import json
import re

from booted import on_each
from rig import wait_until
from volumes import ID, post

PACKAGES = 'systemd-container mmdebstrap'
UNIT = 'spoolfs-volume.service'
PATH = '/run/spoolfs-volume/volumes/v'


def call(machine, name, **body):
    """What the plugin answers to an engine outside of the machine."""
    path = f'/proc/{machine.leader}/root/run/docker/plugins/spoolfs.sock'
    status, answer = post(path, f'VolumeDriver.{name}', json.dumps(body))
    assert status == 200, answer
    return answer


def container(machine):
    """Has a copy of the mount until its input ends."""
    holder = machine.popen('unshare', '-m', 'sh', '-ec',
                           f'mount --bind {PATH} /mnt; echo ok; read x; cat /mnt/f')
    assert holder.stdout.readline() == 'ok\n'
    return holder


def is_wiped(machine):
    wait_until(lambda: machine.mounts(PATH) == 0, 'it is unmounted')


@on_each()
def volumes_outlive_their_plugin(machine):
    machine.run('systemctl', 'enable', '--now', 'spoolfs-volume.socket')
    assert not machine.is_active(UNIT)
    assert machine.sh('stat -c "%U %a" /run/docker/plugins/spoolfs.sock') == 'root 600'
    call(machine, 'Create', Name='v', Opts={'size': '8m'})
    assert machine.is_active(UNIT)
    assert call(machine, 'Mount', Name='v', ID=ID)['Mountpoint'] == PATH
    holder = container(machine)
    machine.sh(f'echo kept > {PATH}/f')
    machine.run('systemctl', 'restart', UNIT)
    machine.run('kill', '-9', machine.show(UNIT, 'MainPID'))
    wait_until(lambda: machine.is_active(UNIT), 'it is started again')
    assert call(machine, 'Get', Name='v')['Volume']['Mountpoint'] == PATH
    machine.run('systemctl', 'stop', UNIT)
    assert machine.mounts(PATH) == 1
    call(machine, 'Unmount', Name='v', ID=ID)
    assert machine.is_active(UNIT) and machine.mounts(PATH) == 1
    assert holder.communicate('\n')[0] == 'kept\n'
    is_wiped(machine)
    call(machine, 'Remove', Name='v')
    wait_until(lambda: machine.sh('pgrep -a spoolfs-super | grep volumes || :') == '',
               'its daemon has ended')


@on_each()
def is_hardened(machine):
    """And volumes are mounted all the same, for all to see; as the daemon says, with RAM that is
    not swapped and a worker in its sandbox."""
    machine.run('systemctl', 'start', UNIT)
    call(machine, 'Create', Name='v', Opts={})
    call(machine, 'Mount', Name='v', ID=ID)
    assert machine.mounts(PATH) == 1
    print(machine.sh(f'chrt -p {machine.show(UNIT, "MainPID")}'))
    said = machine.sh(f'spoolctl status {PATH}')
    for protection in (r'landlock +on', r'seccomp +on', r'capabilities none', r'nice -10',
                       r'swap +file data are never swapped'):
        assert re.search(protection, said), said
    exposure = re.search(r'exposure level for \S+: (\S+)', machine.run(
        'systemd-analyze', 'security', '--no-pager', UNIT).stdout)[1]
    print(f'systemd {machine.version}, {UNIT}: exposure {exposure}')
    assert float(exposure) <= 5.0, exposure
    call(machine, 'Remove', Name='v')
    is_wiped(machine)


@on_each()
def says_what_is_wrong(machine):
    machine.write('/etc/default/spoolfs-volume', 'SPOOLFS_VOLUME_OPTIONS=size=8x\n')
    machine.run('systemctl', 'start', UNIT, check=False)
    wait_until(lambda: machine.show(UNIT, 'ActiveState') == 'failed', 'it has failed')
    assert machine.show(UNIT, 'NRestarts') == '0'
    said = machine.run('journalctl', '-o', 'cat', '-u', UNIT).stdout
    assert 'spoolfs: size=8x: not a number' in said, said
