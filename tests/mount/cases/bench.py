"""spoolbench: what it measures adds up, and it leaves nothing behind."""
import json
import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from own_tmp import own_tmp
from rig import DEADLINE_S, case, mounts, run, wait_until

WORKLOADS = ['life-4k', 'life-64k', 'life-1m', 'life-tmpfile-4k', 'life-unlinked-4k', 'stream-4k',
             'stream-64k', 'memory', 'random-4k', 'rewrite-64m', 'rewrite-256m', 'stream-disk',
             'spill', 'tree', 'unpack', 'cp-r', 'git', 'sqlite', 'compile', 'sort']
FIGURES = ['life-4k', 'life-4k x2', 'write-4k', 'read-64k', 'memory-first-use',
           'memory-used-before', 'random-read-4k', 'rewrite-64m', 'rewrite-256m', 'disk-write',
           'disk-read', 'disk-random-read-4k', 'spill-life-4k', 'spill-life-4k-99%', 'spill-write',
           'create', 'readdir', 'stat', 'unlink', 'create-unlink', 'unpack', 'remove', 'cp-r',
           'git-clone', 'git-status', 'sqlite', 'sqlite-sort', 'compile', 'sort']
CHART = str(Path(__file__).resolve().parents[3] / 'tools/bench/spoolbench-chart')


def spoolbench(*args, check=True, **kwargs):
    return run(os.environ['SPOOLBENCH'], *args, check=check, **kwargs)


def places():
    top = os.environ['SPOOL_CASE_DIR']
    return [tempfile.mkdtemp(dir=top) for _ in range(3)]


def remove(directories):
    """Which fails when something is left in them."""
    for path in directories:
        os.rmdir(path)


@case(mount=False)
def every_workload_has_figures():
    own_tmp()  # between runs it waits until nobody makes or removes files beside it
    one, two, scratch = dirs = [tempfile.mkdtemp() for _ in range(3)]
    listed = [line.split()[0] for line in spoolbench('--list').stdout.splitlines()]
    assert listed == WORKLOADS
    done = spoolbench('--quick', '--rounds=2', '--threads=1,2', '--json=-',
                      f'--scratch={scratch}', f'first={one}', two)
    got = json.loads(done.stdout)
    rows = {row['name']: row for row in got['rows']}
    assert set(FIGURES) <= set(rows) and got['rounds'] == 2 and got['quick']
    assert {row['workload'] for row in got['rows']} == set(WORKLOADS)
    assert re.fullmatch(r'\d+ CPUs, \d+ GiB of memory, Linux \S+, load [\d.]+ before',
                        got['machine']), got['machine']
    for row in got['rows']:
        first, second = row['places']
        assert first['label'] == 'first' and first['ratio']['median'] == 1
        for place in first, second:
            value, ns = place['value'], place['ns']
            assert len(ns) == 2 and min(ns) > 0, row
            assert 0 < value['min'] <= value['median'] <= value['max'], row
        ratios = [b / a for a, b in zip(first['ns'], second['ns'])]
        if row['unit'] == 'MB/s':
            ratios = [1 / ratio for ratio in ratios]
        assert abs(sum(ratios) / 2 / second['ratio']['median'] - 1) < 1e-3, row
    assert 'life-4k x2' in run(CHART, input=done.stdout).stdout
    remove(dirs)


def a_row(name, unit, *ratios):
    return {'name': name, 'unit': unit, 'places': [
        {'label': f'<{i}>', 'ratio': {'median': ratio}} for i, ratio in enumerate(ratios)]}


@case(mount=False)
def a_chart_shows_the_ratios():
    rows = [a_row('life', 'us', 1, 4, 0.25), a_row('write', 'MB/s', 1, 0.25, None)]
    done = run(CHART, input=json.dumps({'rows': rows}))
    svg = ElementTree.fromstring(done.stdout)
    bars = [float(bar.get('width')) for bar in svg.findall('{*}rect') if bar.get('height') == '8']
    assert len(bars) == 3 and max(bars) - min(bars) < 0.2, bars
    assert done.stdout.count('\n') > len(svg), 'a line for each, to be compared'
    texts = [text.text for text in svg.findall('{*}text')]
    assert {'life', 'write', '<1>', '<2>', 'x 1', '-'} <= set(texts), texts
    assert texts.count('4.00') == 2 and texts.count('0.25') == 1, texts
    done = run(CHART, input=json.dumps({'rows': [a_row('life', 'us', *range(1, 13))]}))
    svg = ElementTree.fromstring(done.stdout)
    legend = [bar for bar in svg.findall('{*}rect') if bar.get('height') == '10']
    assert len({bar.get('fill') for bar in legend}) == 11, 'as many places as spoolbench takes'
    assert all(float(bar.get('x')) < float(svg.get('width')) - 100 for bar in legend)
    for wrong in '', '[]', '{"rows": []}', '{"rows": [{}]}':
        done = run(CHART, input=wrong, check=False)
        assert done.returncode == 1 and done.stderr.count('\n') == 1 and done.stdout == '', done
    assert run(CHART, 'one', 'two', check=False).returncode == 2


