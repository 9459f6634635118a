/* SPDX-License-Identifier: MIT */
#include "ctl/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

int spool_ctl_open(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int spool_ctl_call(int fd, unsigned int call, void *data)
{
	return ioctl(fd, call, data) < 0 ? -errno : 0;
}

int spool_ctl_set(int fd, const char *option, char ret_message[SPOOL_CTL_TEXT * 2])
{
	struct spool_ctl_set set = {.version = SPOOL_CTL_VERSION};
	int r;

	if (strlen(option) >= sizeof(set.option)) {
		snprintf(ret_message, sizeof(set.message),
			 "spoolfs: %.40s...: too long (allowed: %zu bytes)", option,
			 sizeof(set.option) - 1);
		return ENAMETOOLONG;
	}
	strcpy(set.option, option);
	r = spool_ctl_call(fd, SPOOL_IOC_SET, &set);
	if (r < 0)
		return r;
	set.message[sizeof(set.message) - 1] = '\0';
	if (set.error && *set.message)
		strcpy(ret_message, set.message);
	else if (set.error)
		snprintf(ret_message, sizeof(set.message), "spoolfs: %s", strerror(set.error));
	return set.error;
}

const char *spool_ctl_reason(int error)
{
	switch (error) {
	case ENOTTY:
		return "not on a spoolfs mount";
	case EPERM:
		return "only root and its owner may do that";
	case EPROTO:
		return "the daemon is of another version than this program (mount again, or use "
		       "its "
		       "own)";
	case ENOTCONN:
	case ECONNABORTED:
		return "dead: its daemon is gone (unmount it)";
	default:
		return strerror(error);
	}
}
