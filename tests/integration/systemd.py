"""systemd: the units of spoolfs on booted machines."""
import json
import re

from booted import on_each
from rig import need, run, wait_until

PACKAGES = 'systemd-container mmdebstrap prometheus'
UNIT = 'spoolfs.service'


def processes(machine):
    """{name: pid} of those of the daemon."""
    pids = machine.sh(f'cat /sys/fs/cgroup/system.slice/{UNIT}/cgroup.procs').split()
    return {machine.sh(f'cat /proc/{pid}/comm'): pid for pid in pids}


def kill_all(machine):
    """All processes of the daemon at once, the janitor included. Not by cgroup.kill, which with
    Linux 6.18 also ended what systemd 257 started in the group afterwards."""
    machine.kill(processes(machine).values())


def journal(machine, *arguments):
    return machine.run('journalctl', '-o', 'cat', '-u', UNIT, *arguments).stdout


@on_each()
def serves_in_a_sandbox(machine):
    """Before anybody logs in, for all to see, and with all its protection."""
    assert machine.show(UNIT, 'StatusText') == 'Serves /run/spoolfs'
    assert UNIT in machine.show('systemd-user-sessions.service', 'After').split()
    machine.sh('setpriv --reuid=1000 --clear-groups sh -c "echo x > /run/spoolfs/self/f"')
    assert machine.sh('stat -c "%U %a" /run/spoolfs/1000/f') == 'alice 600'
    said = machine.sh('spoolctl status /run/spoolfs')
    for protection in (r'landlock +on', r'seccomp +on', r'capabilities none', r'nice -10',
                       r'swap +file data are never swapped'):
        assert re.search(protection, said), said
    pids = processes(machine)
    outside = machine.sh('readlink /proc/1/ns/mnt')
    for name, inside in (('spoolfs-super', False), ('spoolfs-janitor', False), ('spoolfs', True),
                         ('spoolfs-witness', True)):
        assert (machine.sh(f'readlink /proc/{pids[name]}/ns/mnt') != outside) == inside, name
    for unit in (UNIT, 'spoolfs@srv-scratch.service'):
        said = machine.run('systemd-analyze', 'security', '--no-pager', unit).stdout
        exposure = re.search(r'exposure level for \S+: (\S+)', said)[1]
        print(f'systemd {machine.version}, {unit}: exposure {exposure}')
        assert unit != UNIT or float(exposure) <= 2.0, said


@on_each()
def stops_and_restarts(machine):
    """A changed configuration of systemd's changes nothing; a stop wipes, and so does a restart."""
    holder = machine.popen('sh', '-c', 'exec 3>/run/spoolfs/self/held; echo ok; read x; '
                           'echo more >&3 || echo gone')
    assert holder.stdout.readline() == 'ok\n'
    machine.run('systemctl', 'daemon-reload')
    machine.run('systemctl', 'daemon-reexec')
    assert machine.sh('ls /run/spoolfs/self') == 'held' and machine.is_active()
    machine.run('systemctl', 'restart', UNIT)
    assert machine.is_active() and machine.mounts() == 1
    assert machine.sh('ls /run/spoolfs/self') == ''
    assert 'gone' in holder.communicate('\n')[0]
    machine.sh('echo x > /run/spoolfs/self/f')
    machine.run('systemctl', 'stop', UNIT)
    assert machine.show(UNIT, 'Result') == 'success'
    assert machine.mounts() == 0 and machine.sh('ls -A /run/spoolfs; pgrep spoolfs || :') == ''


@on_each()
def starts_again_when_all_are_killed(machine):
    machine.sh('echo x > /run/spoolfs/self/f')
    kill_all(machine)
    wait_until(lambda: machine.show(UNIT, 'NRestarts') == '1' and machine.is_active(),
               'it is started again')
    assert machine.mounts() == 1 and machine.sh('ls /run/spoolfs/self') == ''
    for name in ('spoolfs', 'spoolfs-super'):
        before = int(machine.show(UNIT, 'NRestarts'))
        machine.run('kill', '-9', processes(machine)[name])
        wait_until(lambda before=before: int(machine.show(UNIT, 'NRestarts')) > before and
                   machine.is_active(), 'it is started again')
        assert machine.mounts() == 1 and machine.sh('ls /run/spoolfs/self') == ''


@on_each()
def leaves_no_dead_mount(machine):
    """Nor when it is not started again."""
    machine.write(f'/run/systemd/system/{UNIT}.d/once.conf', '[Service]\nRestart=no\n')
    machine.run('systemctl', 'daemon-reload')
    kill_all(machine)
    wait_until(lambda: machine.show(UNIT, 'ActiveState') == 'failed', 'it has failed')
    assert machine.mounts() == 0, journal(machine)
    assert machine.sh('ls -A /run/spoolfs') == ''


