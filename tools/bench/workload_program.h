/* SPDX-License-Identifier: MIT */
#pragma once

/* Programs that users run. See struct bench_workload. */

#include "bench/workload.h"

/** enum bench_program - struct bench_workload.kind */
enum bench_program { PROGRAM_SORT, PROGRAM_COMPILE };

/** bench_program_prepare() - makes the input in setup->scratch, once for all places. */
int bench_program_prepare(const struct bench_task *task);

/** bench_program_run() - one figure: the whole run; -ECANCELED: a program has failed. */
int bench_program_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES]);
