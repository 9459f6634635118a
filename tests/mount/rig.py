"""What the real-mount cases are written with: mounts, other users, and the registry of cases."""
import ctypes
import errno
import inspect
import os
import pickle
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import traceback

DEADLINE_S = 120  # for what must happen; only a test that fails takes as long as that
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x00020000  # <linux/sched.h>
CASES = []
LIMIT_LOG = 'limit reached: '  # in order wherever a case fills a mount


class Skip(Exception):
    """This machine lacks what the case needs; the text says what."""


def case(**options):
    """Registers a case. mount=False: it makes its own; otherwise Mount(**options) is passed in."""
    def register(function):
        CASES.append((function, options))
        return function
    return register


def case_on_each(names, **options):
    """Registers a case for each of them, function(name), with the name behind its own."""
    def register(function):
        for name in names:
            def on_one(name=name):
                function(name)
            on_one.__name__ = f'{function.__name__}_on_{name}'
            case(**options)(on_one)
        return function
    return register


def binary(name):
    return os.environ[name]


def wait_until(condition, what):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f'{what}: not within {DEADLINE_S} s')
        time.sleep(0.01)


def is_run_again():
    """Whether this is a run without a feature of the kernel, or with all data on the disk."""
    return bool(os.environ.get('SPOOL_MASK') or os.environ.get('SPOOL_DISK'))


def pass_time(seconds):
    """A while in which something does not happen. Once is enough: what the daemon does by itself
    hangs on its clock, and not on the features that other runs leave out."""
    if not is_run_again():
        time.sleep(seconds)


def mounts():
    """(mount point, type) of all mounts."""
    with open('/proc/self/mountinfo', encoding='utf-8', errors='surrogateescape') as file:
        for line in file:
            left, right = line.rstrip('\n').split(' - ')
            yield left.split(' ')[4], right.split(' ')[0]


def drop_caches():
    """The kernel's, of the whole machine."""
    with open('/proc/sys/vm/drop_caches', 'w', encoding='ascii') as file:
        file.write('3')


def own_mounts():
    """From here on this case and what it starts have a mount namespace of their own, in which
    nobody else mounts anything."""
    if LIBC.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), 'unshare')
    run('mount', '--make-rprivate', '/')


def own_subuids(text):
    """From here on this case and what it starts see @text as /etc/subuid, by mounts of its own."""
    if not os.path.exists('/etc/subuid'):
        raise Skip('/etc/subuid is not installed')
    with tempfile.NamedTemporaryFile('w', dir=os.environ['SPOOL_CASE_DIR']) as file:
        file.write(text)
        file.flush()
        own_mounts()
        run('mount', '--bind', file.name, '/etc/subuid')


OWN_UIDS = range(20000, 60000)  # below 65536: a user namespace may have no more
_TAKEN = []  # sockets whose names say which are; the kernel forgets them with this process


def used_uids():
    """Those of accounts and of running processes."""
    used = {account.pw_uid for account in pwd.getpwall()}
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{name}/status', encoding='utf-8', errors='replace') as file:
                line = next(line for line in file if line.startswith('Uid:'))
            used.update(map(int, line.split()[1:]))
        except (OSError, StopIteration):
            continue  # it has ended
    return used


def own_uids(n):
    """So many uids that nobody has, and that no other case of this or another run gets, while this
    process lives: where the last process of a user counts it is the last of the whole machine."""
    used, found = used_uids(), []
    first = os.getpid() * 16 % len(OWN_UIDS)
    for uid in [*OWN_UIDS[first:], *OWN_UIDS[:first]]:
        if uid in used:
            continue
        taken = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            taken.bind(f'\0spoolfs-test-uid-{uid}')
        except OSError:
            taken.close()
            continue
        _TAKEN.append(taken)
        found.append(uid)
        if len(found) == n:
            return found
    raise Skip('no free uids here')


def is_mounted(path):
    return any(point == path for point, _ in mounts())


def alive(pid):
    """Whether a thread of the process has not ended. While others end, and hold its files, the
    first one is a zombie."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            fields = file.read().rsplit(')', 1)[1].split()
            return fields[0] not in 'ZX' or int(fields[17]) > 1  # num_threads of proc(5)
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='utf-8') as file:
        return [int(child) for child in file.read().split()]


def as_user(uid, function, *args, gid=None, groups=()):
    """Calls function(*args) in a process of that uid. Its result, or its exception, comes back."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            os.setgroups(list(groups))
            os.setresgid(*[uid if gid is None else gid] * 3)
            os.setresuid(uid, uid, uid)
            answer = (True, function(*args))
        except BaseException as error:  # all of it belongs to the caller
            if not isinstance(error, OSError):
                traceback.print_exc()
            answer = (False, error)
        with os.fdopen(writer, 'wb') as out:
            pickle.dump(answer, out)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, 'rb') as source:
        ok, value = pickle.load(source)
    os.waitpid(pid, 0)
    if not ok:
        raise value
    return value


