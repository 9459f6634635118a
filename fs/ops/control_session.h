/* SPDX-License-Identifier: MIT */
#pragma once

/* The sessions of a mount. */

struct control_call;

/* control_sessions(), control_who(), control_lives() - SPOOL_IOC_SESSIONS, SPOOL_IOC_WHO,
 * SPOOL_IOC_LIVES: they reply. */
void control_sessions(struct control_call *call);
void control_who(struct control_call *call);
void control_lives(struct control_call *call);
