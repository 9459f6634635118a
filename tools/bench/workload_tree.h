/* SPDX-License-Identifier: MIT */
#pragma once

/* Many small names in one directory. See struct bench_workload. */

#include "bench/workload.h"

/** bench_tree_run() - five figures: a file created, listed, looked at, unlinked; created and
 * unlinked. */
int bench_tree_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES]);
