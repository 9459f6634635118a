/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Short reads from the disk are served by a thread on the CPU that has taken them: one that sleeps
 * there is woken in some 4 us, one on another CPU in 40, once to begin and once to answer, where
 * the disk takes 60. There is one such thread for each CPU, started when it is needed, for one
 * request at a time. What it is too busy for, or what is longer, is for others (for_disk.h), who
 * share the work among CPUs.
 */

#include <stdbool.h>

struct spool_disk_near;
struct spool_fs;
struct spool_request;

/**
 * spool_disk_near_new() - no threads yet
 * @serve: as for spool_for_disk_new()
 * Return: NULL: no memory.
 */
struct spool_disk_near *spool_disk_near_new(struct spool_fs *fs,
					    void (*serve)(struct spool_fs *fs,
							  struct spool_request *request));

/** spool_disk_near_stop() - serves what is there, and ends the threads; nothing is taken from now
 * on. Blocks as long as the disk does. */
void spool_disk_near_stop(struct spool_disk_near *near);

/** spool_disk_near_free() - after the stop, or when nothing was taken. NULL is allowed. */
void spool_disk_near_free(struct spool_disk_near *near);

/** spool_disk_near_take() - if it is a short read, and the thread of this CPU has nothing to do.
 * Return: false: it is left to the caller. */
bool spool_disk_near_take(struct spool_disk_near *near, struct spool_request *request);

/** spool_disk_near_threads() - how many there are. *@ret_busy: of these, those that serve. */
unsigned int spool_disk_near_threads(struct spool_disk_near *near, unsigned int *ret_busy);
