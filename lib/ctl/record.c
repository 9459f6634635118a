/* SPDX-License-Identifier: MIT */
#include "ctl/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#define PREFIX "spoolfs:"
#define LINK_PREFIX "/memfd:" PREFIX
#define LINK_SUFFIX " (deleted)"

void spool_ctl_record_name(dev_t device, const char *mountpoint, char ret[SPOOL_CTL_RECORD_NAME])
{
	snprintf(ret, SPOOL_CTL_RECORD_NAME, PREFIX "%u:%u:%s", major(device), minor(device),
		 mountpoint);
}

int spool_ctl_record_read(const char *link, struct spool_ctl_record *ret)
{
	size_t len = strlen(link), suffix = strlen(LINK_SUFFIX);
	unsigned int major, minor;
	int path = 0;

	if (len < suffix || strcmp(link + len - suffix, LINK_SUFFIX) != 0)
		return -EINVAL;
	len -= suffix;
	/* %4u: a device number is no longer, 20 bits of minor (MINORBITS) have 7 digits */
	if (sscanf(link, LINK_PREFIX "%4u:%7u:%n", &major, &minor, &path) != 2 || path == 0)
		return -EINVAL;
	if ((size_t)path >= len || link[path] != '/' ||
	    len - (size_t)path >= sizeof(ret->mountpoint))
		return -EINVAL;
	ret->device = makedev(major, minor);
	snprintf(ret->mountpoint, sizeof(ret->mountpoint), "%.*s", (int)(len - (size_t)path),
		 link + path);
	return 0;
}