def fails(number, function, *args, **kwargs):
    """Asserts that the call fails with just this errno."""
    try:
        result = function(*args, **kwargs)
    except OSError as error:
        assert error.errno == number, \
            f'{errno.errorcode.get(error.errno)} instead of {errno.errorcode[number]}'
        return
    raise AssertionError(f'no error ({result!r}) instead of {errno.errorcode[number]}')


# What a caller gets of a mount whose daemon has gone: before it is asked, while it is, and (over
# io_uring, after SIGKILL) while it dies.
GONE = (errno.ENOTCONN, errno.ECONNABORTED, errno.ECANCELED)


def gone(function, *args):
    """Asserts that the call finds the daemon gone."""
    try:
        result = function(*args)
    except OSError as error:
        assert error.errno in GONE, error
        return
    raise AssertionError(f'no error ({result!r})')


def syscall(function, *args):
    """A libc function that returns -1 and sets errno."""
    result = getattr(LIBC, function)(*args)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), function)
    return result


def renameat2(old, new, flags):
    return syscall('renameat2', -100, os.fsencode(old), -100, os.fsencode(new), flags)


def fallocate(fd, mode, offset, length):
    return syscall('fallocate', fd, mode, ctypes.c_long(offset), ctypes.c_long(length))


def linkat_fd(fd, path):
    """Names an O_TMPFILE file, as open(2) shows it."""
    return syscall('linkat', -100, f'/proc/self/fd/{fd}'.encode(), -100, os.fsencode(path), 0x400)


def put(path, data=b'', mode=0o666):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view):]
    finally:
        os.close(fd)


def get(path):
    with open(path, 'rb') as file:
        return file.read()


def run(*argv, check=True, **kwargs):
    """subprocess.run with text output, checked, and never waiting for ever."""
    kwargs.setdefault('timeout', 3 * DEADLINE_S)
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **kwargs)
    if check and done.returncode != 0:
        raise AssertionError(f'{argv}: status {done.returncode}\n{done.stdout}{done.stderr}')
    return done


def unmount(*paths):
    """umount(8). Whoever looks at all mounts at that moment, as df(1) does, keeps one busy."""
    def done(path):
        ended = run('umount', path, check=False)
        assert ended.returncode == 0 or 'busy' in ended.stderr, ended
        return ended.returncode == 0
    for path in paths:
        wait_until(lambda path=path: done(path), f'{path} is not busy')


def need(*programs):
    """Skips the case when a program that it is about is not there."""
    for program in programs:
        if not shutil.which(program):
            raise Skip(f'{program} is not installed')


