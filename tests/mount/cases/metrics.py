"""spoolctl metrics: the text format of Prometheus, and that its figures are those of status."""
import errno
import json
import os
import re
import shutil
import signal
from pathlib import Path

from rig import Mount, as_user, binary, case, get, put, run

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)')
ALICE, BOB = 61031, 61032
PLACE = Path(__file__).resolve().parents[3] / 'packaging/metrics'


def metrics(*args, **kwargs):
    return run(binary('SPOOLCTL'), 'metrics', *args, **kwargs)


def parse(text):
    """{name: {labels: value}}. Asserts the form: each family at one place, with its type, and no
    sample twice."""
    families, current = {}, None
    assert text.endswith('\n')
    for line in text.splitlines():
        if line.startswith('# HELP '):
            current = line.split()[2]
            assert current not in families and re.fullmatch('spoolfs_[a-z_]+', current), line
            families[current] = {}
            continue
        if line.startswith('# TYPE '):
            _, _, name, kind = line.split()
            assert name == current and (kind == 'counter') == name.endswith('_total'), line
            continue
        match = SAMPLE.fullmatch(line)
        assert match and match[1] == current, line
        labels = frozenset(re.findall(r'([a-z]+)="((?:[^"\\]|\\.)*)"', match[2] or ''))
        assert labels not in families[current], line
        families[current][labels] = float(match[3])
    return families


def of(families, name, mount, **labels):
    """The value of one sample."""
    return families[name][frozenset({('mountpoint', mount.path), *labels.items()})]


@case(options='user_size=1G', needs=['ioctl_dir'])
def figures_are_those_of_status(mount):
    as_user(ALICE, put, f'{mount.tmpdir(ALICE)}/f', b'x' * 100_000)
    told = parse(metrics(mount.path).stdout)
    status = json.loads(run(binary('SPOOLCTL'), 'status', '--json', mount.path).stdout)
    for name, key in (('size_bytes', 'size_used'), ('size_limit_bytes', 'size_limit'),
                      ('inodes', 'inodes_used'), ('inodes_limit', 'inodes_limit')):
        assert of(told, f'spoolfs_{name}', mount) == status[key], name
    assert of(told, 'spoolfs_up', mount) == 1 == told['spoolfs_mounts'][frozenset()]
    assert 0 < of(told, 'spoolfs_requests_total', mount) <= status['requests']
    assert of(told, 'spoolfs_operations_total', mount, operation='INIT') == 1
    assert of(told, 'spoolfs_user_size_bytes', mount, uid=str(ALICE)) >= 100_000
    assert of(told, 'spoolfs_user_size_limit_bytes', mount, uid=str(ALICE)) == 1 << 30
    info, = told['spoolfs_info']
    assert ('layout', 'private') in info and ('version', status['version']) in info
    assert 'spoolfs_user_size_bytes' not in parse(metrics('--no-users', mount.path).stdout)


@case(needs=['ioctl_dir'])
def others_see_what_is_theirs(mount):
    for uid in ALICE, BOB:
        as_user(uid, put, f'{mount.tmpdir(uid)}/f', b'x' * 5000)
    told = parse(as_user(ALICE, lambda: metrics(mount.path).stdout))
    assert of(told, 'spoolfs_up', mount) == 1 and not told['spoolfs_size_bytes']
    uids = {dict(labels)['uid'] for labels in told['spoolfs_user_size_bytes']}
    assert uids == {str(ALICE)}, uids


@case(mount=False)
def odd_names_stay_in_their_label():
    place = f'{os.environ["SPOOL_CASE_DIR"]}/a"b\\c\nd\x1b'.encode() + b'\xff'
    os.mkdir(place)
    run(binary('SPOOLFS'), '-o', 'backing=none', place)
    try:
        told = parse(metrics(place).stdout)
        labels, = told['spoolfs_up']
        assert dict(labels)['mountpoint'].endswith(r'a\"b\\134c\\012d\\033\\377'), labels
    finally:
        run('umount', place)


@case(mount=False)
def without_a_disk_there_are_no_figures_of_it():
    place = f'{os.environ["SPOOL_CASE_DIR"]}/disk'
    os.mkdir(place)
    with Mount(options='backing=none') as mount:
        assert not parse(metrics(mount.path).stdout)['spoolfs_disk_bytes']
    with Mount(options=f'backing={place},backing_any=on,threshold=0,reserve=0') as mount:
        put(f'{mount.tmpdir()}/f', os.urandom(1 << 20))
        run(binary('SPOOLCTL'), 'spill', f'{mount.tmpdir()}/f')
        told = parse(metrics(mount.path).stdout)
        assert of(told, 'spoolfs_disk_written_bytes_total', mount) >= 1 << 20
        assert of(told, 'spoolfs_disk_bytes', mount) >= 1 << 20
        assert of(told, 'spoolfs_encrypted', mount) == 1
    os.rmdir(place)


@case(needs=['ioctl_dir'])
def a_file_is_written_as_a_whole(mount):
    place = f'{os.environ["SPOOL_CASE_DIR"]}/collector'
    os.mkdir(place)
    put(f'{place}/spoolfs.prom', b'old')
    before = os.stat(f'{place}/spoolfs.prom').st_ino
    metrics('--output', f'{place}/spoolfs.prom', mount.path)
    assert of(parse(get(f'{place}/spoolfs.prom').decode()), 'spoolfs_up', mount) == 1
    after = os.stat(f'{place}/spoolfs.prom')
    assert after.st_ino != before and after.st_mode & 0o777 == 0o644
    # what cannot be written leaves nothing, and says so
    missing = metrics('--output', f'{place}/x/y', mount.path, check=False)
    assert missing.returncode == 1 and os.strerror(errno.ENOENT) in missing.stderr, missing
    os.mkdir(f'{place}/d')
    taken = metrics('--output', f'{place}/d', mount.path, check=False)
    assert taken.returncode == 1 and taken.stderr.count('\n') == 1, taken
    assert sorted(os.listdir(place)) == ['d', 'spoolfs.prom']
    run('sh', '-c', '! "$0" metrics "$1" >/dev/full', binary('SPOOLCTL'), mount.path)
    shutil.rmtree(place)


@case(needs=['ioctl_dir'])
def a_mount_that_does_not_answer_is_down(mount):
    os.kill(mount.worker, signal.SIGSTOP)
    try:
        told = parse(metrics().stdout)
        assert of(told, 'spoolfs_up', mount) == 0
        assert frozenset({('mountpoint', mount.path)}) not in told['spoolfs_size_bytes']
    finally:
        os.kill(mount.worker, signal.SIGCONT)
    assert metrics(mount.path).returncode == 0


@case(needs=['ioctl_dir'])
def alerts_and_dashboard_name_what_there_is(mount):
    told = parse(metrics(mount.path).stdout)
    for name in 'spoolfs.rules.yml', 'spoolfs-dashboard.json':
        named = set(re.findall(r'\bspoolfs_[a-z_]+', get(PLACE / name).decode()))
        assert named and named <= set(told), (name, named - set(told))


@case(mount=False)
def wrong_use_and_no_mount():
    place = os.environ['SPOOL_CASE_DIR']
    for args, status, text in ((('--nonsense',), 2, '--nonsense'), (('a', 'b'), 2, 'b'),
                               (('--output',), 2, '--output'), ((place,), 1, place),
                               ((f'{place}/none',), 1, os.strerror(errno.ENOENT))):
        done = metrics(*args, check=False)
        assert done.returncode == status and text in done.stderr and not done.stdout, done
        assert done.stderr.count('\n') == 1, done
