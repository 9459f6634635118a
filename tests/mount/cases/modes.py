"""modes=: what files are made with, what chmod does, and that others reach nothing all the same."""
import errno
import os
import shutil
import stat

from rig import Mount, Skip, as_user, bash, case, fails, get, need, put, run

ALICE, BOB = 61001, 61002
NOBODY = 65534  # has a name, which fusermount3 asks for

MASKED = True  # also run without each feature of the kernel


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def made(umask):
    """The modes of a file, a directory, a FIFO and an unnamed file, made with the usual arguments.
    """
    old = os.umask(umask)
    put(f'f{umask}')
    os.mkdir(f'd{umask}')
    os.mkfifo(f'p{umask}')
    fd = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o666)
    unnamed = stat.S_IMODE(os.fstat(fd).st_mode)
    os.close(fd)
    os.umask(old)
    return mode(f'f{umask}'), mode(f'd{umask}'), mode(f'p{umask}'), unnamed


@case(needs=['dont_mask', 'tmpfile'])
def owner_makes_them_private_and_honours_chmod(d):
    for umask in (0, 0o022, 0o777):
        assert made(umask) == (0o600, 0o700, 0o600, 0o600)
    for bits in (0o755, 0o444, 0, 0o666, 0o1777):
        for path in 'f0', 'd0', 'p0':
            os.chmod(path, bits)
            assert mode(path) == bits, (path, oct(mode(path)))
    os.chmod('f0', 0o6755)
    assert mode('f0') == 0o6755
    fails(errno.EPERM, os.mknod, 'dev', stat.S_IFCHR | 0o600, os.makedev(1, 3))


@case(options='modes=strict', needs=['dont_mask', 'tmpfile'])
def strict_drops_what_is_more_than_the_owners(d):
    for umask in (0, 0o022, 0o777):
        assert made(umask) == (0o600, 0o700, 0o600, 0o600)
    for wanted, bits in ((0o755, 0o700), (0o7777, 0o700), (0o444, 0o400), (0o077, 0)):
        for path in 'f0', 'd0', 'p0':
            os.chmod(path, wanted)
            assert mode(path) == bits, (path, oct(mode(path)))


@case(options='modes=keep', needs=['tmpfile'])
def keep_is_as_on_other_filesystems(d):
    assert made(0o022) == (0o644, 0o755, 0o644, 0o644)
    assert made(0o027) == (0o640, 0o750, 0o640, 0o640)
    assert made(0) == (0o666, 0o777, 0o666, 0o666)
    os.chmod('f0', 0o4755)
    assert mode('f0') == 0o4755
    assert mode('..') == 0o700


@case(options='modes=refuse')
def refuse_says_eperm(d):
    put('f')
    assert mode('f') == 0o600
    for bits in (0o644, 0o701, 0o1700, 0o4700):
        fails(errno.EPERM, os.chmod, 'f', bits)
    os.chmod('f', 0o700)
    assert mode('f') == 0o700


SCRIPTS = {  # each ends with the modes of what is then elsewhere, in out/
    'mktemp, chmod, mv': ('''t=$(mktemp); echo text > "$t"; chmod 644 "$t"; mv "$t" "$out/a"
        t=$(mktemp -d); chmod 755 "$t"; mv "$t" "$out/b"
        t=$(mktemp); chmod +x "$t"; chmod go-w "$t"; mv "$t" "$out/c"''',
                          '644 755 711'),
    'install': ('''install -m 644 "$src" "$TMPDIR/f"; install -d -m 2755 "$TMPDIR/d"
        install "$src" "$TMPDIR/d/x"; cp -a "$TMPDIR/f" "$TMPDIR/d" "$out"''', '2755 644'),
    'cp -p': ('chmod 640 "$src"; cp -p "$src" "$TMPDIR/f"; mv "$TMPDIR/f" "$out/f"', '640'),
    'tar': ('''chmod 664 "$src"; tar -C "$(dirname "$src")" -cf - "$(basename "$src")" |
        tar -C "$TMPDIR" -xpf -;
        tar -C "$TMPDIR" -cf - . | tar -C "$out" -xpf - ./source''', '664'),
    'rsync': ('''chmod 751 "$src"
        rsync -p "$src" "$TMPDIR/f"; rsync -p "$TMPDIR/f" "$out/f"''',
              '751'),
}


def keeps_modes(mount, uid, leave_out=()):
    """Files whose modes were set on the mount have them elsewhere."""
    need('rsync')
    elsewhere = os.path.join(os.environ['SPOOL_CASE_DIR'], 'elsewhere')
    os.mkdir(elsewhere)
    os.chmod(elsewhere, 0o777)
    for name, (script, wanted) in SCRIPTS.items():
        if name in leave_out:
            continue

        def work():
            os.umask(0o022)
            out, tmp = f'{elsewhere}/out', f'{mount.tmpdir(uid)}/tmp'
            os.mkdir(out)
            os.mkdir(tmp)
            put(f'{elsewhere}/source', b'source')
            bash(script, tmp, out=out, src=f'{elsewhere}/source')
            found = ' '.join(f'{mode(f"{out}/{entry}"):o}' for entry in sorted(os.listdir(out)))
            for path in out, tmp:
                shutil.rmtree(path)
            os.unlink(f'{elsewhere}/source')
            return found
        found = as_user(uid, work)
        assert found == wanted, f'{name}: {found} instead of {wanted}'
    os.rmdir(elsewhere)


