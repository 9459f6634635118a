/* SPDX-License-Identifier: MIT */
#include "change.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd.h"
#include "ctl_proto.h"

static const char *reason(int error)
{
	switch (error) {
	case ENOTTY:
		return "not a spoolfs mount";
	case EPERM:
		return "only root, or who mounted it, may change it";
	case EPROTO:
		return "the daemon is of another version";
	default:
		return strerror(error);
	}
}

int change_option(const char *program, const char *mountpoint, const char *option)
{
	struct spool_ctl_set set = {.version = SPOOL_CTL_VERSION};
	const char *text;
	int fd, r;

	if (strlen(option) >= sizeof(set.option)) {
		fprintf(stderr, "%s: %.40s...: too long (allowed: %zu bytes)\n", program, option,
			sizeof(set.option) - 1);
		return EXIT_USAGE;
	}
	strcpy(set.option, option);
	fd = open(mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 || ioctl(fd, SPOOL_IOC_SET, &set) < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	if (r) {
		fprintf(stderr, "%s: %s: %s\n", program, mountpoint, reason(r));
		return EXIT_FAILED;
	}
	if (set.error == 0)
		return EXIT_OK;
	set.message[sizeof(set.message) - 1] = '\0';
	text = strncmp(set.message, "spoolfs: ", 9) == 0 ? set.message + 9 : set.message;
	fprintf(stderr, "%s: %s\n", program, *text ? text : strerror(set.error));
	return EXIT_USAGE;
}
