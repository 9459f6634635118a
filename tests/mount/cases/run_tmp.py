"""spoolctl run --tmp: /tmp and /var/tmp lie on the mount, for the command alone."""
import json
import os
import re
import shutil
import socket
import stat
import subprocess

from own_tmp import own_tmp, program_directories
from rig import DEADLINE_S, Skip, binary, case, is_mounted, mounts, need, put, run, unmount

USER, OTHER = 2, 65534  # fusermount3 wants users with names
COVERED = '/tmp', '/var/tmp'


def need_user_mounts():
    if not os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')
    if run('setpriv', f'--reuid={USER}', f'--regid={USER}', '--clear-groups', 'unshare', '-U',
           'true', check=False).returncode:
        raise Skip('no user namespaces here')


def users():
    """Who runs commands here."""
    yield 0
    need_user_mounts()
    yield USER


def command(*args):
    return [binary('SPOOLCTL'), 'run', '--tmp', '-o', 'backing=none', *args]


class Run(subprocess.Popen):
    """One that is ended when the case fails, or it would be waited for."""

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self.terminate()
        super().__exit__(kind, value, trace)


def start(uid, *args, cwd='/', **kwargs):
    env = {name: value for name, value in os.environ.items() if name != 'XDG_RUNTIME_DIR'}
    return Run(command(*args), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
               stderr=subprocess.PIPE, user=uid, group=uid, extra_groups=[4] if uid else None,
               cwd=cwd, env=env, **kwargs)


def finish(process, text=''):
    """What it has printed, when it has ended well and has nothing to say."""
    out, log = process.communicate(text, timeout=DEADLINE_S)
    assert (process.returncode, log) == (0, ''), (process.returncode, out, log)
    return out


def script(uid, text, *args):
    return finish(start(uid, 'sh', '-euc', text, 'sh', *args))


def entries():
    return [sorted(os.listdir(path)) for path in COVERED]


def all_mounts():
    """In a copy of the mount table, from which what others had mounted may go."""
    return set(mounts())


@case(mount=False)
def the_command_has_a_tmp_of_its_own():
    """And the one of others is as it was, while it runs and afterwards."""
    own_tmp()
    for uid in users():
        put('/tmp/theirs', b'1')
        put('/var/tmp/theirs', b'2')
        before, table = entries(), all_mounts()
        with start(uid, 'sh', '-euc', '''
                echo $TMPDIR $TMP $TEMP; ls -A /tmp /var/tmp; stat -f -c %T /tmp /var/tmp
                stat -c %a:%u:%g /tmp /var/tmp
                echo a > /tmp/mine; echo b > /var/tmp/mine; cat /tmp/mine /var/tmp/mine; read x'''
                   ) as process:
            out = ''.join(process.stdout.readline() for _ in range(10)).split('\n')
            assert out[0] == '/tmp /tmp /tmp', out
            assert out[1:4] == ['/tmp:', '', '/var/tmp:'], out
            assert out[4:6] == ['fuseblk'] * 2 or out[4:6] == ['fuse'] * 2, out
            assert f'1777:{uid}:{uid}' in out and out[-3:-1] == ['a', 'b'], out
            assert all(kind == 'tmpfs' for point, kind in mounts() if point in COVERED)
            assert not os.path.exists('/tmp/mine') and os.path.exists('/var/tmp/theirs')
            finish(process, '\n')
        assert entries() == before, entries()
        assert all_mounts() <= table, all_mounts() - table


@case(mount=False)
def the_command_is_who_it_was():
    """Ids, groups, no rights more, none less, and nothing that forbids it to get some."""
    need_user_mounts()
    text = 'id -u; id -g; grep -E "^(NoNewPrivs|CapEff|CapBnd|Seccomp):" /proc/self/status; umask'
    for uid in users():
        env = {'user': uid, 'group': uid, 'extra_groups': [4] if uid else None}
        plain = subprocess.run(['sh', '-c', text], capture_output=True, text=True, check=True,
                               **env)
        inside = script(uid, text)
        if uid:  # of all capabilities that its namespace has, which are none outside
            inside, plain = (re.sub('CapBnd.*', '', out) for out in (inside, plain.stdout))
            assert inside == plain
        else:
            assert inside == plain.stdout
    # its groups still give it rights, though they have no numbers inside
    own_tmp()
    path = '/run/spool-group-test'
    put(path, b'group')
    try:
        os.chown(path, 0, 4)
        os.chmod(path, 0o640)
        assert script(USER, f'cat {path}') == 'group'
    finally:
        os.unlink(path)


