"""Sessions end, and what was made in them goes; whoever lives on keeps it."""
import errno
import os
import signal
import subprocess

from rig import (Mount, Skip, as_user, binary, case, fails, get, need, own_uids, put, run,
                 wait_until)
from sessions import UNIFIED, can_log_in, has_cgroups, log_in

USER, OTHER, THIRD = 61021, 61022, 61023  # where it is not their last process that counts


def need_logins():
    try:
        done = as_user(0, can_log_in)
    except OSError:
        done = False
    if not done:
        raise Skip('no audit sessions here')


class Shell:
    """A bash of a user in his directory of a mount, in a session of its own; with login=True in an
    audit session, and in the cgroup of that directory."""

    def __init__(self, mount, uid, login=False, cgroup=None):
        def become():
            if login:
                log_in()
            if cgroup:
                put(f'{cgroup}/cgroup.procs', b'0')
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)

        self.place = mount.tmpdir(uid)
        os.stat(self.place)
        self.process = subprocess.Popen(
            ['bash', '-eu'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=become, start_new_session=True, cwd=self.place,
            env=dict(os.environ, HOME='/', TMPDIR=self.place))

    def do(self, script):
        """Runs it. What it prints."""
        self.process.stdin.write(f'{script}\necho end-of-script\n')
        self.process.stdin.flush()
        lines = []
        for line in iter(self.process.stdout.readline, 'end-of-script\n'):
            assert line, (script, lines)
            lines.append(line)
        return ''.join(lines)

    def leave(self, command):
        """Starts a command that outlives this shell. Its process id."""
        self.do('rm -f pid')
        self.do(f"{command} sh -c 'echo $$ >pid.new; mv pid.new pid; exec sleep 1000' "
                '>/dev/null 2>&1 & disown')
        wait_until(lambda: os.path.exists(f'{self.place}/pid'), command)
        return int(self.do('cat pid; rm pid'))

    def end(self):
        self.process.stdin.close()
        assert self.process.wait() == 0
        self.process.stdout.close()


def users_of_its_own():
    """From here on USER, OTHER and THIRD are this case's, and nobody else has processes of them."""
    global USER, OTHER, THIRD
    USER, OTHER, THIRD = own_uids(3)


def ended(mount, names, uid=None):
    """Waits until they have gone."""
    uid = USER if uid is None else uid
    for name in names:
        wait_until(lambda name=name: not os.path.lexists(f'{mount.tmpdir(uid)}/{name}'),
                   f'{name} goes')


def keeps_it(mount, begin, witness, command):
    """A session in which only what @command starts is left goes on until that has ended. @witness
    begins another one, which ends later, but whose files go first."""
    shell, later = begin(), witness()
    shell.do('mkdir kept; echo x >kept/file')
    later.do('echo x >gone')
    pid = shell.leave(command)
    shell.end()
    place = later.place
    later.end()
    wait_until(lambda: not os.path.exists(f'{place}/gone'), 'the other session has ended')
    assert get(f'{shell.place}/kept/file') == b'x\n', command
    # the process is not a child of this one; its number is not used again so soon
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not os.path.exists(f'{shell.place}/kept'), f'all goes after {command}')


def ends_at_once(mount, shell):
    shell.do('mkdir d; echo x >d/f; echo x >f; ln -s /etc s; mkfifo p')
    shell.end()
    ended(mount, ('d', 'f', 's', 'p'))


@case(options='session=login')
def a_login_ends_with_its_last_process(mount):
    need_logins()
    ends_at_once(mount, Shell(mount, USER, login=True))


