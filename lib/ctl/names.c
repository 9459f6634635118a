/* SPDX-License-Identifier: MIT */
#include "ctl/names.h"

#include <stdio.h>
#include <string.h>

#define NAMES_MAX 16u /* of a list, with the NULL at its end */

static const char *const names[SPOOL_CTL_LISTS][NAMES_MAX] = {
	[SPOOL_CTL_LAYOUTS] = {"private", "single", "shared"},
	[SPOOL_CTL_MODES] = {"owner", "keep", "refuse", "strict"},
	[SPOOL_CTL_LOG_LEVELS] = {"error", "warning", "info", "debug"},
	[SPOOL_CTL_QUEUES] = {"release", "ram", "disk", "notify", "spill"},
	[SPOOL_CTL_LIVE] = {"ram", "size", "nr_inodes", "user_size", "user_inodes", "user_ram",
			    "threshold", "reserve", "pressure", "lifetime", "linger", "session",
			    "grace", "log_level", "detach"},
	[SPOOL_CTL_LIFETIMES] = {"session", "close", "mount"},
	[SPOOL_CTL_SESSION_MODES] = {"auto", "login", "cgroup", "uid", "sid", "none"},
	[SPOOL_CTL_SESSION_KINDS] = {"login", "cgroup", "uid", "sid", "directory"},
	[SPOOL_CTL_SESSION_WHYS] = {"directory", "explicit", "kind", "unknown", "no-login",
				    "system-uid", "root-cgroup", "none", "acts"},
	[SPOOL_CTL_SESSION_STATES] = {"sought", "watched", "unwatched", "leaving", "over"},
};

const char *spool_ctl_name(enum spool_ctl_list list, unsigned int i)
{
	return i < NAMES_MAX ? names[list][i] : NULL;
}

const char *spool_ctl_shown(enum spool_ctl_list list, unsigned int i)
{
	const char *name = spool_ctl_name(list, i);

	return name ? name : "unknown";
}

int spool_ctl_number(enum spool_ctl_list list, const char *name)
{
	for (int i = 0; names[list][i]; i++) {
		if (strcmp(names[list][i], name) == 0)
			return i;
	}
	return -1;
}

const char *spool_ctl_join(enum spool_ctl_list list, char *buf, size_t size)
{
	size_t used = 0;

	for (unsigned int i = 0; names[list][i] && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? ", " : "",
					 names[list][i]);
	return buf;
}
