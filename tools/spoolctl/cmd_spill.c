/* SPDX-License-Identifier: MIT */

/* spoolctl spill: brings files to the disk now. */

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>

#include "common/reach.h"
#include "common/usage.h"
#include "ctl/client.h"
#include "spoolctl/cmd.h"
#include "util/macros.h"

/* The daemon answers EBUSY when enough requests of this user wait. We try again after so long. A
 * guess. */
#define BUSY_NS (50 * 1000 * 1000)

/* Some errors mean something else for a file than for a mount. */
static const char *reason(int error)
{
	switch (error) {
	case EINVAL:
		return "not a regular file";
	case EOPNOTSUPP:
		return "the mount has no backing directory";
	case ETIMEDOUT:
		return "the disk has not taken it within 30 s; what is left stays in RAM";
	default:
		return spool_ctl_reason(error);
	}
}

/* Return: NULL; why it has failed. */
static const char *spill(const char *path)
{
	struct spool_ctl_name name = {.version = SPOOL_CTL_VERSION};
	const struct timespec pause = {.tv_nsec = BUSY_NS};
	spool_cleanup(fd) int fd = reach_file(path, name.name);
	int r;

	if (fd < 0)
		return spool_ctl_reason(-fd);
	if (!*name.name)
		return reason(EISDIR);
	do {
		r = ioctl(fd, SPOOL_IOC_SPILL, &name) < 0 ? errno : 0;
	} while (r == EBUSY && nanosleep(&pause, NULL) == 0);
	return r ? reason(r) : NULL;
}

static const struct option long_options[] = {
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct usage usage = {
	.who = "spoolctl: spill",
	.help = "usage: spoolctl spill [--] PATH...\n"
		"Brings the files to the disk now, whatever their size; they stay as they are to\n"
		"whoever uses them. For the owner of a file, and for root.",
	.allowed = "[--] PATH...",
	.short_options = ":",
	.long_options = long_options,
};

int cmd_spill(int argc, char *argv[])
{
	int r = EXIT_OK, option = usage_next(&usage, argc, argv);

	if (option != -1)
		return option == 'h' ? EXIT_OK : EXIT_USAGE;
	if (optind == argc)
		return usage_error(&usage, NULL, "no path");
	for (int i = optind; i < argc; i++) {
		const char *why = spill(argv[i]);

		if (why)
			r = usage_failed(usage.who, argv[i], why);
	}
	return r;
}