@case(options='session=login')
def who_outlives_a_login_keeps_its_files(mount):
    """In the background, in a session of its own, as another user, in another pid namespace."""
    need_logins()

    def begin():
        return Shell(mount, USER, login=True)

    for command in ('', 'nohup', 'setsid', 'setsid nohup'):
        keeps_it(mount, begin, begin, command)

    def as_root():  # it may change to other users, as sudo does
        shell = Shell(mount, 0, login=True)
        shell.do(f'cd ../{USER}')
        shell.place = mount.tmpdir(USER)
        shell.do(f'su() {{ setpriv --reuid={USER} --regid={USER} --clear-groups "$@"; }}')
        return shell

    for command in ('setsid', f'setpriv --reuid={OTHER} --clear-groups --inh-caps=-all',
                    'unshare -p -f', 'unshare -m -p -f --mount-proc'):
        shell, later = as_root(), begin()
        shell.do('su sh -c "mkdir kept; echo x >kept/file"')
        later.do('echo x >gone')
        shell.do(f'cd /; {command} sleep 1000 >/dev/null 2>&1 & disown')
        mark, found = f'SPOOL_CASE_DIR={os.environ["SPOOL_CASE_DIR"]}\0'.encode(), []

        def sleeper(mark=mark, found=found):  # of this case; it is in no pid file
            for pid in filter(str.isdigit, os.listdir('/proc')):
                try:
                    if get(f'/proc/{pid}/cmdline') == b'sleep\x001000\x00' and \
                            mark in get(f'/proc/{pid}/environ'):
                        found[:] = [int(pid)]
                except (FileNotFoundError, ProcessLookupError):
                    pass
            return found

        wait_until(sleeper, command)
        shell.end()
        later.end()
        ended(mount, ('gone',))
        assert get(f'{mount.tmpdir(USER)}/kept/file') == b'x\n', command
        os.kill(found[0], signal.SIGKILL)
        ended(mount, ('kept',))


@case(options='session=login')
def another_login_of_the_user_keeps_its_own(mount):
    """Not those of the one that has ended; and a directory stays for what is in it."""
    need_logins()
    first, second = (Shell(mount, USER, login=True) for _ in range(2))
    first.do('echo x >first; mkdir dir; echo x >dir/first')
    second.do('echo x >second; echo x >dir/second')
    first.do('mv dir/first dir/moved; ln first also; echo x >here; mv second renamed')
    first.end()
    ended(mount, ('first', 'also', 'here', 'dir/moved'))
    assert sorted(os.listdir(second.place)) == ['dir', 'renamed']
    assert os.listdir(f'{second.place}/dir') == ['second']
    second.do('echo y >dir/third')
    second.end()
    ended(mount, ('renamed', 'dir'))


@case(options='session=uid,grace=0')
def a_user_is_gone_with_his_last_process(mount):
    users_of_its_own()
    shells = [Shell(mount, uid) for uid in (USER, OTHER, THIRD)]
    shells[1].do('echo x >f')
    shells[2].do('echo x >f')
    ends_at_once(mount, shells[0])
    assert get(f'{mount.tmpdir(OTHER)}/f') == get(f'{mount.tmpdir(THIRD)}/f') == b'x\n'
    for shell in shells[1:]:
        shell.end()
    ended(mount, ('f',), OTHER)
    ended(mount, ('f',), THIRD)


@case(options='session=uid,grace=0')
def who_outlives_his_shell_is_still_there(mount):
    users_of_its_own()
    for command in ('', 'nohup', 'setsid'):
        keeps_it(mount, lambda: Shell(mount, USER), lambda: Shell(mount, OTHER), command)
    # a second login of his: no relative of the first one
    second = Shell(mount, USER)
    shell, later = Shell(mount, USER), Shell(mount, OTHER)
    shell.do('echo x >file')
    shell.end()
    later.do('echo x >gone')
    later.end()
    ended(mount, ('gone',), OTHER)
    assert second.do('cat file') == 'x\n'
    second.end()
    ended(mount, ('file',))


