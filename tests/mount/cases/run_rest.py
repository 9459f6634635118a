"""spoolctl run --wait and --kill: what the command has left running."""
import os
import pty
import re
import signal
import subprocess
import tempfile

from rig import DEADLINE_S, Skip, alive, binary, case, children, is_mounted, run, wait_until

USER = 2  # fusermount3 wants one with a name
# Ways to get away from a parent; $0 is a script.
AWAY = {
    'in the background': 'sh -c "$0" &',
    'a session of its own': 'setsid sh -c "$0" &',
    'a double fork': '(setsid sh -c "$0" &)',
    'nohup': 'nohup sh -c "$0" &',
}


def popen(*args, **kwargs):
    kwargs.setdefault('stdin', subprocess.DEVNULL)
    return subprocess.Popen([binary('SPOOLCTL'), 'run', *args], text=True, stdout=subprocess.PIPE,
                            cwd='/', **kwargs)


def below(pid):
    """All processes below this one."""
    found = []
    for child in children(pid):
        found += [child, *below(child)]
    return found


def name_of(pid):
    with open(f'/proc/{pid}/comm', encoding='ascii') as file:
        return file.read().strip()


def assert_nothing_is_left(tmpdir, pids=()):
    assert not is_mounted(tmpdir) and not os.path.exists(os.path.dirname(tmpdir))
    assert not any(map(alive, pids)), [pid for pid in pids if alive(pid)]


@case(mount=False)
def who_is_left_is_waited_for():
    with tempfile.TemporaryDirectory() as place:
        os.mkfifo(f'{place}/go')
        late = f'read x < {place}/go; echo late > $TMPDIR/f; cat $TMPDIR/f'
        for way, start in AWAY.items():
            script = f'echo $TMPDIR $$; {start}\nexit 3'
            with popen('--wait', 'sh', '-c', script, late) as process:
                tmpdir, pid = process.stdout.readline().split()
                wait_until(lambda p=pid: not alive(int(p)), 'the command ends')
                assert process.poll() is None and is_mounted(tmpdir), way
                with open(f'{place}/go', 'w', encoding='ascii') as go:
                    go.write('go\n')
                assert process.stdout.read() == 'late\n', way
                assert process.wait(DEADLINE_S) == 3, way
            assert_nothing_is_left(tmpdir)


@case(mount=False)
def who_is_left_is_ended():
    # it says that it is there before the command ends
    rest = 'trap "echo ended; exit" TERM; echo $$; echo > $TMPDIR/go; while :; do sleep 0.05; done'
    for way, start in AWAY.items():
        script = f'echo $TMPDIR; mkfifo $TMPDIR/go; {start}\nread x < $TMPDIR/go; exit 4'
        with popen('--kill', 'sh', '-c', script, rest) as process:
            tmpdir, pid, *more = process.stdout.read().splitlines()
            assert more == ['ended'] and process.wait(DEADLINE_S) == 4, (way, more)
        assert_nothing_is_left(tmpdir, [int(pid)])


@case(mount=False)
def who_does_not_end_and_who_is_stopped_is_killed():
    """Also those that are forked all the time."""
    script = '''echo $TMPDIR
        mkfifo $TMPDIR/1 $TMPDIR/2 $TMPDIR/3
        setsid sh -c 'trap "" TERM; echo $$; echo > $TMPDIR/1; while :; do sleep 9; done' &
        read x < $TMPDIR/1
        setsid sh -c 'echo $$; echo > $TMPDIR/2; kill -STOP $$' &
        read x < $TMPDIR/2
        setsid sh -c 'trap "" TERM; echo $$; echo > $TMPDIR/3
                      f() { sleep 0.01; (f &) ; }; f
                      while :; do (sleep 0.02 &) ; sleep 0.01; done' &
        read x < $TMPDIR/3
        exit 5'''
    with popen('--kill', 'sh', '-c', script) as process:
        tmpdir, *pids = process.stdout.read().split()
        assert (process.wait(DEADLINE_S), len(pids)) == (5, 3), (process.returncode, pids)
    assert_nothing_is_left(tmpdir, map(int, pids))


