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

#define BENCH_FIGURES 4u /* of one workload, at most */

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
	int (*prepare)(const struct bench_task *task);
	int (*run)(const struct bench_task *task, double ret_ns[BENCH_FIGURES]);
};

enum bench_life_kind { LIFE_NAMED, LIFE_UNNAMED, LIFE_UNLINK_FIRST };
enum bench_program { PROGRAM_SORT, PROGRAM_COMPILE };

/* The runs; workloads.c has the list of all workloads. */
int bench_life_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES]);
int bench_stream_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES]);
int bench_random_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES]);
int bench_tree_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES]);
int bench_program_prepare(const struct bench_task *task);
int bench_program_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES]);

/** bench_workloads() - all of them. */
const struct bench_workload *bench_workloads(size_t *ret_n);

/** bench_workload_find() - by the first @len bytes of @name, NULL for none. */
const struct bench_workload *bench_workload_find(const char *name, size_t len);

/** bench_figures() - how many a workload has. */
unsigned int bench_figures(const struct bench_workload *workload);

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