@case(options='session=uid,grace=0')
def a_process_with_many_groups_holds_up_nobody(mount):
    users_of_its_own()
    reader, writer = os.pipe()
    holder = os.fork()
    if holder == 0:
        try:
            os.close(writer)
            os.setgroups(range(100000, 100000 + os.sysconf('SC_NGROUPS_MAX') // 4))
            os.setresuid(OTHER, OTHER, OTHER)
            put(f'{mount.tmpdir(OTHER)}/kept', b'x')
            os.read(reader, 1)
        finally:
            os._exit(0)
    os.close(reader)
    wait_until(lambda: os.path.exists(f'{mount.tmpdir(OTHER)}/kept'), 'it is made')
    shell = Shell(mount, USER)
    shell.do('echo x >f')
    shell.end()
    ended(mount, ('f',))
    assert get(f'{mount.tmpdir(OTHER)}/kept') == b'x'
    os.close(writer)
    os.waitpid(holder, 0)
    ended(mount, ('kept',), OTHER)


@case(options='session=uid,grace=0')
def root_and_other_system_users_keep_their_files(mount):
    """They have no session, so theirs is the mount."""
    users_of_its_own()
    for uid in (0, 33):
        system, later = Shell(mount, uid), Shell(mount, OTHER)
        system.do('echo x >file')
        system.end()
        later.do('echo x >gone')
        later.end()
        ended(mount, ('gone',), OTHER)
        assert get(f'{mount.tmpdir(uid)}/file') == b'x\n'


@case(options='session=cgroup')
def a_control_group_is_a_session(mount):
    """Whoever is in it keeps it; processes that come and go elsewhere do not."""
    if not has_cgroups():
        raise Skip('no cgroup of version 2')
    groups = [f'{UNIFIED[0]}/spool-life-{os.getpid()}-{i}' for i in range(2)]
    for group in groups:
        os.mkdir(group)
    try:
        def begin(group=groups[0]):
            return Shell(mount, USER, cgroup=group)

        ends_at_once(mount, begin())
        for command in ('', 'nohup', 'setsid'):
            keeps_it(mount, begin, lambda: begin(groups[1]), command)
    finally:
        for group in groups:
            wait_until(lambda group=group: not get(f'{group}/cgroup.procs'), 'nobody is left')
            os.rmdir(group)


@case(options='session=sid')
def what_others_do_at_the_end_of_a_session_ends_well(mount):
    """Names go while they are looked up and opened: there, or not there, and no other error."""
    stop, place = f'{mount.base}/stop', mount.tmpdir(USER)
    os.stat(place)

    def look():
        while not os.path.exists(stop):
            for name in os.listdir(place):
                try:
                    get(f'{place}/{name}')
                    os.stat(f'{place}/{name}')
                except FileNotFoundError:
                    pass
        return True

    reader = os.fork()
    if reader == 0:
        try:
            os._exit(0 if as_user(USER, look) else 1)
        finally:
            os._exit(2)
    for i in range(30):
        shell = Shell(mount, USER)
        shell.do(f'for i in $(seq 40); do echo x >{i}-$i; done')
        shell.end()
    wait_until(lambda: not os.listdir(place), 'all have gone')
    put(stop)
    assert os.waitpid(reader, 0)[1] == 0
    os.unlink(stop)


@case(options='session=sid')
def a_thousand_sessions_end_while_another_user_works(mount):
    os.stat(mount.tmpdir(USER))
    maker = f'''cd {mount.tmpdir(USER)}
        for i in $(seq 1000); do
            setsid sh -c "for j in 1 2 3; do echo x >$i-\\$j; done" &
            [ $((i % 50)) != 0 ] || wait
        done
        wait'''
    worker = Shell(mount, OTHER)
    worker.do('mkdir own; i=0')
    process = subprocess.Popen(['setpriv', f'--reuid={USER}', f'--regid={USER}', '--clear-groups',
                                'bash', '-c', maker], start_new_session=True)
    while process.poll() is None or os.listdir(mount.tmpdir(USER)):
        worker.do('i=$((i + 1)); echo $i >own/$i; test "$(cat own/$i)" = $i; mv own/$i own/last')
    assert process.returncode == 0
    assert worker.do('ls own').split() == ['last']
    worker.end()


@case(mount=False)
def every_lifetime_is_a_place_for_tempfile():
    script = '''import os, tempfile
assert tempfile.gettempdir() == os.environ['TMPDIR'], tempfile.gettempdir()
with tempfile.NamedTemporaryFile() as file:
    file.write(b'data')
    file.flush()
    assert open(file.name, 'rb').read() == b'data'
with tempfile.TemporaryDirectory() as name:
    open(name + '/x', 'w').close()
with tempfile.TemporaryFile() as file:
    file.write(b'x')'''
    for lifetime in ('session', 'close', 'mount'):
        with Mount(options=f'lifetime={lifetime},session=sid') as mount:
            place = mount.tmpdir(USER)
            as_user(USER, os.stat, place)
            run('setsid', '-w', 'setpriv', f'--reuid={USER}', f'--regid={USER}', '--clear-groups',
                '/usr/bin/python3', '-c', script, env=dict(os.environ, TMPDIR=place))
            assert os.listdir(place) == []


@case(options='session=sid,lifetime=mount')
def a_lifetime_is_changed_on_the_live_mount(mount):
    spoolctl, place = binary('SPOOLCTL'), mount.tmpdir(USER)

    def made(name):
        shell, witness = Shell(mount, USER), Shell(mount, OTHER)
        shell.do(f'echo x >{name}; mkdir {name}.d; echo x >{name}.d/f')
        shell.end()
        witness.end()

    made('stays')
    assert os.getxattr(f'{place}/stays', 'user.spoolfs.lifetime') == b'mount'
    run(spoolctl, 'set', 'lifetime=session', mount.path)
    made('goes')
    ended(mount, ('goes', 'goes.d'))
    assert get(f'{place}/stays') == b'x\n' and get(f'{place}/stays.d/f') == b'x\n'
    run(spoolctl, 'set', 'lifetime=mount', 'session=uid', 'grace=0', mount.path)
    made('stays.too')
    done = run(spoolctl, 'set', 'lifetime=ever', mount.path, check=False)
    assert done.returncode == 2 and 'lifetime=ever: unknown lifetime' in done.stderr, done
    assert get(f'{place}/stays.too') == b'x\n'


@case(options='session=sid')
def an_xattr_says_how_long_a_file_lives(mount):
    name, place = 'user.spoolfs.lifetime', mount.tmpdir(USER)
    shell, witness = Shell(mount, USER), Shell(mount, OTHER)
    shell.do('mkdir dir; echo x >dir/kept; echo x >kept; echo x >goes; mkdir hands.down')
    as_user(USER, os.setxattr, f'{place}/kept', name, b'mount')
    os.setxattr(f'{place}/dir/kept', name, b'mount')
    os.setxattr(f'{place}/hands.down', name, b'mount')
    shell.do('echo x >hands.down/new')
    assert os.getxattr(f'{place}/hands.down/new', name) == b'mount'
    assert os.listxattr(f'{place}/kept') == []
    fails(errno.EINVAL, os.setxattr, f'{place}/kept', name, b'ever')
    fails(errno.EEXIST, os.setxattr, f'{place}/kept', name, b'close', os.XATTR_CREATE)
    shell.end()
    ended(mount, ('goes',))
    assert sorted(os.listdir(place)) == ['dir', 'hands.down', 'kept']
    os.setxattr(f'{place}/kept', name, b'session')
    os.setxattr(f'{place}/dir/kept', name, b'session')
    ended(mount, ('kept', 'dir'))
    assert get(f'{place}/hands.down/new') == b'x\n'
    witness.end()


@case(layout='shared', options='session=sid')
def an_owner_changes_a_lifetime_in_a_shared_tree(mount):
    """Also where the kernel does not say who asks, as on mounts with id mappings."""
    name, file = 'user.spoolfs.lifetime', f'{mount.path}/file'

    def make():
        put(file, b'x')
        os.chmod(file, 0o666)

    as_user(USER, make)
    fails(errno.EPERM, as_user, OTHER, os.setxattr, file, name, b'session')
    as_user(OTHER, os.setxattr, file, 'user.other', b'x')
    assert os.getxattr(file, name) == b'mount'
    for uid, lifetime in ((USER, b'close'), (0, b'mount'), (USER, b'session')):
        as_user(uid, os.setxattr, file, name, lifetime)
        assert os.getxattr(file, name) == lifetime


@case()
def who_looks_for_members_lets_others_go_first(mount):
    found = {}
    for task in os.listdir(f'/proc/{mount.worker}/task'):
        path = f'/proc/{mount.worker}/task/{task}'
        fields = get(f'{path}/stat').decode().rsplit(')', 1)[1].split()
        found[get(f'{path}/comm').decode().strip()] = int(fields[16])  # nice, proc_pid_stat(5)
    assert found['spoolfs-life'] == max(found['spoolfs-reaper'] + 10, 10), found


@case(mount=False)
def run_has_the_lifetime_of_its_mount():
    need('setsid')
    done = run(binary('SPOOLCTL'), 'run', '-o', 'xattr=on', '--', '/usr/bin/python3', '-c',
               '''import os
os.mkdir('dir') if os.chdir(os.environ['TMPDIR']) else open('f', 'w').close()
print(os.getxattr('f', 'user.spoolfs.lifetime').decode())''')
    assert done.stdout == 'mount\n', done


# The first thread stays root; another one changes its own uid alone, as servers do for a request.
SERVER = '''
import ctypes, os, threading

SYS_SETRESUID = {'x86_64': 117, 'aarch64': 147}[os.uname().machine]

def serve():
    assert ctypes.CDLL(None).syscall(SYS_SETRESUID, UID, UID, UID) == 0
    print('ready', flush=True)
    os.read(0, 1)
    print('done', flush=True)

thread = threading.Thread(target=serve)
thread.start()
thread.join()
os.read(0, 1)
'''


@case(options='session=uid,grace=0')
def a_thread_that_works_for_a_user_keeps_his_files(mount):
    """And no longer than it does: its process lives on."""
    if os.uname().machine not in ('x86_64', 'aarch64'):
        raise Skip('no number of setresuid for this machine')
    shell, witness = Shell(mount, USER), Shell(mount, OTHER)
    server = subprocess.Popen(['/usr/bin/python3', '-c', SERVER.replace('UID', str(USER))],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdout.readline() == b'ready\n'
    shell.do('echo x >kept')
    shell.end()
    for _ in range(2):
        witness.do('echo x >gone')
        witness.end()
        ended(mount, ('gone',), OTHER)
        assert get(f'{shell.place}/kept') == b'x\n'
        witness = Shell(mount, OTHER)
    witness.end()
    server.stdin.write(b'x')
    server.stdin.flush()
    assert server.stdout.readline() == b'done\n'
    ended(mount, ('kept',))
    server.stdin.close()
    assert server.wait() == 0
    server.stdout.close()


@case(options='session=sid')
def who_is_stopped_lives_and_who_is_not_waited_for_does_not(mount):
    shell, later = Shell(mount, USER), Shell(mount, OTHER)
    shell.do('echo x >kept')
    later.do('echo x >gone')
    pid = shell.leave('')
    os.kill(pid, signal.SIGSTOP)
    shell.end()
    later.end()
    ended(mount, ('gone',), OTHER)
    assert get(f'{shell.place}/kept') == b'x\n'
    os.kill(pid, signal.SIGKILL)
    ended(mount, ('kept',))
    shell = Shell(mount, USER)
    shell.do('echo x >kept')
    shell.process.stdin.close()
    ended(mount, ('kept',))
    assert get(f'/proc/{shell.process.pid}/stat').split()[2] == b'Z'
    assert shell.process.wait() == 0
    shell.process.stdout.close()
