/* SPDX-License-Identifier: MIT */
#include "ops/control_table.h"

#include <stddef.h>

#include "ctl/proto.h"
#include "ops/control_debug.h"
#include "ops/control_explicit.h"
#include "ops/control_life.h"
#include "ops/control_list.h"
#include "ops/control_session.h"
#include "ops/control_status.h"
#include "ops/control_tier.h"
#include "ops/control_wipe.h"
#include "util/macros.h"

const struct control_entry *control_find(unsigned int number)
{
	static const struct control_entry calls[] = {
		{(unsigned int)SPOOL_IOC_STATUS, control_status, true},
		{(unsigned int)SPOOL_IOC_USERS, control_users, true},
		{(unsigned int)SPOOL_IOC_REQUESTS, control_requests, true},
		{(unsigned int)SPOOL_IOC_TIER, control_tier, true},
		{(unsigned int)SPOOL_IOC_SET, control_set, true},
		{(unsigned int)SPOOL_IOC_SPILL, control_spill, false},
		{(unsigned int)SPOOL_IOC_DEBUG, control_debug, true},
		{(unsigned int)SPOOL_IOC_LIST, control_list, false},
		{(unsigned int)SPOOL_IOC_LIFE, control_life, false},
		{(unsigned int)SPOOL_IOC_CHANGE, control_change, false},
		{(unsigned int)SPOOL_IOC_SESSIONS, control_sessions, true},
		{(unsigned int)SPOOL_IOC_WIPE, control_wipe, true},
		{(unsigned int)SPOOL_IOC_SESSION_BEGIN, control_begin, false},
		{(unsigned int)SPOOL_IOC_SESSION_END, control_end, true},
		{(unsigned int)SPOOL_IOC_WHO, control_who, false},
		{(unsigned int)SPOOL_IOC_LIVES, control_lives, true},
	};

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(calls); i++) {
		if (calls[i].number == number)
			return &calls[i];
	}
	return NULL;
}
