/* SPDX-License-Identifier: MIT */
#pragma once

/* The calls of the control interface that describe a mount and its users. */

struct control_call;

/* control_status(), control_users(), control_requests() - SPOOL_IOC_STATUS, SPOOL_IOC_USERS,
 * SPOOL_IOC_REQUESTS: they reply. */
void control_status(struct control_call *call);
void control_users(struct control_call *call);
void control_requests(struct control_call *call);
