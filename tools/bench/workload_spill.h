/* SPDX-License-Identifier: MIT */
#pragma once

/* Small files beside a large one. See struct bench_workload. */

#include "bench/workload.h"

/** bench_spill_run() - three figures: a life of a small file while another process writes a large
 * one; the same, longer than 99% of them; a byte of the large one. */
int bench_spill_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES]);
