"""Machines that systemd has booted, with logind and sshd, as containers of systemd-nspawn: for
cases about units and logins. Their systems are kept in build-booted: it takes long to make one."""
import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path

from rig import Skip, binary, case_on_each, need, own_mounts, run, wait_until

TOP = Path(__file__).resolve().parents[2]
KEPT = TOP / 'build-booted'
SUITES = {'bookworm': 252, 'trixie': 257, 'forky': 262}  # which systemd they have
MIRROR = os.environ.get('SPOOL_MIRROR', 'http://deb.debian.org/debian')
PACKAGES = ('systemd,systemd-sysv,dbus,libpam-systemd,libpam-tmpdir,login,openssh-server,'
            'openssh-client,fuse3,procps,polkitd,cron')
USERS = {'alice': 1000, 'bob': 1001}
PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
LONG_S = 1500  # for what comes from a mirror
SSH = ['ssh', '-q', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null',
       '-i', '/root/key', 'alice@127.0.0.1']  # for root of the machine, after let_in_by_ssh()
LIBRARIES = 'usr/local/lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu'
# what the sandbox of the daemon calls, and nspawn does not allow by itself
CALLS = 'landlock_create_ruleset landlock_add_rule landlock_restrict_self'


def system_of(suite):
    """The directory of a bare system, which is made when it is not there."""
    path = KEPT / suite
    KEPT.mkdir(exist_ok=True)
    with open(KEPT / 'lock', 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            new = KEPT / f'{suite}.new'
            shutil.rmtree(new, ignore_errors=True)
            run('mmdebstrap', '--variant=minbase', '--aptopt=Acquire::Check-Valid-Until "false"',
                f'--include={PACKAGES}',
                '--customize-hook=chroot "$1" pam-auth-update --disable tmpdir', suite, str(new),
                MIRROR, timeout=LONG_S)
            os.rename(new, path)
    return path


def libraries_of(program):
    """What the linker loads for it."""
    return re.findall(r'=> (/\S+)', run('ldd', program).stdout)


class Booted:
    """A machine that has booted, with spoolfs as `meson install` lays it out, enabled, and two
    ordinary users. The case gets mounts of its own, and a view of cgroup 2 alone."""

    def __init__(self, suite, options=''):
        need('systemd-nspawn', 'mmdebstrap', 'meson')
        if not os.environ['PAM_SPOOLFS']:
            raise Skip('pam_spoolfs.so cannot be loaded')
        self.suite, self.version = suite, SUITES[suite]
        self.base = os.path.join(os.environ['SPOOL_CASE_DIR'], 'machine')
        self.path = f'{self.base}/root'
        self.options = options
        self.process = self.leader = None
        self.log = open(os.path.join(os.environ['SPOOL_CASE_DIR'], 'console'), 'wb')

    def lay_out(self):
        """The system, below whose changes all other cases' systems are the same."""
        own_mounts()
        for path in (self.base, '/run/systemd/nspawn'):
            os.makedirs(path, exist_ok=True)
            run('mount', '-t', 'tmpfs', 'tmpfs', path)
        for name in ('upper', 'work', 'root'):
            os.mkdir(f'{self.base}/{name}')
        run('mount', '-t', 'overlay', '-o', f'lowerdir={system_of(self.suite)},'
            f'upperdir={self.base}/upper,workdir={self.base}/work', 'overlay', self.path)
        self.put_in()
        self.write('/etc/machine-id', '')
        for name, uid in USERS.items():
            run('useradd', '-R', self.path, '-m', '-s', '/bin/bash', '-u', str(uid), name)

    def put_in(self):
        """spoolfs, into a machine that has not booted."""
        build = Path(os.environ['PAM_SPOOLFS']).parents[2]
        run('meson', 'install', '-C', str(build), '--no-rebuild', '--destdir', self.path)
        os.makedirs(f'{self.path}/{LIBRARIES[0]}', exist_ok=True)
        for library in {library for program in ('SPOOLFS', 'SPOOLFS_VOLUME')
                        if os.environ.get(program) for library in libraries_of(binary(program))}:
            if not any(os.path.exists(f'{self.path}/{place}/{os.path.basename(library)}')
                       for place in LIBRARIES):
                shutil.copy(library, f'{self.path}/{LIBRARIES[0]}')
        run('ldconfig', '-r', self.path)
        self.write('/etc/default/spoolfs', f'SPOOLFS_OPTIONS={self.options or "defaults"}\n')
        run('systemctl', f'--root={self.path}', 'enable', 'spoolfs.service')

    def write(self, path, text, mode=0o644):
        """A file of the machine, before or after it boots."""
        inside = f'{self.path}{path}' if not self.leader else f'/proc/{self.leader}/root{path}'
        os.makedirs(os.path.dirname(inside), exist_ok=True)
        with open(inside, 'w', encoding='utf-8') as file:
            file.write(text)
        os.chmod(inside, mode)

    def __enter__(self):
        self.lay_out()
        run('umount', '-R', '/sys/fs/cgroup')
        run('mount', '-t', 'cgroup2', 'none', '/sys/fs/cgroup')
        self.process = subprocess.Popen(
            ['systemd-nspawn', '-q', '-D', self.path, '--register=no', '--keep-unit', '--boot',
             '--console=read-only', '--private-network', '--bind=/dev/fuse',
             f'--system-call-filter={CALLS}'],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            wait_until(self.find_leader, 'systemd starts')
            wait_until(self.has_booted, 'it has booted')
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def has_booted(self):
        said = self.run('systemctl', 'is-system-running', check=False).stdout.strip()
        return said in ('running', 'degraded')

    def find_leader(self):
        """The first process of the machine: a child of one of nspawn's."""
        if self.process.poll() is not None:
            raise AssertionError(f'systemd-nspawn ended: {self.console()}')
        pids = [self.process.pid]
        for pid in pids:
            try:
                with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as file:
                    pids += map(int, file.read().split())
                with open(f'/proc/{pid}/status', encoding='ascii') as file:
                    ids = next(line for line in file if line.startswith('NSpid:')).split()
                program = os.readlink(f'/proc/{pid}/exe')
                if ids[1:] == [str(pid), '1'] and program.endswith('systemd'):
                    self.leader = pid
                    return True
            except (OSError, StopIteration):
                continue
        return False

    def console(self):
        with open(self.log.name, 'r', encoding='utf-8', errors='replace') as file:
            return file.read()[-4000:]

    def run(self, *argv, **options):
        """A program in the machine, as root, outside of all its units."""
        return run('nsenter', '-t', str(self.leader), '-a', 'env', '-i', f'PATH={PATH}',
                   'LC_ALL=C.UTF-8', 'SYSTEMD_PAGER=', 'SYSTEMD_COLORS=0', *argv, **options)

    def sh(self, script, **options):
        """A shell script that stops at its first error. What it prints, stripped."""
        return self.run('bash', '-euo', 'pipefail', '-c', script, **options).stdout.strip()

    def let_in_by_ssh(self):
        """Root logs in as alice by SSH."""
        self.sh('ssh-keygen -q -t ed25519 -N "" -f /root/key; '
                'install -d -o alice /home/alice/.ssh; '
                'install -o alice -m 600 /root/key.pub /home/alice/.ssh/authorized_keys')

    def has(self, path):
        return self.run('test', '-e', path, check=False).returncode == 0

    def popen(self, *argv):
        """A program in the machine that goes on, with pipes for its input and output."""
        return subprocess.Popen(
            ['nsenter', '-t', str(self.leader), '-a', 'env', '-i', f'PATH={PATH}',
             'LC_ALL=C.UTF-8', *argv], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def kill(self, pids):
        """All of these at once: none of them acts when another one dies."""
        self.run('kill', '-STOP', *pids)
        self.run('kill', '-KILL', *pids, check=False)  # systemd is as fast to kill the others

    def show(self, unit, name):
        return self.run('systemctl', 'show', '-P', name, unit).stdout.strip()

    def is_active(self, unit='spoolfs.service'):
        return self.show(unit, 'ActiveState') == 'active'

    def mounts(self, path='/run/spoolfs'):
        """How many are there on this path."""
        text = self.sh('cat /proc/1/mountinfo')
        return sum(line.split()[4] == path for line in text.splitlines())

    def __exit__(self, *_):
        if self.leader:
            self.run('systemctl', 'poweroff', check=False)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        with open('/proc/self/cgroup', encoding='ascii') as file:
            own = next(line.strip()[3:] for line in file if line.startswith('0::'))
        for folder, _, _ in os.walk(f'/sys/fs/cgroup{own}', topdown=False):
            if folder != f'/sys/fs/cgroup{own}':
                os.rmdir(folder)
        run('umount', '-R', self.base)


def on_each(system=Booted, limits=None, **machine):
    """Registers a case for each of the systems; the function gets the machine. limits: case()'s."""
    def register(function):
        def on_one(suite):
            if not os.path.exists('/sys/fs/cgroup/unified/cgroup.procs') and \
                    not os.path.exists('/sys/fs/cgroup/cgroup.procs'):
                raise Skip('no cgroup of version 2')
            with system(suite, **machine) as booted:
                function(booted)
        on_one.__name__ = function.__name__
        case_on_each(SUITES, mount=False, **(limits or {}))(on_one)
        return function
    return register
