#!/usr/bin/python3
"""Adds up what meson's test logs say of each build.

Names each test and case that failed, with its reason, and those of tests/mount that passed only
when they were run again; ends in one line of counts. Tests that
print TAP count once for each of their results, others once. Ends with 1 when anything failed, when
nothing passed, or when every test of a suite was skipped.
"""
import json
import re
import sys
from collections import Counter, defaultdict, namedtuple
from pathlib import Path

POINT = re.compile(r'^(not )?ok\b *\d* *(?:- *)?(.*?)\s*(#\s*SKIP\b.*)?$', re.I | re.M)
UNSTEADY = re.compile(r'^# unsteady: (\S+?): (.*)$', re.M)
PLAN = re.compile(r'^1\.\.(\d+)', re.M)
# unit.c: a case, and below it each assertion that failed
UNIT = re.compile(r'^  (\S.*): (?:\n((?:    .*\n)*?)    FAILED|(no assertion was made))$', re.M)
# What says best why, from the best on; of several lines the last.
REASONS = [re.compile(pattern) for pattern in (
    r'(ERROR|WARNING|SUMMARY): \w*Sanitizer|: runtime error: ',
    r'^no end after \d+ s|^left behind: ',
    r'^(\w+\.)*\w*(Error|Exception|Expired|Exit|Interrupt)\b', r'^model: step |^\S+:\d+: ',
    r'[Aa]ssert|[Ee]rror|[Ff]ailed')]
# A reader of the last hundred lines finds all of them, unless more than these have failed.
LINES, LINES_EACH = 84, 7

Failure = namedtuple('Failure', 'build suite test case lines')


def unit_failures(out):
    """(case, lines) of a program of tests/unit; none when it ended before it could tell."""
    for match in UNIT.finditer(out):
        yield match[1], [line.strip() for line in (match[2] or match[3]).splitlines()]


def tap_failures(out, points):
    """(case, lines) of each "not ok", with the comments that follow it."""
    ends = [point.start() for point in points[1:]] + [len(out)]
    for point, end in zip(points, ends):
        if point[1]:
            lines = out[point.end():end].splitlines()
            yield point[2].split(' - ')[0], [line[2:] for line in lines if line.startswith('# ')]


def whole_failure(test, missing=''):
    """(case, lines) of a test that does not say itself what failed."""
    said = (test.get('stdout') or '').splitlines() + (test.get('stderr') or '').splitlines()
    status = test.get('returncode') or 0
    ended = f'{test["result"]}{missing}, {"signal" if status < 0 else "status"} {abs(status)}'
    return '', [line for line in said if line.strip()] + [ended]


def results(test):
    """The outcomes of one of meson's tests, and (case, lines) of what failed."""
    out = test.get('stdout') or ''
    points, plan = list(POINT.finditer(out)), PLAN.search(out)
    if points and plan:
        outcomes = ['failed' if p[1] else 'skipped' if p[3] else 'passed' for p in points]
        failures = list(tap_failures(out, points))
        missing = int(plan[1]) - len(points)
        if missing > 0 or not failures and test['result'] in ('FAIL', 'ERROR', 'TIMEOUT'):
            outcomes.append('failed')
            failures.append(whole_failure(test, f', {missing} results missing' if missing else ''))
        return outcomes, failures
    if test['result'] in ('OK', 'EXPECTEDFAIL'):
        return ['passed'], []
    if test['result'] == 'SKIP':
        return ['skipped'], []
    return ['failed'], list(unit_failures(out)) or [whole_failure(test)]


def unsteady_of(build, test):
    """The cases of a test that passed only when they were run again, as failures are given."""
    suite, _, name = test['name'].split(':', 1)[-1].rpartition(' / ')
    said = defaultdict(list)
    for match in UNSTEADY.finditer(test.get('stdout') or ''):
        said[match[1]].append(match[2])
    return [Failure(build, suite.split('+')[0], name, *each) for each in said.items()]


def tests_of(build):
    """What meson has logged of a build's tests; none when it never came to run them."""
    try:
        log = Path(f'build-{build}/meson-logs/testlog.json').read_text(errors='replace')
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in log.splitlines()]


def reason(lines):
    """The line that says best why."""
    for pattern in REASONS:
        if found := [line for line in lines if pattern.search(line)]:
            return found[-1]
    return lines[-1] if lines else 'it does not say why'


def print_failures(failures):
    details = max(0, min(LINES_EACH, LINES // max(1, len(failures)) - 1))
    for failure in failures:
        why = reason(failure.lines)
        names = failure[:3] + ((failure.case,) if failure.case else ())
        print(f'{": ".join(names)}: {why.strip()}')
        rest = [line for line in failure.lines if line != why]
        for line in rest[len(rest) - min(len(rest), details):]:
            print(f'    {line}')


def main():
    total, suites, failures, unsteady = Counter(), defaultdict(Counter), [], []
    for build in sys.argv[1:]:
        tests = tests_of(build)
        if not tests:
            failures.append(Failure(build, 'all suites', 'all tests', '', ['no test was run']))
            total['failed'] += 1
        for test in tests:
            # "spoolfs:unit / pool", "spoolfs:unit+slow / dir"
            suite, _, name = test['name'].split(':', 1)[-1].rpartition(' / ')
            suite = suite.split('+')[0]
            outcomes, failed = results(test)
            total.update(outcomes)
            suites[build, suite].update(outcomes)
            failures += [Failure(build, suite, name, *each) for each in failed]
            unsteady += unsteady_of(build, test)
    for (build, suite), n in suites.items():
        if not n['passed'] and not n['failed']:
            failures.append(Failure(build, suite, 'all tests', '', ['every one was skipped']))
            total['failed'] += 1
    if unsteady:
        print('== What passed only when it was run again')
    print_failures(unsteady)
    if failures:
        print('== What failed')
    print_failures(failures)
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total['failed'] or not total['passed'] else 0


if __name__ == '__main__':
    sys.exit(main())
