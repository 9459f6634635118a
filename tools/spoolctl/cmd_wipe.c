/* SPDX-License-Identifier: MIT */

/* spoolctl wipe: removes everything, and leaves the mount. */

#include <errno.h>
#include <stdio.h>

#include "common/reach.h"
#include "common/usage.h"
#include "ctl/client.h"
#include "spoolctl/cmd.h"
#include "spoolctl/gone.h"
#include "util/macros.h"

static const char *reason(int error)
{
	switch (error) {
	case EINVAL:
		return "neither the root of a mount nor the directory of a user in it";
	case ETIME:
		return GONE_NOT;
	default:
		return spool_ctl_reason(error);
	}
}

/* Return: 0; an errno. */
static int ask(int fd, uint32_t op, uint32_t *ret_left)
{
	struct spool_ctl_wipe call = {.version = SPOOL_CTL_VERSION, .op = op};
	int r = spool_ctl_call(fd, SPOOL_IOC_WIPE, &call);

	if (r == 0)
		*ret_left = call.left;
	return -r;
}

/* Return: 0; an errno. */
static int wipe(const char *path)
{
	spool_cleanup(fd) int fd = reach_mount(path, true);
	unsigned int looks = 0;
	uint32_t left = 0;
	int r;

	if (fd < 0)
		return -fd;
	r = ask(fd, SPOOL_CTL_WIPE_BEGIN, &left);
	while (r == 0 && left)
		r = gone_wait(&looks) ? ask(fd, SPOOL_CTL_WIPE_ASK, &left) : ETIME;
	return r;
}

static const struct option long_options[] = {
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct usage usage = {
	.who = "spoolctl: wipe",
	.help = "usage: spoolctl wipe [--] MOUNT\n"
		"Removes everything on MOUNT now, whatever its lifetime, and leaves the mount "
		"there.\n"
		"Whoever has a file open reads and writes no more of it: EIO. For root and the "
		"owner\n"
		"of the mount. In layout private everybody may wipe his own directory: with the\n"
		"root of the mount, or with that directory as MOUNT; root those of others.",
	.allowed = "[--] MOUNT",
	.short_options = ":",
	.long_options = long_options,
};

int cmd_wipe(int argc, char *argv[])
{
	const char *path;
	int error, status = usage_operand(&usage, argc, argv, "no mount", &path);

	if (status >= 0)
		return status;
	error = wipe(path);
	return error ? usage_failed(usage.who, path, reason(error)) : EXIT_OK;
}
