"""Layouts: who sees and reaches what."""
import errno
import json
import os
import shutil
import stat
import subprocess
import tempfile

from rig import Mount, Skip, alive, as_user, binary, case, fails, get, need, put, run, \
    wait_until

ALICE, BOB = 61001, 61002

MASKED = True  # also run without each feature of the kernel


@case()
def users_are_isolated_in_every_path_call(mount):
    top = f'{mount.path}/{ALICE}'

    def make():
        os.mkdir(f'{top}/dir')
        put(f'{top}/secret', b'secret')
        os.chmod(f'{top}/secret', 0o777)
        return os.listdir(top)
    assert sorted(as_user(ALICE, make)) == ['dir', 'secret']
    # what root has looked at lies in the kernel's caches
    get(f'{top}/secret')
    os.listdir(f'{top}/dir')

    def attack():
        inside = f'{top}/secret'
        for call in (lambda: os.open(inside, os.O_RDONLY), lambda: os.stat(inside),
                     lambda: os.listdir(top), lambda: os.open(f'{top}/new', os.O_CREAT | os.O_RDWR),
                     lambda: os.unlink(inside), lambda: os.rename(inside, f'{top}/x'),
                     lambda: os.chmod(inside, 0o777), lambda: os.truncate(inside, 0),
                     lambda: os.link(inside, f'{mount.path}/{BOB}/l'), lambda: os.chdir(top),
                     lambda: os.rmdir(f'{top}/dir'), lambda: os.mkdir(f'{top}/d'),
                     lambda: os.readlink(inside), lambda: os.getxattr(inside, 'user.x'),
                     lambda: os.symlink('x', f'{top}/s'), lambda: os.utime(inside),
                     lambda: os.stat(f'{top}/missing')):
            fails(errno.EACCES, call)
        fails(errno.EPERM, os.chmod, top, 0o777)
        return os.listdir(mount.path)
    os.stat(f'{mount.path}/{BOB}')
    assert sorted(as_user(BOB, attack)) == sorted([str(BOB), 'self'])
    assert sorted(os.listdir(mount.path)) == sorted(['0', str(ALICE), str(BOB), 'self']) or \
        sorted(os.listdir(mount.path)) == sorted([str(ALICE), str(BOB), 'self'])


@case()
def self_leads_every_caller_home(mount):
    for uid in (ALICE, BOB):
        assert as_user(uid, os.readlink, f'{mount.path}/self') == str(uid)
        as_user(uid, put, f'{mount.path}/self/mine', b'%d' % uid)
    assert os.readlink(f'{mount.path}/self') == '0'
    for uid in (ALICE, BOB):
        assert get(f'{mount.path}/{uid}/mine') == b'%d' % uid
        assert os.stat(f'{mount.path}/{uid}/mine').st_uid == uid
    assert os.lstat(f'{mount.path}/self').st_size == 0


@case()
def another_users_directory_tells_nothing(mount):
    as_user(ALICE, os.listdir, f'{mount.path}/{ALICE}')

    def look():
        found = os.stat(f'{mount.path}/{ALICE}')
        return [getattr(found, name) for name in
                ('st_mode', 'st_nlink', 'st_size', 'st_mtime_ns', 'st_ctime_ns', 'st_atime_ns')]
    before = as_user(BOB, look)
    assert stat.S_IMODE(before[0]) == 0o700 and before[1] == 1

    def busy():
        for i in range(50):
            os.mkdir(f'{mount.path}/{ALICE}/d{i}')
            put(f'{mount.path}/{ALICE}/f{i}', b'x' * 10000)
        os.utime(f'{mount.path}/{ALICE}')
        os.chmod(f'{mount.path}/{ALICE}', 0o755)
    as_user(ALICE, busy)
    assert as_user(BOB, look) == before


@case()
def nobody_makes_anything_in_the_private_root(mount):
    root = mount.path
    os.stat(f'{root}/{ALICE}')
    for number, uid in ((errno.EPERM, 0), (errno.EACCES, ALICE)):
        def attempts():
            fails(number, os.mkdir, f'{root}/x')
            fails(number, put, f'{root}/x')
            fails(number, os.symlink, 'a', f'{root}/x')
            fails(number, os.unlink, f'{root}/self')
            fails(number, os.rmdir, f'{root}/{ALICE}')
            fails(number, os.rename, f'{root}/{ALICE}', f'{root}/x')
        as_user(uid, attempts)
    # a directory that is not there yet is made for its owner and for root only
    assert as_user(ALICE, fails, errno.ENOENT, os.stat, f'{root}/{BOB}') is None
    as_user(BOB, os.stat, f'{root}/{BOB}')
    as_user(ALICE, os.stat, f'{root}/{BOB}')
    for name in ('007', '4294967295', '-1', '1x', 'root', '99999999999'):
        fails(errno.ENOENT, os.stat, f'{root}/{name}')


