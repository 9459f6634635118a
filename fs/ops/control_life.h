/* SPDX-License-Identifier: MIT */
#pragma once

/* How long files live. */

#include <stdbool.h>

struct control_call;
struct spool_attr;

/* control_life(), control_change() - SPOOL_IOC_LIFE, SPOOL_IOC_CHANGE: they reply. */
void control_life(struct control_call *call);
void control_change(struct control_call *call);

/** control_life_is_own() - may the caller know when a file goes, and with which session?
 * @is_admin: control_may_administer(), which is not to be asked for each of many files
 * @attr: of an entry of the directory that is asked, or of that directory itself */
bool control_life_is_own(const struct control_call *call, bool is_admin,
			 const struct spool_attr *attr);
