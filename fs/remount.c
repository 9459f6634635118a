/* SPDX-License-Identifier: MIT */
#include "remount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl_proto.h"
#include "options.h"

struct target {
	const char *mountpoint;
	int fd;
};

static int change(void *arg, const char *option)
{
	const struct target *target = arg;
	struct spool_ctl_set set = {.version = SPOOL_CTL_VERSION};

	if (strlen(option) >= sizeof(set.option)) {
		fprintf(stderr, "spoolfs: %.40s...: too long (allowed: %zu bytes)\n", option,
			sizeof(set.option) - 1);
		return 2;
	}
	strcpy(set.option, option);
	if (ioctl(target->fd, SPOOL_IOC_SET, &set) < 0) {
		fprintf(stderr, "spoolfs: %s: %s\n", target->mountpoint,
			errno == ENOTTY ? "not a spoolfs mount" : strerror(errno));
		return 1;
	}
	set.message[sizeof(set.message) - 1] = '\0';
	if (set.error)
		fprintf(stderr, "%s\n", *set.message ? set.message : strerror(set.error));
	return set.error ? 2 : 0;
}

int spool_remount(int argc, char *argv[], const char *mountpoint)
{
	struct target target = {.mountpoint = mountpoint};
	int r;

	target.fd = open(mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (target.fd < 0) {
		fprintf(stderr, "spoolfs: %s: %s\n", mountpoint, strerror(errno));
		return 1;
	}
	r = spool_options_remount(argc, argv, change, &target);
	close(target.fd);
	return r < 0 ? 1 : r;
}
