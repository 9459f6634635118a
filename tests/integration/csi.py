"""spoolfs-csi: called as a kubelet calls it, by gRPC of others. There is no cluster in it."""
import contextlib
import os
import signal
import socket
import subprocess

from containers import daemon_of, kill, machine
from rig import (DEADLINE_S, Skip, alive, binary, case, get, is_mounted, mounts, put, run,
                 wait_until)
from volumes import wrong_options

PACKAGES = 'python3-grpcio python3-protobuf'

SOCKET = '/run/case/csi.sock'
PODS = '/run/case/pods'
KUBELETS = 'csi.storage.k8s.io/'
BYTES, NUMBER, TRUTH, MESSAGE = 9, 3, 8, 11  # types of google.protobuf.FieldDescriptorProto
# csi.v1, as far as it is used: message: {field: (number, type)}
MESSAGES = {
    'Empty': {},
    'Info': {'name': (1, BYTES), 'vendor_version': (2, BYTES)},
    'Truth': {'value': (1, TRUTH)},
    'Ready': {'ready': (1, 'Truth')},
    'NodeInfo': {'node_id': (1, BYTES), 'max_volumes_per_node': (2, NUMBER)},
    'Entry': {'key': (1, BYTES), 'value': (2, BYTES)},
    'MountVolume': {'fs_type': (1, BYTES)},
    'AccessMode': {'mode': (1, NUMBER)},
    'Capability': {'block': (1, 'Empty'), 'mount': (2, 'MountVolume'),
                   'access_mode': (3, 'AccessMode')},
    'Publish': {'volume_id': (1, BYTES), 'target_path': (4, BYTES),
                'volume_capability': (5, 'Capability'), 'readonly': (6, TRUTH),
                'volume_context': (8, '*Entry'), 'of_later_versions': (99, BYTES)},
    'Unpublish': {'volume_id': (1, BYTES), 'target_path': (2, BYTES)},
}
METHODS = {  # and what it gets and gives
    'Identity/GetPluginInfo': ('Empty', 'Info'),
    'Identity/GetPluginCapabilities': ('Empty', 'Empty'),
    'Identity/Probe': ('Empty', 'Ready'),
    'Node/NodeGetInfo': ('Empty', 'NodeInfo'),
    'Node/NodeGetCapabilities': ('Empty', 'Empty'),
    'Node/NodePublishVolume': ('Publish', 'Empty'),
    'Node/NodeUnpublishVolume': ('Unpublish', 'Empty'),
    'Node/NodeStageVolume': ('Empty', 'Empty'),
}


def message_classes():
    """Of the protobuf library, which reads and writes them in its own way."""
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError as error:
        raise Skip('python3-protobuf is not installed') from error
    file = descriptor_pb2.FileDescriptorProto(name='csi.proto', package='t')
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            added = message.field.add(name=field, number=number,
                                      label=3 if str(kind).startswith('*') else 1)
            added.type = kind if isinstance(kind, int) else MESSAGE
            if added.type == MESSAGE:
                added.type_name = f'.t.{kind.lstrip("*")}'
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return {name: factory.GetPrototype(pool.FindMessageTypeByName(f't.{name}'))
            for name in MESSAGES}


class Plugin:
    """The plugin, and a client of it."""

    def __init__(self, *options):
        try:
            import grpc
        except ImportError as error:
            raise Skip('python3-grpcio is not installed') from error
        self.grpc, self.classes = grpc, message_classes()
        self.command = [os.environ['SPOOLFS_CSI'], f'--endpoint=unix://{SOCKET}', '--node-id=me',
                        *options]

    def __enter__(self):
        os.makedirs(PODS, exist_ok=True)
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL)
        wait_until(lambda: os.path.exists(SOCKET), 'it listens')
        self.channel = self.grpc.insecure_channel(f'unix:{SOCKET}')
        return self

    def __exit__(self, kind, value, trace):
        self.channel.close()
        self.process.terminate()
        assert self.process.wait(DEADLINE_S) == 0 and not os.path.exists(SOCKET)

    def call(self, method, request=None):
        takes, gives = (self.classes[name] for name in METHODS[method])
        function = self.channel.unary_unary(f'/csi.v1.{method}', takes.SerializeToString,
                                            gives.FromString)
        return function(request or takes(), timeout=DEADLINE_S, wait_for_ready=True)

    def publish(self, name, capability=True, **options):
        request = self.classes['Publish'](volume_id=name, target_path=f'{PODS}/{name}/mount',
                                          of_later_versions='x')
        for key, value in {f'{KUBELETS}ephemeral': 'true', f'{KUBELETS}pod.name': 'p',
                           **options.pop('context', {})}.items():
            request.volume_context.add(key=key, value=value)
        if capability:
            request.volume_capability.mount.fs_type = ''
            request.volume_capability.access_mode.mode = 1
        for key, value in options.items():
            setattr(request, key, value)
        os.makedirs(f'{PODS}/{name}', exist_ok=True)
        self.call('Node/NodePublishVolume', request)
        return request.target_path

    def unpublish(self, name):
        self.call('Node/NodeUnpublishVolume', self.classes['Unpublish'](
            volume_id=name, target_path=f'{PODS}/{name}/mount'))

    def refuses(self, code, text, function, *args, **kwargs):
        try:
            function(*args, **kwargs)
        except self.grpc.RpcError as error:
            assert error.code().name == code and text in error.details(), error
            return
        raise AssertionError(f'no error instead of {code}: {text}')


