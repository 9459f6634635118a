/* SPDX-License-Identifier: MIT */
#pragma once

/* What follows from a look for each session that waited for it. */

#include "life/sessions_internal.h"

/** How often those are looked for that nothing can be watched of; a guess. The only thing here that
 * goes by time. */
#define JUDGE_UNWATCHED_MS 10000u

/** struct judge_look - @result: 0: no member was overlooked that was there all the time; @payers:
 * 0: it is known whose all uids are */
struct judge_look {
	uint64_t begin_ms;
	unsigned int needs;
	int result, payers;
};

/** judge_watch() - tells the session @id when process @pid, which began at @start, ends. Return: a
 * handle; -ESRCH it is gone, or is another; -errno. */
int judge_watch(const struct spool_sessions *sessions, uint64_t id, pid_t pid, uint64_t start);

/** judge_all() - all that have taken part. No lock is held. */
void judge_all(struct spool_sessions *sessions, const struct judge_look *look);
