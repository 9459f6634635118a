/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One executable per module: a table of tests and a main() that is one call. What CUnit leaves
 * open is closed here: a test without a single assertion fails, so does a name that is used
 * twice, and the exit status tells.
 */

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <CUnit/CUnit.h>

/** struct unit_test - one test; names are unique within a suite */
struct unit_test {
	const char *name;
	void (*fn)(void);
};

/** unit_run() - run @n tests as suite @suite. Return: an exit status, 0 when all passed. */
int unit_run(const char *suite, const struct unit_test *tests, size_t n);

/** unit_make_file() - a file @name below the directory @top, with this text. Fails the test. */
__attribute__((format(printf, 3, 4))) void unit_make_file(const char *top, const char *name,
							  const char *fmt, ...);