@case(mount=False)
def programs_that_ignore_tmpdir():
    own_tmp()
    for uid in users():
        before = entries()
        assert script(uid, 'f=$(mktemp -p /tmp); echo x > $f; ls /tmp | wc -l') == '1\n'
        code = 'import ctypes, os; libc = ctypes.CDLL(None); libc.tmpfile.restype = ' \
            'ctypes.c_void_p; fd = libc.fileno(ctypes.c_void_p(libc.tmpfile())); ' \
            'print(os.fstat(fd).st_dev == os.stat("/tmp").st_dev)'
        assert script(uid, 'exec /usr/bin/python3 -c "$1"', code) == 'True\n'
        if shutil.which('ssh-agent'):
            out = script(uid, '''eval $(ssh-agent) >/dev/null; ls -d /tmp/ssh-*
                [ -S $SSH_AUTH_SOCK ]; ssh-add -l || true; ssh-agent -k >/dev/null''')
            assert re.fullmatch(r'/tmp/ssh-\w+\nThe agent has no identities.\n', out), out
        if shutil.which('java'):
            process = start(uid, 'sh', '-c', 'java -XX:+UsePerfData -version 2>&1 | head -1; '
                            'ls -d /tmp/hsperfdata_*')
            assert '\n/tmp/hsperfdata_' in finish(process)
        assert entries() == before


@case(mount=False)
def an_agent_is_waited_for():
    """It puts itself into the background and leaves the session."""
    need('ssh-agent')
    own_tmp()
    for uid in users():
        with start(uid, 'sh', '-euc', 'eval $(ssh-agent); echo $SSH_AGENT_PID') as process:
            agent = int(process.stdout.read().split()[-1])
            assert process.poll() is None and os.path.exists(f'/proc/{agent}')
            process.terminate()
            finish(process)
            assert not os.path.exists(f'/proc/{agent}')
        assert finish(start(uid, '--kill', 'ssh-agent')).startswith('SSH_AUTH_SOCK')


@case(mount=False)
def sockets_of_x_stay_reachable():
    own_tmp()
    for name in ('.X11-unix', '.ICE-unix'):
        os.mkdir(f'/tmp/{name}')
        os.chmod(f'/tmp/{name}', 0o1777)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f'/tmp/{name}/7')
            os.chmod(f'/tmp/{name}/7', 0o666)
            server.listen()
            code = f'import socket; s = socket.socket(socket.AF_UNIX); s.connect("/tmp/{name}/7")'
            for uid in users():
                assert script(uid, '/usr/bin/python3 -c "$1"; ls -A /tmp', code).split()[0] == name
        assert os.listdir(f'/tmp/{name}') == ['7']
    os.rename('/tmp/.X11-unix', '/tmp/elsewhere')
    os.symlink('elsewhere', '/tmp/.X11-unix')  # somebody wants us to mount what he likes
    assert script(0, 'ls -A /tmp') == '.ICE-unix\n'


@case(mount=False)
def a_working_directory_that_would_be_covered():
    own_tmp()
    for uid in users():
        for path in COVERED:
            place = f'{path}/a b/c'
            os.makedirs(place, exist_ok=True)
            process = start(uid, 'sh', '-c', 'echo started', cwd=place)
            out, log = process.communicate(timeout=DEADLINE_S)
            assert (process.returncode, out) == (1, ''), out
            assert re.fullmatch(f'spoolctl: run: --tmp: {place}: .*[(]allowed: .*[)]\n', log), log
            out = finish(start(uid, 'sh', '-c', 'echo x > here; cat $1/here; pwd; ls', 'sh', path,
                               cwd=path))
            assert out == f'x\n{path}\nhere\n', out
            assert not os.path.exists(f'{path}/here')
    place = '/run/spool-cwd-test'
    os.mkdir(place)
    try:
        assert finish(start(0, 'pwd', cwd=place)) == f'{place}\n'
    finally:
        os.rmdir(place)


@case(mount=False)
def two_users_at_once():
    need_user_mounts()
    own_tmp()
    text = 'echo $1 > /tmp/same; echo $1 > /var/tmp/same; echo; read x; cat /tmp/same /var/tmp/same'
    running = [start(uid, 'sh', '-euc', text, 'sh', str(uid)) for uid in (USER, OTHER, 0, USER)]
    for process in running:
        assert process.stdout.readline() == '\n'
    assert not any('same' in names for names in entries())
    for process, uid in zip(running, (USER, OTHER, 0, USER)):
        assert finish(process, '\n') == f'{uid}\n{uid}\n'


@case(mount=False)
def roots_command_may_change_to_other_users():
    """As apt and many a service do: /tmp is for all of them, and nobody removes another's file."""
    own_tmp()
    out = script(0, '''
        change() { setpriv --reuid=$1 --regid=$1 --clear-groups sh -c "$2"; }
        change 65534 'mktemp >/dev/null; echo x > /tmp/f; echo y > /var/tmp/f; id -u'
        change 2 'rm -f /tmp/f 2>/dev/null || echo refused; mktemp -d -p /var/tmp >/dev/null'
        stat -c %u:%a /tmp/f''')
    assert out == '65534\nrefused\n65534:644\n', out


