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

struct bench_result;
struct bench_setup;
struct bench_workload;

/**
 * bench_run() - run @workload, and add its rows to @result
 * Where its program is missing it adds none, and says so on standard error.
 * @progress: whether to tell on standard error what is being done
 * Return: 0; -errno, after a line on standard error.
 */
int bench_run(const struct bench_setup *setup, const struct bench_workload *workload, bool progress,
	      struct bench_result *result);
