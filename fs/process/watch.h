/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * When the worker hangs: a thread that takes requests has had the same one in hand, or the whole
 * process was stopped (SIGSTOP), for 30 s of running time, while somebody waits for an answer.
 *
 * Running time is that in which the supervisor itself ran on time. A look that comes late counts
 * for nothing: the machine was suspended, or so busy that the worker cannot be blamed. A worker
 * with a debugger on it does not hang: whoever has attached one decides.
 *
 * FUSE_REQUEST_TIMEOUT (Linux 6.14) is not used, as it cannot tell a slow disk from a hang.
 */

#include <stdbool.h>
#include <stdint.h>

#include "host/pulse.h"

/* Longer than any handler takes on a busy machine; the kernel reports tasks that are stuck for 120
 * s. And looks within the limit: more of them wake up more often and see a hang sooner. Guesses. */
#define SPOOL_WATCH_LIMIT_MS 30000
#define SPOOL_WATCH_LOOKS 6

/** struct spool_watch - what was seen by the last look; zero before the first, but for @limit_ms:
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
	bool waited_for; /* somebody waits for an answer */
};

/** What is to be done: nothing until somebody wakes us; look again; end it */
enum spool_verdict { SPOOL_WATCH_QUIET, SPOOL_WATCH_BUSY, SPOOL_WATCH_HANGS };

/** spool_watch_look() - look once. */
enum spool_verdict spool_watch_look(struct spool_watch *watch, const struct spool_pulses *pulses,
				    const struct spool_watch_look *look);
