"""spoolctl ls, and the call behind it: what it shows, to whom, and what it refuses."""
import errno
import json
import os
import socket

from control_calls import END, control
from rig import Mount, as_user, binary, case, fails, put, run, wait_until

ALICE, BOB = 61001, 61002
CALL, ENTRIES, ENTRY = 8, 51, 312  # SPOOL_IOC_LIST, SPOOL_CTL_ENTRIES and their bytes
LAYOUT = f'IQQ256s{ENTRIES * ENTRY}s'


def spoolctl(*args, **kwargs):
    return run(binary('SPOOLCTL'), *args, **kwargs)


def listed(path):
    """{name: object}; a name that is no UTF-8 as its bytes."""
    shown = json.loads(spoolctl('ls', '--json', path).stdout)
    names = [bytes.fromhex(file['name_hex']) if 'name_hex' in file else file['name']
             for file in shown]
    assert len(set(names)) == len(names), 'a name twice'
    return dict(zip(names, shown))


def page(path, count=0, cursor=0, end=0, name=b'', entries=b'', **kwargs):
    return control(path, CALL, LAYOUT, count, cursor, end, name, entries, **kwargs)


@case(needs=['ioctl_dir'])
def all_kinds_of_files(d):
    put('f', b'x' * 100)
    put('empty')
    os.mkdir('sub')
    put('sub/below')
    os.mkfifo('fifo')
    os.symlink('nowhere', 'link')
    os.symlink('sub', 'to-sub')
    with socket.socket(socket.AF_UNIX) as server:
        server.bind('sock')
    os.truncate('empty', 10**6)
    found = listed(d)
    assert {name: file['type'] for name, file in found.items()} == {
        'f': 'file', 'empty': 'file', 'sub': 'directory', 'fifo': 'fifo', 'link': 'symlink',
        'to-sub': 'symlink', 'sock': 'socket'}
    for name, file in found.items():
        stat = os.lstat(name)
        assert (file['ino'], file['size'], file['uid'], file['gid'], int(file['mode'], 8)) == \
            (stat.st_ino, stat.st_size, stat.st_uid, stat.st_gid, stat.st_mode & 0o7777), file
    assert list(listed('link')) == ['link'] and list(listed('fifo')) == ['fifo']
    assert list(listed('sub')) == list(listed('to-sub')) == ['below']
    assert spoolctl('ls', '--json').stdout == spoolctl('ls', '--json', '.').stdout
    assert len(spoolctl('ls').stdout.splitlines()) == 1 + len(found)


@case(mount=False)
def the_tiers_of_data():
    with Mount(options=f'backing={os.environ["SPOOL_CASE_DIR"]},backing_any=on,reserve=0') as mount:
        top = mount.tmpdir()
        put(f'{top}/ram', b'x' * 200_000)
        put(f'{top}/disk', b'x' * 200_000)
        put(f'{top}/hole')
        os.truncate(f'{top}/hole', 10**9)
        spoolctl('spill', f'{top}/disk')
        found = listed(top)
        assert [found[name]['tier'] for name in ('ram', 'disk', 'hole')] == ['ram', 'disk', '-']
        assert found['ram']['ram'] >= 200_000 and found['ram']['disk'] == 0
        assert found['disk']['ram'] == 0 and found['disk']['disk'] == 49 * 4096
        assert found['hole']['ram'] == found['hole']['disk'] == 0
        with open(f'{top}/disk', 'r+b', buffering=0) as file:
            file.write(b'y' * 65536)
        again = listed(f'{top}/disk')['disk']
        assert again['tier'] == 'ram+disk' and again['ram'] == 65536
        assert again['disk'] == 33 * 4096


@case(needs=['ioctl_dir'])
def names_that_are_no_text(d):
    names = [b'a\nb', b'\x1b[2J', b'\x9b1m', b'caf\xc3\xa9', b'\xff' * 255, b'-x', b'x\\y']
    for name in names:
        put(name)
    found = listed(d)
    assert {name if isinstance(name, bytes) else name.encode() for name in found} == set(names)
    done = run(binary('SPOOLCTL'), 'ls', d)
    assert len(done.stdout.splitlines()) == 1 + len(names)
    assert done.stdout.replace('\n', '').isprintable()
    for name in names:
        assert len(listed(os.fsencode(d) + b'/' + name)) == 1


