"""Buildbot, a runner of CI jobs: each has a TMPDIR of its own, which goes with it, whoever is
killed."""
import os
import signal
import subprocess

from rig import (DEADLINE_S, Skip, alive, as_user, binary, case, free_ports, get, is_mounted, need,
                 own_mounts, put, run, wait_until)

PACKAGES = 'buildbot buildbot-worker fuse3'
USER = 2  # fusermount3 wants users with names
# A builder for each script of a project; whoever tells of a change to it starts a build.
CONFIG = '''
from buildbot.plugins import changes, schedulers, steps, util, worker
c = BuildmasterConfig = dict(
    workers=[worker.Worker('w', 'secret')], protocols=dict(pb=dict(port='{port}')),
    change_source=[changes.PBChangeSource(user='who', passwd='secret')], schedulers=[], builders=[],
    db=dict(db_url='sqlite:///state.sqlite'), buildbotNetUsageData=None)
for name, option, limits in (
        ('ends', '--tmp', {{}}), ('hangs', '--', dict(maxTime=5)), ('stays', '--', {{}})):
    factory = util.BuildFactory([steps.ShellCommand(
        command=['{spoolctl}', 'run', option, 'sh', '{base}/' + name + '.sh'], **limits)])
    c['builders'].append(util.BuilderConfig(name, workernames=['w'], factory=factory))
    c['schedulers'].append(schedulers.AnyBranchScheduler(
        name, treeStableTimer=None, builderNames=[name],
        change_filter=util.ChangeFilter(project=name)))
'''
# What a job does first: it says where its files are.
BEGIN = '''f=$(mktemp); exec 3>$TMPDIR/held
echo $TMPDIR $f $$ >{base}/new; mv {base}/new {base}/{name}.said
'''


class Runner:
    """A master, and a worker of an ordinary user, in a directory of this case."""

    def __init__(self):
        need('buildbot', 'buildbot-worker', 'fusermount3')
        if not os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
            raise Skip('an ordinary user may not open /dev/fuse')
        own_mounts()
        run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run')
        self.base = '/run/ci'  # not below /tmp, of which a job has its own
        os.mkdir(self.base)
        os.chown(self.base, USER, USER)
        self.port, = free_ports(1)
        self.servers = {}
        for name, end in (('ends', 'echo x >/tmp/spoolfs-in-tmp; exit 3'),
                          ('hangs', 'sleep 1000'), ('stays', 'sleep 1000')):
            put(f'{self.base}/{name}.sh', (BEGIN.format(base=self.base, name=name) + end).encode())

    def run(self, *argv):
        as_user(USER, lambda: run(*argv, cwd=self.base).returncode)

    def start(self, name, *argv):
        with open(f'{self.base}/{name}.log', 'ab') as log:
            self.servers[name] = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.base,
                user=USER, group=USER, extra_groups=[], start_new_session=True,
                env={'PATH': f'{os.path.dirname(binary("SPOOLFS"))}:{os.environ["PATH"]}',
                     'HOME': self.base, 'LC_ALL': 'C.UTF-8'})

    def __enter__(self):
        self.run('buildbot', 'create-master', '-q', 'master')
        config = CONFIG.format(port=f'tcp:{self.port}:interface=127.0.0.1', base=self.base,
                               spoolctl=binary('SPOOLCTL'))
        put(f'{self.base}/master/master.cfg', config.encode())
        self.run('buildbot-worker', 'create-worker', '-q', 'worker', f'127.0.0.1:{self.port}', 'w',
                 'secret')
        self.start('master', 'buildbot', 'start', '--nodaemon', 'master')
        self.start_worker()
        return self

    def start_worker(self):
        self.start('worker', 'buildbot-worker', 'start', '--nodaemon', 'worker')

    def build(self, name):
        """Return: the job's TMPDIR, a file that it has made and its process."""
        sent = ['buildbot', 'sendchange', '-m', f'127.0.0.1:{self.port}', '-a', 'who:secret', '-W',
                'alice', '--project', name, 'file']
        wait_until(lambda: subprocess.run(sent, capture_output=True, check=False,
                                          cwd=self.base).returncode == 0, 'the master listens')
        said = f'{self.base}/{name}.said'
        wait_until(lambda: os.path.exists(said), f'{name} runs')
        place, file, pid = get(said).decode().split()
        os.unlink(said)
        return place, file, int(pid)

    def __exit__(self, kind, value, trace):
        for name, server in self.servers.items():
            server.terminate()
            server.wait(DEADLINE_S)
            if kind:
                print(name, get(f'{self.base}/{name}.log').decode(errors='replace')[-2000:])


def has_gone(place, file, pid):
    wait_until(lambda: not alive(pid), 'the job ends')
    wait_until(lambda: not os.path.lexists(file) and (place == '/tmp' or not is_mounted(place)),
               'its TMPDIR goes')
    assert not os.path.exists('/tmp/spoolfs-in-tmp')


@case(mount=False)
def jobs_leave_nothing():
    """One that ends by itself, one whose time is up, and one whose worker is killed."""
    with Runner() as runner:
        for name in 'ends', 'hangs':
            place, file, pid = runner.build(name)
            assert file.startswith(f'{place}/tmp.'), (place, file)
            has_gone(place, file, pid)
        place, file, pid = runner.build('stays')
        worker = runner.servers['worker']
        worker.kill()
        worker.wait(DEADLINE_S)
        os.killpg(os.getpgid(pid), signal.SIGKILL)  # as its service manager ends what is left
        has_gone(place, file, pid)
        runner.start_worker()
        place, file, pid = runner.build('ends')
        has_gone(place, file, pid)
