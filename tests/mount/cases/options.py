"""Mount options: words of every filesystem, what cannot be had, what a remount may change."""
import errno
import os
import signal
import sys

from rig import (Mount, Skip, as_user, binary, case, fails, get, is_mounted,
                 need_limited_addresses, put, run, unmount)
from transport import IO_URING_SETUP, counts, forbid, status, transports

GENERIC = '''noatime nodiratime diratime strictatime norelatime relatime atime lazytime nolazytime
    dirsync sync async mand nomand iversion noiversion silent loud rw dev nodev suid nosuid exec
    auto noauto user nouser users owner group _netdev nofail defaults symfollow'''.split()


def flags_of(path):
    with open('/proc/self/mountinfo', encoding='utf-8') as file:
        for line in file:
            fields = line.split(' ')
            if fields[4] == path:
                return fields[5].split(',')
    raise AssertionError(f'{path} is not mounted')


def refused(*args, text, **popen):
    """The daemon says why in one line, and ends with 2; nothing is mounted."""
    done = run(binary('SPOOLFS'), *args, check=False, **popen)
    assert done.returncode == 2, (args, done)
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and text in lines[0] and 'allowed: ' in lines[0], (args, lines)
    assert not is_mounted(args[-1]), args


@case(mount=False)
def words_of_every_filesystem_are_taken():
    with Mount(options=','.join(GENERIC)) as mount:
        put(f'{mount.tmpdir()}/f', b'x')
        flags = flags_of(mount.path)
        assert 'nosuid' in flags and 'nodev' in flags and 'noexec' not in flags, flags
    with Mount(options='noexec,exec') as mount:
        assert 'noexec' not in flags_of(mount.path)  # of two the later one counts
    with Mount(options='exec,noexec') as mount:
        assert 'noexec' in flags_of(mount.path)


@case(mount=False)
def nosymfollow_is_obeyed():
    with Mount(options='nosymfollow') as mount:
        path = mount.tmpdir()
        put(f'{path}/f', b'x')
        os.symlink('f', f'{path}/link')
        assert os.readlink(f'{path}/link') == 'f'
        fails(errno.ELOOP, get, f'{path}/link')
        assert 'nosymfollow' in flags_of(mount.path)
    with Mount(options='nosymfollow,symfollow') as mount:
        assert 'nosymfollow' not in flags_of(mount.path)
        put(f'{mount.path}/self/f', b'x')


@case(mount=False)
def without_attributes_the_kernel_asks_once():
    for options in transports():
        with Mount(layout='single', options=f'{options},xattr=off') as mount:
            path = f'{mount.path}/f'
            put(path, b'x')
            before = counts(mount)
            for file in (path, mount.path):
                for name in 'user.a', 'user.spoolfs.lifetime', 'trusted.a':
                    fails(errno.EOPNOTSUPP, os.setxattr, file, name, b'close')
                    fails(errno.EOPNOTSUPP, os.getxattr, file, name)
                    fails(errno.EOPNOTSUPP, os.removexattr, file, name)
                fails(errno.EOPNOTSUPP, os.listxattr, file)
            for i in range(20):
                put(f'{path}{i}', b'x')
            after = counts(mount)
            for name in ('SETXATTR', 'LISTXATTR', 'REMOVEXATTR', 'GETXATTR'):
                assert after[name] <= 1, after
            assert after['GETXATTR'] == before['GETXATTR']  # which the first write has asked
            assert ' -xattr' in status(mount)['features']
            run(binary('SPOOLCTL'), 'lifetime', 'close', path)
            assert 'close' in run(binary('SPOOLCTL'), 'ls', path).stdout
    with Mount() as mount:
        assert ' xattr' in status(mount)['features']


@case(mount=False)
def attributes_are_off_for_one_command():
    def run_with(*options):
        """The error of setting an attribute in a mount of spoolctl run; 0: none."""
        code = 'import os, sys\ntry:\n os.setxattr(os.environ["TMPDIR"], "user.a", b"x")\n' \
            'except OSError as e:\n sys.exit(e.errno)'
        return run(binary('SPOOLCTL'), 'run', *options, sys.executable, '-c', code,
                   check=False).returncode
    assert run_with() == errno.EOPNOTSUPP
    assert run_with('-o', 'xattr=on') == 0
    assert run_with('-o', 'layout=shared') == 0


