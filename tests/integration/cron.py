"""cron and at: jobs for which nobody is logged in have their user's TMPDIR, and leave nothing."""
import os
import re
import subprocess

from logins import add_user
from rig import (DEADLINE_S, Mount, as_user, case, get, need, own_mounts, own_uids, put, run,
                 wait_until)

PACKAGES = 'cron at'
WORK = 'echo "$TMPDIR" >/run/said/new; mktemp >>/run/said/new; mv /run/said/new /run/said/done'


def machine():
    """An /etc, a /run and spools of this case. Return: the uid of alice."""
    alice, = own_uids(1)
    own_mounts()
    for place in ('/run', '/var/spool/cron', '/var/log'):
        run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', place)
    os.makedirs('/run/case')
    os.environ['SPOOL_CASE_DIR'] = '/run/case'
    run('cp', '-a', '/etc', '/run/etc')
    run('mount', '--bind', '/run/etc', '/etc')
    add_user('alice', alice)
    os.mkdir('/run/said', 0o700)
    os.chown('/run/said', alice, alice)
    return alice


def told():
    """What the job has said: its TMPDIR, and a file that it has made."""
    wait_until(lambda: os.path.exists('/run/said/done'), 'the job has run')
    return get('/run/said/done').decode().split()


def has_ended(server):
    server.terminate()
    server.wait(DEADLINE_S)


def leaves_nothing(mount, alice, said):
    """It was in his directory, and goes with his last process."""
    assert said[0] == f'{mount.path}/self' and said[1].startswith(f'{said[0]}/tmp.'), said
    wait_until(lambda: as_user(alice, os.listdir, mount.tmpdir(alice)) == [], 'its file goes')


@case(mount=False)
def jobs_of_cron():
    """TMPDIR stands in the table of jobs. cron looks at it each minute."""
    need('cron', 'crontab')
    alice = machine()
    with Mount(options='grace=1') as mount:
        os.makedirs('/var/spool/cron/crontabs', 0o1730)
        table = f'TMPDIR={mount.path}/self\n* * * * * {WORK}\n'
        put('/var/spool/cron/crontabs/alice', table.encode(), 0o600)
        os.chown('/var/spool/cron/crontabs/alice', alice, alice)
        cron = subprocess.Popen(['cron', '-f'], stdin=subprocess.DEVNULL)
        try:
            leaves_nothing(mount, alice, told())
        finally:
            has_ended(cron)


@case(mount=False)
def jobs_of_at():
    """at(1) is a set-id program, from which libc keeps TMPDIR: the job itself has to set it."""
    need('atd', 'at')
    alice = machine()
    with Mount(options='grace=1') as mount:
        for name in 'atjobs', 'atspool':
            run('install', '-d', '-m', '1770', '-o', 'daemon', '-g', 'daemon',
                f'/var/spool/cron/{name}')
        run('install', '-m', '600', '-o', 'daemon', '-g', 'daemon', '/dev/null',
            '/var/spool/cron/atjobs/.SEQ')
        job = f'export TMPDIR={mount.path}/self; {WORK}'
        asked = run('at', 'now', input=job, cwd='/', user=alice, group=alice, extra_groups=[],
                    env={'PATH': os.environ['PATH'], 'LOGNAME': 'alice', 'HOME': '/',
                         'SHELL': '/bin/sh'})
        assert re.search(r'job \d+ at', asked.stderr), asked
        atd = subprocess.Popen(['atd', '-f', '-b', '1'], stdin=subprocess.DEVNULL)
        try:
            leaves_nothing(mount, alice, told())
        finally:
            has_ended(atd)
