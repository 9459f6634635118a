/* SPDX-License-Identifier: MIT */
#include "spoolctl/run_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/options.h"
#include "common/usage.h"
#include "util/macros.h"

enum { OPTION_TMP = 256, OPTION_WAIT, OPTION_KILL };

static const struct option long_options[] = {
	{"tmp", no_argument, NULL, OPTION_TMP},
	{"wait", no_argument, NULL, OPTION_WAIT},
	{"kill", no_argument, NULL, OPTION_KILL},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct usage usage = {
	.who = "spoolctl: run",
	.help = "usage: spoolctl run [--tmp] [--wait|--kill] [-o OPTION,...] [--] COMMAND "
		"[ARGUMENT...]\n"
		"Runs COMMAND with TMPDIR, TMP and TEMP on a spoolfs mount of its own, wiped and\n"
		"unmounted when it ends. Ends with COMMAND's exit status. OPTIONs: see "
		"spoolfs(8).\n"
		"\n"
		"  --tmp      /tmp and /var/tmp lie on the mount, too, for COMMAND alone\n"
		"  --wait     wait for what COMMAND leaves running (the default with --tmp)\n"
		"  --kill     end what COMMAND leaves running",
	.allowed = "[--tmp] [--wait|--kill] [-o OPTION,...] [--] COMMAND",
	.short_options = "+:o:", /* what follows COMMAND is the command's */
	.long_options = long_options,
};

static int add_mount_options(char **list, const char *more)
{
	if (options_join(list, more) == 0)
		return EXIT_OK;
	fputs("spoolctl: run: out of memory\n", stderr);
	return EXIT_FAILED;
}

static int set_rest(struct run_options *options, enum run_rest rest)
{
	if (options->rest != RUN_REST_LEFT && options->rest != rest)
		return usage_error(&usage, "--wait --kill", "only one of them");
	options->rest = rest;
	return EXIT_OK;
}

/* Return: the value of the last @name (with its "=") in @list, which is the one that counts; it
 * ends at a comma or with the list. NULL: there is none. */
static const char *last_value(const char *list, const char *name)
{
	const char *found = NULL;

	for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		if (strncmp(at, name, strlen(name)) == 0)
			found = at + strlen(name);
	}
	return found;
}

static bool is(const char *value, const char *what)
{
	return strcspn(value, ",") == strlen(what) && strncmp(value, what, strlen(what)) == 0;
}

/* Root's commands may change to other users, for whom /tmp must be what it is. The mount ends with
 * the command: nothing in it has to end before. */
static int complete(struct run_options *options, const char *asked, bool root)
{
	bool to_all = options->tmp && root;
	const char *layout = asked ? last_value(asked, "layout=") : NULL;
	int r = add_mount_options(&options->mount, to_all ? "layout=shared" : "layout=single");

	if (!layout)
		layout = to_all ? "shared" : "single";
	if (r == EXIT_OK)
		r = add_mount_options(&options->mount, "lifetime=mount,log_level=warning");
	if (r == EXIT_OK && !is(layout, "shared")) /* where it would be an error */
		r = add_mount_options(&options->mount, "xattr=off");
	if (r == EXIT_OK && is(layout, "single"))
		r = add_mount_options(&options->mount, "noallow_other");
	if (r == EXIT_OK && asked)
		r = add_mount_options(&options->mount, asked);
	if (options->tmp && options->rest == RUN_REST_LEFT)
		options->rest = RUN_REST_WAIT;
	return r;
}

int run_options_read(int argc, char *argv[], bool root, struct run_options *ret)
{
	spool_cleanup(free) char *asked = NULL;
	int option, r = EXIT_OK;

	*ret = (struct run_options){0};
	while (r == EXIT_OK && (option = usage_next(&usage, argc, argv)) != -1) {
		if (option == 'h')
			return EXIT_OK;
		if (option == 'o')
			r = add_mount_options(&asked, optarg);
		else if (option == OPTION_TMP)
			ret->tmp = true;
		else if (option == OPTION_WAIT || option == OPTION_KILL)
			r = set_rest(ret, option == OPTION_WAIT ? RUN_REST_WAIT : RUN_REST_KILL);
		else
			r = EXIT_USAGE;
	}
	if (r == EXIT_OK && optind >= argc)
		r = usage_error(&usage, NULL, "no command");
	if (r == EXIT_OK)
		r = complete(ret, asked, root);
	ret->command = argv + optind;
	return r;
}

void run_options_free(struct run_options *options)
{
	free(options->mount);
	options->mount = NULL;
}
