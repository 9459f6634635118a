/* SPDX-License-Identifier: MIT */
#pragma once

/* Names that the daemon and the tools both know: of options, and of numbers in ctl/proto.h. */

#include <stddef.h>

/** enum spool_ctl_list - the lists */
enum spool_ctl_list {
	SPOOL_CTL_LAYOUTS,        /* by number: enum spool_layout */
	SPOOL_CTL_MODES,          /* enum spool_modes */
	SPOOL_CTL_LOG_LEVELS,     /* enum spool_log_level */
	SPOOL_CTL_QUEUES,         /* what requests wait in: enum spool_ctl_waiting */
	SPOOL_CTL_LIVE,           /* options that can be changed on a live mount, in no order */
	SPOOL_CTL_LIFETIMES,      /* enum spool_lifetime */
	SPOOL_CTL_SESSION_MODES,  /* enum spool_session_mode */
	SPOOL_CTL_SESSION_KINDS,  /* enum spool_session_kind */
	SPOOL_CTL_SESSION_STATES, /* enum spool_session_state */
	SPOOL_CTL_SESSION_WHYS,   /* enum spool_session_why */
	SPOOL_CTL_LISTS
};

/** spool_ctl_name() - the one with number @i. Return: NULL when there is none. */
const char *spool_ctl_name(enum spool_ctl_list list, unsigned int i);

/** spool_ctl_shown() - the same, to be shown. Return: "unknown" when there is none: a newer daemon
 * may know more. */
const char *spool_ctl_shown(enum spool_ctl_list list, unsigned int i);

/** spool_ctl_number() - of @name. Return: -1 when it is not in the list. */
int spool_ctl_number(enum spool_ctl_list list, const char *name);

/** spool_ctl_join() - all names, with ", " between them. Return: @buf, cut to @size bytes. */
const char *spool_ctl_join(enum spool_ctl_list list, char *buf, size_t size);
