/* SPDX-License-Identifier: MIT */
#pragma once

/* A database of sqlite3. See struct bench_workload. */

#include "bench/workload.h"

/** bench_sqlite_run() - two figures: a table of task->n rows filled and given an index; its rows
 * sorted by a column that has none, with temporary files. */
int bench_sqlite_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES]);
