/* SPDX-License-Identifier: MIT */
#pragma once

/* All workloads. */

#include <stddef.h>

#include "bench/workload.h"

/** bench_workloads() - all of them, *@ret_n. */
const struct bench_workload *bench_workloads(size_t *ret_n);

/** bench_workload_find() - by the first @len bytes of @name, NULL for none. */
const struct bench_workload *bench_workload_find(const char *name, size_t len);
