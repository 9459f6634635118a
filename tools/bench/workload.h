/* SPDX-License-Identifier: MIT */
#pragma once

/* A kind of work, and one run of it. */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/setup.h"

#define BENCH_FIGURES 5u /* of one workload, at most */

#define BENCH_UNSUPPORTED (-EOPNOTSUPP) /* a place cannot do this; not a failure */

/**
 * struct bench_task - one run of one workload in one place
 * @dirfd: of @dir, which is empty when prepare() is called
 * @n: files, operations or bytes, by the workload
 */
struct bench_task {
	const struct bench_setup *setup;
	const struct bench_workload *workload;
	const char *dir;
	int dirfd;
	unsigned int n_threads;
	uint64_t n;
};

enum bench_unit {
	BENCH_TIME,       /* of one piece of work; less is better */
	BENCH_THROUGHPUT, /* bytes per second; more is better */
};

/** struct bench_figure - what a workload's run() tells: a time for @units of @unit */
struct bench_figure {
	const char *name;
	enum bench_unit unit;
};

/**
 * struct bench_workload - a kind of work
 * @n, @n_quick: task->n; 0: found out on the first place
 * @size: bytes of one file, or of one read or write
 * @kind: for the functions of the workload alone
 * @threaded: is run with each of setup->threads
 * @program: without this one in PATH it is left out; NULL: it needs none
 * @prepare: may be NULL. Return: 0; -errno.
 * @run: sets @ret_ns for each figure: for one unit of work. Return: 0; -errno;
 *	BENCH_UNSUPPORTED.
 */
struct bench_workload {
	const char *name, *what;
	struct bench_figure figures[BENCH_FIGURES];
	uint64_t n, n_quick;
	size_t size;
	int kind;
	bool threaded;
	const char *program;
	int (*prepare)(const struct bench_task *task);
	int (*run)(const struct bench_task *task, double ret_ns[BENCH_FIGURES]);
};

/** bench_figures() - how many a workload has. */
unsigned int bench_figures(const struct bench_workload *workload);
