/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * spoolbench: the same work on several directories, in turn in one run.
 *
 * A workload is run once for each place in every round (A B C, B C A, ...), so that what else the
 * machine does hits all of them alike, and a ratio is made of two figures of the same round. Each
 * run gives one or more figures: nanoseconds for one unit of work (a file, a byte, the whole run).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "setup.h"
#include "workload.h"

/**
 * struct bench_row - all figures of one name: a line of the tables
 * @ns: by round and place; NaN where a place cannot do this
 */
struct bench_row {
	char name[40];
	const struct bench_workload *workload;
	enum bench_unit unit;
	double ns[BENCH_ROUNDS][BENCH_PLACES];
};

/** struct bench_result - of a whole run */
struct bench_result {
	const struct bench_setup *setup;
	const char *command; /* as typed */
	struct bench_row *rows;
	size_t n_rows;
};

/**
 * bench_run() - run @workloads, and add their rows to @result
 * @progress: whether to tell on standard error what is being done
 * Return: 0; -errno, after a line on standard error.
 */
int bench_run(const struct bench_setup *setup, const struct bench_workload *workload, bool progress,
	      struct bench_result *result);
