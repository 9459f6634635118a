/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Limits that were hit, and when that is logged. A refusal is noted where it happens, with locks
 * held, and handed out to a caller that may log it. Each limit of each uid is handed
 * out once a minute at most; how often it was hit is counted. Locks: the owner's.
 */

#include <stdbool.h>
#include <stdint.h>

/** struct spool_refusal_note - one limit; zero at the start
 * @used, @limit, @amount: at the last refusal: what was used, the limit, and what was wanted
 * @n: refusals so far; @told_ns: when it was handed out last, 0 = never; @pending: it is to be */
struct spool_refusal_note {
	uint64_t used, limit, amount, n;
	int64_t told_ns;
	bool pending;
};

/** spool_refusal_add() - a charge was refused. */
void spool_refusal_add(struct spool_refusal_note *note, uint64_t used, uint64_t limit,
		       uint64_t amount);

/** spool_refusal_take() - Return: whether @note is to be logged now; it is pending no more.
 * @now_ns: of any clock; one that was set back counts as another minute. */
bool spool_refusal_take(struct spool_refusal_note *note, int64_t now_ns);
