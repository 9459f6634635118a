"""Fresh systems of several releases of Debian, for cases about packages. What takes long to make is
kept in build-packages: the bare system, and the packages while the source stays as it is."""
import hashlib
import os
import re
import stat
import tempfile
import time
from pathlib import Path

from rig import own_mounts, run

TOP = Path(__file__).resolve().parents[2]
KEPT = TOP / 'build-packages'
SUITES = 'bookworm', 'trixie', 'forky'  # libfuse 3.14, 3.17, 3.18
MIRROR = os.environ.get('SPOOL_MIRROR', 'http://deb.debian.org/debian')
FRESH_S = 24 * 3600  # for so long the packages that a kept system knows of are still to be had
LONG_S = 3000  # for what builds
# a mirror may be behind, and is then only as old as it says
OPTIONS = '--aptopt=Acquire::Check-Valid-Until "false"', '--skip=cleanup/apt/lists'
OURS = 'spoolfs libpam-spoolfs spoolfs-containers spoolfs-slurm'
DEBS = '/packages/*.deb | grep -v dbgsym'  # in a Root, for ls(1)
# What apt, dpkg and mount write down, and other caches.
VOLATILE = ('proc', 'sys', 'dev', 'tmp', 'var/log', 'var/cache', 'var/lib/apt', 'var/lib/dpkg',
            'etc/ld.so.cache', 'packages', 'source', 'run/mount')


def base(suite):
    """The bare system of this release, as a tar file."""
    path = KEPT / f'{suite}.tar'
    if not path.exists() or time.time() - path.stat().st_mtime > FRESH_S:
        KEPT.mkdir(exist_ok=True)
        run('mmdebstrap', '--variant=minbase', *OPTIONS, suite, f'{path}.new.tar', MIRROR,
            timeout=LONG_S)
        os.rename(f'{path}.new.tar', path)
    return path


def state_of_source():
    """A text that changes with any file that packages are made of: no test changes them."""
    found = hashlib.sha256()
    for folder, folders, names in os.walk(TOP):
        folders[:] = sorted(name for name in folders if name not in ('.git', '__pycache__') and
                            not (folder == str(TOP) and re.match('build|tests', name)))
        for name in sorted(names):
            path = os.path.join(folder, name)
            found.update(path.encode() + b'\0')
            if not os.path.islink(path):
                found.update(Path(path).read_bytes())
    return found.hexdigest()


class Root:
    """A fresh system in the directory of this case, which gets mounts of its own."""

    def __init__(self, suite, packages=()):
        own_mounts()
        self.suite = suite
        self.path = tempfile.mkdtemp(prefix=f'{suite}-', dir=os.environ['SPOOL_CASE_DIR'])
        os.chmod(self.path, 0o755)
        run('tar', '-C', self.path, '-xf', base(suite))
        run('mount', '--bind', self.path, self.path)
        run('mount', '--make-rprivate', self.path)
        for name in ('proc', 'sys', 'dev'):
            run('mount', '--rbind', f'/{name}', f'{self.path}/{name}')
        for name, source, options in (('source', TOP, 'bind,ro'),
                                      ('packages', KEPT / suite, 'bind')):
            Path(source).mkdir(exist_ok=True)
            os.mkdir(f'{self.path}/{name}')
            run('mount', '-o', options, source, f'{self.path}/{name}')
        os.symlink('../proc/self/mounts', f'{self.path}/etc/mtab')  # as systemd makes it
        # nobody needs it after a crash: dpkg waits for no disk
        Path(f'{self.path}/etc/dpkg/dpkg.cfg.d/unsafe').write_text('force-unsafe-io\n', 'ascii')
        if packages:
            self.install(*packages)

    def run(self, script, check=True, timeout=LONG_S):
        """Runs a shell script in it that stops at its first error."""
        return run('chroot', self.path, '/usr/bin/env', '-i', 'HOME=/root', 'LC_ALL=C.UTF-8',
                   'DEBIAN_FRONTEND=noninteractive', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
                   *[f'{name}={value}' for name, value in os.environ.items()
                     if name.startswith('SPOOL_CASE_DIR')],
                   'bash', '-euo', 'pipefail', '-c', script, check=check, timeout=timeout)

    def install(self, *packages):
        """By apt, without what is only recommended."""
        return self.run(f'apt-get install -qy --no-install-recommends {" ".join(packages)}')

    def files(self):
        """{path: what there is} of all but what the package manager itself writes down."""
        found = {}
        for folder, folders, names in os.walk(self.path):
            inside = os.path.relpath(folder, self.path)
            folders[:] = [name for name in folders
                          if os.path.normpath(f'{inside}/{name}') not in VOLATILE]
            for name in folders + names:
                path = os.path.join(folder, name)
                inner = os.path.normpath(f'{inside}/{name}')
                if inner not in VOLATILE and not inner.endswith(('.pyc', '-')):
                    found[inner] = description(path)
        return found

    def packages(self):
        """What dpkg knows, also of packages whose configuration is left."""
        return set(self.run("dpkg-query -W -f '${Package} ${Status}\\n'").stdout.splitlines())


def description(path):
    """Kind, mode, owner and content of a file."""
    found = os.lstat(path)
    text = f'{stat.filemode(found.st_mode)} {found.st_uid}:{found.st_gid}'
    if stat.S_ISLNK(found.st_mode):
        return f'{text} -> {os.readlink(path)}'
    if stat.S_ISREG(found.st_mode):
        with open(path, 'rb') as file:
            return f'{text} {hashlib.sha256(file.read()).hexdigest()}'
    return text


def built(suite):
    """Builds the packages of the source as it is, unless they are there.
    Return: the directory, which a Root of that release has as /packages."""
    kept = KEPT / suite
    mark = kept / 'source-state'
    state = state_of_source()
    if mark.exists() and mark.read_text(encoding='ascii') == state:
        return kept
    for old in kept.glob('*'):
        old.unlink()
    root = Root(suite)
    root.run('''mkdir /tmp/control && ln -s /source/packaging/debian /tmp/control/
        apt-get build-dep -qy --no-install-recommends /tmp/control
        apt-get install -qy --no-install-recommends build-essential
        /source/packaging/deb.sh /packages >/packages/build.log 2>&1 ||
            { tail -n 30 /packages/build.log; exit 1; }''')
    mark.write_text(state, encoding='ascii')
    return kept


def bump(folder, into):
    """A shell script that makes packages of a higher version from those in @folder."""
    return f'''cd {into}
        for deb in $(ls {folder}/*.deb | grep -v dbgsym); do
            dpkg-deb -R $deb tree
            sed -i -E '/^(Version|Depends): /s/([0-9.]+)-1\\b/\\1-2/g' tree/DEBIAN/control
            dpkg-deb -b tree . >/dev/null
            rm -r tree
        done'''
