/* SPDX-License-Identifier: MIT */
#pragma once

/* Who is left of a session: what is watched, and looks at all processes. */

#include "life/sessions_internal.h"

/** look_for_locked() - a new session: the oldest process of it is to be found. */
void look_for_locked(struct spool_sessions *sessions, struct session *session)
	SPOOL_REQUIRES(sessions->lock);

/** look_hold_locked() - an explicit session ends with process @pid. Return: 0; -ESRCH it does not
 * live; -errno it cannot be looked at. */
int look_hold_locked(struct spool_sessions *sessions, struct session *session, pid_t pid)
	SPOOL_REQUIRES(sessions->lock);
