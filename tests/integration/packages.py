"""The Debian packages: built, installed, used, upgraded and purged on fresh systems."""
import os
import re

from debian_roots import DEBS, LONG_S, OURS, SUITES, Root, built, bump
from rig import case_on_each, is_mounted, run, wait_until

PACKAGES = 'mmdebstrap debian-archive-keyring autopkgtest'
MULTIARCH = '/usr/lib/$(uname -m)-linux-gnu'
# The areas of tests/mount/cases that are run with what is installed; SPOOL_ALL_CASES=1: all.
AREAS = 'data', 'modes', 'layouts', 'names', 'daemon', 'tools'
FOR_CASES = ('python3', 'procps', 'util-linux', 'mount', 'fuse3', 'login', 'pamtester', 'acl',
             'attr', 'strace', 'gcc', 'libc6-dev')
FOR_SLURM = ('python3', 'procps', 'util-linux', 'mount', 'fuse3', 'slurmctld', 'slurmd',
             'slurm-client', 'munge')
# As an administrator and his users would: the programs, mount(8), a login.
USE = '''
spoolctl run -- sh -c 'echo x >$TMPDIR/f; cat $TMPDIR/f'
mkdir /run/spoolfs
mount -t spoolfs -o ram=64M spoolfs /run/spoolfs
test "$(su - alice -c 'echo $TMPDIR; f=$(mktemp); case $f in $TMPDIR/*) echo x >$f;; esac; cat $f' |
    tr '\\n' ' ')" = '/run/spoolfs/1000 x '
spoolctl status /run/spoolfs | grep -q 'uid'
man_pages=$(dpkg -L OURS | grep -c /man/man)
test "$man_pages" -gt 6
'''


def install(root):
    root.run(f'apt-get install -qy --no-install-recommends $(ls {DEBS})')


@case_on_each(SUITES, mount=False, timeout_s=3600)
def are_built(suite):
    """And lintian finds neither errors nor warnings."""
    built(suite)
    root = Root(suite, ['lintian'])
    print(root.run('lintian --fail-on error,warning --pedantic --display-info'
                   ' /packages/*.changes 2>/dev/null').stdout)


def upgrade(root):
    """To the same of a higher version. Return: what is said."""
    root.run('mkdir /tmp/newer; ' + bump('/packages', '/tmp/newer'))
    said = root.run('dpkg -i /tmp/newer/*.deb; rm -r /tmp/newer').stdout
    assert '-2' in root.run('dpkg-query -W spoolfs').stdout
    return said


@case_on_each(SUITES, mount=False, timeout_s=3600)
def come_and_go(suite):
    """Without systemd: what is mounted outlives an upgrade and a removal, and a purge leaves
    nothing."""
    built(suite)
    root = Root(suite)
    root.run('useradd -m -s /bin/bash -u 1000 alice')
    files, packages = root.files(), root.packages()
    install(root)
    mine = f'{root.path}/run/spoolfs'
    root.run(USE.replace('OURS', OURS))
    root.run('echo kept >/run/spoolfs/0/file; su alice -c "echo his >/run/spoolfs/self/file"')
    assert 'goes on with version' in upgrade(root)
    assert root.run('cat /run/spoolfs/0/file /run/spoolfs/1000/file').stdout == 'kept\nhis\n'
    root.run('spoolctl status /run/spoolfs && spoolctl run -- true')
    said = root.run(f'apt-get remove -qy {OURS} 2>&1').stdout
    assert '/run/spoolfs is served until' in said, said
    assert root.run('cat /run/spoolfs/0/file').stdout == 'kept\n'
    root.run('umount /run/spoolfs')
    assert not is_mounted(mine)
    wait_until(lambda: not daemons(root), 'the daemon ends')
    left = ' '.join(line.split()[0] for line in root.packages() - packages)
    root.run(f'apt-get purge -qy {left}')
    assert root.packages() == packages, root.packages() ^ packages
    left = root.files()
    wrong = {path: (files.get(path), left.get(path)) for path in files.keys() | left.keys()
             if files.get(path) != left.get(path)}
    assert not wrong, wrong


def daemons(root):
    """The processes of spoolfs that run in this system."""
    found = []
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{name}/comm', encoding='ascii') as file:
                if file.read().startswith('spoolfs') and \
                        os.readlink(f'/proc/{name}/root') == root.path:
                    found.append(name)
        except OSError:
            continue
    return found


def failed_cases(root, arguments):
    """Runs cases with what is installed. Return: lines about those that failed."""
    done = root.run(f'''
        export SPOOLFS=/usr/sbin/spoolfs SPOOLCTL=/usr/bin/spoolctl \\
            SPOOLBENCH=/usr/bin/spoolbench PAM_SPOOLFS={MULTIARCH}/security/pam_spoolfs.so \\
            SPANK_SPOOLFS={MULTIARCH}/slurm-wlm/spank_spoolfs.so
        /source/tests/mount/run.py {arguments}''', check=False)
    lines = done.stdout.splitlines()
    print(f'{arguments}: {sum(line.startswith("ok ") for line in lines)} passed, '
          f'{sum(" # SKIP" in line for line in lines)} of them skipped')
    return [line for line in lines if not line.startswith('ok')] if done.returncode else []


@case_on_each(SUITES, mount=False, timeout_s=3600)
def pass_the_mount_cases(suite):
    """Those of tests/mount with what is installed."""
    built(suite)
    root = Root(suite, FOR_CASES)
    install(root)
    areas = [''] if os.environ.get('SPOOL_ALL_CASES') else [f'{area}/' for area in AREAS]
    failed = [line for area in areas for line in failed_cases(root, f'--filter "{area}"')]
    assert not failed, '\n'.join(failed)


@case_on_each(SUITES, mount=False, timeout_s=3600)
def pass_the_slurm_cases(suite):
    """With the Slurm of that release, whose interface is another one in each: 22.05, 24.11 and
    26.05."""
    built(suite)
    root = Root(suite, FOR_SLURM)
    install(root)
    failed = failed_cases(root, '--cases /source/tests/integration --jobs 1 --filter slurm/')
    assert not failed, '\n'.join(failed)


@case_on_each(SUITES, mount=False, timeout_s=3600)
def pass_their_own_tests(suite):
    """Those of debian/tests, as autopkgtest(1) runs them."""
    kept = built(suite)
    root = Root(suite)
    debs = [path for path in kept.glob('*.deb') if 'dbgsym' not in path.name]
    said = run('autopkgtest', '--no-built-binaries', *debs, *kept.glob('*.dsc'), '--', 'chroot',
               root.path, timeout=LONG_S).stdout
    # it shows what they write as well, and cases that are skipped do so
    results = re.findall(r'^(\S+)\.sh +(\w+)$', said, re.MULTILINE)
    assert results == [('smoke', 'PASS'), ('mount-cases', 'PASS')], said[-3000:]
