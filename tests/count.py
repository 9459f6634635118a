#!/usr/bin/python3
"""Adds up what meson's test logs say of each build and prints one line.

Tests that print TAP count once for each of their results, others once. Ends with 1 when anything
failed, when nothing passed, or when every test of a suite was skipped.
"""
import json
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

TAP = re.compile(r'^(not )?ok\b[^#\n]*(#\s*SKIP\b.*)?$', re.I | re.M)


def results(test):
    """The outcomes of one of meson's tests."""
    out = test.get('stdout') or ''
    tap = list(TAP.finditer(out)) if re.search(r'^1\.\.\d+', out, re.M) else []
    if tap:
        for match in tap:
            yield 'failed' if match[1] else 'skipped' if match[2] else 'passed'
        if test['result'] in ('FAIL', 'ERROR', 'TIMEOUT') and not any(m[1] for m in tap):
            yield 'failed'
    elif test['result'] in ('OK', 'EXPECTEDFAIL'):
        yield 'passed'
    elif test['result'] == 'SKIP':
        yield 'skipped'
    else:
        yield 'failed'


def main():
    total, suites = Counter(), defaultdict(Counter)
    for build in sys.argv[1:]:
        log = Path(f'build-{build}/meson-logs/testlog.json')
        for line in log.read_text(errors='replace').splitlines():
            test = json.loads(line)
            suite = test['name'].split(' / ')[0]  # "spoolfs:unit / pool"
            for result in results(test):
                total[result] += 1
                suites[build, suite][result] += 1
    empty = [key for key, n in suites.items() if not n['passed'] and not n['failed']]
    for build, suite in empty:
        print(f'{build}: every test of the suite {suite} was skipped')
    total['failed'] += len(empty)
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total['failed'] or not total['passed'] else 0


if __name__ == '__main__':
    sys.exit(main())
