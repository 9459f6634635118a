"""bubblewrap: a mount as the /tmp of a sandbox."""
import os

from rig import Mount, as_user, case, get, need, run

PACKAGES = 'bubblewrap'


def sandbox(directory, script):
    """Runs a shell script with this directory as its /tmp, and nothing else to write to."""
    run('bwrap', '--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--bind', directory,
        '/tmp', '--unshare-all', '/bin/sh', '-euc', script)


@case(mount=False)
def is_its_tmp():
    need('bwrap')
    with Mount() as mount:
        own = mount.tmpdir()
        sandbox(own, 'f=$(mktemp); echo inside > $f; mv $f /tmp/result')
        assert get(os.path.join(own, 'result')) == b'inside\n'
        assert os.listdir(own) == ['result']


@case(mount=False)
def is_the_tmp_of_an_ordinary_user():
    need('bwrap')
    with Mount() as mount:
        own = mount.tmpdir(1000)
        as_user(1000, sandbox, own, 'echo mine > /tmp/f; stat -c %a /tmp/f > /tmp/mode')
        assert as_user(1000, get, os.path.join(own, 'mode')) == b'600\n'
