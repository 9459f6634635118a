/* SPDX-License-Identifier: MIT */
#pragma once

/* Explicit sessions: begun and ended by somebody. */

struct control_call;

/* control_begin(), control_end() - SPOOL_IOC_SESSION_BEGIN, SPOOL_IOC_SESSION_END: they reply. */
void control_begin(struct control_call *call);
void control_end(struct control_call *call);
