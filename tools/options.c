/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

bool options_have(const char *list, const char *name)
{
	size_t len;

	for (; *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		if (len == strlen(name) && memcmp(list, name, len) == 0)
			return true;
	}
	return false;
}
