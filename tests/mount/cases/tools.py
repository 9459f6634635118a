"""spoolctl: run, status, doctor."""
import json
import os
import re
import signal
import subprocess
import tempfile

from rig import (DEADLINE_S, Mount, Skip, alive, as_user, binary, case, is_mounted, put, run,
                 wait_until)

NOBODY = 65534


def spoolctl(*args, **kwargs):
    return run(binary('SPOOLCTL'), *args, **kwargs)


@case(mount=False)
def run_sets_the_variables_and_leaves_nothing():
    done = spoolctl('run', '--', 'sh', '-c',
                    'echo $TMPDIR $TMP $TEMP; mktemp; df $TMPDIR | tail -1')
    tmp, same, again, *_ = done.stdout.split()
    assert tmp == same == again and len(tmp) <= 40
    assert 'spoolfs' in done.stdout
    assert not os.path.exists(tmp) and not is_mounted(tmp)


@case(mount=False)
def run_returns_the_commands_status():
    for code in (0, 1, 2, 77, 255):
        assert spoolctl('run', 'sh', '-c', f'exit {code}', check=False).returncode == code
    assert spoolctl('run', 'sh', '-c', 'kill -9 $$', check=False).returncode == 128 + 9
    assert spoolctl('run', '/nonexistent/cmd', check=False).returncode == 127
    with tempfile.NamedTemporaryFile() as file:
        assert spoolctl('run', file.name, check=False).returncode == 126
    assert spoolctl('run', check=False).returncode == 2
    assert spoolctl('run', '--bogus', 'true', check=False).returncode == 2
    assert spoolctl('run', '-o', 'ram=bad', 'true', check=False).returncode == 2


@case(mount=False)
def run_passes_signals_on():
    script = 'trap "echo got; exit 9" TERM; echo $TMPDIR; while :; do sleep 0.05; done'
    with subprocess.Popen([binary('SPOOLCTL'), 'run', 'sh', '-c', script], text=True,
                          stdout=subprocess.PIPE) as process:
        path = process.stdout.readline().strip()
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == 'got\n'
        assert process.wait(DEADLINE_S) == 9
    assert not os.path.exists(path)


@case(mount=False)
def run_survives_sigkill_of_spoolctl():
    script = 'echo $TMPDIR $$; exec 3>$TMPDIR/open; while :; do sleep 0.05; done'
    with subprocess.Popen([binary('SPOOLCTL'), 'run', 'sh', '-c', script], text=True,
                          stdout=subprocess.PIPE) as process:
        path, pid = process.stdout.readline().split()
        process.kill()
        process.wait(DEADLINE_S)
        wait_until(lambda: not is_mounted(path) and not os.path.exists(os.path.dirname(path)),
                   'mount and directory go')
        wait_until(lambda: not alive(int(pid)), 'the command ends too')


@case(mount=False)
def run_wipes_though_the_command_left_something_running():
    script = 'echo $TMPDIR; mkfifo $TMPDIR/go; (exec 3>$TMPDIR/open; cd $TMPDIR; echo > go;' \
             'exec sleep 30) >/dev/null 2>&1 & read x < $TMPDIR/go; echo $!'
    done = spoolctl('run', 'sh', '-c', script)
    path, pid = done.stdout.split()
    assert not is_mounted(path) and not os.path.exists(os.path.dirname(path))
    os.kill(int(pid), signal.SIGKILL)


@case(mount=False)
def run_leaves_nothing_for_late_writers():
    """What still writes to $TMPDIR must not reach the directory that the mount covered."""
    script = 'echo $TMPDIR; (while :; do true > $TMPDIR/late; done) >/dev/null 2>&1 & echo $!'
    for _ in range(10):
        path, pid = spoolctl('run', 'sh', '-c', script).stdout.split()
        outer = os.path.dirname(path)
        assert not os.path.exists(outer) and not os.path.exists(f'{outer}-end')
        os.kill(int(pid), signal.SIGKILL)


