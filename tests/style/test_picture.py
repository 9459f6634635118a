#!/usr/bin/python3
"""The picture of a terminal holds what was printed, in order, and no more than its lines show."""
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


if __name__ == '__main__':
    sys.exit(checks.main(all_lines_are_there, a_command_that_fails_leaves_no_picture))
