"""buildah and podman build: their scratch on a mount, and what they store."""
import os

from containers import CGROUP, machine, remove_cgroups, rootfs
from rig import Mount, case, get, mounts, need, put, run

PACKAGES = 'buildah podman runc crun busybox-static'

STEPS = '''FROM scratch
COPY root /
RUN f=/tmp/made; echo $TMPDIR > $f; dd if=/dev/zero of=/big bs=1M count=3; cat $f >> /out
RUN ls /big /out; rm /big; mkdir /kept; touch /kept/x; rm -r /srv; mkdir /srv; ln -s /out /srv/link
'''
CHROOT = ['--isolation=chroot']
RUNC = ['--isolation=oci', '--runtime=runc', '--network=none', '--ulimit=nofile=1024:1024',
        '--ulimit=nproc=1024:1024', f'--cgroup-parent=/{CGROUP}']


def context():
    """What is built, on a machine of its own."""
    machine()
    need('buildah', 'podman')
    rootfs('/run/case/context/root')
    os.mkdir('/run/case/context/root/srv')
    put('/run/case/context/root/srv/old', b'x')
    put('/run/case/context/Containerfile', STEPS.encode())


def storage(path, driver):
    return [f'--root={path}', '--runroot=/run/case/runroot', f'--storage-driver={driver}']


def build(command, store, options, check=True, **env):
    return run(*command, *store, 'build', '--layers', *options, '--tag=made', '/run/case/context',
               check=check, env={**os.environ, **env})


def look(store):
    """What the image holds."""
    name = run('buildah', *store, 'from', 'made').stdout.strip()
    path = run('buildah', *store, 'mount', name).stdout.strip()
    assert ('overlay' in store[2]) == ((path, 'overlay') in mounts()), list(mounts())
    assert os.readlink(f'{path}/srv/link') == '/out' and os.listdir(f'{path}/srv') == ['link']
    assert os.path.exists(f'{path}/kept/x') and not os.path.exists(f'{path}/big')
    out = get(f'{path}/out')
    run('buildah', *store, 'umount', name)
    run('buildah', *store, 'rm', '--all')
    return out


def end(store):
    run('buildah', *store, 'rmi', '--all', '--force')
    for above, names, _ in os.walk('/sys/fs/cgroup'):
        if CGROUP in names:
            remove_cgroups(f'{above}/{CGROUP}')


def built_with_scratch(command, options):
    """What it stores for a while is in its TMPDIR; nothing of that is left."""
    context()
    store = storage('/run/case/store', 'vfs')
    with Mount(options='size=200M') as mount:
        own = mount.tmpdir()
        done = build(command, store, options, check=False, TMPDIR=f'{own}/missing')
        assert done.returncode != 0 and f'{own}/missing' in done.stderr, done  # it is asked for
        build(command, store, options, TMPDIR=own)
        assert not os.listdir(own), os.listdir(own)
        look(store)
        end(store)


@case(mount=False)
def buildah_in_a_chroot_has_its_scratch_there():
    built_with_scratch(['buildah'], CHROOT)


@case(mount=False)
def buildah_with_runc_has_its_scratch_there():
    built_with_scratch(['buildah'], RUNC)


@case(mount=False)
def podman_build_has_its_scratch_there():
    built_with_scratch(['podman', '--cgroup-manager=cgroupfs', '--runtime=runc'],
                       [option for option in RUNC if '--runtime' not in option])


def stored(driver, options):
    """Images and layers of containers are on the mount."""
    context()
    with Mount(layout='shared', options='size=400M,ram=200M') as mount:
        store = storage(f'{mount.path}/store', driver)
        build(['buildah'], store, options)
        look(store)
        end(store)


@case(mount=False)
def images_are_stored_there_as_copies():
    stored('vfs', CHROOT)


@case(mount=False)
def images_are_stored_there_as_layers():
    """By overlayfs, with the layers below and above on the mount."""
    stored('overlay', CHROOT)


@case(mount=False)
def runc_runs_steps_on_layers():
    stored('overlay', RUNC)


@case(mount=False)
def steps_have_their_tmp_there():
    """What a step writes to /tmp is in no layer."""
    context()
    store = storage('/run/case/store', 'vfs')
    with Mount(layout='shared') as mount:
        own = f'{mount.path}/tmp'
        os.mkdir(own)
        build(['buildah'], store, [*CHROOT, f'--volume={own}:/tmp', '--env=TMPDIR=/tmp'])
        assert get(f'{own}/made') == b'/tmp\n' == look(store)
        end(store)
