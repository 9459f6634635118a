/* SPDX-License-Identifier: MIT */
#pragma once

/* The sessions of a mount. */

struct control_call;

/* control_sessions() - SPOOL_IOC_SESSIONS: it replies. */
void control_sessions(struct control_call *call);