@on_each(options='size=1G')
def takes_options(machine):
    """Those of its file: some while it serves; wrong ones with a line, and no restart."""
    def options(text):
        machine.write('/etc/default/spoolfs', f'SPOOLFS_OPTIONS={text}\n')
    assert re.search(r'size +\S+ used of 1G', machine.sh('spoolctl status /run/spoolfs'))
    options('size=2G,user_size=50%')
    machine.run('systemctl', 'reload', UNIT)
    assert re.search(r'size +\S+ used of 2G', machine.sh('spoolctl status /run/spoolfs'))
    options('layout=shared')
    assert machine.run('systemctl', 'reload', UNIT, check=False).returncode != 0
    assert machine.is_active() and 'layout=shared: cannot be changed' in journal(machine)
    options('nonsense=1')
    assert machine.run('systemctl', 'restart', UNIT, check=False).returncode != 0
    assert machine.show(UNIT, 'ActiveState') == 'failed'
    assert machine.show(UNIT, 'NRestarts') == '0'
    assert 'spoolfs: nonsense=1: unknown option' in journal(machine)
    assert machine.mounts() == 0


@on_each(options='user_size=1M')
def its_log_has_fields(machine):
    machine.run('setpriv', '--reuid=1000', '--clear-groups', 'sh', '-c',
                'head -c 2M /dev/zero >/run/spoolfs/self/f', check=False)
    machine.run('kill', '-9', processes(machine)['spoolfs'])
    wait_until(lambda: machine.show(UNIT, 'NRestarts') == '1', 'it is started again')
    machine.run('journalctl', '--sync')
    lines = [json.loads(line) for line in
             machine.sh(f'journalctl -o json -u {UNIT} SPOOLFS_MOUNT=/run/spoolfs').splitlines()]
    limit, killed = lines
    assert limit['MESSAGE'].startswith('limit reached: user_size=1048576 of uid 1000: '), limit
    for name, value in (('PRIORITY', '6'), ('SPOOLFS_LIMIT', 'user_size'), ('SPOOLFS_UID', '1000'),
                        ('SPOOLFS_LIMIT_VALUE', '1048576'), ('_COMM', 'spoolfs')):
        assert limit[name] == value, (name, limit)
    assert 'the worker was killed by signal 9' in killed['MESSAGE'], killed
    assert killed['PRIORITY'] == '3' and killed['_COMM'] == 'spoolfs-super', killed


@on_each()
def a_supervisor_that_hangs_is_killed(machine):
    machine.write(f'/run/systemd/system/{UNIT}.d/soon.conf',
                  '[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\n')
    machine.run('systemctl', 'daemon-reload')
    machine.run('systemctl', 'restart', UNIT)
    machine.sh('echo x > /run/spoolfs/self/f')
    machine.run('kill', '-STOP', processes(machine)['spoolfs-super'])
    wait_until(lambda: machine.show(UNIT, 'NRestarts') == '1' and machine.is_active(),
               'it is started again')
    assert 'Watchdog timeout' in journal(machine)
    assert machine.mounts() == 1 and machine.sh('ls /run/spoolfs/self') == ''


@on_each()
def nobody_writes_to_what_was_covered(machine):
    """When the worker of an instance dies, its mount point is root's, also one with a set-id bit:
    no call of the service may set that."""
    machine.sh('mkdir -p /srv/scratch; chown alice:alice /srv/scratch; chmod 2775 /srv/scratch')
    name = 'spoolfs@srv-scratch.service'
    machine.write(f'/run/systemd/system/{name}.d/once.conf', '[Service]\nRestart=no\n')
    machine.run('systemctl', 'daemon-reload')
    machine.run('systemctl', 'start', name)
    supervisor = machine.show(name, 'MainPID')
    worker = machine.sh(f'cat /proc/{supervisor}/task/{supervisor}/children').split()[0]
    machine.run('kill', '-9', worker)
    wait_until(lambda: machine.show(name, 'ActiveState') == 'failed', 'it has failed')
    assert machine.sh('stat -c "%U %a" /srv/scratch') == 'root 755'


@on_each()
def a_timer_writes_figures(machine):
    """Where the node exporter looks for them, again and again, while that is installed."""
    need('promtool')
    folder, timer = '/var/lib/prometheus/node-exporter', 'spoolfs-metrics.timer'
    service, file = 'spoolfs-metrics.service', f'{folder}/spoolfs.prom'
    machine.run('systemctl', 'start', service)
    assert machine.show(service, 'ConditionResult') == 'no' and not machine.has(folder)
    machine.sh(f'mkdir -p {folder}; systemctl enable --now {timer}')
    for _ in range(2):
        wait_until(lambda: machine.has(file), 'the timer has written figures')
        text = machine.sh(f'cat {file}; rm {file}') + '\n'
        assert 'spoolfs_up{mountpoint="/run/spoolfs"} 1\n' in text, text
        said = run('promtool', 'check', 'metrics', input=text)
        assert not said.stdout and not said.stderr, said
    machine.run('systemctl', 'stop', UNIT)
    machine.run('systemctl', 'start', service)
    assert '/run/spoolfs' not in machine.sh(f'cat {file}')
    assert machine.show(service, 'Result') == 'success'
    machine.run('systemctl', 'disable', '--now', timer)