@case(mount=False)
def it_tells_what_it_is():
    machine()
    with Plugin() as plugin:
        info = plugin.call('Identity/GetPluginInfo')
        assert info.name == 'csi.spoolfs'
        assert info.vendor_version == run(binary('SPOOLFS'), '--version').stdout.split()[1]
        assert plugin.call('Identity/Probe').ready.value
        assert plugin.call('Node/NodeGetInfo').node_id == 'me'
        for method in 'Identity/GetPluginCapabilities', 'Node/NodeGetCapabilities':
            assert not plugin.call(method).SerializeToString()
        plugin.refuses('UNIMPLEMENTED', '/csi.v1.Node/NodeStageVolume: not a call',
                       plugin.call, 'Node/NodeStageVolume')
        assert os.stat(SOCKET).st_mode & 0o777 == 0o600


@case(mount=False)
def a_pod_has_a_volume_of_its_own():
    machine()
    with Plugin() as plugin:
        paths = {name: plugin.publish(name, context={'size': '64M', 'ram': '32M', 'noexec': 'true'})
                 for name in ('one', 'two')}
        view = os.statvfs(paths['one'])
        assert view.f_blocks * view.f_frsize == 64 << 20 and view.f_flag & os.ST_NOEXEC
        assert os.stat(paths['one']).st_mode & 0o7777 == 0o1777
        put(f'{paths["one"]}/f', b'mine')
        assert not os.listdir(paths['two'])
        for _ in range(2):  # a kubelet that has not heard the answer asks again
            assert plugin.publish('one') == paths['one'] and get(f'{paths["one"]}/f') == b'mine'
        daemons = daemon_of(paths['one'])
        for _ in range(2):
            plugin.unpublish('one')
            assert not os.path.exists(paths['one'])
        wait_until(lambda: not any(map(alive, daemons)), 'its daemon ends')
        assert is_mounted(paths['two'])
        plugin.unpublish('two')


@case(mount=False)
def what_is_wrong_leaves_nothing():
    """And is said in the daemon's words."""
    machine()
    with Plugin() as plugin:
        for options, text in (
                ({'context': {'size': 'big'}}, 'spoolfs: size=big: not a number (allowed: '),
                ({'context': {'backing': '/etc'}}, 'backing: not expected (allowed: size=, '),
                ({'context': {'size': '1G,uid=0'}}, '1G,uid=0: not expected (allowed: one value)'),
                ({'context': {'size=1G,uid': '0'}}, 'size=1G,uid: not expected'),
                ({'context': {'size': '1\0'}}, 'not a text'),
                ({'context': {'size': 'a\n'}}, r'spoolfs: size=a\012: not a number'),
                ({'context': {'a\n\x1b[2J': ''}}, r'a\012\033[2J: not expected (allowed: '),
                ({'context': {'a' * 5000: ''}}, 'aaa...: not expected (allowed: size=, '),
                ({'context': {f'{KUBELETS}ephemeral': 'false'}}, 'ephemeral: false'),
                ({'readonly': True}, 'readonly: '), ({'capability': False}, 'volume_capability: '),
                ({'volume_id': ''}, 'volume_id: '), ({'target_path': 'a'}, 'target_path: '),
                ({'target_path': f'{PODS}/../x'}, 'target_path: ')):
            plugin.refuses('INVALID_ARGUMENT', text, plugin.publish, 'one', **options)
            assert os.listdir(f'{PODS}/one') == [] and not daemon_of(f'{PODS}/one/mount')
        for option in ('size=', 'size=101%', 'size=1x', 'ram=-1', 'nr_inodes=0', 'threshold=x',
                       'lifetime=long', 'linger=-1s', 'session=x', 'grace=1y', 'mode=9',
                       'noexec=1', 'nosymfollow=no'):
            key, value = option.split('=')
            plugin.refuses('INVALID_ARGUMENT', wrong_options(option if value else key),
                           plugin.publish, 'one', context={key: value})
            assert os.listdir(f'{PODS}/one') == [] and not daemon_of(f'{PODS}/one/mount')
        plugin.refuses('INTERNAL', f'{PODS}/gone/deep: ', plugin.publish, 'one',
                       target_path=f'{PODS}/gone/deep')
        block = plugin.classes['Publish'](volume_id='b', target_path=f'{PODS}/one/mount')
        block.volume_capability.block.SetInParent()
        plugin.refuses('INVALID_ARGUMENT', 'block', plugin.call, 'Node/NodePublishVolume', block)
        assert plugin.call('Identity/Probe').ready.value


