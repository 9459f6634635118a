/* SPDX-License-Identifier: MIT */
#pragma once

/* One look at all processes, for all sessions that wait. */

#include "life/sessions_internal.h"

/** What of a process must be read: a bit for each kind of session that somebody waits for. */
#define SCAN_NEEDS(kind) (1u << (kind))

/** scan_begin_locked() - all that wait take part in the next look; *@ret_needs: for whom processes
 * must be read, 0: nobody. */
void scan_begin_locked(struct spool_sessions *sessions, unsigned int *ret_needs)
	SPOOL_REQUIRES(sessions->lock);

/** scan_processes() - finds their members: session->found, ->oldest. No lock is held. Return: 0;
 * -errno: there may be more members than were found. */
int scan_processes(struct spool_sessions *sessions, unsigned int needs);

/** scan_takes_part() - does it take part in the look that is on? */
static inline bool scan_takes_part(const struct spool_sessions *sessions,
				   const struct session *session)
{
	return session->look == sessions->look && session->state != SPOOL_SESSION_OVER &&
	       session->state != SPOOL_SESSION_WATCHED;
}
