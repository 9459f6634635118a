/* SPDX-License-Identifier: MIT */
#include "common/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

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
