/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The uids that have made something in the uid session of their payer. They are members of it for
 * good, also when somebody else pays for them since: their files are in it, and they may be at work
 * with them. There are as many as there are subordinate uids at most; each takes 56 bytes.
 */

#include "life/sessions_internal.h"

/** maker_note_locked() - @uid makes something in @session, which it is in by itself, not by the
 * directory. Return: 0, also when it is the session's own uid or that is of another kind; -ENOMEM.
 */
int maker_note_locked(struct spool_sessions *sessions, struct session *session, uid_t uid)
	SPOOL_REQUIRES(sessions->lock);

/** maker_each_locked() - calls @each for every session that @uid was noted for. */
void maker_each_locked(struct spool_sessions *sessions, uid_t uid,
		       void (*each)(void *arg, struct session *session), void *arg)
	SPOOL_REQUIRES(sessions->lock);

/** maker_uids_locked() - calls @each for every uid that was noted for @session. */
void maker_uids_locked(struct spool_sessions *sessions, const struct session *session,
		       void (*each)(struct spool_sessions *sessions, uid_t uid))
	SPOOL_REQUIRES(sessions->lock);

/** maker_forget_locked() - @session is over. */
void maker_forget_locked(struct spool_sessions *sessions, struct session *session)
	SPOOL_REQUIRES(sessions->lock);
