"""pam_spoolfs.so in logins: su, runuser, login, sudo, and libpam itself for what they hide."""
import os
import re
import shutil
import signal
import stat
import subprocess
import syslog
from pathlib import Path

from logins import Pam, Syslog, logins, machine, need_logins, stack
from rig import Mount, alive, case, get, need, put, run, unmount, wait_until

TOP = Path(__file__).resolve().parents[3]


def leave_behind(login, place):
    """Logs in and out, and leaves a process and its file. Their id and path."""
    login('f=$(mktemp); setsid sh -c "echo \\$\\$ >$f; exec sleep 1000" </dev/null >/dev/null '
          '2>&1 & while ! [ -s $f ]; do sleep 0.01; done')
    path, = (f'{place}/{name}' for name in os.listdir(place))
    return int(get(path)), path


def made_by(login):
    """What it makes in its TMPDIR, by its path."""
    return re.findall('<(/.*)>', login('echo "<$(mktemp)>"').stdout)[-1]


def outlives_bob(path):
    """Bob comes and goes, and what he has made with him; this stays."""
    other = made_by(lambda command: run('su', '-', 'bob', '-c', command))
    wait_until(lambda: not os.path.exists(other), "bob's file goes")
    assert os.path.exists(path)


@case(mount=False)
def files_go_with_the_login_that_made_them():
    """su has no audit session: there it is the last process of the user that counts."""
    alice, _ = machine()
    need_logins()
    with Mount(options='grace=1') as mount, Syslog() as log:
        stack(f'required mount={mount.path}')
        for login in logins('alice'):
            path = made_by(login)
            assert path.startswith(f'{mount.path}/{alice}/'), path
            wait_until(lambda: not os.path.exists(path), 'its file goes')
        assert not log.lines()


@case(mount=False)
def files_stay_while_a_job_of_the_login_lives():
    """Also when the login is killed, so that nobody closes its session."""
    alice, _ = machine()
    need_logins()
    with Mount(options='grace=1') as mount:
        stack(f'required mount={mount.path}')
        place = f'{mount.path}/{alice}'
        for login in logins('alice'):
            job, path = leave_behind(login, place)
            outlives_bob(path)
            os.kill(job, signal.SIGKILL)
            wait_until(lambda: not os.listdir(place), 'all goes')
        killed = subprocess.Popen(['su', '-', 'alice', '-c',
                                   f'mktemp; echo $$ >{place}/pid; exec sleep 1000'],
                                  stdout=subprocess.PIPE, text=True)
        path = killed.stdout.readline().strip()
        wait_until(lambda: os.path.exists(f'{place}/pid') and get(f'{place}/pid'), 'it runs')
        job = int(get(f'{place}/pid'))
        killed.kill()
        killed.wait()
        killed.stdout.close()
        outlives_bob(path)
        os.kill(job, signal.SIGKILL)
        wait_until(lambda: not os.listdir(place), 'all goes')


@case(mount=False)
def debian_has_a_profile_for_it():
    machine()
    need('pam-auth-update')
    profiles = '/usr/share/pam-configs'
    run('cp', '-a', profiles, '/run/profiles')
    shutil.copy(f'{TOP}/packaging/pam/spoolfs', '/run/profiles')
    run('mount', '--bind', '/run/profiles', profiles)
    for name, path in (('state', '/var/lib/pam'), ('debconf', '/var/cache/debconf')):
        run('cp', '-a', path, f'/run/{name}')  # the latter is locked while apt-get(8) runs
        run('mount', '--bind', f'/run/{name}', path)
    run('pam-auth-update', '--package')  # as packages do it
    for name in ('common-session', 'common-session-noninteractive'):
        lines = re.findall('^session.*spoolfs.*', get(f'/etc/pam.d/{name}').decode(), re.M)
        assert [line.split() for line in lines] == \
            ['session optional pam_spoolfs.so optional'.split()], lines
    run('pam-auth-update', '--remove', 'spoolfs')
    assert b'spoolfs' not in get('/etc/pam.d/common-session')


def place(path):
    attr = os.stat(path)
    return attr.st_dev, attr.st_ino