@case(mount=False)
def volumes_outlive_the_plugin():
    """Killed and started again it knows them by the mount table."""
    machine()
    with contextlib.ExitStack() as stack:
        plugin = stack.enter_context(Plugin())
        path = plugin.publish('one')
        put(f'{path}/f', b'mine')
        os.kill(plugin.process.pid, signal.SIGKILL)
        plugin.process.wait()
        stack.pop_all()
        plugin.channel.close()
        assert os.path.exists(SOCKET) and get(f'{path}/f') == b'mine'
        with Plugin() as second:
            wait_until(lambda: second.call('Identity/Probe').ready.value, 'it serves')
            assert second.publish('one') == path and get(f'{path}/f') == b'mine'
            second.unpublish('one')
            assert not os.path.exists(path)


@case(mount=False)
def a_killed_daemon_is_cleaned_up():
    machine()
    with Plugin() as plugin:
        path = plugin.publish('one')
        kill(*daemon_of(path))
        plugin.unpublish('one')
        assert not os.path.exists(path) and not is_mounted(path)


@case(mount=False)
def a_dead_mount_is_made_anew():
    """When the kubelet asks again, as it does when it was restarted."""
    machine()
    with Plugin() as plugin:
        path = plugin.publish('one')
        kill(*daemon_of(path))
        assert plugin.publish('one') == path
        put(f'{path}/f', b'new')
        assert [point for point, _ in mounts()].count(path) == 1
        plugin.unpublish('one')
        assert not os.path.exists(path)


@case(mount=False)
def pods_may_be_behind_a_link():
    """As where /var/lib/kubelet is one to a larger disk."""
    machine()
    with Plugin() as plugin:
        os.makedirs('/run/case/large/pods')
        os.rmdir(PODS)
        os.symlink('/run/case/large/pods', PODS)
        for _ in range(2):
            path = plugin.publish('one')
            put(f'{path}/f', b'mine')
            assert [point for point, _ in mounts()].count(os.path.realpath(path)) == 1
        for _ in range(2):
            plugin.unpublish('one')
            assert not os.path.exists(path) and not os.path.exists(os.path.realpath(path))


@case(mount=False)
def daemons_are_in_a_group_of_their_own():
    """So that the end of the plugin's container is not theirs."""
    machine()
    above = next((path for path in ('/sys/fs/cgroup/unified', '/sys/fs/cgroup')
                  if os.path.exists(f'{path}/cgroup.procs')), None)
    group = f'{above}/spool-test-csi-{os.getpid()}'
    os.mkdir(group)
    try:
        with Plugin(f'--cgroup={group}') as plugin:
            path = plugin.publish('one')
            inside = get(f'{group}/cgroup.procs').split()
            assert {int(pid) for pid in inside} == set(daemon_of(path))
            assert str(plugin.process.pid).encode() not in inside
            plugin.unpublish('one')
        with Plugin('--cgroup=/nowhere') as plugin:
            plugin.refuses('INTERNAL', 'spoolfs-csi: /nowhere/cgroup.procs: ',
                           plugin.publish, 'one')
            assert not os.listdir(f'{PODS}/one')
    finally:
        wait_until(lambda: not get(f'{group}/cgroup.procs'), 'the group is empty')
        os.rmdir(group)


@case(mount=False)
def noise_ends_a_connection_and_nothing_else():
    machine()
    with Plugin() as plugin:
        for noise in (b'', b'GET / HTTP/1.1\r\n\r\n', b'\0' * 100000, b'PRI * HTTP/2.0\r\n\r\nSM',
                      b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + b'\xff' * 70000, os.urandom(5000)):
            for _ in range(20):  # more than there is room for at once
                client = socket.socket(socket.AF_UNIX)
                client.connect(SOCKET)
                with contextlib.suppress(OSError):
                    client.sendall(noise)
                client.close()
        raw = plugin.channel.unary_unary('/csi.v1.Node/NodePublishVolume', bytes, bytes)
        for text in (b'\x0a', b'\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f', b'\x42\x02\x0a\x05',
                     b'\x00', b'\xff' * 11, b'\x0b', b'\x08\x01', os.urandom(300)):
            plugin.refuses('INVALID_ARGUMENT', '', raw, text, timeout=DEADLINE_S)
        assert plugin.call('Identity/Probe').ready.value


@case(mount=False)
def wrong_use_is_one_line():
    machine()
    for args, text in (([], '--endpoint is missing'), (['--endpoint=/x'], '/x: not an absolute'),
                       (['--endpoint=unix:///x'], '--node-id is missing'), (['--x'], '--x: not'),
                       (['--endpoint=unix:///x', '--node-id='], '--node-id is empty'),
                       (['--endpoint=unix:///x', '--node-id=n', 'y'], 'y: not expected')):
        done = run(os.environ['SPOOLFS_CSI'], *args, check=False)
        assert done.returncode == 2 and done.stderr.startswith(f'spoolfs-csi: {text}'), done
        assert done.stderr.count('\n') == 1
    done = run(os.environ['SPOOLFS_CSI'], f'--endpoint=unix:///run/{"x" * 200}', '--node-id=n',
               check=False)
    assert done.returncode == 1 and 'File name too long' in done.stderr, done
