"""Slurm, on one node: jobs have a TMPDIR of their own, which goes with them."""
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from logins import add_user
from rig import (DEADLINE_S, Skip, alive, binary, case, free_ports, get, is_mounted, mounts, need,
                 own_mounts, own_uids, put, run, wait_until)

PACKAGES = 'slurmctld slurmd slurm-client munge libslurm-dev'
TOP = Path(__file__).resolve().parents[2]
BUILT = Path(os.environ.get('SPANK_SPOOLFS') or
             TOP / 'build-release/tools/slurm/spank_spoolfs.so')
PLACE, BASE = '/run/slurm', '/run/spoolfs-slurm'
PLUGIN = f'{PLACE}/spank_spoolfs.so'  # where alice can read it
CONFIG = '''ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={place}/munge.socket
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmdTimeout=300
KillWait={wait}
CompleteWait=0
MpiDefault=none
PropagateResourceLimits=NONE
PlugStackConfig={place}/plugstack.conf
PrologFlags=Alloc
NodeName={host} CPUs=2 NodeAddr=127.0.0.1 State=UNKNOWN
PartitionName=p Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE
'''


class Cluster:
    """A controller and a node, in a /run and an /etc of this case; the user is alice."""

    def __init__(self, arguments='', more='', spank=True, wait=1):
        need('slurmctld', 'slurmd', 'munged', 'mungekey', 'srun')
        if not BUILT.exists():
            raise Skip('spank_spoolfs.so is not installed')
        plugin = BUILT.read_bytes()
        self.alice, self.bob = own_uids(2)
        self.host = socket.gethostname().split('.')[0]
        self.daemons = {}
        own_mounts()
        run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run')
        run('cp', '-a', '/etc', '/run/etc')
        run('mount', '--bind', '/run/etc', '/etc')
        add_user('alice', self.alice)
        add_user('bob', self.bob)
        for name in '', '/state', '/spool':
            os.mkdir(PLACE + name, 0o755)
        os.environ['SLURM_CONF'] = f'{PLACE}/slurm.conf'
        ports = free_ports(2)
        put(f'{PLACE}/slurm.conf', (CONFIG.format(host=self.host, place=PLACE, ports=ports,
                                                  wait=wait)
                                    + more).encode())
        put(PLUGIN, plugin)
        line = f'required {PLUGIN} program={binary("SPOOLFS")} {arguments}\n' if spank else ''
        put(f'{PLACE}/plugstack.conf', line.encode())
        run('mungekey', '--create', f'--keyfile={PLACE}/key')

    def spawn(self, name, *argv):
        with open(f'{PLACE}/{name}.log', 'ab') as log:
            self.daemons[name] = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log,
                                                  stderr=log)

    def start_controller(self):
        self.spawn('slurmctld', 'slurmctld', '-D')

    def start_node(self):
        self.spawn('slurmd', 'slurmd', '-D', '-N', self.host)

    def state(self):
        done = run('sinfo', '-h', '-o', '%T', check=False)
        return done.stdout.strip()

    def __enter__(self):
        self.spawn('munged', 'munged', '--force', '--foreground', f'--socket={PLACE}/munge.socket',
                   f'--key-file={PLACE}/key', f'--pid-file={PLACE}/munge.pid',
                   f'--seed-file={PLACE}/munge.seed')
        wait_until(lambda: os.path.exists(f'{PLACE}/munge.socket'), 'munged listens')
        self.start_controller()
        self.start_node()
        wait_until(lambda: self.state() == 'idle', 'the node is there')
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            for name in self.daemons:
                print(name, get(f'{PLACE}/{name}.log').decode(errors='replace')[-3000:])
        run('scancel', '--signal=KILL', '--full', '--state=running', '--me', check=False)
        for daemon in reversed(self.daemons.values()):
            if daemon.poll() is None:
                daemon.terminate()
                daemon.wait(DEADLINE_S)

    def kill(self, name):
        self.daemons[name].kill()
        self.daemons[name].wait()

    def do(self, *argv, user=None, check=True, **kwargs):
        """A command of Slurm's, as that user."""
        uid = self.alice if user is None else user
        return run(*argv, check=check, cwd='/', user=uid, group=uid, extra_groups=[], **kwargs)

    def batch(self, script, *options):
        """Submits it. The number of the job."""
        put(f'{PLACE}/job.sh', f'#!/bin/bash\n{script}\n'.encode())
        said = self.do('sbatch', '--parsable', '--output=/dev/null', *options, f'{PLACE}/job.sh')
        return int(said.stdout.split(';')[0])

    def is_over(self, job):
        """Whether neither the job nor its epilog runs."""
        return not run('squeue', '-h', '-j', str(job), check=False).stdout.strip()


