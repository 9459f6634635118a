/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Makes mounts to compare, for this run alone. They lie below a directory of our own, in a mount
 * namespace of our own, in which no other process sees them. They end with us, however we end.
 */

struct bench_mounts;
struct bench_setup;

/**
 * bench_mounts_make() - tmpfs; spoolfs, also over /dev/fuse alone, with writeback and as a mount of
 * one user; bindfs over tmpfs and mergerfs over tmpfs and disk where they are installed; a
 * directory on the disk
 * @options: for the spoolfs mounts; may be empty
 * @setup: gets them as its places, the first being tmpfs
 * @ret: for bench_mounts_end(), also after a failure
 * Return: 0; else an exit status, after a line on standard error.
 */
int bench_mounts_make(const char *options, struct bench_setup *setup, struct bench_mounts **ret);

/** bench_mounts_end() - unmount and remove all of it. NULL is allowed. */
void bench_mounts_end(struct bench_mounts *mounts);
