"""The volume plugin, and the two who come to it: engines, and containers. Those of cases that are
about the plugin alone are processes of the case; integration/ has the real ones."""
import contextlib
import http.client
import json
import os
import pickle
import signal
import socket
import subprocess

from rig import (DEADLINE_S, Skip, alive, binary, children, get, is_mounted, mounts, own_mounts,
                 run, wait_until)

ID, OTHER_ID = 'a' * 64, 'b' * 64


class Connection(http.client.HTTPConnection):
    """To a Unix socket."""

    def __init__(self, path):
        super().__init__('localhost', timeout=DEADLINE_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def post(path, call, body):
    """(status, answer) of a call, from this process."""
    with contextlib.closing(Connection(path)) as connection:
        connection.request('POST', f'/{call}', body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


class Engine:
    """A process that asks the plugin, as dockerd does. Containers are no children of it."""

    def __init__(self, path):
        self.path = path
        self.ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self.ours.close()
            self.serve(theirs.makefile('rwb'))
        theirs.close()
        self.file = self.ours.makefile('rwb')

    def serve(self, file):
        try:
            while True:
                pickle.dump(post(self.path, *pickle.load(file)), file)
                file.flush()
        except EOFError:
            os._exit(0)

    def ask(self, call, **body):
        """Without waiting for the answer."""
        pickle.dump((call, json.dumps(body)), self.file)
        self.file.flush()

    def call(self, call, **body):
        """The answer to a call that is well-formed."""
        self.ask(call, **body)
        status, answer = pickle.load(self.file)
        assert status == (500 if answer['Err'] else 200), (call, body, answer)
        return answer

    def good(self, call, **body):
        answer = self.call(f'VolumeDriver.{call}', **body)
        assert answer.get('Err') == '', (call, body, answer)
        return answer

    def refused(self, call, **body):
        answer = self.call(f'VolumeDriver.{call}', **body)
        assert answer['Err'] and '\n' not in answer['Err'], (call, body, answer)
        return answer['Err']

    def mount(self, name='v', ident=ID):
        return self.good('Mount', Name=name, ID=ident)['Mountpoint']

    def unmount(self, name='v', ident=ID):
        self.good('Unmount', Name=name, ID=ident)

    def get(self, name='v'):
        return self.good('Get', Name=name)['Volume']

    def names(self):
        return sorted(volume['Name'] for volume in self.good('List')['Volumes'])

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.ours.close()


class Container:
    """A process with a mount namespace of its own, in which a volume is mounted elsewhere."""

    def __init__(self, path, script='exec sleep 1000'):
        self.data = f'{os.environ["SPOOL_CASE_DIR"]}/data'
        os.makedirs(self.data, exist_ok=True)
        self.process = subprocess.Popen(
            ['unshare', '-m', 'sh', '-ec',
             f'mount --bind {path} {self.data}; cd /; echo; {script}'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == '\n'

    @property
    def root(self):
        """Where its files are, from outside."""
        return f'/proc/{self.process.pid}/root{self.data}'

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Plugin:
    """spoolfs-volume, with directories and a /run of its own, in a mount namespace of the case."""

    def __init__(self, *args, **environment):
        self.program = os.environ.get('SPOOLFS_VOLUME')
        if not self.program or not os.path.exists(self.program):
            raise Skip('spoolfs-volume is not installed')
        base = os.environ['SPOOL_CASE_DIR']
        self.socket, self.dir = f'{base}/plugins/spoolfs.sock', f'{base}/plugin'
        self.args = ['-o', 'backing=none,pressure=off', *args, f'--socket={self.socket}',
                     f'--directory={self.dir}']
        self.environment = dict(os.environ, **environment)
        self.process, self.engines, self.log = None, [], f'{base}/log'

    def spawn(self):
        with open(self.log, 'a', encoding='utf-8') as log:
            self.process = subprocess.Popen([self.program, *self.args], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=self.environment)

    def start(self):
        self.spawn()
        wait_until(self.listens, 'the plugin listens')
        return self

    def listens(self):
        assert self.process.poll() is None, self.read_log()
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(self.socket) == 0

    def engine(self):
        self.engines.append(Engine(self.socket))
        return self.engines[-1]

    def path(self, name='v'):
        return f'{self.dir}/volumes/{name}'

    def read_log(self):
        with open(self.log, encoding='utf-8') as log:
            return log.read()

    def daemon(self, name='v'):
        """The processes of the daemon of a volume: supervisor, worker, janitor."""
        for entry in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError):
                if get(f'/proc/{entry}/cmdline').split(b'\0')[-2:-1] == \
                        [os.fsencode(self.path(name))] and \
                        get(f'/proc/{entry}/comm') == b'spoolfs-super\n':
                    return [int(entry), *children(int(entry))]
        raise AssertionError(f'{name}: there is no daemon')

    def sees(self, name='v'):
        """Whether it knows of a user since the volume was mounted."""
        with open(f'{self.dir}/state/{name}', encoding='utf-8') as file:
            return json.load(file)['used']

    def is_wiped(self, name='v'):
        """Its filesystem has gone, with its mount point."""
        wait_until(lambda: not is_mounted(self.path(name)), f'{name} is unmounted')
        wait_until(lambda: not os.path.exists(self.path(name)), 'the mount point goes')

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """It ends well; volumes stay."""
        self.process.terminate()
        assert self.process.wait(DEADLINE_S) == 0, self.read_log()
        assert not os.path.exists(self.socket)

    def __enter__(self):
        own_mounts()
        run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'none', '/run')
        return self.start()

    def __exit__(self, kind, value, trace):
        for engine in self.engines:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                engine.kill()
        if kind:
            print(self.read_log())
            self.kill()
            for point, _ in mounts():
                if point.startswith(f'{self.dir}/'):
                    run('umount', '-l', point, check=False)
            return
        self.stop()
        assert not os.listdir(f'{self.dir}/volumes'), 'something is mounted still'


def daemons_end(pids):
    wait_until(lambda: not any(map(alive, pids)), 'the daemon ends')


def wrong_options(options):
    """What the daemon says of them."""
    done = run(binary('SPOOLFS'), '--check', '-o', f'layout=shared,{options}', '/', check=False)
    assert done.returncode == 2, done
    return done.stderr.rstrip('\n')
