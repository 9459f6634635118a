#!/usr/bin/python3
"""Records a command in a terminal and draws it as a moving picture (SVG).

    demo-picture.py [--columns N] [--rows N] OUTPUT [COMMAND...]

Without COMMAND it is packaging/demo.sh, which README.md shows. Lines come as they came, but no
pause is longer than 1.5 s; at the end the picture stands still. It is text, and holds the words.
"""
import argparse
import os
import pty
import re
import select
import struct
import sys
import fcntl
import termios
import time
from html import escape
from pathlib import Path

DEMO = Path(__file__).resolve().parent / 'demo.sh'
LONGEST_PAUSE_S = 1.5  # long enough to read what stands there, by trying
CHARACTER, LINE, EDGE = 8.4, 19, 16  # pixels at a font size of 14
ESCAPES = re.compile(r'\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\-_])')
STYLE = '''rect{fill:#1b1f27;rx:8}
text{font:14px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre}
text{fill:#d6dae2}
.h{fill:#8fd18b;font-weight:bold}
.l{visibility:hidden;animation:show 1ms forwards}
@keyframes show{to{visibility:visible}}
@media (prefers-reduced-motion){.l{animation-delay:0s!important}#s{animation:none!important}}
'''


def record(command, columns, rows):
    """(seconds since the last, text) of all that the command writes to its terminal."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM='dumb', LC_ALL='C.UTF-8')
        os.execvp(command[0], command)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
    last, pieces = time.monotonic(), []
    while select.select([fd], [], []):
        try:
            data = os.read(fd, 65536)
        except OSError:  # the other end is closed
            data = b''
        if not data:
            break
        now = time.monotonic()
        pieces.append((now - last, data))
        last = now
    if status := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
        sys.exit(f'demo-picture.py: {command[0]}: ended with {status}, nothing is drawn')
    return pieces


def lines_of(pieces, columns):
    """(when it begins, text) of each line, pauses shortened, what a terminal obeys left out."""
    when, lines, current = 0.0, [], None
    for pause, data in pieces:
        when += min(pause, LONGEST_PAUSE_S)
        text = ESCAPES.sub('', data.decode('utf-8', 'replace')).replace('\r\n', '\n')
        for part in re.split(r'(\n)', text):
            if part == '\n':
                lines.append(current or (when, ''))
                current = None
            elif part:
                current = (current[0] if current else when, (current[1] if current else '') + part)
    if current:
        lines.append(current)
    return [(at, line.rsplit('\r', 1)[-1][:columns]) for at, line in lines]


def draw(lines, columns, rows):
    """The picture: all lines in one column, which moves up when the terminal is full."""
    width, height = round(columns * CHARACTER + 2 * EDGE), rows * LINE + 2 * EDGE
    total = lines[-1][0] + LONGEST_PAUSE_S if lines else 1
    moves = [(lines[i][0], i + 1 - rows) for i in range(rows, len(lines))]
    frames = ''.join(f'{100 * at / total:.2f}%{{transform:translateY({-up * LINE}px)}}'
                     for at, up in dict(moves).items())
    scroll = f'@keyframes up{{0%{{transform:none}}{frames}}}' \
             f'#s{{animation:up {total:.2f}s step-end forwards}}' if moves else ''
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
           f'width="{width}" height="{height}" xml:space="preserve" role="img">',
           f'<style>{STYLE}{scroll}</style>',
           f'<clipPath id="c"><rect x="0" y="{EDGE - 4}" width="{width}" '
           f'height="{rows * LINE + 4}"/></clipPath>',
           f'<rect width="{width}" height="{height}"/>', '<g clip-path="url(#c)"><g id="s">']
    for i, (at, line) in enumerate(lines):
        if line.strip():
            kind = 'l h' if line.startswith('== ') else 'l'
            out.append(f'<text class="{kind}" x="{EDGE}" y="{EDGE + (i + 1) * LINE - 5}" '
                       f'style="animation-delay:{at:.2f}s">{escape(line)}</text>')
    return '\n'.join([*out, '</g></g></svg>', ''])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--columns', type=int, default=96)
    parser.add_argument('--rows', type=int, default=26)
    parser.add_argument('output', type=Path)
    parser.add_argument('command', nargs='*', default=[str(DEMO)])
    args = parser.parse_args()
    pieces = record(args.command, args.columns, args.rows)
    picture = draw(lines_of(pieces, args.columns), args.columns, args.rows)
    args.output.write_text(picture, encoding='utf-8')


if __name__ == '__main__':
    main()
