/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Makes mounts to compare, for this run alone. They lie below a directory of our own, in a mount
 * namespace of our own, in which no other process sees them. They end with us, however we end.
 */

#include <stddef.h>

struct bench_mounts;
struct bench_setup;

/* tmpfs; spoolfs, also over /dev/fuse alone, with writeback, as a mount of one user, with all files
 * in RAM as long as it has room, and with little RAM; bindfs over tmpfs and mergerfs over tmpfs and
 * disk; a directory on the disk. */
#define BENCH_MOUNTS 10u

/* Their names, for texts that say what is allowed, and may be in several lines. */
#define BENCH_MOUNTS_SPOOLFS "spoolfs, spoolfs-dev, spoolfs-writeback, spoolfs-one-user"
#define BENCH_MOUNTS_TIERS "spoolfs-no-threshold, spoolfs-ram-256m"
#define BENCH_MOUNTS_OTHERS "tmpfs, bindfs, mergerfs, disk"

/** bench_mounts_find() - Return: the number of what is called @name, below BENCH_MOUNTS; -1. */
int bench_mounts_find(const char *name, size_t len);

/**
 * bench_mounts_make() - mount what @list has
 * @list: @n numbers, each once; of bindfs and mergerfs what is not installed is left out, after a
 *	line on standard error
 * @options: for the spoolfs mounts; may be empty
 * @setup: gets them as its places, in this order
 * @ret: for bench_mounts_end(), also after a failure
 * Return: 0; else an exit status, after a line on standard error.
 */
int bench_mounts_make(const int *list, unsigned int n, const char *options,
		      struct bench_setup *setup, struct bench_mounts **ret);

/** bench_mounts_end() - unmount and remove all of it. NULL is allowed. */
void bench_mounts_end(struct bench_mounts *mounts);
