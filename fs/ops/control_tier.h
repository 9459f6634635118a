/* SPDX-License-Identifier: MIT */
#pragma once

/* The disk and live changes, as the control interface asks for them. */

struct control_call;

/* control_tier(), control_set(), control_spill() - SPOOL_IOC_TIER, SPOOL_IOC_SET, SPOOL_IOC_SPILL:
 * they reply. */
void control_tier(struct control_call *call);
void control_set(struct control_call *call);
void control_spill(struct control_call *call);