@case(needs=['ioctl_dir'])
def everybody_sees_his_own(mount):
    for uid in ALICE, BOB:
        as_user(uid, put, f'{mount.tmpdir(uid)}/f', b'text')
    assert set(as_user(ALICE, listed, mount.path)) == {'self', str(ALICE)}
    assert set(listed(mount.path)) == {'self', str(ALICE), str(BOB)}
    assert list(as_user(ALICE, listed, f'{mount.path}/self')) == ['f']
    assert listed(mount.tmpdir(BOB))['f']['uid'] == BOB
    for path in mount.tmpdir(BOB), f'{mount.tmpdir(BOB)}/f', f'{mount.tmpdir(BOB)}/nothing':
        done = as_user(ALICE, lambda: spoolctl('ls', path, check=False))
        assert done.returncode == 1 and done.stdout == '', done
        assert done.stderr == f'spoolctl: ls: {path}: Permission denied\n'
    fails(errno.EACCES, as_user, ALICE, page, mount.tmpdir(BOB))


@case(needs=['ioctl_dir'])
def what_cannot_be_listed_is_one_line(d):
    put('f')
    for path in 'nothing', 'nothing/f', 'x' * 300, '/proc', '/nonexistent', 'f/f':
        for option in [], ['--json']:
            done = spoolctl('ls', *option, path, check=False)
            assert done.returncode == 1 and done.stdout == '', done
            assert done.stderr.startswith(f'spoolctl: ls: {path}: '), done
            assert len(done.stderr.splitlines()) == 1, done


@case(layout='shared', options='mode=1777', needs=['ioctl_dir'])
def only_for_who_may_search(mount):
    top = f'{mount.path}/d'
    as_user(BOB, os.mkdir, top)
    as_user(BOB, put, f'{top}/f', b'x')
    for mode, refused in (0o755, False), (0o744, True), (0o754, True), (0o775, False):
        os.chmod(top, mode)
        if refused:
            fails(errno.EACCES, as_user, ALICE, page, top)
            fails(errno.EACCES, as_user, ALICE, lambda: page(top, name=b'f'))
        else:
            assert as_user(ALICE, page, top)[0] == 1
        assert as_user(BOB, page, top)[0] == page(top)[0] == 1


@case(layout='private', needs=['ioctl_dir'])
def not_of_a_directory_that_was_given(mount):
    as_user(BOB, put, f'{mount.tmpdir(BOB)}/f', b'x')
    fd = os.open(mount.tmpdir(BOB), os.O_RDONLY)
    fails(errno.EACCES, as_user, ALICE, page, fd)
    os.close(fd)


@case(needs=['ioctl_dir'])
def hostile_calls_are_refused(mount):
    top = mount.tmpdir()
    put(f'{top}/f', b'x')
    size = 4 + 4 + 16 + 256 + ENTRIES * ENTRY
    for name in b'f/', b'/', b'.', b'..', b'\x01' * 256, b'a/../f':
        fails(errno.EINVAL, page, top, name=name)
    fails(errno.ENOENT, page, top, name=b'g')
    fails(errno.EINVAL, page, top, count=1)
    fails(errno.EINVAL, page, top, name=b'f', cursor=1)
    fails(errno.EINVAL, page, top, name=b'f', end=1)
    for version in 0, 4, 6, 2**32 - 1:
        fails(errno.EPROTO, page, top, version=version)
    for other in 4, 8, size - 8, size - 1, size + 1, 16383:
        fails(errno.EPROTO, page, top, size=other)
    fails(errno.ENOTTY, page, f'{top}/f')  # no directory
    for cursor in 1, 2, 3, 5000, 2**63, END:
        for end in 0, 1, 3, 2**63, END:
            count, cursor_out, _, _, entries = page(top, cursor=cursor, end=end)
            assert cursor_out == END and count <= 1
            assert entries.rstrip(b'\0').endswith(b'f' if count else b'')
    # what comes in the place of the answer does not come back
    count, _, _, _, entries = page(top, entries=b'\xff' * ENTRIES * ENTRY)
    assert count == 1 and entries[ENTRY:] == bytes(ENTRY * (ENTRIES - 1))


@case(needs=['ioctl_dir'])
def each_entry_once_while_others_come_and_go(d):
    kept = [f'kept{i}' for i in range(3000)]
    for name in kept:
        put(name)
    child = os.fork()
    if child == 0:
        try:
            i = 0
            while not os.path.exists('stop'):
                put(f'new{i}')
                os.rename(f'new{i}', f'renamed{i}')
                if i == 20:
                    put('begun')
                if i >= 10:
                    os.unlink(f'renamed{i - 10}')
                i += 1
        finally:
            os._exit(0)
    wait_until(lambda: os.path.exists('begun'), 'others come and go')
    for _ in range(5):
        assert set(kept) <= set(listed(d))
    put('stop')
    os.waitpid(child, 0)
