"""What Python's tempfile gives a Python program, a mount gives to programs in every language.

A case for each of the questions that people ask about tempfile: q01 to q20, and four more, f1 to
f4. The programs are the same four in each: in C, shell, Python and Perl (languages.py).
"""
import errno
import json
import os
import signal
import stat
import subprocess
import threading

from languages import LANGUAGES, Programs
from rig import (DEADLINE_S, Mount, alive, as_user, binary, case, fails, get, linkat_fd, need,
                 own_uids, put, run, wait_until)

FULL = 'No space left on device', 'Disk quota exceeded'
SID = 'session=sid'  # each program that a case starts is a session


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def gone(path):
    wait_until(lambda: not os.path.lexists(path), f'{path} goes')


def tier(path):
    """Where spoolctl says that the data are."""
    listed = json.loads(run(binary('SPOOLCTL'), 'ls', '--json', path).stdout)
    return listed[0]['tier']


def race(programs, tmpdir, name):
    """Programs of all languages that want to make this very file at once. What they say."""
    started = [subprocess.Popen(programs.argv(language, 'exclusive', name), text=True, cwd='/',
                                stdout=subprocess.PIPE, env={'TMPDIR': tmpdir, 'LC_ALL': 'C',
                                                             'PATH': '/usr/bin:/bin'})
               for language in list(LANGUAGES) * 3]
    return [process.communicate(timeout=DEADLINE_S)[0].strip() for process in started]


@case()
def q01_what_is_it_for(mount):
    """Made safely, with the right permissions, and cleaned up: nothing outlives the mount."""
    programs = Programs()
    for language, path in programs.each('left', tmpdir=mount.tmpdir()):
        assert os.path.dirname(path) == mount.tmpdir() and get(path) == b'data', language
        assert mode(path) == 0o600, language
    # that they are gone with the mount is what the end of each case checks


@case()
def q02_files_with_and_without_a_name(d):
    """Without: nobody else finds it. With: another program opens it by its name."""
    programs = Programs()
    for language, data in programs.each('anonymous', tmpdir=d):
        assert data == 'data' and os.listdir(d) == [], language
    for language, path in programs.each('left', tmpdir=d):
        assert run('cat', path).stdout == 'data', language


@case()
def q03_creation_is_atomic(d):
    """Of all who want to make the same file one does, and the others learn of it."""
    programs = Programs()
    for i in range(3):
        said = race(programs, d, f'{d}/same{i}')
        assert sorted(set(said)) == ['File exists', 'made'] and said.count('made') == 1, said


@case(options='linger=1')
def q04_delete_or_not(mount):
    """delete=False: it stays when it is closed. delete=True without the program's help: in a
    directory of lifetime close it goes when it has been closed for a while."""
    programs = Programs()
    base = mount.tmpdir()
    for name in 'kept', 'gone':
        os.mkdir(f'{base}/{name}')
    run(binary('SPOOLCTL'), 'lifetime', 'close', f'{base}/gone')
    kept = [path for _, path in programs.each('left', tmpdir=f'{base}/kept')]
    for _, path in programs.each('left', tmpdir=f'{base}/gone'):
        gone(path)
    for path in kept:
        assert get(path) == b'data'
        os.unlink(path)
    for language, path in programs.each('scoped', tmpdir=base):
        assert not os.path.lexists(path), language


@case(mount=False)
def q05_in_memory_until_it_is_large():
    """As SpooledTemporaryFile, but it has a name, and no program has to ask for it."""
    disk = os.environ['SPOOL_CASE_DIR'] + '/disk'
    os.mkdir(disk)
    with Mount(options=f'threshold=1M,ram=64M,backing={disk},backing_any=on,reserve=0') as mount:
        need('dd')
        path = f'{mount.tmpdir()}/f'
        os.stat(mount.tmpdir())
        run('dd', 'if=/dev/urandom', f'of={path}', 'bs=64k', 'count=8')
        assert tier(path) == 'ram'
        run('dd', 'if=/dev/urandom', f'of={path}', 'bs=64k', 'count=64', 'seek=8', 'conv=notrunc')
        wait_until(lambda: tier(path) != 'ram', 'it goes to the disk')
        assert os.stat(path).st_size == 72 << 16
        assert os.listdir(disk) == []  # and has no name there
    os.rmdir(disk)


