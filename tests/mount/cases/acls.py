"""ACLs of what is copied into private and single: accepted, and cut to what a mode can say."""
import errno
import os
import stat
import subprocess
import tempfile

from rig import Mount, Skip, as_user, bash, case, fails, get, need, put, run

ALICE, BOB = 61001, 61002

MASKED = True  # also run without each feature of the kernel


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def elsewhere():
    """A directory on a filesystem with ACLs, in which a file, a directory and a plain file lie."""
    need('setfacl', 'getfacl')
    path = tempfile.mkdtemp(dir=os.environ['SPOOL_CASE_DIR'])
    os.chmod(path, 0o755)
    put(f'{path}/f', b'text', 0o640)
    put(f'{path}/plain', b'text')
    os.chmod(f'{path}/plain', 0o644)
    os.mkdir(f'{path}/d')
    put(f'{path}/d/x', b'inside')
    done = subprocess.run(['setfacl', '-m', f'u:{BOB}:rw', f'{path}/f'], check=False,
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise Skip('no ACLs in /tmp')
    run('setfacl', '-m', f'u:{BOB}:rwx,d:u:{BOB}:rwx', f'{path}/d')
    run('setfacl', '-m', f'u:{BOB}:r', f'{path}/d/x')
    return path


def entries(path):
    """What getfacl(1) shows, without its comments."""
    lines = run('getfacl', '-p', '-n', path).stdout.splitlines()
    return ' '.join(line for line in lines if line and not line.startswith('#'))


COPIES = {  # of src/f, src/plain and src/d
    'cp -a': 'cp -a $src/f $src/plain $src/d .',
    'cp -p': 'cp -p $src/f $src/plain .; cp -rp $src/d .',
    'cp -a onto': 'cp $src/f $src/plain .; mkdir d; cp -a $src/f $src/plain $src/d .',
    'mv': 'mkdir $src/c; cp -a $src/f $src/plain $src/d $src/c; mv $src/c/* .; rmdir $src/c',
    'tar': 'tar -C $src --acls --xattrs -cpf - f plain d | tar --acls --xattrs -xpf -',
    'rsync': 'rsync -aAX $src/f $src/plain $src/d .',
    'setfacl --restore': '''cp -r $src/f $src/plain $src/d .
        (cd $src; getfacl -R --skip-base f d plain) > $TMPDIR.acl
        setfacl --restore=$TMPDIR.acl; rm $TMPDIR.acl; chmod 644 plain''',
}


def copies(top, uid):
    """All of COPIES into a directory of @top, as @uid."""
    need('rsync')
    src = elsewhere()
    if uid:
        run('chown', '-R', f'{uid}:{uid}', src)
    for name, script in COPIES.items():
        def work():
            os.umask(0o022)
            os.mkdir(f'{top}/w')
            done = bash(script, f'{top}/w', src=src)
            for path, bits in ('f', 0o600), ('plain', 0o644), ('d', 0o700), ('d/x', 0o600):
                path = f'{top}/w/{path}'
                assert mode(path) == bits, (path, oct(mode(path)))
                assert not os.listxattr(path), os.listxattr(path)
            assert get(f'{top}/w/f') == b'text' and get(f'{top}/w/d/x') == b'inside'
            assert entries(f'{top}/w/f') == 'user::rw- group::--- other::---'
            assert entries(f'{top}/w/d') == 'user::rwx group::--- other::---'
            assert entries(f'{top}/w/plain') == 'user::rw- group::r-- other::r--'
            put(f'{top}/w/d/new')
            assert mode(f'{top}/w/d/new') == 0o600
            run('cp', '-a', f'{top}/w', f'{top}/back')  # and again, of what is here
            run('rm', '-r', f'{top}/w', f'{top}/back')
            return done.stderr
        try:
            stderr = as_user(uid, work)
        except AssertionError as error:
            raise AssertionError(f'{name}: {error}') from error
        assert stderr == '', f'{name}: {stderr}'


@case()
def copies_into_private(mount):
    os.stat(mount.tmpdir(ALICE))
    copies(mount.tmpdir(0), 0)
    copies(mount.tmpdir(ALICE), ALICE)


@case(layout='single', options=f'uid={ALICE},gid={ALICE}')
def copies_into_single(mount):
    copies(mount.path, ALICE)


@case()
def root_copies_a_users_files_with_acls(mount):
    """Into the user's own tree: they are his there."""
    top, src = mount.tmpdir(ALICE), elsewhere()
    run('chown', '-R', f'{ALICE}:{ALICE}', src)
    os.stat(top)
    done = bash(f'cp -a {src}/f {src}/d .; rsync -aAX {src}/d e; rsync -aAX {src}/f f', top)
    assert done.stderr == ''

    def use():
        for name in 'f', 'd/x', 'e/d/x':
            with open(f'{top}/{name}', 'ab') as file:
                file.write(b'more')
            assert mode(f'{top}/{name}') == 0o600
    as_user(ALICE, use)


@case()
def setfacl_that_is_a_mode_is_a_chmod(d):
    need('setfacl')
    put('f')
    run('setfacl', '-m', 'g::r,o::r', 'f')
    assert mode('f') == 0o644
    run('setfacl', '-m', f'u:{BOB}:rw', 'f')
    assert mode('f') == 0o600
    run('setfacl', '-b', 'f')
    assert mode('f') == 0o600
    os.mkdir('d')
    run('setfacl', '-d', '-m', f'u:{BOB}:rwx', 'd')
    run('setfacl', '-k', 'd')
    assert mode('d') == 0o700 and not os.listxattr('d')


@case(mount=False)
def acls_obey_modes():
    need('setfacl')
    for modes, wanted in ('strict', 0o600), ('keep', 0o644):
        with Mount(options=f'modes={modes}') as mount:
            path = f'{mount.path}/0/f'
            put(path)
            run('setfacl', '-m', 'g::r,o::r', path)
            assert mode(path) == wanted, oct(mode(path))
    with Mount(options='modes=refuse') as mount:
        path = f'{mount.path}/0/f'
        put(path)
        done = run('setfacl', '-m', 'g::r,o::r', path, check=False)
        assert done.returncode == 1 and 'not permitted' in done.stderr, done
        assert mode(path) == 0o600


@case()
def the_kernel_sees_the_new_mode_at_once(mount):
    """It keeps no ACLs here, and so cannot know that one has changed the mode."""
    need('setfacl')
    top = mount.tmpdir(ALICE)

    def work():
        put(f'{top}/f', b'text')
        os.stat(f'{top}/f')
        run('setfacl', '-m', 'u::-', f'{top}/f')
        fails(errno.EACCES, os.open, f'{top}/f', os.O_RDONLY)
        run('setfacl', '-m', 'u::r', f'{top}/f')
        assert get(f'{top}/f') == b'text'
        fails(errno.EACCES, os.open, f'{top}/f', os.O_WRONLY)
    as_user(ALICE, work)


def set_group_id(options, uid, groups):
    """What is left of the bit once somebody in @groups has set an ACL that is a mode."""
    need('setfacl')
    with Mount(layout='single', options=f'modes=keep,{options}') as mount:
        for path in 'file', 'dir':
            path = f'{mount.path}/{path}'
            if path.endswith('dir'):
                os.mkdir(path)
            else:
                put(path)
            os.chown(path, uid, BOB)
            os.chmod(path, 0o2755)
            as_user(uid, run, 'setfacl', '-m', 'g::rwx', path, gid=uid, groups=groups)
            yield oct(mode(path))


@case(mount=False)
def an_acl_of_somebody_outside_the_group_drops_the_bit():
    options = f'uid={ALICE},gid={ALICE}'
    assert list(set_group_id(options, ALICE, [])) == ['0o775'] * 2
    assert list(set_group_id(options, ALICE, [BOB])) == ['0o2775'] * 2
    assert list(set_group_id('noallow_other', 0, [])) == ['0o2775'] * 2  # CAP_FSETID
