#!/usr/bin/python3
"""Packages: one version everywhere, and a changelog that they can read."""
import re
import sys

import checks
from checks import TOP, run

COLUMNS = 80  # of a line in debian/changelog, by lintian


def read(path):
    return (TOP / path).read_text(encoding='utf-8')


def versions_are_the_same():
    """meson.build has it, CHANGELOG.md begins with it, and so the packages have it."""
    version = re.search(r"version : '([\d.]+)'", read('meson.build'))[1]
    deb = run(TOP / 'packaging/changelog.sh', 'deb', '1')
    rpm = run(TOP / 'packaging/changelog.sh', 'rpm')
    found = {'packaging/CHANGELOG.md': re.search(r'^## (\S+) ', read('packaging/CHANGELOG.md'),
                                                 re.M)[1],
             'debian/changelog': re.match(r'spoolfs \((\S+)-1\) ', deb)[1],
             'packaging/rpm/spoolfs.spec': re.search(r'^Version:\s+(\S+)',
                                                     read('packaging/rpm/spoolfs.spec'), re.M)[1],
             '%changelog of the RPM': re.search(r' - (\S+)-1\n', rpm)[1]}
    return version, [f'{name}: {one} (meson.build: {version})'
                     for name, one in found.items() if one != version]


def changes_are_told_as_packages_want_it():
    """In points, with dates that there are, newest first, on lines that Debian takes."""
    wrong, dates = [], []
    for number, line in enumerate(read('packaging/CHANGELOG.md').splitlines(), 1):
        where = f'packaging/CHANGELOG.md:{number}'
        if line.startswith('## '):
            head = re.fullmatch(r'## \d+\.\d+\.\d+ \((\d{4}-\d\d-\d\d)\)', line)
            dates.append(head[1] if head else '')
            if not head:
                wrong.append(f'{where}: not "## VERSION (YYYY-MM-DD)"')
        elif line and dates and not re.match(r'- |  \S', line):
            wrong.append(f'{where}: neither a point nor the rest of one')
        if len(line) > COLUMNS - len('  '):
            wrong.append(f'{where}: {len(line)} columns (allowed: {COLUMNS - len("  ")})')
    if dates != sorted(dates, reverse=True):
        wrong.append('packaging/CHANGELOG.md: not newest first')
    return f'{len(dates)} versions', wrong


if __name__ == '__main__':
    sys.exit(checks.main(versions_are_the_same, changes_are_told_as_packages_want_it))