@case(mount=False)
def what_cannot_be_had_is_wrong_use():
    base = os.environ['SPOOL_CASE_DIR']
    path, file = f'{base}/m', f'{base}/file'
    os.mkdir(path)
    put(file)
    for layout in ('private', 'single', 'shared'):
        for option, text in (('nr_inodes=1', 'nr_inodes=1: too small'),
                             ('user_inodes=1', 'user_inodes=1: too small'),
                             ('user_size=1', 'user_size=1: too small'),
                             ('user_ram=1%,ram=1M', None), ('nr_inodes=4', None)):
            args = '-o', f'backing=none,layout={layout},{option}', path
            if text:
                refused(*args, text=text)
            else:
                run(binary('SPOOLFS'), *args)
                unmount(path)
    for options, text in (('layout=shared,xattr=off', 'xattr=off: layout=shared has ACLs'),
                          ('xattr=none', 'xattr=none: '), ('xattr', 'xattr: needs a value')):
        refused('-o', f'backing=none,{options}', path, text=text)
    for backing in '/proc', '/sys':
        refused('-o', f'backing={backing}', path, text=f'backing={backing}: ')
    for more in [], ['-f']:
        refused('-o', 'transport=uring,backing=none', *more, path, text='transport=uring: ',
                preexec_fn=lambda: forbid(IO_URING_SETUP))
    refused(f'{path}/missing', text=f'{path}/missing: No such file')
    refused(file, text=f'{file}: not a directory')
    refused('/' + 'x' * 300, text='File name too long')


@case(mount=False)
def options_are_checked_without_a_mount():
    path = f'{os.environ["SPOOL_CASE_DIR"]}/m'
    for there in False, True:
        done = run(binary('SPOOLFS'), '--check', '-o', 'layout=shared,size=8m', 'name', path)
        assert done.stdout == done.stderr == '' and not is_mounted(path)
        refused('--check', '-o', 'size=8x', path, text='size=8x: not a number')
        refused('-o', 'backing=/proc', '--check', path, text='backing=/proc: ')
        if not there:
            os.mkdir(path)
    with Mount(layout='shared', options='size=8m') as mount:
        done = run(binary('SPOOLFS'), '--check', '-o', 'remount,size=9m', mount.path, check=False)
        assert done.returncode == 2 and '--check: not for a remount' in done.stderr, done
        assert status(mount)['size_limit'] == 8 << 20


@case(mount=False)
def addresses_that_do_not_suffice_are_said_at_the_start():
    need_limited_addresses()
    if os.stat('/dev/fuse').st_mode & 0o006 != 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')
    path = f'{os.environ["SPOOL_CASE_DIR"]}/m'
    os.mkdir(path)
    os.chown(path, 1000, 1000)
    limited = ['prlimit', '--as=2000000000', 'setpriv', '--reuid=1000', '--regid=1000',
               '--clear-groups', binary('SPOOLFS'), '-o']
    done = run(*limited, 'ram=1G,backing=none', path, check=False)
    assert done.returncode == 2 and done.stderr.count('\n') == 1, done
    assert 'ram=1073741824: RLIMIT_AS is 2000000000 bytes (allowed: ' in done.stderr, done
    assert not is_mounted(path)
    run(*limited, 'ram=256M,backing=none', path)
    as_user(1000, put, f'{path}/f', b'x' * 100_000_000)
    unmount(path)


