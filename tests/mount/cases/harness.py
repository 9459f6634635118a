"""The tests themselves: they run where only root can go, as in the home of root."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

from rig import DEADLINE_S, Skip, case

HERE = Path(__file__).resolve().parents[1]
# What runs programs as ordinary users, each in a way of its own.
NAMES = ('daemon/an_ordinary_user_mounts_for_himself', 'daemon/what_may_not_be_locked_is_refused',
         'modes/without_allow_other_the_kernel_lets_nobody_in')


@case(mount=False)
def runs_from_a_directory_that_is_roots_only():
    """With programs named as seen from there."""
    if not os.stat('/dev/fuse').st_mode & 0o006 == 0o006:
        raise Skip('an ordinary user may not open /dev/fuse')
    home = f'{os.environ["SPOOL_CASE_DIR"]}/home'
    os.mkdir(home, 0o700)
    shutil.copytree(HERE, f'{home}/tests/mount')
    shutil.copytree(HERE.parents[1] / 'tools/bench', f'{home}/tools/bench')
    environment = dict(os.environ)
    for name in 'SPOOLFS', 'SPOOLCTL', 'SPOOLBENCH':
        environment[name] = os.path.basename(shutil.copy(os.environ[name], home))
    for name in NAMES:
        argv = [sys.executable, f'{home}/tests/mount/run.py', '--filter', name]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=environment, cwd=home) as process:
            output, _ = process.communicate(timeout=5 * DEADLINE_S)
        assert process.returncode == 0 and f'ok 1 {name} - ' in output, output
        assert not list(Path('/tmp').glob(f'spool-programs-{process.pid}-*'))
