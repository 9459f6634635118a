"""The RPM packages: built, looked at by rpmlint, installed, used and erased, by Debian's rpm. This
has neither Fedora's macros nor the names of its packages: nothing is asked about dependencies."""
from debian_roots import LONG_S, Root
from rig import case, is_mounted, wait_until

PACKAGES = 'mmdebstrap debian-archive-keyring'
BUILD = '''ln -s /source/packaging/debian /tmp/debian
apt-get build-dep -qy --no-install-recommends /tmp
apt-get install -qy --no-install-recommends build-essential rpm rpmlint fuse3
mkdir /tmp/with /tmp/without
cd /source/packaging
./rpm.sh --nodeps /tmp/with >/tmp/log 2>&1 || { tail -n 30 /tmp/log; exit 1; }
./rpm.sh --nodeps --without-slurm /tmp/without >/tmp/log 2>&1 || { tail -n 30 /tmp/log; exit 1; }'''
RPM = 'rpm --force-debian --nodeps'
OURS = {'pam_spoolfs', 'spoolfs', 'spoolfs-containers', 'spoolfs-slurm'}
USE = '''spoolctl run -- sh -c 'echo x >$TMPDIR/f; cat $TMPDIR/f'
mkdir /run/spoolfs
mount -t spoolfs -o ram=64M spoolfs /run/spoolfs
su alice -c 'echo his >/run/spoolfs/self/f; cat /run/spoolfs/1000/f'
spoolctl status /run/spoolfs
spoolfs-oci-hook --help
spoolfs-volume --help
test -e /usr/lib64/security/pam_spoolfs.so
test -e /usr/lib64/slurm/spank_spoolfs.so'''


@case(mount=False, timeout_s=LONG_S)
def come_and_go():
    """With and without Slurm; rpmlint finds no error; what is erased leaves nothing."""
    root = Root('bookworm')
    root.run(BUILD)
    for folder, packages in ('with', OURS), ('without', OURS - {'spoolfs-slurm'}):
        said = root.run(f"rpm -qp --queryformat '%{{NAME}}\\n' /tmp/{folder}/*.x86_64.rpm").stdout
        assert set(said.split()) == packages, said
        said = root.run(f'rpmlint -r /source/packaging/rpm/spoolfs.rpmlintrc /tmp/{folder}/*.rpm')
        assert ' 0 errors, ' in said.stdout, said.stdout
    root.run('useradd -m -s /bin/bash -u 1000 alice; rpm --initdb')
    files = root.files()
    root.run(f'{RPM} -i /tmp/with/*.x86_64.rpm; rpm -V --nodeps {" ".join(OURS)}')
    said = root.run(USE).stdout
    assert 'x\n' in said and 'his\n' in said, said
    # the same again, as an upgrade does it: what is mounted goes on
    root.run(f'{RPM} -U --replacepkgs --replacefiles /tmp/with/*.x86_64.rpm')
    assert root.run('cat /run/spoolfs/1000/f').stdout == 'his\n'
    root.run('umount /run/spoolfs; rmdir /run/spoolfs')
    wait_until(lambda: not is_mounted(f'{root.path}/run/spoolfs'), 'it is unmounted')
    root.run(f'{RPM} -e {" ".join(OURS)}')
    left = root.files()
    # directories that others put files into are another package's on Fedora; rpm has its database
    wrong = {path for path in files.keys() | left.keys() if files.get(path) != left.get(path)
             and not left.get(path, '').startswith('d') and not path.startswith('root/.rpmdb/')}
    assert not wrong, wrong
    assert not [path for path in left.keys() - files.keys() if path.endswith('/spoolfs')]
