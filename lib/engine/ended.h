/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The sessions of which something goes, each the next of its payer: payers take turns, and so do
 * the sessions of each. What has expired of what one pays for is like a session of his. So however
 * much of one goes, be it of one session or of a thousand, another's waits for as many names as
 * there are payers before each of its own.
 */

#include "engine/engine_internal.h"

/** struct engine_session - see session.h */
struct engine_session {
	RB_ENTRY(engine_session) by_id; /* life.lock, as the following */
	struct spool_turn turn;         /* while @queued */
	struct spool_node_list nodes;   /* those that go with it */
	struct spool_node_list waiting; /* directories of them that are not empty yet */
	bool queued;                    /* among those of which something goes */
	uint64_t n_untold;              /* names; each has a reference, too */
	_Atomic uint64_t refs;          /* given back under life.lock */
	_Atomic bool ended;             /* set once */
	uint64_t bound_ino;             /* the directory that is bound to it; 0: none */
	uint64_t id;                    /* constant; 0: what has expired */
	uid_t expired_of;               /* constant; then of what this uid pays for, else 0 */
	struct spool_quota_user *user;  /* constant; who pays for it, a reference */
	bool has_owner;                 /* it binds for @owner only, see below */
	uid_t owner;                    /* both are set before a directory is bound to it */
};

/** engine_ended_init() - there are none. */
void engine_ended_init(struct engine_life *life);

/** engine_ended_add_locked() - @session comes behind the others of its payer; or is among them. */
void engine_ended_add_locked(struct engine_life *life, struct engine_session *session)
	SPOOL_REQUIRES(life->lock);

/** engine_ended_remove_locked() - it is not among them any more. */
void engine_ended_remove_locked(struct engine_life *life, struct engine_session *session)
	SPOOL_REQUIRES(life->lock);

/** engine_ended_next() - an inode that is to go, of whom it is the turn. Return: its number; 0:
 * there is none. */
uint64_t engine_ended_next(struct spool_engine *engine);
