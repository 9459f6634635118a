/* SPDX-License-Identifier: MIT */
#pragma once

/* Wiping a live mount. */

struct control_call;

/* control_wipe() - SPOOL_IOC_WIPE: it replies. */
void control_wipe(struct control_call *call);
