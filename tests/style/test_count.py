#!/usr/bin/python3
"""The summary of a test run: every kind of failure is named with its reason, in its last lines."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import checks
from checks import TOP

UNIT = ('pool\n  sizes: passed\n  blocks go back: \n'
        '    ../tests/unit/test_pool.c:34: CU_ASSERT_EQUAL(n, 3)\n    FAILED\n'
        '  silent: no assertion was made\npool: 3 tests, 4 assertions, 2 failed\n')
CASE = '''1..3
# a note
ok 1 data/holes - 0.10 s
not ok 2 tier/comes_back - 1 s
# Traceback (most recent call last):
#   File "tier.py", line 9, in comes_back
#     eq(got, b'x')
# AssertionError: b'' is not b'x'
# again: run.py --filter tier/comes_back
ok 3 uring/none # SKIP no io_uring
'''
MODEL = 'model: the last operations:\n  41: write\nmodel: step 42: size 1, not 2\nmodel: again: m\n'


def logged(name, result, **more):
    return dict({'name': f'spoolfs:{name}', 'result': result, 'returncode': 1, 'stdout': ''},
                **more)


def count(*tests, builds=('asan',)):
    """(status, lines) of count.py in a directory with this log, of the first build."""
    with tempfile.TemporaryDirectory() as folder:
        for build in builds[:1] if tests else ():
            log = Path(folder, f'build-{build}/meson-logs/testlog.json')
            log.parent.mkdir(parents=True)
            log.write_text(''.join(json.dumps(test) + '\n' for test in tests), encoding='utf-8')
        done = subprocess.run([TOP / 'tests/count.py', *builds], cwd=folder, text=True,
                              capture_output=True, check=False, timeout=600)
    return done.returncode, (done.stdout + done.stderr).splitlines()


def compare(got, status, *lines):
    return f'{len(lines)} lines', [] if got == (status, list(lines)) else \
        [f'status {got[0]}, not {status}', *got[1]]


def without_a_failure_there_is_one_line():
    points = '1..2\nok 1 a - a #pragma once\nok 2 b # SKIP c\n'
    return compare(count(logged('unit / pool', 'OK'), logged('style / x', 'OK', stdout=points)),
                   0, '2 passed, 0 failed, 1 skipped')


def what_was_run_again_is_named():
    points = ('1..1\nok 1 tier/back - 0.10 s\n# unsteady: tier/back: a line\n'
              "# unsteady: tier/back: AssertionError: b'' is not b'x'\n")
    return compare(count(logged('mount / mount', 'OK', stdout=points)), 0,
                   '== What passed only when it was run again',
                   "asan: mount: mount: tier/back: AssertionError: b'' is not b'x'", '    a line',
                   '1 passed, 0 failed, 0 skipped')


def cases_of_a_unit_test_are_named():
    return compare(count(logged('unit+slow / pool', 'FAIL', stdout=UNIT)), 1, '== What failed',
                   'asan: unit: pool: blocks go back: '
                   '../tests/unit/test_pool.c:34: CU_ASSERT_EQUAL(n, 3)',
                   'asan: unit: pool: silent: no assertion was made',
                   '0 passed, 1 failed, 0 skipped')


def cases_on_a_mount_are_named():
    return compare(count(logged('mount / mount-on-disk', 'ERROR', stdout=CASE)), 1,
                   '== What failed',
                   "asan: mount: mount-on-disk: tier/comes_back: AssertionError: b'' is not b'x'",
                   '    Traceback (most recent call last):',
                   '      File "tier.py", line 9, in comes_back', "        eq(got, b'x')",
                   '    again: run.py --filter tier/comes_back', '1 passed, 1 failed, 1 skipped')


def what_a_sanitizer_found_comes_first():
    out = '1..1\nnot ok 1 a/b\n# ==1==ERROR: AddressSanitizer: heap-use-after-free\n# OSError: x\n'
    return compare(count(logged('mount / mount', 'ERROR', stdout=out)), 1, '== What failed',
                   'asan: mount: mount: a/b: ==1==ERROR: AddressSanitizer: heap-use-after-free',
                   '    OSError: x', '0 passed, 1 failed, 0 skipped')


def the_model_says_at_which_step():
    return compare(count(logged('model / model_single_3', 'FAIL', stdout=MODEL)), 1,
                   '== What failed', 'asan: model: model_single_3: model: step 42: size 1, not 2',
                   '    model: the last operations:', '      41: write', '    model: again: m',
                   '    FAIL, status 1', '0 passed, 1 failed, 0 skipped')


def one_that_ends_early_is_named():
    out = '1..3\nok 1 a/b - 1 s\n'
    return compare(count(logged('mount / mount', 'TIMEOUT', stdout=out, returncode=-15)), 1,
                   '== What failed', 'asan: mount: mount: TIMEOUT, 2 results missing, signal 15',
                   '    1..3', '    ok 1 a/b - 1 s', '1 passed, 1 failed, 0 skipped')


def builds_and_suites_without_a_result_fail():
    return compare(count(logged('unit / pool', 'OK'), logged('mount / mount', 'SKIP'),
                         builds=('asan', 'tsan')), 1, '== What failed',
                   'tsan: all suites: all tests: no test was run',
                   'asan: mount: all tests: every one was skipped',
                   '1 passed, 2 failed, 1 skipped')


def many_failures_stand_in_a_hundred_lines():
    out = '1..60\n' + ''.join(f'not ok {n} a/case{n}\n' + '# detail\n' * 20 for n in range(60))
    status, lines = count(logged('mount / mount', 'ERROR', stdout=out))
    wrong = [f'case{n} is not named' for n in range(60) if f': a/case{n}: ' not in ' '.join(lines)]
    wrong += [f'{len(lines)} lines'] if len(lines) > 100 or status != 1 else []
    return f'{len(lines)} lines', wrong


def checks_that_are_all_skipped_have_not_failed():
    """meson takes any status but 0 of a program that prints TAP for a failure."""
    script = 'import checks\ndef x(): raise checks.Skip("not here")\nexit(checks.main(x))'
    done = subprocess.run([sys.executable, '-c', script], cwd=Path(__file__).parent, text=True,
                          capture_output=True, check=False, timeout=600)
    wanted = '1..1\nok 1 x # SKIP not here\n'
    return '1 check', [] if (done.returncode, done.stdout) == (0, wanted) else \
        [f'status {done.returncode}', *(done.stdout + done.stderr).splitlines()]


if __name__ == '__main__':
    sys.exit(checks.main(
        without_a_failure_there_is_one_line, what_was_run_again_is_named,
        cases_of_a_unit_test_are_named,
        cases_on_a_mount_are_named, what_a_sanitizer_found_comes_first,
        the_model_says_at_which_step, one_that_ends_early_is_named,
        builds_and_suites_without_a_result_fail, many_failures_stand_in_a_hundred_lines,
        checks_that_are_all_skipped_have_not_failed))
