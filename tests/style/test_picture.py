#!/usr/bin/python3
"""The pictures of README.md: that of a terminal holds what was printed, in order, and no more than
its lines show; that of jobs, and the table beside it, hold what spoolbench has measured."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import checks
from checks import TOP

TEXT = '{http://www.w3.org/2000/svg}text'
# Several writes to a line, a colour, a progress that is written over, what XML must not see, more
# lines than the terminal has.
SCRIPT = r'''printf '== a '; printf '<head> & more\n\n\033[1mbold\033[0m\n10%%\r20%%\rdone\n'
seq 9'''


def picture(*args):
    with tempfile.TemporaryDirectory() as place:
        output = Path(place, 'x.svg')
        argv = [TOP / 'packaging/demo-picture.py', '--rows', '5', output, '--', *args]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=600)
        return done, ElementTree.parse(output).getroot() if output.exists() else None


def all_lines_are_there():
    done, root = picture('sh', '-c', SCRIPT)
    assert done.returncode == 0, done.stderr
    lines = [text.text for text in root.iter(TEXT)]
    wanted = ['== a <head> & more', 'bold', 'done', *'123456789']
    assert lines == wanted, lines
    rows = [int(text.get('y')) for text in root.iter(TEXT)]
    assert rows == sorted(rows) and len(set(rows)) == len(rows), rows
    style = root.find('{http://www.w3.org/2000/svg}style').text
    assert 'translateY(-152px)' in style, style  # eight of thirteen lines have left
    return f'{len(lines)} lines', []


def a_command_that_fails_leaves_no_picture():
    done, root = picture('sh', '-c', 'echo x; exit 3')
    assert done.returncode == 1 and '3' in done.stderr and root is None, done
    return 'status 3', []


def row(name, unit, value, *ratios):
    places = [{'label': label, 'value': {'median': value}, 'ratio': {'median': ratio}}
              for label, ratio in zip(('tmpfs', 'spoolfs-dev', 'disk (/var/tmp)'), (1, *ratios))]
    return {'name': name, 'unit': unit, 'places': places}


def jobs(place, readme, measured):
    """jobs-chart.py in a source tree of its own. Returns what README.md has become, too."""
    Path(place, 'README.md').write_text(readme, encoding='utf-8')
    Path(place, 'packaging').mkdir(exist_ok=True)
    Path(place, 'json').write_text(measured, encoding='utf-8')
    argv = [TOP / 'packaging/jobs-chart.py', '--only', 'disk', '--json', f'{place}/json', '--into',
            place]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=600)
    return done, Path(place, 'README.md').read_text(encoding='utf-8')


def jobs_become_a_chart_and_a_table():
    begin, end = '<!-- packaging/jobs-chart.py --only disk writes from here -->', '<!-- to here -->'
    other = f'<!-- packaging/jobs-chart.py --only ram writes from here -->\nram\n{end}\n'
    measured = json.dumps({'rounds': 3, 'machine': 'a machine', 'rows': [
        row('unpack', 'us', 12.34, 4.567, None), row('disk-read', 'MB/s', 1234.5, 0.5, 20)]})
    readme = f'before\n{other}{begin}\nold\n{end}\nafter\n'
    with tempfile.TemporaryDirectory() as place:
        done, once = jobs(place, readme, measured)
        assert done.returncode == 0, done.stderr
        assert once.startswith(f'before\n{other}{begin}\n'), once
        assert once.endswith(f'{end}\nafter\n'), once
        for line in ('|  | tmpfs | dev | disk |', '| unpack | 12.3 µs | 4.57 | - |',
                     '| disk-read | 1234 MB/s | 0.50 | 20.0 |'):
            assert line in once.splitlines(), once
        assert 'old' not in once and '3 rounds on a machine' in once, once
        assert jobs(place, once, measured)[1] == once, 'the same again'
        svg = ElementTree.parse(Path(place, 'packaging/chart-disk.svg')).getroot()
        assert 'unpack' in [text.text for text in svg.iter(TEXT)]
        done, now = jobs(place, 'nothing to replace\n', measured)
        assert done.returncode == 1 and done.stderr.count('\n') == 1, done
        assert now == 'nothing to replace\n'
        done, now = jobs(place, readme, '{}')
        assert done.returncode == 1 and done.stderr.count('\n') == 1 and now == readme, done
    return 'a table and a chart', []


if __name__ == '__main__':
    sys.exit(checks.main(all_lines_are_there, a_command_that_fails_leaves_no_picture,
                         jobs_become_a_chart_and_a_table))