@case()
def q06_files_and_directories(d):
    """mkstemp and mkdtemp of each language: 0600 and 0700, and whoever made them removes them."""
    programs = Programs()
    for language, path in programs.each('left', tmpdir=d, umask=0):
        assert mode(path) == 0o600, language
        os.unlink(path)
    for language, path in programs.each('directory', tmpdir=d, umask=0):
        assert mode(path) == 0o700, language
        os.rmdir(path)
    assert os.listdir(d) == []


@case()
def q07_made_by_hand(mount):
    """A name that anybody can guess, opened without care: here nobody else gets at it, and nobody
    else can have laid anything there."""
    programs = Programs()
    mine, other = own_uids(2)
    path = f'{mount.tmpdir(mine)}/report-1234'
    as_user(mine, os.stat, mount.tmpdir(mine))
    fails(errno.EACCES, as_user, other, put, path)
    fails(errno.EACCES, as_user, other, os.symlink, '/etc/passwd', path)
    for language in LANGUAGES:
        said = as_user(mine, lambda language=language: programs.run(
            language, 'plain', path, tmpdir=mount.tmpdir(mine), umask=0))
        assert said == 'made' and as_user(mine, mode, path) == 0o600, language
        fails(errno.EACCES, as_user, other, get, path)


@case()
def q08_links_laid_by_others(mount):
    """O_EXCL follows no link, a dangling one neither; and in a directory of one's own there are
    none but one's own."""
    programs = Programs()
    mine, other = own_uids(2)
    base = mount.tmpdir(mine)
    as_user(mine, os.stat, base)
    fails(errno.EACCES, as_user, other, os.symlink, '/etc/passwd', f'{base}/link')
    as_user(mine, os.symlink, f'{base}/target', f'{base}/link')
    for language in LANGUAGES:
        said = as_user(mine, lambda language=language: programs.run(
            language, 'exclusive', f'{base}/link', tmpdir=base))
        assert said == 'File exists', language
    assert as_user(mine, os.listdir, base) == ['link']


@case()
def q09_a_directory_of_ones_choice(mount):
    """Open to all within one's own is still closed to others."""
    programs = Programs()
    mine, other = own_uids(2)
    place = f'{mount.tmpdir(mine)}/open'
    as_user(mine, os.mkdir, place)
    as_user(mine, os.chmod, place, 0o777)
    for language in LANGUAGES:
        path = as_user(mine, lambda language=language: programs.run(
            language, 'left', tmpdir=place, umask=0))
        as_user(mine, os.chmod, path, 0o666)
        fails(errno.EACCES, as_user, other, get, path)
    fails(errno.EACCES, as_user, other, os.listdir, place)


@case()
def q10_where_each_language_looks(d):
    """All of them take TMPDIR, and none finds a fault with it."""
    for language, place in Programs().each('where', tmpdir=d):
        assert place == d, language
    assert os.listdir(d) == []


@case(options=SID)
def q11_whole_trees(mount):
    """A directory with all that is in it goes with its session, also where the program is killed
    before it can clean up."""
    programs = Programs()
    for language in LANGUAGES:
        tree = f'{mount.tmpdir()}/tree-{language}'
        run('sh', '-c', f'mkdir -p {tree}/a/b/c && echo x >{tree}/a/b/c/f', start_new_session=True)
        programs.run(language, 'killed', tmpdir=mount.tmpdir(), status=-signal.SIGKILL)
        gone(tree)
    wait_until(lambda: os.listdir(mount.tmpdir()) == [], 'all goes')