@case(mount=False)
def variables_name_the_users_directory():
    alice, bob = machine()
    with Mount() as mount, Syslog() as log:
        stack(f'required mount={mount.path}')
        for user, uid in (('alice', alice), ('bob', bob), ('root', 0)):
            own = f'{mount.path}/{uid}'
            for login in logins(user):
                out = login('echo "<$TMPDIR|$TMP|$TEMP>"; f=$(mktemp); echo "<$f>"; rm $f').stdout
                assert f'<{own}|{own}|{own}>' in out, out
                assert re.search(rf'<{own}/tmp\.\w+>', out), out
            attr = os.stat(own)
            assert attr.st_uid == uid and stat.S_IMODE(attr.st_mode) == 0o700, attr
        run('pamtester', 'spool-test', 'alice', 'open_session', 'close_session')
        assert not log.lines()


@case(mount=False)
def without_pam_self_is_right_after_sudo():
    alice, bob = machine()
    need('sudo')
    put('/etc/sudoers', b'Defaults env_file=/etc/environment\nalice ALL=(ALL) NOPASSWD: ALL\n',
        0o440)
    with Mount(options='lifetime=mount') as mount:
        stack('')
        os.environ['TMPDIR'] = f'{mount.path}/self'
        put('/etc/environment', f'TMPDIR={mount.path}/self\n'.encode())
        script = 'echo "<$(realpath $TMPDIR)>"; mktemp >/dev/null'
        for user, uid in (('alice', alice), ('bob', bob)):
            assert f'<{mount.path}/{uid}>' in run('su', user, '-c', script).stdout
        out = run('su', 'alice', '-c', f"sudo sh -c '{script}'").stdout
        assert f'<{mount.path}/0>' in out, out
        assert [len(os.listdir(f'{mount.path}/{uid}')) for uid in (alice, bob, 0)] == [1, 1, 1]
        # with it in sudo's own stack, root is told where his own is
        del os.environ['TMPDIR']
        put('/etc/environment')
        stack(f'required mount={mount.path}')
        out = run('su', 'alice', '-c', "sudo sh -c 'echo \"<$TMPDIR>\"'").stdout
        assert f'<{mount.path}/0>' in out, out


def one_line(log, reason):
    lines = log.lines()
    assert len(lines) == 1 and reason in lines[0], lines


@case(mount=False)
def without_the_system_mount_a_login_is_as_configured():
    machine()
    with Syslog() as log:
        stack('required cover=/tmp')
        for login in logins('alice'):
            done = login('echo "<$((1 + 1))in>"')
            assert done.returncode != 0 and '<2in>' not in done.stdout, done
            one_line(log, '/run/spoolfs: nothing is mounted there')
        for line in ('required cover=/tmp optional', 'optional cover=/tmp'):
            stack(line)
            for login in logins('alice'):
                out = login('echo "<$((1 + 1))in$TMPDIR$TMP$TEMP>"').stdout
                assert '<2in>' in out, out
                one_line(log, '/run/spoolfs: nothing is mounted there')


@case(mount=False)
def another_filesystem_is_not_the_system_mount():
    machine()
    for name in ('tmpfs', 'part'):
        os.mkdir(f'/run/{name}')
    run('mount', '-t', 'tmpfs', 'tmpfs', '/run/tmpfs')
    with Mount() as mount, Mount(layout='shared') as shared, Syslog() as log:
        os.mkdir(f'{mount.path}/0/part')
        run('mount', '--bind', f'{mount.path}/0/part', '/run/part')
        os.symlink(mount.path, '/run/link')
        for path, reason in (('/run/missing', 'nothing is mounted there'),
                             ('/run/tmpfs', 'another filesystem is mounted there'),
                             ('/run/part', 'only a part of a spoolfs'),
                             ('/run/link', 'nothing is mounted there'),
                             (shared.path, 'not layout=private')):
            for option, result in (('required', Pam.SESSION_ERR), ('optional', Pam.SUCCESS)):
                stack(f'required mount={path} {option}')
                pam = Pam('alice')
                assert pam.open() == result
                assert not pam.getenv('TMPDIR')
                pam.end()
                one_line(log, f'{path}: {reason}')
        unmount('/run/part')
        os.rmdir(f'{mount.path}/0/part')


