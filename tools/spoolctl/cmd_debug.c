/* SPDX-License-Identifier: MIT */

/* spoolctl debug: asks a daemon what it holds and waits for, and prints the answer. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/reach.h"
#include "common/usage.h"
#include "ctl/client.h"
#include "spoolctl/cmd.h"
#include "util/macros.h"

/* Return: 0; an errno. */
static int show(const char *path)
{
	spool_cleanup(free) struct spool_ctl_debug *debug = calloc(1, sizeof(*debug));
	spool_cleanup(fd) int fd = reach_mount(path, true);
	uint64_t cursor;
	int r;

	if (fd < 0)
		return -fd;
	if (!debug)
		return ENOMEM;
	do {
		cursor = debug->cursor;
		debug->version = SPOOL_CTL_VERSION;
		debug->length = 0;
		r = spool_ctl_call(fd, SPOOL_IOC_DEBUG, debug);
		if (r < 0)
			return -r;
		if (debug->length > sizeof(debug->text) || debug->cursor <= cursor)
			return EPROTO; /* without progress this loop would never end */
		fwrite(debug->text, 1, debug->length, stdout);
	} while (debug->cursor != SPOOL_CTL_END);
	return 0;
}

static const struct option long_options[] = {
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct usage usage = {
	.who = "spoolctl: debug",
	.help = "usage: spoolctl debug [--] MOUNT\n"
		"Prints what the daemon of MOUNT (a mount point or any directory below) holds and\n"
		"waits for, also while the disk hangs: for people; its form may change. For root.",
	.allowed = "[--] MOUNT",
	.short_options = ":",
	.long_options = long_options,
};

int cmd_debug(int argc, char *argv[])
{
	const char *path;
	int error, status = usage_operand(&usage, argc, argv, "no mount", &path);

	if (status >= 0)
		return status;
	error = show(path);
	return error ? usage_failed(usage.who, path, spool_ctl_reason(error)) : EXIT_OK;
}