def is_clean():
    return not any(point.startswith(BASE) for point, _ in mounts()) and \
        (not os.path.exists(BASE) or not os.listdir(BASE))


def all_gone():
    wait_until(is_clean, 'nothing is left of the job')


def started(name):
    """Waits until a job has written this file below its mount, not only made it, and leaves it
    there."""
    found = []

    def look():
        found[:] = [path for path in Path(BASE).glob(f'*/{name}') if path.stat().st_size] \
            if os.path.exists(BASE) else []
        return found

    wait_until(look, f'{name} is written')
    return found[0]


@case(mount=False)
def a_job_has_its_own_tmpdir():
    with Cluster() as cluster:
        script = 'echo $TMPDIR $TMP $TEMP; f=$(mktemp); stat -c "%a %U" $f $TMPDIR; ' \
                 'df --output=size -m $TMPDIR | tail -n 1'
        said = cluster.do('srun', '--spool=64M', 'sh', '-c', script).stdout.split()
        assert re.fullmatch(f'{BASE}/\\d+', said[0]) and said[1:3] == [said[0]] * 2, said
        assert said[3:] == ['600', 'alice', '700', 'alice', '64'], said
        all_gone()
        # who does not ask keeps what he has
        said = cluster.do('srun', 'sh', '-c', 'echo ${TMPDIR-none}',
                          env={'PATH': os.environ['PATH'], 'SLURM_CONF': os.environ['SLURM_CONF']})
        assert BASE not in said.stdout, said
        assert is_clean()


@case(mount=False)
def steps_of_a_job_share_it():
    """And nobody else's do; nor does it go while no step runs."""
    with Cluster() as cluster:
        job = cluster.batch('#SBATCH --spool=64M\nsrun sh -c "echo x >$TMPDIR/f"\n'
                            'srun cp $TMPDIR/f $TMPDIR/done\n'
                            'while [ -e $TMPDIR/done ]; do sleep 0.1; done')
        done = started('done')
        assert get(done) == b'x\n'
        other = cluster.do('srun', '--spool=64M', '--overlap', 'cat', str(done), user=cluster.bob,
                           check=False)
        assert other.returncode and 'Permission denied' in other.stderr, other
        assert get(done) == b'x\n'
        os.unlink(done)
        wait_until(lambda: cluster.is_over(job), 'the job ends')
        all_gone()


@case(mount=False)
def a_job_that_is_cancelled_leaves_nothing():
    with Cluster() as cluster:
        job = cluster.batch('echo x >$TMPDIR/f; exec 3<$TMPDIR/f; sleep 1000', '--spool=64M')
        started('f')
        cluster.do('scancel', str(job))
        all_gone()
        wait_until(lambda: cluster.state() == 'idle', 'the node is free')


@case(mount=False)
def a_job_that_is_cancelled_may_save_what_it_has():
    """It has KillWait for that, and the prologs and epilogs of others leave its files alone."""
    with Cluster(wait=DEADLINE_S) as cluster:
        other = cluster.batch('echo x >$TMPDIR/o; while [ -e $TMPDIR/o ]; do sleep 0.1; done',
                              '--spool=64M')
        job = cluster.batch('trap "echo x >$TMPDIR/ending" TERM\necho x >$TMPDIR/f\n'
                            'until [ -e $TMPDIR/go ]; do sleep 0.1; done', '--spool=64M')
        file, others = started('f'), started('o')
        cluster.do('scancel', str(job))
        started('ending')
        os.unlink(others)
        wait_until(lambda: cluster.is_over(other) and not others.parent.exists(),
                   'the other one and its epilog end')
        assert get(file) == b'x\n'
        put(f'{file.parent}/go', b'')
        wait_until(lambda: cluster.is_over(job), 'the job ends')
        all_gone()


@case(mount=False)
def no_more_than_it_asked_for():
    with Cluster() as cluster:
        said = cluster.do('srun', '--spool=16M', 'sh', '-c',
                          'dd if=/dev/zero of=$TMPDIR/f bs=1M count=32', check=False)
        assert said.returncode and 'No space left on device' in said.stderr, said
        all_gone()


