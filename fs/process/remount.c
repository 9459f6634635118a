/* SPDX-License-Identifier: MIT */
#include "process/remount.h"

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl/client.h"
#include "options/options.h"
#include "process/unmount.h"

struct target {
	const char *mountpoint;
	int fd;
};

static int change(void *arg, const char *option)
{
	const struct target *target = arg;
	char message[SPOOL_CTL_TEXT * 2];
	int r = spool_ctl_set(target->fd, option, message);

	if (r < 0) {
		fprintf(stderr, "spoolfs: %s: %s\n", target->mountpoint, spool_ctl_reason(-r));
		return 1;
	}
	if (r > 0)
		fprintf(stderr, "%s\n", message);
	return r ? 2 : 0;
}

int spool_remount(int argc, char *argv[], const char *mountpoint)
{
	struct spool_ctl_status status = {.version = SPOOL_CTL_VERSION};
	struct target target = {.mountpoint = mountpoint};
	int r;

	target.fd = spool_unmount_hangs(mountpoint) ? -ETIMEDOUT : spool_ctl_open(mountpoint);
	if (target.fd < 0) {
		fprintf(stderr, "spoolfs: %s: %s\n", mountpoint, spool_ctl_reason(-target.fd));
		return 1;
	}
	if (ioctl(target.fd, SPOOL_IOC_STATUS, &status) < 0) { /* is there a spoolfs? */
		fprintf(stderr, "spoolfs: %s: %s\n", mountpoint, spool_ctl_reason(errno));
		close(target.fd);
		return 1;
	}
	r = spool_options_remount(argc, argv, change, &target);
	close(target.fd);
	return r < 0 ? 1 : r;
}