@case(mount=False)
def wrong_options_are_refused():
    machine()
    with Mount() as mount, Syslog() as log:
        for options, reason in (('covers=/tmp', 'covers=/tmp: no option (allowed: '),
                                ('optional quiet', 'quiet: no option (allowed: '),
                                ('mount=run', 'mount=run: not a path (allowed: '),
                                (f'mount={mount.path} cover=/run', '/run: cover= and mount= lie')):
            stack(f'required {options}')
            pam = Pam('alice')
            assert pam.open() == Pam.SERVICE_ERR and pam.close() == Pam.SERVICE_ERR
            assert not pam.getenv('TMPDIR')
            pam.end()
            lines = log.lines()
            assert len(lines) == 2 and all(reason in line for line in lines), lines


@case(mount=False)
def applications_are_left_as_they_were():
    """A session that is opened and closed again, or fails, leaves neither a descriptor nor a child,
    and the process where it was."""
    alice, _ = machine()
    with Mount() as mount, Syslog() as log:
        def state():
            return os.stat('/proc/self/ns/mnt').st_ino, place('/'), len(os.listdir('/proc/self/fd'))
        syslog.syslog('its socket stays open')
        Pam('alice').end()
        before = state()
        for options in ('', 'cover=/tmp,/var/tmp', 'cover=/run/missing', 'optional cover=/missing'):
            stack(f'required mount={mount.path} {options}')
            pam = Pam('alice')
            works = 'missing' not in options
            for _ in range(2):
                os.chdir('/usr')
                assert pam.open() == (Pam.SUCCESS if works or 'optional' in options
                                      else Pam.SESSION_ERR)
                assert pam.getenv('TMPDIR') == (f'{mount.path}/{alice}' if works else '')
                assert os.getcwd() == '/usr'
                inside = os.stat('/proc/self/ns/mnt').st_ino != before[0]
                assert inside == options.startswith('cover=/tmp')
                assert pam.open() == (Pam.SUCCESS if works or 'optional' in options
                                      else Pam.SESSION_ERR)  # as with two lines of it
                assert (pam.close() == Pam.SUCCESS) == (works or 'optional' in options)
                assert state()[:2] == before[:2]
            pam.end()
            assert state() == before, (options, state(), before)
            assert not os.path.exists(f'/proc/self/task/{os.getpid()}/children') or \
                get(f'/proc/self/task/{os.getpid()}/children').split() == \
                [str(mount.process.pid).encode()]
        os.chdir('/')
        lines = log.lines()
        assert len(lines) == 8 and all('cannot be opened' in line for line in lines), lines
        pam = Pam('nobody-at-all')
        assert pam.open() == Pam.SUCCESS  # it is optional
        stack(f'required mount={mount.path}')
        pam.end()
        pam = Pam('nobody-at-all')
        assert pam.open() == Pam.USER_UNKNOWN
        pam.end()
        assert log.lines() == ['nobody-at-all: no such user'] * 2


@case(mount=False)
def a_daemon_that_hangs_does_not_hang_the_login():
    alice, _ = machine()
    with Mount() as mount, Syslog() as log:
        for pid in mount.pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            for options in ('', 'cover=/tmp'):
                stack(f'required mount={mount.path} {options}')
                done = run('su', '-', 'alice', '-c', 'echo in', check=False)
                assert done.returncode != 0 and 'in' not in done.stdout, done
                stack(f'required mount={mount.path} {options} optional')
                assert run('su', '-', 'alice', '-c', 'echo "<$TMPDIR>"').stdout == '<>\n'
        finally:
            for pid in mount.pids:
                os.kill(pid, signal.SIGCONT)
        lines = log.lines()
        assert len(lines) == 4 and all('its daemon does not answer' in line for line in lines)
        assert run('su', '-', 'alice', '-c', 'echo "<$TMPDIR>"').stdout == \
            f'<{mount.path}/{alice}>\n'
        wait_until(lambda: not any(abandoned()), 'nobody asks any more')


def abandoned():
    """Processes of this case's cgroup or session that are neither ours nor the daemon's, alive."""
    for pid in map(int, filter(str.isdigit, os.listdir('/proc'))):
        try:
            if alive(pid) and os.getsid(pid) == os.getsid(0) and \
                    get(f'/proc/{pid}/comm').strip() in (b'su', b'pam_spoolfs'):
                yield pid
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