@case()
def files_do_not_cross_between_users_trees(mount):
    for uid in (ALICE, BOB):
        os.stat(f'{mount.path}/{uid}')
    put(f'{mount.path}/{ALICE}/f')
    fails(errno.EXDEV, os.rename, f'{mount.path}/{ALICE}/f', f'{mount.path}/{BOB}/f')
    fails(errno.EXDEV, os.link, f'{mount.path}/{ALICE}/f', f'{mount.path}/{BOB}/f')


@case()
def user_namespace_spoofs_nobody(mount):
    put(f'{mount.path}/0/x', b'root')
    done = subprocess.run(['setpriv', f'--reuid={ALICE}', '--clear-groups', 'unshare', '-Ur', 'sh',
                           '-c', f'id -u; echo x > {mount.path}/self/f; cat {mount.path}/0/x'],
                          capture_output=True, text=True, check=False)
    if 'unshare' in done.stderr:
        raise Skip('no user namespaces here')
    assert done.stdout == '0\n' and 'denied' in done.stderr, (done.stdout, done.stderr)
    assert os.stat(f'{mount.path}/{ALICE}/f').st_uid == ALICE


@case(mount=False)
def single_is_one_users_own():
    with Mount(layout='single', options=f'uid={ALICE},gid={ALICE},mode=0750') as mount:
        found = os.stat(mount.path)
        assert found.st_uid == ALICE and stat.S_IMODE(found.st_mode) == 0o700
        as_user(ALICE, put, f'{mount.path}/f', b'x')
        fails(errno.EACCES, as_user, BOB, os.listdir, mount.path)
        assert os.stat(f'{mount.path}/f').st_uid == ALICE


@case(layout='shared')
def shared_is_ordinary_posix(mount):
    assert stat.S_IMODE(os.stat(mount.path).st_mode) == 0o1777
    as_user(ALICE, put, f'{mount.path}/a', b'alice', 0o644)
    assert as_user(BOB, get, f'{mount.path}/a') == b'alice'
    fails(errno.EACCES, as_user, BOB, put, f'{mount.path}/a', b'bob')
    fails(errno.EPERM, as_user, BOB, os.unlink, f'{mount.path}/a')  # sticky
    os.mknod(f'{mount.path}/null', stat.S_IFCHR | 0o666, os.makedev(1, 3))
    assert os.stat(f'{mount.path}/null').st_rdev == os.makedev(1, 3)
    fails(errno.EACCES, os.open, f'{mount.path}/null', os.O_RDONLY)  # nodev
    os.mkdir(f'{mount.path}/group')
    os.chown(f'{mount.path}/group', 0, 4711)
    os.chmod(f'{mount.path}/group', 0o2777)
    as_user(ALICE, put, f'{mount.path}/group/f')
    as_user(ALICE, os.mkdir, f'{mount.path}/group/d')
    assert os.stat(f'{mount.path}/group/f').st_gid == 4711
    assert os.stat(f'{mount.path}/group/d').st_mode & stat.S_ISGID
    os.chown(f'{mount.path}/a', BOB, BOB)
    assert os.stat(f'{mount.path}/a').st_uid == BOB


@case(layout='shared')
def shared_obeys_nosuid(mount):
    shutil.copy('/usr/bin/id', f'{mount.path}/id')
    os.chmod(f'{mount.path}/id', 0o4755)
    assert stat.S_IMODE(os.stat(f'{mount.path}/id').st_mode) == 0o4755
    assert as_user(ALICE, lambda: run(f'{mount.path}/id', '-u').stdout) == f'{ALICE}\n'


@case(layout='shared')
def shared_chown_drops_set_ids_of_all_but_directories(mount):
    for name, kind in (('fifo', stat.S_IFIFO), ('socket', stat.S_IFSOCK), ('file', stat.S_IFREG)):
        os.mknod(f'{mount.path}/{name}', kind | 0o600)
    os.mknod(f'{mount.path}/device', stat.S_IFCHR | 0o600, os.makedev(1, 3))
    os.mkdir(f'{mount.path}/dir')
    for name in ('fifo', 'socket', 'file', 'device', 'dir'):
        path = f'{mount.path}/{name}'
        os.chown(path, ALICE, ALICE)
        as_user(ALICE, os.chmod, path, 0o6555)
        as_user(ALICE, os.chown, path, -1, BOB, groups=[BOB])
        want = 0o6555 if name == 'dir' else 0o555
        assert stat.S_IMODE(os.stat(path).st_mode) == want, name