@case(mount=False)
def q12_files_larger_than_memory():
    """A file of four times the memory that the mount may use."""
    disk = os.environ['SPOOL_CASE_DIR'] + '/disk'
    os.mkdir(disk)
    with Mount(options=f'ram=16M,size=1G,backing={disk},backing_any=on,reserve=0') as mount:
        os.stat(mount.tmpdir())
        run('dd', 'if=/dev/zero', f'of={mount.tmpdir()}/f', 'bs=1M', 'count=64')
        assert run('cmp', '-n', str(64 << 20), f'{mount.tmpdir()}/f', '/dev/zero').stdout == ''
    os.rmdir(disk)


@case(options='ram=8M,size=8M')
def q13_no_space(mount):
    """The write that does not fit says so, in every language; what was written stays, and room is
    back as soon as something is removed."""
    programs = Programs()
    for language in LANGUAGES:
        path = f'{mount.tmpdir()}/f'
        said = programs.run(language, 'fill', path, tmpdir=mount.tmpdir())
        assert said in FULL, (language, said)
        assert os.stat(path).st_size >= 2 << 20, language
        os.unlink(path)
        wait_until(lambda: os.statvfs(mount.tmpdir()).f_bavail > 1000, 'the room is back')


@case(options=SID)
def q14_when_cleaning_up_fails(mount):
    """What its owner could not remove, as a directory may not be written to, goes all the same."""
    uid, = own_uids(1)
    tree = f'{mount.tmpdir(uid)}/tree'
    script = f'mkdir -p {tree}/d; echo x >{tree}/d/f; chmod 500 {tree}/d; ! rm -rf {tree} 2>&1'
    said = as_user(uid, lambda: run('sh', '-c', script, start_new_session=True).stdout)
    assert 'Permission denied' in said
    wait_until(lambda: as_user(uid, os.listdir, mount.tmpdir(uid)) == [], 'all goes')


@case()
def q15_many_threads(d):
    """None gets the file of another, and none is missing."""
    import tempfile  # pylint: disable=import-outside-toplevel  (this file bears its name)
    names, lock = [], threading.Lock()

    def work():
        for i in range(50):
            fd, name = tempfile.mkstemp(dir=d)
            os.write(fd, f'{threading.get_ident()} {i}'.encode())
            os.close(fd)
            with lock:
                names.append((name, f'{threading.get_ident()} {i}'))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({name for name, _ in names}) == 400 == len(os.listdir(d))
    for name, text in names:
        assert get(name).decode() == text


