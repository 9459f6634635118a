/* SPDX-License-Identifier: MIT */
#pragma once

/* What is in a directory, and where its data are. */

struct control_call;

/* control_list() - SPOOL_IOC_LIST: it replies. */
void control_list(struct control_call *call);
