"""spoolfs-volume: requests that are none, and whoever sends them."""
import errno
import json
import os
import socket
import subprocess

from rig import DEADLINE_S, alive, as_user, case, fails, get, is_mounted, put, wait_until
from volumes import Container, Plugin, post


def ask(plugin, text):
    """All that comes back for these bytes, until the connection ends."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(DEADLINE_S)
        client.connect(plugin.socket)
        try:
            client.sendall(text)
            client.shutdown(socket.SHUT_WR)
        except BrokenPipeError:
            pass  # it was sent away
        answer = b''
        try:
            while more := client.recv(65536):
                answer += more
        except ConnectionResetError:
            pass
        return answer


def head(method='POST', path='/VolumeDriver.List', length=0, more=''):
    return f'{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{more}\r\n'.encode()


@case(mount=False)
def what_is_no_request_is_refused():
    with Plugin() as plugin:
        for body in ('', '[]', 'null', '"x"', '{', '{"Name"', '{"Name":1}', '{"Name":null}',
                     '{"Name":"a\\u0000b"}', '{"Name":"v"} x', '{"ID":"x"}', '[' * 60000,
                     '{"Name":"' + 'x' * 2000 + '"}', b'{"Name":"\xff"}'):
            status, answer = post(plugin.socket, 'VolumeDriver.Mount', body)
            assert status == 400 and answer['Err'] and '\n' not in answer['Err'], (body, answer)
        for body in '{"Name":"v","Opts":[]}', '{"Name":"v","Opts":{"size":1}}', \
                '{"Name":"v","Opts":{"size":{}}}', '{"Name":"v","Opts":"size=1"}':
            status, answer = post(plugin.socket, 'VolumeDriver.Create', body)
            assert status == 500 and answer['Err'].startswith('Opts: '), (body, answer)
        status, answer = post(plugin.socket, 'VolumeDriver.Destroy', '{}')
        assert status == 404 and 'allowed: ' in answer['Err']
        status, answer = post(plugin.socket, 'VolumeDriver.List', '')
        assert status == 200 and answer == {'Volumes': [], 'Err': ''}
        for text in (head('GET'), head('PUT'), head(length=70000), head(length=10**30),
                     b'nothing like it\r\n\r\n', head(length='x'), b'POST / HTTP/9.9\r\n\r\n'):
            assert ask(plugin, text)[:12] in (b'HTTP/1.1 400', b'HTTP/1.0 400', b'HTTP/1.1 505',
                                              b'HTTP/1.1 413', b''), text
        for more in b'x' * 200_000, b'A: b\r\n' * 20_000:
            assert b' 200 ' not in ask(plugin, head()[:-2] + more)
        assert post(plugin.socket, 'VolumeDriver.List', '{}')[0] == 200


@case(mount=False)
def a_body_has_an_end():
    """In pieces, of which nobody says how many there will be."""
    with Plugin() as plugin:
        start = head(length=0).replace(b'Content-Length: 0', b'Transfer-Encoding: chunked')
        piece = b'1000\r\n' + b' ' * 0x1000 + b'\r\n'
        said = ask(plugin, start + 20 * piece + b'0\r\n\r\n')
        assert said.startswith(b'HTTP/1.1 400') and b'too long a body' in said, said
        assert ask(plugin, start + 2000 * piece) in (b'', b'HTTP/1.1 400')
        said = ask(plugin, start + 2 * piece + b'2\r\n{}\r\n0\r\n\r\n')
        assert said.startswith(b'HTTP/1.1 200'), said


@case(mount=False)
def who_says_nothing_keeps_nobody_out():
    with Plugin() as plugin:
        idle = []
        for i in range(40):
            idle.append(socket.socket(socket.AF_UNIX))
            idle[-1].connect(plugin.socket)
            idle[-1].send(head(length=100)[:i])
        assert post(plugin.socket, 'VolumeDriver.List', '{}')[0] == 200
        for client in idle:  # each is sent away
            client.settimeout(DEADLINE_S)
            try:
                while client.recv(65536):
                    pass
            except ConnectionResetError:
                pass
            client.close()
        assert alive(plugin.process.pid)


@case(mount=False)
def it_is_for_root_alone():
    with Plugin() as plugin:
        assert os.stat(plugin.socket).st_mode & 0o7777 == 0o600
        with socket.socket(socket.AF_UNIX) as client:
            fails(errno.EACCES, as_user, 1000, client.connect, plugin.socket)


@case(mount=False)
def a_socket_is_passed_on():
    """As systemd does it; the name stays, as others listen there when it has ended."""
    plugin = Plugin()
    os.makedirs(os.path.dirname(plugin.socket))
    with socket.socket(socket.AF_UNIX) as passed:
        passed.bind(plugin.socket)
        passed.listen()
        waiting = socket.socket(socket.AF_UNIX)
        waiting.connect(plugin.socket)  # before it runs
        waiting.send(head(length=2) + b'{}')
        script = 'exec env LISTEN_FDS=1 LISTEN_PID=$$ "$@" 3<&"$0" '
        with open(plugin.log, 'w', encoding='utf-8') as log:
            plugin.process = subprocess.Popen(
                ['sh', '-c', script, str(passed.fileno()), plugin.program, *plugin.args],
                pass_fds=[passed.fileno()], stdout=log, stderr=log)
        waiting.settimeout(DEADLINE_S)
        assert waiting.recv(100).startswith(b'HTTP/1.1 200')
        waiting.close()
        plugin.process.terminate()
        assert plugin.process.wait(DEADLINE_S) == 0
        assert os.path.exists(plugin.socket)


@case(mount=False)
def a_state_that_is_no_good_costs_one_volume():
    with Plugin() as plugin:
        engine = plugin.engine()
        for name in 'a', 'b', 'c':
            engine.good('Create', Name=name, Opts={'size': '8m'})
        container = Container(engine.mount('a'))
        put(f'{container.root}/f', b'x')
        engine.mount('b')
        plugin.kill()
        for name in 'a', 'b':
            text = get(f'{plugin.dir}/state/{name}')
            put(f'{plugin.dir}/state/{name}', text[:len(text) // 2])
        plugin.start()
        assert plugin.read_log().count('its state cannot be used') == 2
        assert engine.names() == ['c']
        plugin.is_wiped('b')
        assert get(f'{container.root}/f') == b'x' and is_mounted(plugin.path('a'))
        assert 'still in use' in engine.refused('Create', Name='a', Opts={})
        container.kill()
        plugin.is_wiped('a')
        assert json.loads(get(f'{plugin.dir}/state/c'))['options'] == 'size=8m'
        engine.good('Remove', Name='c')
        wait_until(lambda: not os.listdir(f'{plugin.dir}/state'), 'nothing is known any more')
