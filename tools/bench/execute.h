/* SPDX-License-Identifier: MIT */
#pragma once

/* Runs the programs whose work is measured. */

#include <stdbool.h>

struct bench_task;

/** bench_has_program() - is there a @name in PATH that may be run? */
bool bench_has_program(const char *name);

/**
 * bench_execute() - run a program, and wait for its end
 * @argv: ends with NULL; argv[0] is looked for in PATH
 * TMPDIR is the directory of @task, and what would change the work is not heard: the locale, the
 * configuration of git, a cache of compiled files. Standard output is /dev/null.
 * Return: 0; -errno; -ECANCELED when it ended with another status than 0.
 */
int bench_execute(const struct bench_task *task, const char *const argv[]);
