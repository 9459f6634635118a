"""spoolctl why, and the call behind it: of which files it tells, whom, and what it refuses."""
import errno
import json
import os
import socket

from control_calls import control
from rig import as_user, binary, case, fails, put, run

ALICE, BOB = 61001, 61002
CALL = 9  # SPOOL_IOC_LIFE
LAYOUT = 'IIIIIQQQQ256s256s'
LIFETIMES = 'session', 'close', 'mount'


def why(*paths, check=True):
    return run(binary('SPOOLCTL'), 'why', '--json', '--', *paths, check=check)


def ask(path, name=b'', values=(0,) * 9, waits_for=b'', **kwargs):
    return control(path, CALL, LAYOUT, *values, name, waits_for, **kwargs)


@case(needs=['ioctl_dir'])
def files_of_all_kinds(d):
    put('f')
    os.mkdir('sub')
    os.mkfifo('fifo')
    os.symlink('f', 'link')
    os.symlink('sub', 'to-sub')
    os.symlink('nowhere', 'dangling')
    with socket.socket(socket.AF_UNIX) as server:
        server.bind('sock')
    put(b'x\n\xff')
    names = ['f', 'sub', 'fifo', 'link', 'to-sub', 'dangling', 'sock', b'x\n\xff', '.']
    found = json.loads(why(*names).stdout)
    kinds = ['file', 'directory', 'fifo', 'symlink', 'symlink', 'symlink', 'socket', 'file',
             'directory']
    assert [file['type'] for file in found] == kinds
    for name, file in zip(names, found):
        stat = os.lstat(name)
        assert (file['ino'], file['uid']) == (stat.st_ino, stat.st_uid), file
        assert file['lifetime'] in LIFETIMES and file['over'] is False
    with open('f', 'rb'):
        assert json.loads(why('f').stdout)[0]['open'] is True
    text = run(binary('SPOOLCTL'), 'why', *names).stdout
    assert len(text.splitlines()) == len(names), text
    listed = json.loads(run(binary('SPOOLCTL'), 'ls', '--json').stdout)
    assert {file['lifetime'] for file in listed} <= set(LIFETIMES), listed


@case(needs=['ioctl_dir'])
def only_of_ones_own(mount):
    for uid in ALICE, BOB:
        as_user(uid, put, f'{mount.tmpdir(uid)}/f', b'text')
    put(f'{mount.tmpdir(ALICE)}/of-root')
    assert json.loads(why(mount.path, mount.tmpdir(BOB), f'{mount.tmpdir(BOB)}/f').stdout)
    own = as_user(ALICE, lambda: why(f'{mount.tmpdir(ALICE)}/f', f'{mount.tmpdir(ALICE)}/of-root',
                                     mount.tmpdir(ALICE), f'{mount.path}/self/f'))
    assert len(json.loads(own.stdout)) == 4
    for path in f'{mount.tmpdir(BOB)}/f', mount.tmpdir(BOB), f'{mount.tmpdir(BOB)}/none', \
            mount.path:
        done = as_user(ALICE, lambda: why(path, check=False))
        assert done.returncode == 1 and done.stdout == '[]\n', done
        assert len(done.stderr.splitlines()) == 1, done
    # others' directories, whose names all can see, through the one that all can read
    fails(errno.EPERM, as_user, ALICE, ask, mount.path, str(BOB).encode())
    fails(errno.EPERM, as_user, ALICE, ask, mount.path)
    as_user(ALICE, ask, mount.path, str(ALICE).encode())
    shown = as_user(ALICE, lambda: run(binary('SPOOLCTL'), 'ls', '--json', mount.path).stdout)
    assert ['lifetime' in file for file in json.loads(shown)] == [False, True], shown


@case(layout='shared', options='mode=1777', needs=['ioctl_dir'])
def in_a_shared_tree_of_the_owners(mount):
    as_user(ALICE, put, f'{mount.path}/a', b'')
    as_user(BOB, put, f'{mount.path}/b', b'')
    as_user(ALICE, ask, mount.path, b'a')
    fails(errno.EPERM, as_user, ALICE, ask, mount.path, b'b')
    fails(errno.EPERM, as_user, ALICE, ask, mount.path)
    ask(mount.path, b'b')
    shown = json.loads(as_user(ALICE, lambda: run(binary('SPOOLCTL'), 'ls', '--json',
                                                  mount.path).stdout))
    assert {file['name']: 'lifetime' in file for file in shown} == {'a': True, 'b': False}


@case(needs=['ioctl_dir'])
def hostile_calls_are_refused(mount):
    top = mount.tmpdir()
    put(f'{top}/f')
    size = 4 + 20 + 32 + 512
    for name in b'f/', b'/', b'.', b'..', b'x' * 256, b'a/../f':
        fails(errno.EINVAL, ask, top, name)
    fails(errno.ENOENT, ask, top, b'g')
    for i in range(9):
        for value in 1, 2**32 - 1:
            fails(errno.EINVAL, ask, top, b'f', tuple(value * (i == j) for j in range(9)))
    fails(errno.EINVAL, ask, top, b'f', waits_for=b'x')
    for version in 0, 4, 6, 2**32 - 1:
        fails(errno.EPROTO, ask, top, b'f', version=version)
    for other in 4, 8, size - 8, size - 1, size + 1, 16383:
        fails(errno.EPROTO, ask, top, b'f', size=other)
    fails(errno.ENOTTY, ask, f'{top}/f')
    assert ask(top, b'f')[5] == os.stat(f'{top}/f').st_ino


@case(needs=['ioctl_dir'])
def what_cannot_be_asked_is_one_line(d):
    put('f')
    for path in 'nothing', 'nothing/f', 'x' * 300, '/proc', 'f/f', '':
        done = why('f', path, check=False)
        assert done.returncode == 1 and len(json.loads(done.stdout)) == 1, done
        assert done.stderr.startswith(f'spoolctl: why: {path}: '), done
        assert len(done.stderr.splitlines()) == 1, done
