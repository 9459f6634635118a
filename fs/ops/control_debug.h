/* SPDX-License-Identifier: MIT */
#pragma once

/* What the daemon holds and waits for, as text. */

struct control_call;

/* control_debug() - SPOOL_IOC_DEBUG: it replies. */
void control_debug(struct control_call *call);