@case(mount=False)
def a_signal_ends_the_wait():
    """The status is the command's: it has done its work."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        script = 'echo $TMPDIR $$; setsid sleep 1000 & echo $!; exit 6'
        with popen('--wait', 'sh', '-c', script) as process:
            tmpdir, pid, rest = (process.stdout.readline() + process.stdout.readline()).split()
            wait_until(lambda p=pid: not alive(int(p)), 'the command ends')
            process.send_signal(number)
            assert process.wait(DEADLINE_S) == 6, number
        assert_nothing_is_left(tmpdir, [int(rest)])


@case(mount=False)
def a_signal_that_ends_the_command_ends_the_rest():
    """SIGTERM does whatever the command makes of it, the others when it dies of them."""
    for number, trap, status in ((signal.SIGTERM, 'exit 9', 9), (signal.SIGTERM, '-', 128 + 15),
                                 (signal.SIGINT, '-', 128 + 2)):
        script = f'trap "{trap}" {int(number)}; echo $TMPDIR; setsid sleep 1000 & echo $!; ' \
                 'mkfifo $TMPDIR/never; read x < $TMPDIR/never'
        with popen('--wait', 'sh', '-c', script) as process:
            tmpdir, rest = process.stdout.readline().strip(), process.stdout.readline().strip()
            process.send_signal(number)
            assert process.wait(DEADLINE_S) == status, (number, trap)
        assert_nothing_is_left(tmpdir, [int(rest)])


@case(mount=False)
def a_hangup_ends_nobody_who_does_not_want_it():
    """As when the terminal is closed: the command gets it, then we do; what nohup has started is
    waited for all the same."""
    script = 'echo $TMPDIR; mkfifo $TMPDIR/go $TMPDIR/end; nohup sh -c "$0" & ' \
             'read x < $TMPDIR/go; echo $$; exec sleep 999'
    rest = 'echo > $TMPDIR/go; read x < $TMPDIR/end; echo late'
    with popen('--wait', 'sh', '-c', script, rest) as process:
        tmpdir, pid = process.stdout.readline().strip(), int(process.stdout.readline())
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: not alive(pid), 'the command ends')
        process.send_signal(signal.SIGHUP)
        assert process.poll() is None and is_mounted(tmpdir)
        with open(f'{tmpdir}/end', 'w', encoding='ascii') as end:
            end.write('go\n')
        assert process.stdout.read().endswith('late\n') and process.wait(DEADLINE_S) == 128 + 1
    assert_nothing_is_left(tmpdir)


@case(mount=False)
def signals_reach_the_command():
    script = 'trap "echo got; exit 9" TERM; echo $TMPDIR; while :; do sleep 0.05; done'
    with popen('--wait', 'sh', '-c', script) as process:
        tmpdir = process.stdout.readline().strip()
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == 'got\n' and process.wait(DEADLINE_S) == 9
    assert_nothing_is_left(tmpdir)


@case(mount=False)
def the_status_is_the_commands():
    for option in ('--wait', '--kill'):
        def status(*command, option=option):
            return run(binary('SPOOLCTL'), 'run', option, *command, check=False).returncode
        assert [status('sh', '-c', f'exit {code}') for code in (0, 1, 2, 255)] == [0, 1, 2, 255]
        assert status('sh', '-c', 'kill -9 $$') == 128 + 9
        assert status('/nonexistent/cmd') == 127 and status('/etc/passwd') == 126


def mounted_by(pids):
    """The mount point of the daemon that is one of them."""
    for pid in pids:
        with open(f'/proc/{pid}/cmdline', encoding='utf-8') as file:
            args = file.read().split('\0')
        if args[0] == 'spoolfs':
            return args[-2]
    raise AssertionError('no daemon')


def kill_one(index, uid, options):
    """SIGKILL for one of the processes. Its name; '' when there are not so many."""
    script = 'mkfifo $TMPDIR/go; setsid sh -c "echo > $TMPDIR/go; exec sleep 999" &' \
             'read x < $TMPDIR/go; echo; read x'
    name = ''
    with popen(*options, '--kill', 'sh', '-c', script, stdin=subprocess.PIPE,
               stderr=subprocess.DEVNULL, user=uid, group=uid, extra_groups=[]) as process:
        process.stdout.readline()
        pids = [process.pid, *below(process.pid)]
        place = mounted_by(pids)
        if index < len(pids):
            name = name_of(pids[index])
            os.kill(pids[index], signal.SIGKILL)
        process.stdin.close()
        process.wait(DEADLINE_S)
        outer = os.path.dirname(place)
        wait_until(lambda: not os.path.exists(outer) and not os.path.exists(f'{outer}-end'),
                   'no directory')
        wait_until(lambda: not any(map(alive, pids)), 'no process')
        assert not is_mounted(place) and not is_mounted(f'{outer}-end/t')
    return name


def kill_each(uid, *options):
    names, index = {kill_one(0, uid, options)}, 1
    while '' not in names:
        names.add(kill_one(index, uid, options))
        index += 1
    assert {'spoolctl', 'spoolctl-keeper', 'sh', 'spoolfs', 'spoolfs-super',
            'spoolfs-janitor'} <= names, names


@case(mount=False)
def whoever_is_killed_nothing_is_left():
    """spoolctl, its keeper, the command, each process of the daemon, one after the other."""
    kill_each(0)


@case(mount=False)
def whoever_is_killed_nothing_is_left_with_tmp():
    kill_each(0, '--tmp')


@case(mount=False)
def whoever_is_killed_nothing_is_left_of_a_user():
    if not os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')
    if run('setpriv', f'--reuid={USER}', 'unshare', '-U', 'true', check=False).returncode:
        raise Skip('no user namespaces here')
    kill_each(USER, '--tmp')


def in_terminal(script, answer_to=None, answer=b''):
    """What a shell with job control prints on a terminal of its own. @answer is typed when
    @answer_to has been printed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir('/')
        os.execv('/bin/bash', ['bash', '-m', '-c', script])
    out = b''
    try:
        while (more := os.read(terminal, 4096)):
            out += more
            if answer_to and answer_to in out:
                os.write(terminal, answer)
                answer_to = None
    except OSError:  # the last one has closed it
        pass
    os.close(terminal)
    os.waitpid(pid, 0)
    return out.decode()


