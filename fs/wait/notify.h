/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What we have to tell the kernel: to drop the pages or the attributes that it has cached of an
 * inode. It may wait for long before it takes that, for pages that are locked by reads which wait
 * for us or for the disk. So nobody who answers requests tells it anything: threads of our own do,
 * with no lock held, and a user can hold only some of them (the queues go by who pays). Those that
 * are held are replaced, so that many users together hold up nobody else.
 *
 * A request whose answer depends on it is deferred, so it holds no thread. It is answered when the
 * kernel has been told or, at the latest, after the limit; then by what can be known without.
 *
 * A thread that waits in the kernel cannot be ended but by the end of the connection. So stopping
 * waits for it a little, and freeing leaves it alone.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "transport/request.h"

struct spool_notify;
struct spool_waitq;

/** struct spool_notify_config - @tell: tells the kernel to drop what @what says of @ino, pages from
 * byte @off on for @len bytes (0: to the end); may block for as long as it likes. @answer: a
 * request's turn has come, spool_request.first.told says how; no locks are held. @ctx: for both.
 * @limit_ms: how long a request waits at most; @held_ms: after how long a thread counts as held by
 * the kernel, and may be replaced; 0 = the default */
struct spool_notify_config {
	void (*tell)(void *ctx, uint64_t ino, enum spool_tell what, uint64_t off, uint64_t len);
	void (*answer)(void *ctx, struct spool_request *request);
	void *ctx;
	unsigned int limit_ms, held_ms;
};

/** spool_notify_new() - no threads yet but the one that looks at the time. Return: 0; -errno. */
int spool_notify_new(const struct spool_notify_config *config, struct spool_notify **ret);

/**
 * spool_notify_waitq() - wants what is answered SPOOL_TELL_FIRST
 * It tells the kernel what the request says (first), in a turn of its payer, and then answers it.
 * Without memory, or after the stop, it is answered at once, as told late.
 */
struct spool_waitq *spool_notify_waitq(struct spool_notify *notify);

/**
 * spool_notify_drop() - have the kernel drop @what of @ino some time; all pages; all names of payer
 *	@ino (removals.h); what is in the directory @ino (expire.h)
 * @wait_ms: how long to wait for room in the queue of @payer: not for threads that answer requests
 * Return: false: there is no room, as the kernel does not come on with what is there; or the end.
 */
bool spool_notify_drop(struct spool_notify *notify, uint64_t ino, enum spool_tell what, uid_t payer,
		       unsigned int wait_ms);

/**
 * spool_notify_drain() - wait until there is nothing more to tell
 * @still_ms: not longer than that after the last that was told; @until_ms: nor than until then
 *	(spool_clock_ms())
 * Return: false: the kernel has not taken all of it.
 */
bool spool_notify_drain(struct spool_notify *notify, unsigned int still_ms, uint64_t until_ms);

/** spool_notify_stop() - answers all that wait, and forgets what was not begun; from here on
 * nothing waits. NULL is allowed. */
void spool_notify_stop(struct spool_notify *notify);

/**
 * spool_notify_end() - after the stop: have all threads ended, within @wait_ms?
 * NULL is allowed: true. Return: false: some hang in the kernel. Then @notify and what
 * config.tell() needs must stay.
 */
bool spool_notify_end(struct spool_notify *notify, unsigned int wait_ms);

/** spool_notify_free() - when they have, and nobody serves any more. NULL is allowed. */
void spool_notify_free(struct spool_notify *notify);

/** struct spool_notify_stat - @threads: there are; @running: notifications that the kernel has in
 * hand; @queued: that it is to get */
struct spool_notify_stat {
	unsigned int threads, running, queued;
};

/** spool_notify_stat() - a snapshot. */
void spool_notify_stat(struct spool_notify *notify, struct spool_notify_stat *ret);
