#!/usr/bin/python3
"""The probes for tracers: the program has those that the headers name, fs/README.md lists them."""
import os
import re
import shutil
import sys

import checks
from checks import TOP, Skip, run

HEADERS = 'lib/util/probe.h', 'fs/host/probe.h'
USE = re.compile(r'^\tSPOOL_PROBE\d\((\w+), ', re.M)
NOTE = re.compile(r'Provider: spoolfs\n\s+Name: (\w+)\n')


def named():
    """The probes, by the headers."""
    return {name for header in HEADERS
            for name in USE.findall((TOP / header).read_text(encoding='utf-8'))}


def probes_are_in_the_program():
    if not shutil.which('readelf'):
        raise Skip('readelf is not installed')
    there = set(NOTE.findall(run('readelf', '-n', os.environ['SPOOLFS'], env={'LC_ALL': 'C'})))
    if os.environ['SPOOL_PROBES'] == '0':
        assert not there, f'built without probes, and has {sorted(there)}'
        raise Skip('built without probes: there is no sys/sdt.h, or they are disabled')
    return f'{len(there)} probes', [f'{name}: in a header or the program only'
                                    for name in sorted(there ^ named())]


def probes_are_in_the_readme():
    text = (TOP / 'fs/README.md').read_text(encoding='utf-8')
    listed = set(re.findall(r'^\| `(\w+)` \|', text.split('## Probes')[-1], re.M))
    return f'{len(listed)} lines', [f'{name}: in a header or fs/README.md only'
                                    for name in sorted(listed ^ named())]


if __name__ == '__main__':
    sys.exit(checks.main(probes_are_in_the_program, probes_are_in_the_readme))
