"""What root does to a user's files with ordinary programs: they stay the user's own."""
import errno
import json
import os
import shutil
import stat
from pathlib import Path

from rig import (Mount, as_user, bash, binary, case, fails, get, need, own_mounts, put, run,
                 unmount)

ALICE, BOB = 61001, 61002

MASKED = True  # also run without each feature of the kernel

EDITS = {  # what root does to "conf" of the user, and the name of what must then be the user's
    'sed -i': ('sed -i s/a/A/ conf', 'conf'),
    'sed -i.bak': ('sed -i.bak s/a/A/ conf', 'conf conf.bak'),
    'perl -pi': ('perl -pi -e s/a/A/ conf', 'conf'),
    'perl -pi.bak': ('perl -pi.bak -e s/a/A/ conf', 'conf'),
    'vim': ("vim -u NONE -i NONE -es -c 'set backup writebackup backupcopy=no backupskip=' "
            "-c '%s/a/A/' -c wq conf", 'conf'),
    'vim in place': ("vim -u NONE -i NONE -es -c 'set backup backupcopy=yes backupskip=' "
                     "-c '%s/a/A/' -c wq conf", 'conf'),  # the copy is root's, as anywhere
    'patch': ('''printf '%s\\n' '--- conf' '+++ conf' '@@ -1,2 +1,2 @@' -a +A ' b' |
        patch -s -b''', 'conf'),
    'chown': ('echo new > fresh; chown $uid:$uid fresh; mkdir d; chown -R $uid:$uid d', 'fresh'),
    'chown by a mode': ('install -o $uid -g $uid -m 640 /etc/hostname fresh', 'fresh'),
    'cp -a': ('cp -a conf fresh', 'fresh'),
    'cp -a onto': ('cp -a conf other; cp -a --remove-destination conf more', 'other more'),
    'cp -a of a tree': ('cp -a tree fresh; ln -s fresh link; chown -h $uid link', 'fresh/sub/f'),
    'mv': ('cp -a conf "$out/f"; mv "$out/f" fresh', 'fresh'),
    'tar': ('tar -cf t.tar conf tree; mkdir fresh; tar -C fresh -xf t.tar; tar -C fresh -df t.tar',
            'fresh/conf fresh/tree/sub/f'),
    'rsync': ('rsync -a conf tree fresh/; rsync -a conf other',
              'fresh/conf fresh/tree/sub/f other'),
    'rsync with all': ('rsync -aAXH --chown=$uid:$uid /etc/hostname .; rsync -aAXH tree/ fresh',
                       'hostname fresh/sub/f'),
    'tar with all': ('mkdir fresh; tar --acls --xattrs -cf - conf tree |'
                     'tar --acls --xattrs -C fresh -xpf -', 'fresh/conf fresh/tree/sub/f'),
    'out and back': ('mv conf tree "$out"; mv "$out/conf" "$out/tree" .', 'conf tree/sub/f'),
    'gzip': ('gzip conf; gzip -d conf.gz; gzip -k other', 'conf other.gz'),
    'in place': ('sort -o conf conf; echo x | tee -a other >log; truncate -s 1 tree/sub/f',
                 'conf other tree/sub/f'),
    'as the user': ('setpriv --reuid=$uid --regid=$uid --clear-groups cp conf fresh', 'fresh'),
    'a skeleton': ('mkdir home; cp -r "$out/skel/." home; chown -R $uid:$uid home',
                   'home/.profile home/.config/app/rc'),
}
NEEDED = 'vim', 'perl', 'patch', 'rsync'


def prepare(top):
    os.mkdir(f'{top}/w')
    put(f'{top}/w/conf', b'a\nb\n')
    put(f'{top}/w/other', b'x\n')
    os.makedirs(f'{top}/w/tree/sub')
    put(f'{top}/w/tree/sub/f', b'deep')


