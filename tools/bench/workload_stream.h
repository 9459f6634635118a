/* SPDX-License-Identifier: MIT */
#pragma once

/* Large files. See struct bench_workload. */

#include "bench/workload.h"

/** bench_stream_run() - two figures: a byte written, a byte read. */
int bench_stream_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES]);

/** bench_memory_run() - two figures: a byte written to a new file in memory that nothing has used
 * before; a byte in memory that a removed file had. */
int bench_memory_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES]);

/** bench_random_run() - two figures: one write, one read, at random places. */
int bench_random_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES]);

/** bench_rewrite_run() - one write at a random place of a file of @kind MiB that was left alone for
 * 3 s. */
int bench_rewrite_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES]);

/** bench_disk_run() - three figures: a byte written and synchronized; a byte read, and a read at a
 * random place, when no cache has them. */
int bench_disk_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES]);