def free_ports(n):
    """That nobody has now."""
    probes = [socket.socket() for _ in range(n)]
    for probe in probes:
        probe.bind(('127.0.0.1', 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def has_address_sanitizer():
    return 'libasan' in run('ldd', binary('SPOOLFS')).stdout


def need_limited_addresses():
    if has_address_sanitizer():
        raise Skip('AddressSanitizer has all addresses there are')


def bash(script, tmpdir, check=True, **env):
    """Runs a script that stops at its first error, with TMPDIR, HOME and cwd in @tmpdir."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith('GIT_')}
    kept.update(env, TMPDIR=tmpdir, HOME=tmpdir, LC_ALL='C.UTF-8',
                PATH='/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin')
    return run('bash', '-euo', 'pipefail', '-c', script, check=check, cwd=tmpdir, env=kept)


class CaseDir(tempfile.TemporaryDirectory):
    """The directory of what is no case, where run.py has made none."""

    def __init__(self):
        super().__init__(prefix='spool-', dir='/tmp', ignore_cleanup_errors=True)
        os.chmod(self.name, 0o755)
        os.environ['SPOOL_CASE_DIR'] = self.name


class Mount:
    """A mounted spoolfs; at the end it is unmounted by SIGTERM and must have ended well."""

    def __init__(self, layout='private', options='', uid=0, allow_log=(), source=None,
                 mask=None, patience=10):
        self.layout = layout
        self.uid = uid
        self.allow_log = allow_log
        self.source = source
        self.disk = None
        self.patience = patience
        self.mask = os.environ.get('SPOOL_MASK', '') if mask is None else mask
        if uid:
            self.mask = ''  # the daemon obeys root only
        self.masked = set(filter(None, self.mask.split('+')))
        self.base = tempfile.mkdtemp(prefix='m', dir=os.environ.get('SPOOL_CASE_DIR', '/tmp'))
        parts = [f'layout={layout}', options,
                 '' if 'backing=' in options else self.backing(options),
                 '' if 'grace=' in options else 'grace=1h',  # no user goes while a case looks on
                 '' if 'pressure=' in options else self.pressure()]
        self.options = ','.join(filter(None, parts))
        self.path = f'{self.base}/m'
        os.mkdir(self.path)
        if uid:
            os.chown(self.base, uid, uid)
            os.chown(self.path, uid, uid)
        else:
            os.chmod(self.base, 0o755)
        self.log = tempfile.TemporaryFile('w+')
        self.process = None
        self.pids = []

    @staticmethod
    def pressure():
        """The option by which nothing changes here when other cases use up memory."""
        return 'pressure=off'

    def backing(self, options):
        """RAM only; with --disk, all data go to a directory beside the mount point at once, unless
        the case is about RAM."""
        if os.environ.get('SPOOL_DISK') != '1' or 'ram=' in options:
            return 'backing=none'
        self.disk = f'{self.base}/disk'
        os.mkdir(self.disk)
        if self.uid:
            os.chown(self.disk, self.uid, self.uid)
        return f'backing={self.disk},backing_any=on,threshold=0,reserve=0'

    def environment(self):
        """The environment of a daemon in the foreground. Where a case is not about its limits of
        time a busy machine does not make them come true."""
        patience = 1 if 'SPOOL_TEST_HURRY' in os.environ else self.patience
        return dict(os.environ, SPOOLFS_MASK=self.mask, SPOOL_TEST_PATIENCE=str(patience))

    def tmpdir(self, uid=None):
        """The directory for files of this user."""
        if self.layout == 'private':
            return f'{self.path}/{self.uid if uid is None else uid}'
        return self.path

    def start(self):
        reader, writer = os.pipe()
        self.process = subprocess.Popen(
            [binary('SPOOLFS'), '-f', f'--ready-fd={writer}', '-o', self.options,
             *filter(None, [self.source]), self.path],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, pass_fds=[writer],
            env=self.environment(),
            user=self.uid or None, group=self.uid or None, extra_groups=[] if self.uid else None)
        os.close(writer)
        with os.fdopen(reader) as ready:
            if ready.read() != 'ready\n':
                self.process.wait()
                raise AssertionError(f'does not mount: {self.read_log()}')
        self.pids = [self.process.pid, *children(self.process.pid)]
        return self

    @property
    def worker(self):
        return self.pids[1]

    def read_log(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self, status=0):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            got = self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            for pid in self.pids:
                os.kill(pid, signal.SIGKILL)
            self.process.wait()
            got = 'a hang'
        text = self.read_log()
        if is_mounted(self.path):
            subprocess.run(['umount', '-l', self.path], check=False)
            raise AssertionError(f'still mounted after the end: {text}')
        lines = [line for line in text.splitlines()
                 if not any(allowed in line for allowed in (*self.allow_log, LIMIT_LOG))]
        assert got == status, f'ended with {got} instead of {status}: {text}'
        assert not lines, f'unexpected log lines: {lines}'
        wait_until(lambda: not any(map(alive, self.pids)), 'all processes end')
        assert not os.listdir(self.path), 'something is left below the mount point'
        os.rmdir(self.path)
        if self.disk:
            os.rmdir(self.disk)  # nothing is left there
        os.rmdir(self.base)
        self.log.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
            return
        if self.process:
            self.process.kill()
            self.process.wait()
            wait_until(lambda: not any(map(alive, self.pids)), 'all processes end')
        subprocess.run(['umount', '-l', self.path], check=False, stderr=subprocess.DEVNULL)


class TmpfsMount:
    """A tmpfs in the place of a Mount. Cases that pass on it ask for nothing but POSIX."""

    def __init__(self, layout='private', options='', uid=0, **_ignored):
        self.layout = layout
        self.uid = uid
        self.masked = set()
        if options:
            raise Skip('these options are not for tmpfs')
        self.path = tempfile.mkdtemp(prefix='m', dir=os.environ.get('SPOOL_CASE_DIR', '/tmp'))

    def tmpdir(self):
        return self.path

    def __enter__(self):
        mode = '1777' if self.layout == 'shared' else '0700'
        run('mount', '-t', 'tmpfs', '-o', f'mode={mode},uid={self.uid}', 'tmpfs', self.path)
        return self

    def __exit__(self, kind, value, trace):
        unmount(self.path)


def run_case(function, options):
    """One case: on a mount of its own (mount), in a directory of it (d), or as it is."""
    signature = inspect.signature(function)
    options = dict(options)
    if options.pop('mount', True) is False:
        function()
        return
    with (TmpfsMount if os.environ.get('SPOOL_BACKEND') == 'tmpfs' else Mount)(**options) as mount:
        if 'd' not in signature.parameters:
            function(mount)
            return
        place = f'{mount.tmpdir()}/{function.__name__[:40]}'
        as_user(mount.uid, os.mkdir, place)
        os.chdir(place)
        try:
            function(place)
        finally:
            os.chdir('/')