@case(mount=False)
def a_shell_stops_and_continues_it():
    for inner in ('kill -TSTP 0', "sh -c 'kill -TSTP 0'", 'kill -STOP \\$\\$'):
        for option in ('', '--wait'):
            out = in_terminal(f'{binary("SPOOLCTL")} run {option} sh -c "{inner}; '
                              'echo went-\\$((6 * 7))"; echo status $?; fg; echo status $?')
            assert out.count('went-42') == 1 and out.endswith('status 0\r\n'), (inner, option, out)
            assert out.index('status 147') < out.index('went-42'), (inner, option, out)


@case(mount=False)
def on_a_terminal_it_is_told_and_interrupted():
    """What waits: a background job, which ^C does not reach."""
    out = in_terminal(f'{binary("SPOOLCTL")} run --wait sh -c "setsid sleep 1000 & exit 7"; '
                      'echo status $?', b'^C ends them', b'\x03')
    assert re.search('waiting for 1 process.*, such as \\w+, pid', out), out
    assert out.endswith('status 7\r\n'), out


@case(mount=False)
def ctrl_z_stops_the_wait():
    out = in_terminal(f'{binary("SPOOLCTL")} run --wait sh -c "setsid sleep 1000 & exit 8"; '
                      'echo status $?; kill -TERM %1; fg; echo status $?',
                      b'^C ends them', b'\x1a')
    assert out.index('status 147') < out.index('status 8'), out
