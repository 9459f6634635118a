/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Names that we have removed by ourselves, of which the kernel is to be told: it keeps what it has
 * looked up for ever, and knows of no removal but its own.
 *
 * It waits for the lock of the directory, which a user can hold as long as he likes. So the names
 * of each payer are a queue of their own, in the order in which they were removed, and threads that
 * may wait (notify.h) take one queue at a time. What was in a directory goes before it, also where
 * it is in another queue.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/engine.h"

struct spool_removals;

/**
 * struct spool_removal - a name that is gone
 * @name, @len: with a NUL behind it; empty: @child has no data any more, though it is open, and
 *	@parent says nothing
 * @untold: for spool_engine_told(), by @tell or by who has it left out
 */
struct spool_removal {
	uint64_t parent, child;
	struct spool_untold untold;
	const char *name;
	size_t len;
};

/**
 * struct spool_removals_config - @tell: tells the kernel; may block for as long as it likes.
 * @post: has spool_removals_tell() called for @payer soon, by another thread; false: it cannot.
 * @ctx: for both, which are called without locks. @max: names of one payer; 0 = the default.
 * @wait_ms: how long to wait for room among them, in all, until the kernel has taken a sixteenth of
 * @max; 0 = the default. @ram: bytes that the daemon may use, for the default of @max; 0 = enough
 */
struct spool_removals_config {
	void (*tell)(void *ctx, const struct spool_removal *removal);
	bool (*post)(void *ctx, uid_t payer);
	void *ctx;
	unsigned int max;
	unsigned int wait_ms;
	uint64_t ram;
};

/** spool_removals_new() - Return: 0; -ENOMEM. */
int spool_removals_new(const struct spool_removals_config *config, struct spool_removals **ret);

/**
 * spool_removals_add() - a name to be told, and to be posted by spool_removals_post()
 * Where there are too many of @payer it waits as long as the kernel comes on with them: for one
 * thread, which answers no requests and has those of others to add. Return: false: it was left
 * out, as the kernel does not come on, or for want of memory. The kernel then keeps the name until
 * somebody opens it.
 */
bool spool_removals_add(struct spool_removals *removals, uid_t payer,
			const struct spool_removal *removal);

/** spool_removals_post() - has all that was added told. Return: false: some could not be posted;
 * it is to be called again. */
bool spool_removals_post(struct spool_removals *removals);

/** spool_removals_tell() - tells some names of @payer, and posts him again if there are more. */
void spool_removals_tell(struct spool_removals *removals, uid_t payer);

/** spool_removals_stop() - spool_removals_add() waits no more. NULL is allowed. */
void spool_removals_stop(struct spool_removals *removals);

/** spool_removals_free() - when nobody tells any more. NULL is allowed. */
void spool_removals_free(struct spool_removals *removals);

/** struct spool_removals_stat - names that wait; that the kernel has taken, and that were left out,
 * so far; @stalls: how often it was waited in vain for the room of a payer */
struct spool_removals_stat {
	uint64_t waiting, told, left_out, stalls;
};

/** spool_removals_stat() - a snapshot. */
void spool_removals_stat(struct spool_removals *removals, struct spool_removals_stat *ret);
