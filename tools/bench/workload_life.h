/* SPDX-License-Identifier: MIT */
#pragma once

/* The whole life of a temporary file. See struct bench_workload. */

#include "bench/workload.h"

/** enum bench_life_kind - struct bench_workload.kind */
enum bench_life_kind { LIFE_NAMED, LIFE_UNNAMED, LIFE_UNLINK_FIRST };

/** bench_life_once() - one life in @dirfd; @buffer of @size bytes is written. Return: 0; -errno;
 * BENCH_UNSUPPORTED. */
int bench_life_once(int dirfd, enum bench_life_kind kind, const char *name, char *buffer,
		    size_t size);

/** bench_life_run() - one figure: a life. */
int bench_life_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES]);