@case(mount=False)
def run_leaves_nothing_when_its_daemon_is_killed():
    """What the mount had covered is not to be written to: it is on some disk."""
    script = 'echo $TMPDIR; read x; echo secret > $TMPDIR/f; echo status $?'
    for victim in ('supervisor_pid', 'worker_pid'):
        with subprocess.Popen([binary('SPOOLCTL'), 'run', 'sh', '-c', script], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            path = process.stdout.readline().strip()
            outer = os.path.dirname(path)
            status = json.loads(spoolctl('status', '--json', path).stdout)
            os.kill(status[victim], signal.SIGKILL)
            wait_until(lambda o=outer: not os.path.exists(o), 'the directory is taken away')
            wait_until(lambda s=status: not alive(s['supervisor_pid']), 'the daemon ends')
            out, log = process.communicate('go\n', timeout=DEADLINE_S)
            assert out != 'status 0\n' and process.returncode == 0, (out, log)
            assert 'the daemon has ended' in log, log
        assert not is_mounted(path)
        assert not os.path.exists(outer) and not os.path.exists(f'{outer}-end')


@case(mount=False)
def run_nests():
    inner = f'{binary("SPOOLCTL")} run -- sh -c "echo \\$TMPDIR"'
    done = spoolctl('run', 'sh', '-c', f'echo $TMPDIR; {inner}; test -d $TMPDIR')
    outer, nested = done.stdout.split()
    assert outer != nested
    assert not os.path.exists(outer) and not os.path.exists(nested)


@case(mount=False)
def run_and_status_work_for_an_ordinary_user():
    if not os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')
    script = f'id -u; echo $TMPDIR; f=$(mktemp) && stat -c %a $f; ' \
             f'{binary("SPOOLCTL")} status --json $TMPDIR; exit 5'

    def inside():
        return run(binary('SPOOLCTL'), 'run', 'sh', '-c', script, check=False, cwd='/')
    done = as_user(NOBODY, inside)
    uid, path, mode, status = done.stdout.splitlines()
    assert (uid, mode, done.returncode) == ('65534', '600', 5)
    assert json.loads(status)['caller_admin'] and not os.path.exists(path)


@case(mount=False)
def status_shows_own_numbers_to_users_and_all_to_root():
    with Mount(options='ram=64M') as mount:
        put(f'{mount.path}/0/f', b'x' * 100000)
        as_user(1000, put, f'{mount.path}/self/f', b'x' * 200000)
        status = json.loads(spoolctl('status', '--json', mount.path).stdout)
        assert status['layout'] == 'private' and status['caller_admin']
        assert [user['uid'] for user in status['users']] == [0, 1000]
        assert status['users'][1]['size_used'] >= 200000 and status['ram_limit'] == 64 << 20
        assert status['transport'] in ('uring', 'dev') and status['worker_pid'] == mount.worker

        def theirs(path=mount.path):
            return json.loads(spoolctl('status', '--json', path).stdout)
        status = as_user(1000, theirs)
        assert not status['caller_admin'] and [u['uid'] for u in status['users']] == [1000]
        assert 200000 <= status['size_used'] < 300000
        text = spoolctl('status', f'{mount.path}/0').stdout
        assert 'RAM only' in text and 'core dumps' in text
        # its status is 1 where another mount of the machine is dead or just going
        done = subprocess.run([binary('SPOOLCTL'), 'status', '--json'], capture_output=True,
                              text=True, check=False)
        every = json.loads(done.stdout)
        assert mount.path in [one['mountpoint'] for one in every]


@case(mount=False)
def root_of_a_user_namespace_is_no_administrator():
    with Mount() as mount:
        put(f'{mount.path}/0/f')
        done = subprocess.run(
            ['setpriv', '--reuid=1000', '--clear-groups', 'unshare', '-Ur', binary('SPOOLCTL'),
             'status', '--json', mount.path], capture_output=True, text=True, check=False)
        if 'unshare' in done.stderr:
            raise Skip('no user namespaces here')
        assert not json.loads(done.stdout)['caller_admin']
        done = run('unshare', '-Ur', binary('SPOOLCTL'), 'status', '--json', mount.path)
        assert not json.loads(done.stdout)['caller_admin']


@case(mount=False)
def status_elsewhere_is_one_line_and_1():
    for path in ('/proc', '/nonexistent', '/etc/passwd'):
        done = spoolctl('status', path, check=False)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done
    assert spoolctl('status', '--bogus', check=False).returncode == 2
    assert spoolctl('nothing', check=False).returncode == 2
    assert spoolctl(check=False).returncode == 2


@case(mount=False)
def a_wrong_use_is_one_line_that_says_what_is_allowed():
    wrong = {'': ['', 'nothing'], 'run': ['', '-x true', '-o', '--bogus true', '--help=1',
                                           '--wait --kill true', '--kill --wait true', '--kill'],
             'top': ['-x', '--sort', '--sort x /', '-n 0 /', '-n -1 /', '-n 1x /', '-n', '-d 0 /',
                     '-d -1 /', '-d 1.5 /', '--delay 9999999999999 /', '--batch --json /', 'a b',
                     '-n 99999999999999999999 /'],
             'keep': ['', '-x', '--', '-r'], 'expire': ['', '-r /', '--'],
             'lifetime': ['', 'mount', '-x mount /', 'never /', '-r', '2 /', 'Mount /'],
             'session': ['', 'list a b', '-x list', 'lists', 'end', 'end 1 2 3', '--json',
                         'begin'],
             'wipe': ['', '-x', '--', 'one two'],
             'why': ['', '-x', '--', '--json'],
             'ls': ['-x', '--bogus', 'one two', '--json=1'],
             'status': ['-x', '--bogus', 'one two', '--json=1'], 'doctor': ['-x', 'one', '-- one'],
             'set': ['', '-x', 'ram=1G', 'ram /proc', '-- -x=1'], 'spill': ['', '-x', '--'],
             'debug': ['', '-x', '--', 'one two']}
    for command, lines in wrong.items():
        for line in lines:
            done = spoolctl(*command.split(), *line.split(), check=False)
            assert done.returncode == 2 and done.stdout == '', (command, line, done)
            assert re.fullmatch(f'spoolctl: {command}.*[(]allowed: .*[)]\n', done.stderr), \
                (command, line, done)


@case(mount=False)
def every_command_has_help():
    for command in ([], ['run'], ['status'], ['ls'], ['why'], ['keep'], ['lifetime'], ['expire'],
                    ['session'], ['top'], ['set'], ['spill'], ['debug'], ['doctor']):
        assert spoolctl(*command, '--help').stdout.startswith('usage: ')


@case(mount=False)
def doctor_tells_what_is_there():
    findings = json.loads(spoolctl('doctor', '--json').stdout)
    assert {'kernel', '/dev/fuse', 'fusermount3', 'swap', 'Landlock', 'seccomp'} <= \
        {f['what'] for f in findings}
    assert all(f['state'] in ('ok', 'warn', 'missing') for f in findings)
    assert '/dev/fuse' in spoolctl('doctor').stdout
    assert 'does not use it' not in spoolctl('doctor').stdout


@case(mount=False)
def doctor_tells_of_limits_that_are_too_low():
    def state(what, *command):
        done = run(*command, binary('SPOOLCTL'), 'doctor', '--json', check=False)
        found = [f['state'] for f in json.loads(done.stdout) if f['what'] == what]
        return found[0], done.returncode

    assert state('RLIMIT_NOFILE', 'prlimit', '--nofile=47') == ('missing', 1)
    assert state('RLIMIT_NOFILE', 'prlimit', '--nofile=48')[0] == 'warn'
    assert state('RLIMIT_NOFILE', 'prlimit', '--nofile=10:20000')[0] == 'ok'
    user = ('setpriv', '--reuid=1000', '--regid=1000', '--clear-groups')
    assert state('RLIMIT_MEMLOCK', 'prlimit', '--memlock=4095', *user)[0] == 'warn'
    assert state('RLIMIT_MEMLOCK', 'prlimit', '--memlock=65536', *user)[0] == 'ok'
    assert state('RLIMIT_MEMLOCK', 'prlimit', '--memlock=0')[0] == 'ok'


@case(mount=False)
def what_is_wrong_stays_on_one_line():
    text = 'a\n\x1b[2Jb'
    for args in ([text], ['spill', text], ['set', 'grace=1', f'/{text}'],
                 ['ls', 'a', text], ['doctor', text],
                 ['run', '-o', 'backing=none', f'/{text}']):
        done = spoolctl(*args, check=False)
        assert done.returncode != 0 and r'a\012\033[2Jb' in done.stderr, done
        assert len(done.stderr.splitlines()) == 1 and '\x1b' not in done.stderr, done
