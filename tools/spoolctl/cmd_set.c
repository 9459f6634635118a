/* SPDX-License-Identifier: MIT */

/* spoolctl set: changes what can be changed on a live mount. */

#include <stdio.h>
#include <string.h>

#include "common/change.h"
#include "common/usage.h"
#include "ctl/names.h"
#include "spoolctl/cmd.h"

static const struct option long_options[] = {
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct usage usage = {
	.who = "spoolctl: set",
	.allowed = "[--] OPTION=VALUE... MOUNT",
	.short_options = ":",
	.long_options = long_options,
};

static void print_help(void)
{
	char names[256];

	printf("usage: spoolctl set [--] OPTION=VALUE... MOUNT\n"
	       "Changes options of a live mount, see spoolfs(8):\n%s\n",
	       spool_ctl_join(SPOOL_CTL_LIVE, names, sizeof(names)));
}

int cmd_set(int argc, char *argv[])
{
	int r = EXIT_OK, option = usage_next(&usage, argc, argv);

	if (option == 'h')
		print_help();
	if (option != -1)
		return option == 'h' ? EXIT_OK : EXIT_USAGE;
	if (argc - optind < 2)
		return usage_error(&usage, NULL, "no option or no mount");
	for (int i = optind; i < argc - 1; i++) {
		if (!strchr(argv[i], '='))
			return usage_error(&usage, argv[i], "not OPTION=VALUE");
	}
	for (int i = optind; i < argc - 1 && r == EXIT_OK; i++)
		r = change_option("spoolctl: set", argv[argc - 1], argv[i]);
	return r;
}
