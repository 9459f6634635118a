/* SPDX-License-Identifier: MIT */
#pragma once

/* A repository of git. See struct bench_workload. */

#include "bench/workload.h"

/** bench_git_prepare() - makes a repository of task->n small files, once for all places. */
int bench_git_prepare(const struct bench_task *task);

/** bench_git_run() - two figures: a clone, and its second status. */
int bench_git_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES]);