@case(mount=False)
def mounts_arrive_and_none_leaves():
    own_tmp('shared')
    place = '/run/spool-mounts-test'
    os.mkdir(place)
    try:
        for uid in users():
            text = f'echo; read x; cat {place}/here; ' + \
                ('' if uid else f'mount -t tmpfs tmpfs {place}/sub; echo; read x')
            with start(uid, 'sh', '-euc', text) as process:
                process.stdout.readline()
                run('mount', '-t', 'tmpfs', 'tmpfs', place)
                put(f'{place}/here', b'arrived\n')
                os.mkdir(f'{place}/sub')
                process.stdin.write('\n')
                process.stdin.flush()
                assert process.stdout.readline() == 'arrived\n'
                if not uid:
                    process.stdout.readline()
                    assert not is_mounted(f'{place}/sub')
                finish(process, '\n')
            unmount(place)
    finally:
        os.rmdir(place)


def where_users_have_no_namespaces(*args):
    """Runs spoolctl so. The limit is of a user namespace, and nobody else's here."""
    inside = f'echo; read x; echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv ' \
             f'--reuid={USER} --regid={USER} --clear-groups "$@"'
    with Run(['unshare', '-U', '-m', '--keep-caps', 'sh', '-euc', inside, 'sh',
              binary('SPOOLCTL'), *args], cwd='/', text=True, stdin=subprocess.PIPE,
             stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        for name in ('uid_map', 'gid_map'):
            with open(f'/proc/{process.pid}/{name}', 'w', encoding='ascii') as file:
                file.write('0 0 65536')
        out, log = process.communicate('\n', timeout=DEADLINE_S)
    return process.returncode, out, log


@case(mount=False)
def without_user_namespaces_nothing_is_started():
    need_user_mounts()
    status, out, log = where_users_have_no_namespaces('run', '--tmp', '-o', 'backing=none', 'sh',
                                                      '-c', 'echo started')
    assert (status, out) == (1, ''), (status, out, log)
    assert re.fullmatch('spoolctl: run: --tmp: user namespace: .* '
                        r'\(.* user.max_user_namespaces is 0\)\n', log), log


@case(mount=False)
def doctor_tells_whether_users_can_have_it():
    need_user_mounts()

    def state(text):
        return {one['what']: one['state'] for one in json.loads(text)}['user namespaces']
    assert state(run(binary('SPOOLCTL'), 'doctor', '--json').stdout) == 'ok'
    _, out, log = where_users_have_no_namespaces('doctor', '--json')
    assert state(out) == 'warn' and 'user.max_user_namespaces is 0' in out, (out, log)


@case(mount=False)
def what_cannot_be_is_one_line():
    own_tmp()
    table = all_mounts()
    for args, status in ((['-o', 'layout=private'], 1), (['-o', 'ram=bad'], 2), (['--tmp=1'], 2),
                         (['--wait', '--kill'], 2)):
        done = run(*command(*args, 'sh', '-c', 'echo started'), check=False, cwd='/')
        assert (done.returncode, done.stdout) == (status, ''), done
        assert re.fullmatch('spool(ctl: run|fs): .*[(]allowed: .*[)]\n', done.stderr), done
    assert all_mounts() <= table


@case(mount=False)
def it_nests():
    own_tmp()
    programs = '/run/spool-nest-test'  # where the inner one is found, though the build be in /tmp
    os.mkdir(programs)
    try:
        run('mount', '-t', 'tmpfs', 'tmpfs', programs)
        for name, place in program_directories().items():
            os.mkdir(f'{programs}/{name}')
            run('mount', '--bind', place, f'{programs}/{name}')
        inner = f'{programs}/tools/spoolctl run -o backing=none'
        out = script(0, f'''echo x > /tmp/f
            {inner} --tmp sh -c 'ls -A /tmp; echo y > /tmp/f; cat /tmp/f'; cat /tmp/f
            {inner} sh -c 'echo z > $TMPDIR/f; cat $TMPDIR/f' ''')
        assert out == 'y\nx\nz\n', out
        run('umount', '-R', programs)
    finally:
        os.rmdir(programs)


@case(mount=False)
def modes_that_are_asked_for_hold():
    for modes, wanted in (('strict', 0o700), ('refuse', 0o700), ('keep', 0o1777),
                          ('owner', 0o1777)):
        out = run(*command('-o', f'layout=single,modes={modes}', 'stat', '-c', '%a', '/tmp',
                           '/var/tmp'), cwd='/').stdout
        assert out == f'{wanted:o}\n' * 2, (modes, out)
    assert stat.S_IMODE(os.stat('/tmp').st_mode) == 0o1777
