/* SPDX-License-Identifier: MIT */
#pragma once

/* The figures of a run of spoolbench. */

#include <stddef.h>

#include "bench/setup.h"
#include "bench/workload.h"

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
 * bench_result_add() - a row for each figure of @workload, with NaN everywhere
 * @n_threads: with more than one the name tells how many
 * Return: the first of the rows, valid until the next are added; NULL out of memory.
 */
struct bench_row *bench_result_add(struct bench_result *result,
				   const struct bench_workload *workload, unsigned int n_threads);
