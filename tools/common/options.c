/* SPDX-License-Identifier: MIT */
#include "common/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/macros.h"

bool options_for_users(const char *option)
{
	static const char *const names[] = {"size",     "ram",    "nr_inodes",  "threshold",
					    "lifetime", "linger", "session",    "grace",
					    "mode",     "noexec", "nosymfollow"};
	size_t length = strcspn(option, "=");

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(names); i++) {
		if (strlen(names[i]) == length && strncmp(option, names[i], length) == 0)
			return true;
	}
	return false;
}

int options_join(char **list, const char *more)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", *list ? *list : "", *list && **list && *more ? "," : "",
		     more) < 0)
		return -ENOMEM;
	free(*list);
	*list = joined;
	return 0;
}