def use(paths):
    """What the owner of a file does with it."""
    for path in paths:
        with open(path, 'ab') as file:
            file.write(b'more')
        assert get(path).endswith(b'more')
        os.chmod(path, 0o600)
        os.utime(path)
        found = os.stat(path)
        assert found.st_uid == found.st_gid == os.getuid(), (path, found)


def edits(mount):
    need(*NEEDED)
    top = mount.tmpdir(ALICE)
    out = os.path.join(os.environ['SPOOL_CASE_DIR'], 'out')
    os.makedirs(f'{out}/skel/.config/app')
    for name in '.profile', '.config/app/rc':
        put(f'{out}/skel/{name}', b'set')
    os.stat(top)
    for name, (script, names) in EDITS.items():
        as_user(ALICE, prepare, top)
        try:
            done = bash('umask 022\n' + script, f'{top}/w', HOME=out, uid=str(ALICE), out=out)
            assert done.stderr == '', done.stderr
            as_user(ALICE, use, [f'{top}/w/{path}' for path in names.split()])
        except (AssertionError, OSError) as error:
            raise AssertionError(f'{name}: {error}') from error
        shutil.rmtree(f'{top}/w')


@case()
def edits_in_private(mount):
    edits(mount)


@case(layout='single', options=f'uid={ALICE},gid={ALICE}')
def edits_in_single(mount):
    edits(mount)


@case(options='modes=keep')
def edits_with_modes_keep(mount):
    edits(mount)


@case()
def a_home_directory(mount):
    """useradd makes it, its user lives there, and userdel removes it."""
    need('useradd', 'userdel', 'su')
    top, etc = mount.tmpdir(ALICE), f'{os.environ["SPOOL_CASE_DIR"]}/etc'
    os.stat(top)
    shutil.copytree('/etc', etc, symlinks=True, ignore_dangling_symlinks=True)
    script = f'''mount --bind {etc} /etc
        useradd -m -o -K UID_MAX=70000 -u {ALICE} -d {top}/home -s /bin/bash spool-test
        su - spool-test -c 'echo "cd /" >> .profile; mktemp -p . >/dev/null; ls -A | wc -l'
        find {top}/home ! -uid {ALICE}
        # -f: another case may run a program with the same uid at this moment
        userdel -f -r spool-test 2>&1 | grep -v -e 'mail spool' -e 'currently used' || true'''
    done = run('unshare', '-m', 'bash', '-euc', script)
    assert done.stderr == '' and int(done.stdout) > 1, done
    assert os.listdir(top) == []


@case()
def copies_of_a_whole_directory(mount):
    """tar, rsync and cp set the attributes of ".", the user's own directory, too: all but another
    owner is taken, and nothing shows."""
    need('rsync')
    top, src = mount.tmpdir(ALICE), f'{os.environ["SPOOL_CASE_DIR"]}/src'
    os.stat(top)
    before = os.stat(top)
    os.makedirs(f'{src}/d')
    put(f'{src}/d/f', b'text')
    run('chown', '-R', f'{ALICE}:{BOB}', src)
    for uid in ALICE, 0:
        for script in (f'rsync -a {src}/ .', f'cp -a {src}/. .',
                       f'tar -C {src} -cf - . | tar -xpf -'):
            done = as_user(uid, lambda: bash(script, top, PWD=top), gid=uid, groups=[BOB])
            assert done.stderr == '', (uid, script, done.stderr)
            assert os.stat(f'{top}/d/f').st_uid == ALICE, (uid, script)
            as_user(ALICE, shutil.rmtree, f'{top}/d')
    after = os.stat(top)
    assert (after.st_uid, after.st_gid, after.st_mode) == \
        (before.st_uid, before.st_gid, before.st_mode)


def owner(path):
    return os.lstat(path).st_uid


