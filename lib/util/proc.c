/* SPDX-License-Identifier: MIT */
#include "util/proc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int spool_proc_status(const char *path, struct spool_proc_status *ret)
{
	FILE *file = fopen(path, "re");
	char line[256];

	if (!file)
		return -errno;
	*ret = (struct spool_proc_status){.uid = (uid_t)-1};
	while (fgets(line, sizeof(line), file)) {
		unsigned long long caps;
		unsigned int uid;
		int a, b;

		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			ret->caps = caps;
		else if (sscanf(line, "Uid: %*u %*u %*u %u", &uid) == 1)
			ret->uid = uid;
		else if (strncmp(line, "NSpid:", 6) == 0)
			ret->top_pidns = sscanf(line + 6, "%d %d", &a, &b) == 1;
	}
	fclose(file);
	return 0;
}
