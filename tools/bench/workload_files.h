/* SPDX-License-Identifier: MIT */
#pragma once

/* Trees of small files. See struct bench_workload. */

#include <limits.h>

#include "bench/workload.h"

/** enum bench_files_kind - struct bench_workload.kind */
enum bench_files_kind { FILES_UNPACK, FILES_COPY };

/**
 * bench_files_make() - make the tree of task->n small files that all places get, once
 * @ret: its path, in setup->scratch
 * Return: 0; -errno.
 */
int bench_files_make(const struct bench_task *task, char ret[PATH_MAX]);

/** bench_files_remove() - run rm(1) on @name in the place. Return: as bench_execute(). */
int bench_files_remove(const struct bench_task *task, const char *name);

/** bench_files_prepare() - makes the input: the archive once for all places, what is copied in
 * each. */
int bench_files_prepare(const struct bench_task *task);

/** bench_files_run() - of an archive two figures: all of it unpacked, all of it removed; of a copy
 * one. */
int bench_files_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES]);
