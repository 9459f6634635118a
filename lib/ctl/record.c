/* SPDX-License-Identifier: MIT */
#include "ctl/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#define PREFIX "spoolfs:"
#define LINK_PREFIX "/memfd:" PREFIX
#define LINK_SUFFIX " (deleted)"

void spool_ctl_record_name(dev_t device, const struct spool_ctl_detached *detached,
			   const char *mountpoint, char ret[SPOOL_CTL_RECORD_NAME])
{
	char times[48] = "";

	if (detached->since_ms)
		snprintf(times, sizeof(times), "%" PRIu64 ":%" PRIu64 ":", detached->since_ms,
			 detached->until_ms);
	snprintf(ret, SPOOL_CTL_RECORD_NAME, PREFIX "%u:%u:%s%s", major(device), minor(device),
		 times, mountpoint);
}

int spool_ctl_record_read(const char *link, struct spool_ctl_record *ret)
{
	size_t len = strlen(link), suffix = strlen(LINK_SUFFIX);
	struct spool_ctl_detached detached = {0};
	unsigned int major, minor;
	int path = 0, times = 0;

	if (len < suffix || strcmp(link + len - suffix, LINK_SUFFIX) != 0)
		return -EINVAL;
	len -= suffix;
	/* %4u: a device number is no longer, 20 bits of minor (MINORBITS) have 7 digits */
	if (sscanf(link, LINK_PREFIX "%4u:%7u:%n", &major, &minor, &path) != 2 || path == 0)
		return -EINVAL;
	/* %15: ms until the year 33658 */
	if (sscanf(link + path, "%15" SCNu64 ":%15" SCNu64 ":%n", &detached.since_ms,
		   &detached.until_ms, &times) == 2 &&
	    times > 0)
		path += times;
	else
		detached = (struct spool_ctl_detached){0};
	if ((size_t)path >= len || link[path] != '/' ||
	    len - (size_t)path >= sizeof(ret->mountpoint))
		return -EINVAL;
	ret->device = makedev(major, minor);
	ret->detached = detached;
	snprintf(ret->mountpoint, sizeof(ret->mountpoint), "%.*s", (int)(len - (size_t)path),
		 link + path);
	return 0;
}