@case(mount=False)
def file_sizes_that_do_not_suffice_are_said_at_the_start():
    """A limit that the daemon inherits is raised, or named: no write finds the mount full by it."""
    path = f'{os.environ["SPOOL_CASE_DIR"]}/m'
    os.mkdir(path)
    for backing in 'none', '/var/tmp':
        options = f'layout=single,ram=64M,size=256M,threshold=1M,backing={backing}'
        mount = [binary('SPOOLFS'), '-o', options, path]
        for limit in 0, 100_000_000, (256 << 20) - 1:
            done = run('setpriv', '--bounding-set=-sys_resource', 'prlimit', f'--fsize={limit}',
                       *mount, check=False)
            assert done.returncode == 2 and done.stderr.count('\n') == 1, done
            assert f'ram=67108864: RLIMIT_FSIZE is {limit} bytes (allowed: ' in done.stderr, done
            assert not is_mounted(path)
        for limit in '0:unlimited', 256 << 20:
            run('setpriv', '--bounding-set=-sys_resource', 'prlimit', f'--fsize={limit}', *mount)
            put(f'{path}/f', b'x' * (40 << 20))
            done = run('prlimit', '--fsize=0', 'dd', 'if=/dev/zero', f'of={path}/f', 'count=1',
                       check=False)
            assert done.returncode == -signal.SIGXFSZ, done
            unmount(path)


@case(mount=False)
def a_remount_changes_or_refuses():
    """mount(8) repeats what is in fstab and in the mount table: what is so already is no change."""
    def remount(path, options):
        return run(binary('SPOOLFS'), '-o', f'remount,{options}', 'spoolfs', path, check=False)

    base = os.environ['SPOOL_CASE_DIR']
    with Mount(layout='shared', options='size=64M,mode=1770') as mount:
        for options in ('rw,nosuid,nodev,relatime,user_id=0,group_id=0,default_permissions,'
                        'allow_other', 'layout=shared,mode=1770,uid=0,noatime,size=64M',
                        'exec,symfollow,backing=none,encrypt=on,fsname=spoolfs,modes=keep'):
            done = remount(mount.path, options)
            assert done.returncode == 0 and not done.stderr, (options, done)
        for option in ('noexec', 'nosymfollow', 'writeback', 'layout=single', 'mode=0700', 'uid=7',
                       'backing=/var/tmp', 'encrypt=off', 'mlock=on', 'transport=dev',
                       'fsname=other', 'backing_any=on', 'xattr=off'):
            done = remount(mount.path, f'size=80M,{option}')
            assert done.returncode == 2 and done.stderr.count('\n') == 1, (option, done)
            assert f'{option}: cannot be changed while mounted (allowed: ' in done.stderr, done
        assert remount(mount.path, 'ro').returncode == 2
        put(f'{mount.path}/f', b'x')
    with Mount(options='noexec') as mount:
        assert remount(mount.path, 'noexec,size=64M').returncode == 0
        assert remount(mount.path, 'exec').returncode == 2
    for path in (base, f'{base}/missing'):
        for options in 'rw', 'size=64M':
            done = remount(path, options)
            assert done.returncode == 1 and done.stderr.count('\n') == 1, done


@case(mount=False)
def an_ordinary_user_asks_for_nosymfollow_in_vain():
    base = os.environ['SPOOL_CASE_DIR']
    done = run(binary('SPOOLFS'), '-o', 'nosymfollow', base, check=False, user=1000)
    assert done.returncode == 2 and 'nosymfollow: ' in done.stderr, done


@case(mount=False)
def features_are_masked_for_root_in_the_foreground_only():
    """By a test, in the environment; there is no option for it."""
    with Mount(mask='lseek+fallocate') as mount:
        assert {'-lseek', '-fallocate'} <= set(status(mount)['features'].split())
    path = f'{os.environ["SPOOL_CASE_DIR"]}/m'
    os.mkdir(path)
    masked = dict(os.environ, SPOOLFS_MASK='lseek+x')
    refused('-f', '-o', 'backing=none', path, text='SPOOLFS_MASK=x: unknown feature', env=masked)
    refused('-f', '-o', 'backing=none,mask=lseek', path, text='mask=lseek: unknown option')
    run(binary('SPOOLFS'), '-o', 'backing=none', path, env=masked)
    run(binary('SPOOLCTL'), 'status', path)
    unmount(path)
    mount = Mount(layout='single', uid=1000)
    mount.mask = 'lseek+x'
    with mount:
        as_user(1000, put, f'{mount.path}/f', b'x')