@case(mount=False)
def wrong_wishes_are_refused_at_once():
    with Cluster('max=1G') as cluster:
        for value, why in (('10X', 'not a size'), ('', 'not a size'), ('4K', 'too small'),
                           ('0', 'too small'), ('-1G', 'not a size'), ('50%', 'not a size'),
                           ('1G,ram=1G', 'not a size'), ('1.5G', 'not a size'),
                           ('99999999999G', 'not a size'), ('None', 'not a size'),
                           ('9' * 200, 'not a size'), ('1G\n\x1b[2J', 'not a size')):
            said = cluster.do('srun', f'--spool={value}', 'true', check=False)
            shown = value.replace('\n', r'\012').replace('\x1b', r'\033')
            shown = shown if len(shown) < 101 else shown[:97] + '...'
            lines = [line for line in said.stderr.splitlines() if 'allowed' in line]
            assert said.returncode and len(lines) == 1, said
            assert f'--spool={shown}: {why} ' in lines[0], said
        assert not run('squeue', '-h').stdout
        said = cluster.do('srun', '--spool=2G', 'true', check=False)
        assert said.returncode and 'too large (allowed: up to 1G)' in said.stderr, said
        # what was in order when it was asked for is looked at again where it runs
        job = cluster.batch('touch /run/slurm/it-ran', '--spool=512M', '--hold')
        line = get(f'{PLACE}/plugstack.conf')
        put(f'{PLACE}/plugstack.conf', line.replace(b'max=1G', b'max=256M'))
        cluster.do('scontrol', 'release', str(job))
        wait_until(lambda: cluster.is_over(job), 'the job fails')
        assert not os.path.exists('/run/slurm/it-ran') and is_clean()
        wait_until(lambda: cluster.state() == 'idle', 'it is no fault of the node')


@case(mount=False)
def all_jobs_get_one_by_default():
    with Cluster('default=32M options=ram=16M,backing_any=on') as cluster:
        def size(*options):
            return cluster.do('srun', *options, 'sh', '-c',
                              'df --output=size -m $TMPDIR | tail -n 1').stdout.strip()
        assert size() == '32' and size('--spool=48M') == '48'
        said = cluster.do('srun', '--spool=none', 'sh', '-c', 'echo $TMPDIR').stdout
        assert BASE not in said
        all_gone()


@case(mount=False)
def who_cannot_have_it_does_not_run_without():
    with Cluster() as cluster:
        put(f'{PLACE}/plugstack.conf', f'required {PLUGIN} program=/bin/false\n'.encode())
        job = cluster.batch('touch /run/slurm/it-ran', '--spool=64M')
        wait_until(lambda: 'ended as it started' in
                   get(f'{PLACE}/slurmd.log').decode(errors='replace'), 'slurmd says why')
        wait_until(lambda: 'drain' in cluster.state(), 'the node takes no more')
        assert not os.path.exists('/run/slurm/it-ran')
        cluster.do('scancel', str(job))
        assert is_clean()


@case(mount=False)
def kills_leave_nothing():
    """Of the daemon of the mount, of the step, of the node's daemon."""
    with Cluster() as cluster:
        # the mount goes with its daemon, the job sees an error, the node stays
        job = cluster.batch('echo x >$TMPDIR/f; while [ -e $TMPDIR/f ]; do sleep 0.1; done',
                            '--spool=64M')
        place = str(started('f').parent)
        for pid in daemons_of(place):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: cluster.is_over(job), 'the job ends')
        all_gone()
        wait_until(lambda: cluster.state() == 'idle', 'the node is free')
        # the step
        job = cluster.batch('echo x >$TMPDIR/f; sleep 1000', '--spool=64M')
        started('f')
        for pid in steps_of(job):
            os.kill(pid, signal.SIGKILL)
        cluster.do('scancel', str(job), check=False)
        all_gone()
        run('pkill', '-KILL', '-U', str(cluster.alice))  # whom Slurm has lost
        # the node's daemon: the epilog is run when it is back
        wait_until(lambda: cluster.state() == 'idle', 'the node is free')
        job = cluster.batch('echo x >$TMPDIR/f; sleep 1000', '--spool=64M')
        started('f')
        cluster.kill('slurmd')
        cluster.do('scancel', str(job))
        cluster.start_node()
        all_gone()


