#!/usr/bin/python3
"""Measures jobs, and shows them: charts, packaging/chart-*.svg, and tables in README.md.

    jobs-chart.py [--rounds N] [--build DIRECTORY] [--only PART [--json FILE]] [--into DIRECTORY]

As root, with the spoolbench of DIRECTORY (build-release) and what install-deps.sh --test installs;
"install-deps.sh --also bindfs mergerfs" adds what they are compared with. There are three parts:
jobs beside everything else, large files in RAM, and what goes to the disk. With two CPUs a round of
all of them takes some 6 minutes (there are 3 without --rounds); nothing else should run meanwhile.
--only PART ("jobs", "ram" or "disk") leaves the others as they are. With --json it is not measured:
FILE holds what spoolbench --json has written. --into names another source tree than this one.
"""
import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
# What is mounted, of which the first is what the others are compared with, and what is done. A peer
# that tells nothing new in a part would take time there.
PARTS = {
    'jobs': ('tmpfs,spoolfs,spoolfs-dev,spoolfs-writeback,spoolfs-one-user,bindfs,mergerfs,disk',
             'life-4k,unpack,cp-r,git,sqlite,compile'),
    'ram': ('tmpfs,spoolfs,spoolfs-writeback,spoolfs-one-user,spoolfs-no-threshold,disk',
            'life-tmpfile-4k,tree,memory,rewrite-64m,rewrite-256m,sort'),
    'disk': ('disk,spoolfs,spoolfs-ram-256m', 'stream-disk,spill,unpack'),
}
# What stands between these lines in README.md is written here.
BEGIN = '<!-- packaging/jobs-chart.py --only {} writes from here -->\n'
END = '<!-- to here -->\n'
SHORTER = re.compile(r'^spoolfs-| over \w+$| \(/var/tmp\)$')


def measure(build, rounds, part):
    """What spoolbench --json writes."""
    program = build.resolve() / 'tools/bench/spoolbench'
    places, work = PARTS[part]
    done = subprocess.run([program, f'--mounts={places}', '-t1', f'-r{rounds}', f'-w{work}',
                           '--json=-'], stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f'jobs-chart.py: {program}: ended with {done.returncode}, {part} is not written')
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


def section(part, result):
    """What README.md says: the chart, how it was made, the table."""
    n = result['rounds']
    machine = re.sub(r'(Linux \d+\.\d+)\S*?(,|$)', r'\1\2', result['machine'])
    return '\n'.join([
        f'![{part}: how long it takes](packaging/chart-{part}.svg)', '',
        f'{f"Medians of {n} rounds" if n > 1 else "One round"} on {machine}.', '',
        *table(result), ''])


def put(path, part, text):
    """Replaces what stands between the two lines of this part."""
    at = BEGIN.format(part)
    before, begin, rest = path.read_text(encoding='utf-8').partition(at)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f'jobs-chart.py: {path}: has no lines {at.strip()} and {END.strip()}')
    path.write_text(before + begin + text + end + after, encoding='utf-8')


def write(part, text, into):
    """The chart and the table of what spoolbench has written."""
    chart = subprocess.run([TOP / 'tools/bench/spoolbench-chart'], input=text,
                           stdout=subprocess.PIPE, check=False)
    if chart.returncode:
        sys.exit(1)  # it has said why
    put(into / 'README.md', part, section(part, json.loads(text)))
    (into / f'packaging/chart-{part}.svg').write_bytes(chart.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--build', type=Path, default=TOP / 'build-release')
    parser.add_argument('--only', choices=PARTS)
    parser.add_argument('--json', type=Path)
    parser.add_argument('--into', type=Path, default=TOP)
    args = parser.parse_args()
    if args.json and not args.only:
        parser.error('--json: only with --only')
    for part in [args.only] if args.only else PARTS:
        text = args.json.read_bytes() if args.json else measure(args.build, args.rounds, part)
        write(part, text, args.into)


if __name__ == '__main__':
    main()
