/* SPDX-License-Identifier: MIT */

/* spoolctl set: changes what can be changed on a live mount. */

#include <stdio.h>
#include <string.h>

#include "change.h"
#include "cmd.h"
#include "usage.h"

int cmd_set(int argc, char *argv[])
{
	int r = EXIT_OK;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		puts("usage: spoolctl set OPTION=VALUE... MOUNT\n"
		     "Changes options of a live mount: ram, size, nr_inodes, user_size, "
		     "user_inodes,\nuser_ram, threshold, reserve, pressure, log_level. See "
		     "spoolfs(8).");
		return EXIT_OK;
	}
	if (argc < 3) {
		fputs("spoolctl: set: OPTION=VALUE and MOUNT are needed (see spoolctl set "
		      "--help)\n",
		      stderr);
		return EXIT_USAGE;
	}
	for (int i = 1; i < argc - 1; i++) {
		if (strchr(argv[i], '='))
			continue;
		fprintf(stderr, "spoolctl: set: %s: not OPTION=VALUE (allowed: ram=4G ...)\n",
			argv[i]);
		return EXIT_USAGE;
	}
	for (int i = 1; i < argc - 1 && r == EXIT_OK; i++)
		r = change_option("spoolctl: set", argv[argc - 1], argv[i]);
	return r;
}
