/* SPDX-License-Identifier: MIT */
#include "security/privileges.h"

#include <assert.h>
#include <cap-ng.h>
#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>

/* Return: the capabilities of @set that we have. */
static uint64_t permitted(uint64_t set)
{
	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (!capng_have_capability(CAPNG_PERMITTED, cap))
			set &= ~SPOOL_PRIVILEGE(cap);
	}
	return set;
}

int spool_privileges_drop(uint64_t keep)
{
	capng_select_t sets = CAPNG_SELECT_CAPS;

	assert(keep < SPOOL_PRIVILEGE(CAP_LAST_CAP + 1));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (capng_get_caps_process() < 0)
		return -EIO;
	keep = permitted(keep);
	/* Without it we may not empty the bounding set. That limits programs that we run, and we
	 * run none. */
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		sets = CAPNG_SELECT_BOTH;
	capng_clear(CAPNG_SELECT_BOTH);
	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (keep & SPOOL_PRIVILEGE(cap) &&
		    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, cap) < 0)
			return -EINVAL;
	}
	return capng_apply(sets) < 0 ? -EPERM : 0;
}

void spool_privileges_names(char *ret, size_t size)
{
	size_t used = 0;

	*ret = '\0';
	if (capng_get_caps_process() < 0)
		return;
	for (unsigned int cap = 0; cap <= CAP_LAST_CAP && used < size; cap++) {
		int n;

		if (!capng_have_capability(CAPNG_EFFECTIVE, cap) &&
		    !capng_have_capability(CAPNG_PERMITTED, cap))
			continue;
		n = snprintf(ret + used, size - used, "%s%s", used ? " " : "",
			     capng_capability_to_name(cap));
		used += n > 0 ? (size_t)n : 0;
	}
}