@case(options=SID)
def q16_servers_that_run_for_long(mount):
    """What a worker leaves goes with the worker, while the server, and its files, live on."""
    programs = Programs()
    script = f'echo x >{mount.tmpdir()}/of-the-server; echo ready; read line'
    server = subprocess.Popen(['sh', '-c', script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              start_new_session=True)
    assert server.stdout.readline() == b'ready\n'
    for language in LANGUAGES:
        for verb, status in (('left', 0), ('killed', -signal.SIGKILL)):
            gone(programs.run(language, verb, tmpdir=mount.tmpdir(), status=status))
    assert get(f'{mount.tmpdir()}/of-the-server') == b'x\n'
    server.communicate(timeout=DEADLINE_S)
    gone(f'{mount.tmpdir()}/of-the-server')


@case()
def q17_beside_doing_it_by_hand(d):
    """Names are chosen, permissions are set, and nothing collides: by hand only the name is worse,
    as the mount gives the rest."""
    programs = Programs()
    for language in LANGUAGES:
        assert programs.run(language, 'plain', f'{d}/by-hand', tmpdir=d, umask=0) == 'made'
        assert mode(f'{d}/by-hand') == 0o600, language
        assert programs.run(language, 'exclusive', f'{d}/by-hand', tmpdir=d) == 'File exists'
    names = [programs.run(language, 'left', tmpdir=d) for language in LANGUAGES for _ in range(3)]
    assert len(set(names)) == len(names)


@case()
def q18_open_by_itself(d):
    """All that open(2) offers: a mode, O_EXCL, O_APPEND, O_TMPFILE and a name for it later."""
    fd = os.open('f', os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o400)
    os.write(fd, b'1')
    os.write(fd, b'2')
    os.close(fd)
    assert mode('f') == 0o400 and get('f') == b'12'
    fails(errno.EEXIST, os.open, 'f', os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    fd = os.open('.', os.O_RDWR | os.O_TMPFILE, 0o600)
    os.write(fd, b'named later')
    linkat_fd(fd, 'g')
    os.close(fd)
    assert get('g') == b'named later' and sorted(os.listdir(d)) == ['f', 'g']


@case(mount=False)
def q19_safe_whatever_fails():
    """The daemon is killed: nothing of a file is left, where it was or on the disk."""
    disk = os.environ['SPOOL_CASE_DIR'] + '/disk'
    os.mkdir(disk)
    mount = Mount(options=f'threshold=0,backing={disk},backing_any=on,reserve=0').start()
    programs = Programs()
    for language, path in programs.each('left', tmpdir=mount.tmpdir()):
        assert get(path) == b'data', language
    for pid in mount.process.pid, mount.worker:
        os.kill(pid, signal.SIGKILL)
    mount.process.wait()
    wait_until(lambda: not any(map(alive, mount.pids)), 'both processes end')
    wait_until(lambda: not os.path.ismount(mount.path), 'the mount goes')
    assert os.listdir(mount.path) == [] and os.listdir(disk) == []
    for place in mount.path, mount.base, disk:
        os.rmdir(place)


@case(options=SID)
def q20_safe_and_easy(mount):
    """High level, low level, by hand: the same is promised to all of them."""
    programs = Programs()
    for language in LANGUAGES:
        by_hand = f'{mount.tmpdir()}/by-hand'
        programs.run(language, 'plain', by_hand, tmpdir=mount.tmpdir())
        gone(by_hand)
        gone(programs.run(language, 'left', tmpdir=mount.tmpdir()))
        gone(programs.run(language, 'directory', tmpdir=mount.tmpdir()))


@case(options=SID)
def f1_one_that_outlives_its_program(mount):
    """`spoolctl keep`: until the mount ends. Nothing outlives that."""
    programs = Programs()
    script = '"$@" >"$TMPDIR/name"; "$SPOOLCTL" keep "$(cat "$TMPDIR/name")"; cat "$TMPDIR/name"'
    for language in LANGUAGES:
        path = run('sh', '-c', script, 'sh', *programs.argv(language, 'left'),
                   start_new_session=True, env=dict(os.environ, TMPDIR=mount.tmpdir()))
        gone(f'{mount.tmpdir()}/name')
        assert get(path.stdout.strip()) == b'data', language


@case(mount=False)
def f2_in_the_tests_of_a_program():
    """A test that fails, or is killed, leaves nothing: `spoolctl run`."""
    programs = Programs()
    for language in LANGUAGES:
        for verb, status in (('left', 0), ('killed', 128 + signal.SIGKILL)):
            done = run(binary('SPOOLCTL'), 'run', '--', *programs.argv(language, verb), check=False)
            assert done.returncode == status, (language, done)
            path = done.stdout.strip()
            assert path and not os.path.lexists(path), (language, path)


@case(options=SID)
def f3_the_commonest_mistake(mount):
    """Nobody removes it: it goes with its session."""
    for _, path in Programs().each('left', tmpdir=mount.tmpdir()):
        gone(path)


@case()
def f4_permissions(d):
    """For the owner alone, whatever the umask; a mode that is asked for by chmod is taken."""
    programs = Programs()
    for umask in 0, 0o022, 0o077:
        for language, path in programs.each('left', tmpdir=d, umask=umask):
            assert mode(path) == 0o600, (language, umask)
            os.chmod(path, 0o644)
            assert mode(path) == 0o644
            os.unlink(path)