@case(mount=False)
def mounts_of_its_own_come_and_go():
    own_tmp()
    d = tempfile.mkdtemp()
    before = set(os.listdir('/tmp')), set(os.listdir('/var/tmp'))
    mounted = set(mounts())
    done = spoolbench('--mounts', '-o', 'backing=none,ram=256M', '-q', '-r1', '-t1', '-w',
                      'life-4k', '--markdown', f'here={d}')
    head = done.stdout.split('\n\n')[1].splitlines()[0]
    wanted = ['tmpfs', 'spoolfs', 'spoolfs-dev', 'spoolfs-writeback', 'spoolfs-one-user',
              'spoolfs-no-threshold', 'spoolfs-ram-256m', 'disk (/var/tmp)', 'here']
    assert [name for name in head.split('|') if name.strip() in wanted] == \
        [f' {name} ' for name in wanted], head
    assert not [point for point, _ in set(mounts()) - mounted if 'spoolbench' in point]
    assert not [name for now, then in zip((os.listdir('/tmp'), os.listdir('/var/tmp')), before)
                for name in set(now) - then if name.startswith('spoolbench')]
    assert os.listdir(d) == []


@case(mount=False)
def mounts_are_chosen_by_name():
    own_tmp()
    done = spoolbench('--mounts=disk,spoolfs-one-user', '-q', '-r1', '-t1', '-w', 'life-4k',
                      '--json=-')
    row, = json.loads(done.stdout)['rows']
    assert [place['label'] for place in row['places']] == ['disk (/var/tmp)', 'spoolfs-one-user']
    assert row['places'][0]['ratio']['median'] == 1, 'they are compared with the first'


@case(mount=False)
def a_signal_leaves_nothing():
    one, two, scratch = dirs = places()
    with subprocess.Popen([os.environ['SPOOLBENCH'], '-w', 'stream-64k', '--rounds=99', '--scratch',
                           scratch, one, two], stdout=subprocess.DEVNULL) as bench:
        wait_until(lambda: any(files for _, _, files in os.walk(one)), 'it has begun')
        bench.send_signal(signal.SIGTERM)
        assert bench.wait(DEADLINE_S) == 1
    remove(dirs)


@case(mount=False)
def what_serves_its_mounts_is_in_its_session():
    """Else the kernel (autogroups) lets it wait for them longer than for those of a shell."""
    own_tmp()
    with subprocess.Popen([os.environ['SPOOLBENCH'], '--mounts', '-o', 'backing=none,ram=256M',
                           '-w', 'stream-64k', '--rounds=99'], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as bench:
        def servers():
            path = f'/proc/{bench.pid}/task/{bench.pid}/children'
            pids = Path(path).read_text(encoding='ascii').split()
            return [int(pid) for pid in pids
                    if Path(f'/proc/{pid}/comm').read_text(encoding='ascii') == 'spoolfs-super\n']
        wait_until(lambda: len(servers()) == 6, 'all mounts of spoolfs are there')
        own = os.getsid(bench.pid), os.getpgid(bench.pid)
        for pid in servers():
            assert os.getsid(pid) == own[0] and os.getpgid(pid) == pid != own[1], pid
        bench.send_signal(signal.SIGTERM)
        assert bench.wait(DEADLINE_S) == 1


@case(mount=False)
def what_cannot_be_done_is_said_in_one_line():
    one, two, scratch = dirs = places()
    wrong = [['--rounds=0', one], ['--threads=1,x', one], ['--workload=nothing', one], [],
             ['-o', 'x', one], [f'{"n" * 24}={one}'], [f'={one}'], [one] * 13,
             ['--svg=x', one], ['-z', one], ['--rounds']]
    for args in wrong:
        done = spoolbench(*args, check=False)
        assert done.returncode == 2 and done.stderr.count('\n') == 1, (args, done)
        assert done.stderr.startswith('spoolbench: ') and done.stdout == ''
    failing = [['x=/nowhere'], ['--scratch=/nowhere', one],
               ['-qr1', '-wlife-4k', '--json=/nowhere/f', one], ['-qr1', '-wlife-4k', '/proc']]
    for args in failing:
        done = spoolbench(*args, check=False)
        assert done.returncode == 1 and done.stderr.count('\n') == 1, (args, done)
    remove(dirs)


@case(mount=False)
def a_full_directory_is_said():
    one, two, scratch = dirs = places()
    script = 'mount -t tmpfs -o size=1M none "$1"; ' \
             'exec "$0" -qr1 -w stream-4k --scratch "$3" "$1" "$2"'
    done = run('unshare', '-m', 'sh', '-c', script, os.environ['SPOOLBENCH'], *dirs, check=False)
    assert done.returncode == 1 and done.stderr.count('\n') == 1, done
    assert 'stream-4k' in done.stderr and 'No space left' in done.stderr
    remove(dirs)
