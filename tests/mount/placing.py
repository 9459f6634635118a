"""Programs where every user can run them: cases run them as ordinary users, too."""
import os
import shutil
import stat
import tempfile
from pathlib import Path

# environment variables with their paths, and where they lie in a build
PROGRAMS = {'SPOOLFS': 'fs/spoolfs', 'SPOOLCTL': 'tools/spoolctl',
            'SPOOLBENCH': 'tools/bench/spoolbench'}
BUILD = Path(__file__).resolve().parents[2] / 'build-release'  # of packaging/test.sh
HELPER = 'mount.spoolfs'  # lies beside spoolctl
MODULE = 'PAM_SPOOLFS'  # empty: none can be loaded
BUILT = {'SPOOLFS_OCI_HOOK': 'tools/hook/spoolfs-oci-hook',  # what root alone runs
         'SPOOLFS_CSI': 'tools/csi/spoolfs-csi'}
PLUGIN = 'SPOOLFS_VOLUME'  # empty: none was built; root's alone


def find_programs():
    """Paths of PROGRAMS may be given as seen from where the tests are started, which is left; none
    is given when it is to be that of BUILD. Returns one that is not there, or None."""
    os.environ.setdefault(MODULE, str(BUILD / 'tools/pam/pam_spoolfs.so'))
    for name, path in BUILT.items():
        os.environ.setdefault(name, str(BUILD / path))
    plugin = os.environ.setdefault(PLUGIN, str(BUILD / 'tools/volume/spoolfs-volume'))
    os.environ[PLUGIN] = plugin and os.path.abspath(plugin)
    for name, path in PROGRAMS.items():
        os.environ[name] = os.path.abspath(os.environ.get(name) or BUILD / path)
        if not os.path.exists(os.environ[name]):
            return os.environ[name]
    return None


def everybody_can_run(path):
    """Whether a user without any right of root's or of the owner's may execute this file."""
    path = Path(path).resolve()
    ways = [os.stat(above).st_mode & stat.S_IXOTH for above in path.parents]
    return all(ways) and os.stat(path).st_mode & 0o005 == 0o005


class Placed:
    """While in it, .environment gives PROGRAMS that everybody can run: as they are, or copies, when
    the build lies below a directory of mode 0700, as root's home is."""

    def __enter__(self):
        self.environment = {name: os.environ[name] for name in PROGRAMS if os.environ.get(name)}
        self.dir = None
        if not all(everybody_can_run(path) for path in self.environment.values()):
            self.dir = tempfile.mkdtemp(prefix=f'spool-programs-{os.getpid()}-', dir='/tmp')
            os.chmod(self.dir, 0o755)
            helper = os.path.join(os.path.dirname(self.environment.get('SPOOLCTL', '')), HELPER)
            if os.path.exists(helper):
                self.copy(helper)
            for name, path in self.environment.items():
                self.environment[name] = self.copy(path)
        return self

    def copy(self, path):
        target = f'{self.dir}/{os.path.basename(path)}'
        shutil.copyfile(path, target)
        os.chmod(target, 0o755)
        return target

    def __exit__(self, kind, value, trace):
        if self.dir:
            shutil.rmtree(self.dir)
