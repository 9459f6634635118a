#!/usr/bin/python3
"""Measures jobs, and shows them: a chart, packaging/jobs.svg, and a table in README.md.

    jobs-chart.py [--rounds N] [--build DIRECTORY] [--json FILE] [--into DIRECTORY]

As root, with the spoolbench of DIRECTORY (build-release) and what install-deps.sh --test installs;
"install-deps.sh --also bindfs mergerfs" adds what they are compared with. A round takes ten
minutes (there are 5 without --rounds), and nothing else should run meanwhile. With --json nothing
is measured: FILE holds what spoolbench --json has written. --into names another source tree than
this one.
"""
import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
JOBS = 'life-4k,unpack,cp-r,git,sqlite,compile,sort,rewrite-64m,rewrite-256m,stream-disk'
# What stands between these lines in README.md is written here.
BEGIN = '<!-- packaging/jobs-chart.py writes from here -->\n'
END = '<!-- to here -->\n'
SHORTER = re.compile(r'^spoolfs-| over \w+$| \(/var/tmp\)$')


def measure(build, rounds):
    """What spoolbench --json writes."""
    program = build.resolve() / 'tools/bench/spoolbench'
    done = subprocess.run([program, '--mounts', '-t1', f'-r{rounds}', f'-w{JOBS}', '--json=-'],
                          stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f'jobs-chart.py: {program}: ended with {done.returncode}, nothing is written')
    return done.stdout


def number(value):
    """With two digits or three; - where a place cannot do this."""
    if value is None:
        return '-'
    return f'{value:.{2 if value < 10 else 1 if value < 100 else 0}f}'


def table(result):
    """The lines of Markdown. Of the first place they have the value, of the others the ratio."""
    rows = result['rows']
    labels = [SHORTER.sub('', place['label']) for place in rows[0]['places']]
    lines = [f'|  | {" | ".join(labels)} |', '|---' * (len(labels) + 1) + '|']
    for row in rows:
        first, *others = row['places']
        unit = row['unit'].replace('us', 'µs')
        cells = [f'{number(first["value"]["median"])} {unit}',
                 *(number(place['ratio']['median']) for place in others)]
        lines.append(f'| {row["name"]} | {" | ".join(cells)} |')
    return lines


def section(result):
    """What README.md says: the chart, how it was made, the table."""
    return '\n'.join([
        '![jobs, and how long they take](packaging/jobs.svg)', '',
        f'Medians of {result["rounds"]} rounds on {result["machine"]}.', '',
        *table(result), ''])


def put(path, text):
    """Replaces what stands between the two lines."""
    before, begin, rest = path.read_text(encoding='utf-8').partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f'jobs-chart.py: {path}: has no lines {BEGIN.strip()} and {END.strip()}')
    path.write_text(before + begin + text + end + after, encoding='utf-8')


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--build', type=Path, default=TOP / 'build-release')
    parser.add_argument('--json', type=Path)
    parser.add_argument('--into', type=Path, default=TOP)
    args = parser.parse_args()
    text = args.json.read_bytes() if args.json else measure(args.build, args.rounds)
    chart = subprocess.run([TOP / 'tools/bench/spoolbench-chart'], input=text,
                           stdout=subprocess.PIPE, check=False)
    if chart.returncode:
        sys.exit(1)  # it has said why
    put(args.into / 'README.md', section(json.loads(text)))
    (args.into / 'packaging/jobs.svg').write_bytes(chart.stdout)


if __name__ == '__main__':
    main()
