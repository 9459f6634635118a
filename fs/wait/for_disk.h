/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Threads that may wait: for the disk, or for another request. Requests that cannot do without come
 * here, as those who take requests from the kernel must never wait. One request of each payer is
 * served in turn (turn.h), and of one payer some at a time, so that a disk that hangs for his does
 * not take all threads. They are started when they are needed, up to DISK_THREADS.
 */

struct spool_for_disk;
struct spool_fs;
struct spool_request;
struct spool_waitq;

/**
 * spool_for_disk_new() - no threads yet
 * @serve: of one request whose turn has come, in a thread that may wait, with no locks held; NULL:
 *	it goes on in the channel of @fs
 * Return: 0; -ENOMEM.
 */
int spool_for_disk_new(struct spool_fs *fs,
		       void (*serve)(struct spool_fs *fs, struct spool_request *request),
		       struct spool_for_disk **ret);

/** spool_for_disk_stop() - serves what is there, and ends the threads. What would come from now on
 * is served by whoever brings it. NULL is allowed. Blocks as long as the disk does. */
void spool_for_disk_stop(struct spool_for_disk *queue);

/** spool_for_disk_free() - when nobody serves any more. NULL is allowed. */
void spool_for_disk_free(struct spool_for_disk *queue);

/** spool_for_disk_waitq() - wants what is answered SPOOL_WOULD_BLOCK. */
struct spool_waitq *spool_for_disk_waitq(struct spool_for_disk *queue);

/** spool_for_disk_threads() - how many there are. *@ret_busy: of these, those that serve. */
unsigned int spool_for_disk_threads(struct spool_for_disk *queue, unsigned int *ret_busy);
