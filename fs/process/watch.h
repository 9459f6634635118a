/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Decides whether the worker hangs. It does when a caller waits for an answer, and for 30 s of
 * running time a thread that takes requests has worked on the same one, or the whole process was
 * stopped (SIGSTOP).
 *
 * Running time is the time in which the supervisor itself ran on time. When a look comes late the
 * time before it does not count: the machine was suspended, or so busy that it is not the worker's
 * fault. A worker with a debugger attached does not hang: the user of the debugger decides.
 *
 * FUSE_REQUEST_TIMEOUT (Linux 6.14) is not used, as it cannot tell a slow disk from a hang.
 */

#include <stdbool.h>
#include <stdint.h>

#include "host/pulse.h"

/* The limit is longer than any handler takes on a busy machine; the kernel reports tasks that are
 * stuck for 120 s. More looks within the limit would see a hang sooner, but wake up more often.
 * Guesses. */
#define SPOOL_WATCH_LIMIT_MS 30000
#define SPOOL_WATCH_LOOKS 6

/** struct spool_watch - what the last look saw; all zero before the first but @limit_ms, which says
 * how long a thread may hang */
struct spool_watch {
	uint64_t limit_ms;
	uint64_t last_ms; /* 0: no look before this one counts */
	uint64_t stopped_ms;
	struct {
		uint64_t count;
		uint64_t ms; /* running time since it has had this count */
	} threads[SPOOL_PULSES];
};

/** struct spool_watch_look - the worker as it is now */
struct spool_watch_look {
	uint64_t now_ms; /* CLOCK_MONOTONIC */
	bool stopped;    /* the whole process */
	bool traced;
	bool waited_for; /* a caller waits for an answer */
};

/** What is to be done: nothing until we are woken; look again; end the worker */
enum spool_verdict { SPOOL_WATCH_QUIET, SPOOL_WATCH_BUSY, SPOOL_WATCH_HANGS };

/** spool_watch_look() - look once. */
enum spool_verdict spool_watch_look(struct spool_watch *watch, const struct spool_pulses *pulses,
				    const struct spool_watch_look *look);