@case(layout='shared', needs=['posix_acl', 'dont_mask'])
def shared_acl_that_is_a_mode_moves_ctime(mount):
    need('setfacl')
    path = f'{mount.path}/f'
    put(path, b'x', 0o600)
    before = os.stat(path)
    run('setfacl', '-m', 'g::rw,o::r', path)
    after = os.stat(path)
    assert stat.S_IMODE(after.st_mode) == 0o664
    assert after.st_ctime_ns > before.st_ctime_ns


@case(layout='shared', needs=['posix_acl', 'dont_mask'])
def shared_acl_from_outside_the_group_drops_setgid(mount):
    need('setfacl')
    for name, make in (('f', put), ('d', os.mkdir)):
        path = f'{mount.path}/{name}'
        make(path)
        os.chown(path, ALICE, 4711)
        os.chmod(path, 0o2775)
        as_user(ALICE, run, 'setfacl', '-m', f'u:{BOB}:rwx', path, groups=[4711])
        assert os.stat(path).st_mode & stat.S_ISGID, 'dropped for a member'
        as_user(ALICE, run, 'setfacl', '-m', f'u:{BOB}:r', path)
        assert not os.stat(path).st_mode & stat.S_ISGID, 'kept for who is outside'
        assert f'user:{BOB}:r--' in run('getfacl', '-p', '-n', path).stdout


@case(layout='shared', needs=['posix_acl', 'dont_mask'])
def shared_has_posix_acls(mount):
    if not shutil.which('setfacl'):
        raise Skip('setfacl is not installed')
    path = f'{mount.path}/f'
    put(path, b'x')
    os.chmod(path, 0o600)
    fails(errno.EACCES, as_user, ALICE, get, path)
    run('setfacl', '-m', f'u:{ALICE}:r', path)
    assert as_user(ALICE, get, path) == b'x'
    fails(errno.EACCES, as_user, BOB, get, path)
    assert f'user:{ALICE}:r--' in run('getfacl', '-p', '-n', path).stdout
    os.chmod(path, 0o600)  # the mask goes with the group bits
    fails(errno.EACCES, as_user, ALICE, get, path)
    os.mkdir(f'{mount.path}/d')
    run('setfacl', '-d', '-m', f'u:{ALICE}:rwx,g::-,o::-', f'{mount.path}/d')
    put(f'{mount.path}/d/child', b'y', 0o666)
    assert as_user(ALICE, lambda: os.access(f'{mount.path}/d/child', os.R_OK | os.W_OK))
    assert not as_user(BOB, lambda: os.access(f'{mount.path}/d/child', os.R_OK))
    os.mkdir(f'{mount.path}/d/sub')
    assert 'default:user' in run('getfacl', '-p', '-n', f'{mount.path}/d/sub').stdout
    run('setfacl', '-b', path)
    assert os.listxattr(path) == []


@case()
def tar_and_rsync_set_the_top_directory_without_harm(mount):
    os.stat(f'{mount.path}/{ALICE}')

    def touch():
        os.utime(f'{mount.path}/{ALICE}', (1, 1))
        os.chmod(f'{mount.path}/{ALICE}', 0o755)
        return os.stat(f'{mount.path}/{ALICE}').st_mode
    assert stat.S_IMODE(as_user(ALICE, touch)) == 0o700


@case(mount=False)
def subordinate_uids_are_charged_to_their_owner():
    """Otherwise 65,536 uids of a user's user namespaces would each have his limits."""
    script = '''set -e
        echo 1000:100000:65536 > "$1/subuid"
        mount --bind "$1/subuid" /etc/subuid
        mkdir "$1/m"
        "$0" -o backing=none,ram=64M,user_size=10M,layout=$3 "$1/m"
        as() { setpriv --reuid=$1 --regid=$1 --clear-groups sh -c "$2"; }
        write() { as $1 "head -c 4M /dev/zero > $2/f$1" 2>"$d/log"; }
        d=$1 t=$1/m
        for uid in 100000 100001 1000; do
            [ $3 = shared ] || t=$d/m/self
            case $uid in
            1000) ! write $uid "$t"; grep -q -i quota "$d/log";;
            *) write $uid "$t";;
            esac
        done
        "$2" status --json "$d/m"
        umount "$d/m"'''
    if not os.path.exists('/etc/subuid'):
        raise Skip('/etc/subuid is not installed')
    for layout in 'private', 'shared':
        top = tempfile.mkdtemp(dir=os.environ['SPOOL_CASE_DIR'])
        os.chmod(top, 0o755)
        done = run('unshare', '-m', 'sh', '-c', script, binary('SPOOLFS'), top,
                   binary('SPOOLCTL'), layout)
        got = json.loads(done.stdout)
        assert 1000 in [user['uid'] for user in got['users']], got['users']
        assert not [user for user in got['users'] if user['uid'] > 65535], got['users']
        pids = got['supervisor_pid'], got['worker_pid']
        wait_until(lambda p=pids: not any(map(alive, p)), 'the daemon ends')
