/* SPDX-License-Identifier: MIT */
#pragma once

/* The worker as the supervisor sees it: does it live, how has it ended, how is it made to. */

#include <stdbool.h>
#include <sys/types.h>

struct spool_log;
struct spool_options;
struct spool_shared;

/** struct spool_child - @shared: what it shares with us; @pid: 0: there was none; @status: of
 * wait(2), when it was reaped */
struct spool_child {
	const struct spool_shared *shared;
	pid_t pid;
	bool reaped;
	int status;
};

/** spool_child_wait() - not longer than @ms. Return: whether it has ended, now or before. */
bool spool_child_wait(struct spool_child *child, int ms);

/** spool_child_ended_well() - Return: it has ended, with status 0; or would have, but for a thread
 * that is held up in the kernel. */
bool spool_child_ended_well(const struct spool_child *child);

/** spool_child_is_dying() - within @ms at most. Return: whether it is; it may have ended, or have a
 * thread that is held up in the kernel. */
bool spool_child_is_dying(const struct spool_child *child, int ms);

/**
 * spool_child_end() - wait for one that was told to stop; if that takes too long, kill it
 * When a thread of it is held up in the kernel for good it does not die; this does not wait for
 * that, but takes its memory.
 */
void spool_child_end(struct spool_child *child, const struct spool_options *options,
		     struct spool_log *log);
