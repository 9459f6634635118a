"""Directories for temporary files that only one case has."""
import ctypes
import os
from pathlib import Path

from rig import CLONE_NEWNS, LIBC, binary, run

SOURCE = str(Path(__file__).resolve().parents[2])


def program_directories():
    """As in a build: spoolctl finds the daemon beside itself, or so."""
    return {'tools': os.path.dirname(binary('SPOOLCTL')), 'fs': os.path.dirname(binary('SPOOLFS'))}


def own_tmp(propagation='private'):
    """From here on /tmp, /var/tmp and /run of this case are empty ones of its own, on which it may
    do what would disturb others, and which others leave as they are. What is tested stays."""
    new = f'{os.environ["SPOOL_CASE_DIR"]}/tmp'
    if LIBC.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), 'unshare')
    run('mount', '--make-rprivate', '/')
    os.mkdir(new)
    run('mount', '-t', 'tmpfs', '-o', 'mode=1777', 'tmpfs', new)
    run('mount', '-t', 'tmpfs', '-o', 'mode=1777', 'tmpfs', '/var/tmp')
    run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run')
    for place in SOURCE, *program_directories().values():
        if place.startswith('/tmp/'):
            os.makedirs(new + place[len('/tmp'):], exist_ok=True)
            run('mount', '--bind', place, new + place[len('/tmp'):])
    os.chdir('/')
    run('mount', '--rbind', new, '/tmp')
    run('mount', f'--make-r{propagation}', '/')
