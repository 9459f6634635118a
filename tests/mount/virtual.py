"""A virtual machine with a kernel of its own: for cases about what this kernel may lack. Its files
are those of this machine, and what it changes is gone with it. The kernel, of Debian, is kept in
build-kernel; that nothing but QEMU is asked for makes it slow."""
import fcntl
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from rig import Skip, need, run

TOP = Path(__file__).resolve().parents[2]
KEPT = TOP / 'build-kernel'
PACKAGE = 'linux-image-amd64'
FIRST = 'virtio_pci 9pnet_virtio 9p overlay'.split()  # by which it gets its files
MEMORY_MIB = 1536
MESSAGE = 512 << 10  # of 9p: reads of so many bytes, a guess

# What the first process does then: it is the one whose root the kernel loads modules from.
MAIN = '''/bin/bash -euc {script}
echo "status $?"
exec busybox poweroff -f
'''
INIT = '''#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mkdir -p /proc /sys /lower /upper /root
mount -t proc proc /proc
for name in {first}; do modprobe $name || poweroff -f; done
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize={message} host /lower
mount -t tmpfs tmpfs /upper
mkdir /upper/changes /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/changes,workdir=/upper/work overlay /root
mkdir -p /root/usr/lib/modules
mount --bind "/root{modules}" /root/usr/lib/modules
mount -t proc proc /root/proc
mount -t sysfs sysfs /root/sys
mount -t devtmpfs devtmpfs /root/dev
mkdir -m 1777 /root/dev/shm
for name in run dev/shm; do mount -t tmpfs tmpfs /root/$name; done
mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
ip link set lo up
modprobe fuse
chmod 666 /root/dev/fuse
exec switch_root -c /dev/ttyS1 /root /bin/bash -c {script}
'''


def kernel():
    """(file of the kernel, directory of its modules) of this release, without installing it."""
    KEPT.mkdir(exist_ok=True)
    with open(KEPT / 'lock', 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        name = re.search(r'Depends: (linux-image-\S+)', run('apt-cache', 'depends', PACKAGE).stdout)
        if not name:
            raise Skip(f'{PACKAGE} is not to be had')
        path = KEPT / name[1]
        if not path.exists():
            new = KEPT / 'new'
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            run('apt-get', 'download', '-q', '-o', 'APT::Sandbox::User=root', name[1], cwd=new)
            package, = new.glob('*.deb')
            run('dpkg-deb', '-x', package, new)
            package.unlink()
            version, = (new / 'lib/modules').iterdir()
            run('depmod', '-b', new, version.name)
            os.rename(new, path)
    file, = (path / 'boot').glob('vmlinuz-*')
    return file, path / 'lib/modules'


def with_needed(names, modules):
    """Files of these modules, and of all that they need."""
    folder, = modules.iterdir()
    needs = {}
    for line in (folder / 'modules.dep').read_text(encoding='ascii').splitlines():
        file, _, others = line.partition(':')
        needs[file] = [file, *others.split()]
    by_name = {os.path.basename(file).partition('.')[0].replace('-', '_'): file for file in needs}
    return folder, sorted({file for name in names for file in needs[by_name[name]]})


def initial_files(path, modules, script):
    """Writes the archive from which it boots: busybox, the first modules, and INIT."""
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as root:
        folder, files = with_needed([*FIRST, 'fuse'], modules)
        inner = f'{root}/lib/modules/{folder.name}'
        for file in files:
            os.makedirs(os.path.dirname(f'{inner}/{file}'), exist_ok=True)
            shutil.copy(folder / file, f'{inner}/{file}')
        for name in ('modules.order', 'modules.builtin'):
            shutil.copy(folder / name, inner)
        run('depmod', '-b', root, folder.name)
        main = MAIN.format(script=shlex.quote(script))
        for name in ('bin', 'dev'):
            os.mkdir(f'{root}/{name}')
        shutil.copy(shutil.which('busybox'), f'{root}/bin/busybox')
        with open(f'{root}/init', 'w', encoding='utf-8') as file:
            file.write(INIT.format(first=' '.join(FIRST), message=MESSAGE, modules=modules,
                                   script=shlex.quote(main)))
        os.chmod(f'{root}/init', 0o755)
        run('sh', '-c', f'find . | cpio --quiet -o -H newc >{shlex.quote(path)}', cwd=root)


def run_in_machine(script, disk, timeout_s):
    """Boots a machine with a disk of these bytes (/dev/vda), runs a shell script in it as root, and
    switches it off. What the script has printed, and its exit status (None: it did not end)."""
    need('qemu-system-x86_64', 'busybox', 'cpio', 'depmod', 'apt-get')
    base = os.environ['SPOOL_CASE_DIR']
    image, modules = kernel()
    initial_files(f'{base}/initrd', modules, script)
    with open(f'{base}/disk', 'wb') as file:
        file.truncate(disk)
    run('timeout', '-k', '5', str(timeout_s), 'qemu-system-x86_64', '-M', 'q35,accel=tcg',
        '-cpu', 'max', '-smp', '2', '-m', str(MEMORY_MIB), '-nodefaults', '-display', 'none',
        '-no-reboot', '-kernel', str(image), '-initrd', f'{base}/initrd',
        '-append', 'console=ttyS0 quiet panic=-1',
        '-serial', f'file:{base}/console', '-serial', f'file:{base}/said',
        '-fsdev', 'local,id=host,path=/,security_model=none,readonly=on,multidevs=remap',
        '-device', 'virtio-9p-pci,fsdev=host,mount_tag=host',
        '-drive', f'file={base}/disk,format=raw,if=virtio,cache=unsafe',
        '-object', 'rng-builtin,id=rng', '-device', 'virtio-rng-pci,rng=rng',
        check=False, timeout=timeout_s + 60)
    with open(f'{base}/said', encoding='utf-8', errors='replace') as file:
        lines = file.read().replace('\r', '').splitlines()
    with open(f'{base}/console', encoding='utf-8', errors='replace') as file:
        print(file.read()[-4000:])
    if lines and lines[-1].startswith('status '):
        return lines[:-1], int(lines[-1].split()[1])
    return lines, None