@case()
def programs_keep_modes_in_private(mount):
    os.stat(f'{mount.path}/{ALICE}')
    keeps_modes(mount, 0)
    keeps_modes(mount, ALICE, leave_out=['tar'])  # a user's tar leaves modes to open(2): keep


@case(layout='single')
def programs_keep_modes_in_single(mount):
    keeps_modes(mount, 0)


@case(options='modes=keep')
def programs_keep_modes_with_keep(mount):
    os.stat(f'{mount.path}/{ALICE}')
    for uid in (0, ALICE):
        keeps_modes(mount, uid)


@case(options='modes=keep')
def keep_serves_programs_that_record_modes(d):
    """dpkg-deb looks at its control directory; cargo and tar keep what mkdir and open gave."""
    need('dpkg-deb')
    script = '''umask 022; mkdir -p p/DEBIAN p/usr/bin
        printf '%s\\n' 'Package: x' 'Version: 1' 'Architecture: all' 'Maintainer: x <x@x>' \\
            'Description: x' > p/DEBIAN/control
        echo data > p/usr/bin/data
        dpkg-deb --root-owner-group --build p x.deb > log; dpkg-deb -c x.deb
        t=$(mktemp -d); mkdir -p "$t/release/bin"; install -m 755 /bin/true "$t/release/bin/prog"
        cp "$t/release/bin/prog" "$t/out"; stat -c %a "$t/release/bin" "$t/out"'''
    lines = bash(script, d).stdout.split('\n')
    assert lines[0].startswith('drwxr-xr-x root/root'), lines
    assert any(line.startswith('-rw-r--r-- root/root') and line.endswith('./usr/bin/data')
               for line in lines), lines
    assert lines[-3:] == ['755', '755', ''], lines


def open_to_all(top):
    """Below @top: files and directories whose modes let everybody in, and what is in them."""
    os.mkdir(f'{top}/dir')
    put(f'{top}/dir/file', b'secret')
    shutil.copy('/usr/bin/id', f'{top}/dir/id')
    os.chmod(f'{top}/dir/file', 0o777)
    os.chmod(f'{top}/dir/id', 0o4777)
    os.chmod(f'{top}/dir', 0o777)
    os.chmod(top, 0o777)


def reach_nothing(top):
    for path in f'{top}/dir', f'{top}/dir/file', f'{top}/dir/id':
        for call in (os.stat, os.listdir, get, os.readlink, os.listxattr, os.unlink, os.chdir):
            fails(errno.EACCES, call, path)
        fails(errno.EACCES, os.open, path, os.O_WRONLY | os.O_CREAT)
        fails(errno.EACCES, os.rename, path, f'{path}x')
        fails(errno.EACCES, os.execv, path, [path])
    fails(errno.EACCES, os.listdir, top)
    fails(errno.EACCES, os.mkdir, f'{top}/new')


@case()
def others_reach_nothing_in_private(mount):
    top = f'{mount.path}/{ALICE}'
    as_user(ALICE, os.stat, top)
    as_user(ALICE, open_to_all, top)
    assert mode(top) == 0o700 and mode(f'{top}/dir/id') == 0o4777
    get(f'{top}/dir/file')  # what root has looked at lies in the kernel's caches
    os.listdir(f'{top}/dir')
    as_user(BOB, reach_nothing, top)
    assert run(f'{top}/dir/id', '-u').stdout == '0\n'  # nosuid: who runs it stays who he is


@case(mount=False)
def others_reach_nothing_in_single():
    """The root directory is what isolates: it never has more than 0700, allow_other or not."""
    for modes in 'owner', 'strict', 'keep', 'refuse':
        with Mount(layout='single', options=f'modes={modes},uid={ALICE},gid={ALICE}') as mount:
            def work():
                if modes == 'refuse':
                    fails(errno.EPERM, os.chmod, mount.path, 0o777)
                    os.mkdir(f'{mount.path}/dir')
                    for name in 'file', 'id':
                        put(f'{mount.path}/dir/{name}', b'secret')
                    return
                open_to_all(mount.path)
            as_user(ALICE, work)
            assert mode(mount.path) == 0o700, modes
            get(f'{mount.path}/dir/file')
            os.listdir(f'{mount.path}/dir')
            as_user(BOB, reach_nothing, mount.path)
            os.chmod(mount.path, 0o6777 if modes != 'refuse' else 0o700)  # root neither
            assert mode(mount.path) == 0o700
            as_user(BOB, reach_nothing, mount.path)
            os.chmod(mount.path, 0o500)
            assert mode(mount.path) == 0o500
            fails(errno.EACCES, as_user, ALICE, put, f'{mount.path}/f')


@case(mount=False)
def without_allow_other_the_kernel_lets_nobody_in():
    if not os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')
    with Mount(layout='single', uid=NOBODY) as mount:
        os.chmod(mount.base, 0o755)
        as_user(NOBODY, open_to_all, mount.path)
        assert as_user(NOBODY, mode, mount.path) == 0o700
        for uid in (BOB, 0):
            as_user(uid, fails, errno.EACCES, os.listdir, mount.path)
