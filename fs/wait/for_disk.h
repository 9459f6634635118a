/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Threads that may wait: for the disk, or for another request. Requests that cannot do without come
 * here, as those who take requests from the kernel must never wait. One request of each payer is
 * served in turn (turn.h), and of one payer some at a time, so that a disk that hangs for his does
 * not take all threads. They are started when they are needed, up to DISK_THREADS.
 */

struct spool_for_disk;
struct spool_request;

/**
 * spool_for_disk_new() - no threads yet
 * @serve: of one request whose turn has come; may_wait is set, and no locks are held; @ctx: for it
 * Return: 0; -ENOMEM.
 */
int spool_for_disk_new(void (*serve)(void *ctx, struct spool_request *request), void *ctx,
		       struct spool_for_disk **ret);

/** spool_for_disk_stop() - serves what is there, and ends the threads. What would come from now on
 * is served by whoever brings it. NULL is allowed. Blocks as long as the disk does. */
void spool_for_disk_stop(struct spool_for_disk *queue);

/** spool_for_disk_free() - when nobody serves any more. NULL is allowed. */
void spool_for_disk_free(struct spool_for_disk *queue);

/** spool_for_disk_take() - @request is ours until it is served. */
void spool_for_disk_take(struct spool_for_disk *queue, struct spool_request *request);