@case(mount=False)
def a_controller_that_is_killed_ends_nothing():
    """Of a job that it had written down."""
    with Cluster() as cluster:
        job = cluster.batch('echo x >$TMPDIR/f; while [ -e $TMPDIR/f ]; do sleep 0.1; done',
                            '--spool=64M')
        file, now = started('f'), time.time()
        state = f'{PLACE}/state/job_state'
        wait_until(lambda: os.path.exists(state) and os.stat(state).st_mtime > now,
                   'the controller writes down what runs')
        cluster.kill('slurmctld')
        assert get(file) == b'x\n'
        cluster.start_controller()
        wait_until(lambda: str(job) in run('squeue', '-h', '-o', '%i', check=False).stdout,
                   'it is back')
        os.unlink(file)
        wait_until(lambda: cluster.is_over(job), 'the job ends')
        all_gone()


def daemons_of(place):
    """The supervisor and the worker."""
    status = run(binary('SPOOLCTL'), 'status', '--json', place).stdout
    return [int(re.search(f'"{name}_pid": (\\d+)', status)[1]) for name in ('supervisor', 'worker')]


def steps_of(job):
    """The processes of Slurm that watch over it, and what they watch."""
    found = []
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            line = get(f'/proc/{name}/cmdline')
        except OSError:
            continue
        if line.startswith(f'slurmstepd: [{job}.'.encode()):
            found.append(int(name))
    assert found, 'no step is there'
    return found


@case(mount=False)
def what_nobody_ended_is_swept_up():
    """The mount of a job of which neither node nor controller knows any more."""
    with Cluster() as cluster:
        os.makedirs(f'{BASE}/99999')
        run(binary('SPOOLFS'), '-o', 'layout=single,detach=0,backing=none', f'{BASE}/99999')
        pids = daemons_of(f'{BASE}/99999')
        job = cluster.batch('echo x >$TMPDIR/f; while [ -e $TMPDIR/f ]; do sleep 0.1; done',
                            '--spool=64M')
        file = started('f')
        assert not is_mounted(f'{BASE}/99999') and get(file) == b'x\n'
        wait_until(lambda: not any(map(alive, pids)), 'its daemon ends')
        # another one's prolog leaves a job alone that runs
        cluster.do('srun', '--overlap', '--spool=64M', 'true', user=cluster.bob)
        assert get(file) == b'x\n'
        os.unlink(file)
        wait_until(lambda: cluster.is_over(job), 'the job ends')
        all_gone()


@case(mount=False)
def without_the_plugin():
    """Prolog, task prolog and epilog do it."""
    scripts = TOP / 'packaging/slurm'
    more = ''.join(f'{name}={scripts}/{file}.sh\n' for name, file in (
        ('Prolog', 'prolog'), ('TaskProlog', 'task-prolog'), ('Epilog', 'epilog')))
    cluster = Cluster(more=more, spank=False)
    os.makedirs('/etc/default', exist_ok=True)
    put('/etc/default/spoolfs-slurm', b'SPOOLFS_OPTIONS=size=32M\nPATH='
        + os.path.dirname(binary('SPOOLFS')).encode() + b':$PATH\n')
    with cluster:
        said = cluster.do('srun', 'sh', '-c', 'mktemp; df --output=size -m $TMPDIR | tail -n 1')
        path, size = said.stdout.split()
        assert path.startswith(f'{BASE}/') and size == '32', said
        all_gone()
        job = cluster.batch('echo x >$TMPDIR/f; sleep 1000')
        started('f')
        cluster.do('scancel', str(job))
        all_gone()


@case(mount=False)
def the_epilog_waits_for_no_daemon():
    """One that hangs, and one that cannot be unmounted as it was not mounted here."""
    script = TOP / 'packaging/slurm/epilog.sh'
    own_mounts()
    if run('unshare', '--user', 'true', check=False).returncode:
        raise Skip('no user namespaces here')
    run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run')
    os.makedirs(f'{BASE}/7')
    os.environ['SLURM_JOB_ID'] = '7'
    run('bash', script)
    assert is_clean()
    run('bash', script)  # there is none any more
    os.mkdir(f'{BASE}/7')
    run(binary('SPOOLFS'), '-o', 'layout=single,detach=0,backing=none', f'{BASE}/7')
    pids = daemons_of(f'{BASE}/7')
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        inner = f'mount --make-rprivate /; bash {script}'
        done = run('unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', inner,
                   check=False)
        assert done.returncode == 1 and 'cannot be removed' in done.stderr, done
        run('bash', script)
        assert is_clean()
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    wait_until(lambda: not any(map(alive, pids)), 'its daemon ends')