@case()
def root_gives_to_the_owner_of_the_tree_only(mount):
    top = f'{mount.path}/{ALICE}'
    os.stat(top)
    put(f'{top}/f')
    os.mkfifo(f'{top}/fifo')
    os.symlink('f', f'{top}/link')
    os.mkdir(f'{top}/d')
    for name in 'f', 'fifo', 'link', 'd':
        path = f'{top}/{name}'
        fails(errno.EPERM, os.lchown, path, BOB, BOB)
        assert owner(path) == 0
        os.lchown(path, ALICE, BOB)
        assert owner(path) == ALICE and os.lstat(path).st_gid == BOB
        fails(errno.EPERM, os.lchown, path, BOB, -1)
        fails(errno.EPERM, os.lchown, path, 0, -1)
    as_user(ALICE, fails, errno.EPERM, os.chown, f'{top}/f', BOB, -1)
    fails(errno.EPERM, os.chown, top, BOB, BOB)
    put(f'{mount.path}/0/f')
    os.chown(f'{mount.path}/0/f', BOB, BOB)  # root's own tree
    assert owner(f'{mount.path}/0/f') == BOB


def used(mount):
    """{uid: (bytes, inodes)} of those who have an account."""
    shown = json.loads(run(binary('SPOOLCTL'), 'status', '--json', mount.path).stdout)
    return {user['uid']: (user['size_used'], user['inodes_used']) for user in shown['users']}


@case()
def the_owner_of_the_tree_pays_before_and_after(mount):
    top = f'{mount.path}/{ALICE}'
    os.stat(top)
    os.stat(f'{mount.path}/0')
    roots = used(mount)[0]
    put(f'{top}/f', b'x' * 1_000_000)
    before = used(mount)
    assert before[0] == roots and before[ALICE][0] > 1_000_000, before
    os.chown(f'{top}/f', ALICE, ALICE)
    assert used(mount) == before
    os.unlink(f'{top}/f')
    assert used(mount)[0] == roots


@case()
def what_root_makes_for_a_user_can_be_used(mount):
    """It keeps the mode that root asked for, with root's umask; root's own files are private."""
    top = f'{mount.path}/{ALICE}'
    os.stat(top)
    os.umask(0o022)
    os.mkdir(f'{top}/d')
    put(f'{top}/d/f', b'text')
    put(f'{top}/secret', b'roots', 0o600)
    found = [stat.S_IMODE(os.stat(f'{top}/{name}').st_mode) for name in ('d', 'd/f', 'secret')]
    assert found == [0o755, 0o644, 0o600], found
    assert as_user(ALICE, get, f'{top}/d/f') == b'text'
    fails(errno.EACCES, as_user, ALICE, get, f'{top}/secret')
    fails(errno.EACCES, as_user, BOB, get, f'{top}/d/f')
    put(f'{mount.path}/0/f')
    assert stat.S_IMODE(os.stat(f'{mount.path}/0/f').st_mode) == 0o600


@case(mount=False)
def strict_and_refuse_stay_private_in_a_users_tree():
    for modes in 'strict', 'refuse':
        with Mount(options=f'modes={modes}') as mount:
            os.mkdir(f'{mount.path}/{ALICE}/d')
            assert stat.S_IMODE(os.stat(f'{mount.path}/{ALICE}/d').st_mode) == 0o700


@case(mount=False, masked=False)
def a_package_that_goes_shows_paths_in_one_line():
    """Those of users, which are no commands to the terminal of root."""
    script = Path(__file__).resolve().parents[3] / 'packaging/debian/spoolfs.prerm'
    own_mounts()
    path = f'{os.environ["SPOOL_CASE_DIR"]}/a \x1b[2Jb\nc\\'
    os.mkdir(path)
    run(binary('SPOOLFS'), '-o', 'backing=none', path)
    try:
        done = run('sh', script, 'remove')
        assert done.stdout == '' and '\x1b' not in done.stderr, done
        line, = [line for line in done.stderr.splitlines() if os.environ['SPOOL_CASE_DIR'] in line]
        assert line.startswith('spoolfs: /') and line.endswith(
            r'/a\x20\x1b[2Jb\x0ac\x5c is served until somebody unmounts it'), line
    finally:
        unmount(path)
