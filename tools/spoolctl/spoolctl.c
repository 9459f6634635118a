/* SPDX-License-Identifier: MIT */

/* spoolctl(1): finds the command and hands over. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/usage.h"
#include "spoolctl/cmd.h"
#include "util/descriptors.h"
#include "util/text.h"

static const struct command {
	const char *name;
	const char *help;
	int (*fn)(int argc, char *argv[]);
} commands[] = {
	{"run", "run a command with TMPDIR on a mount of its own", cmd_run},
	{"status", "what a mount is, holds and allows", cmd_status},
	{"ls", "files, and where their data are", cmd_ls},
	{"why", "why files live, and when they go", cmd_why},
	{"keep", "let files stay until the mount ends", cmd_keep},
	{"lifetime", "change how long files live", cmd_lifetime},
	{"expire", "let files go now", cmd_expire},
	{"session", "list, begin and end sessions", cmd_session},
	{"wipe", "remove everything on a mount now", cmd_wipe},
	{"top", "what a mount and its users use, live", cmd_top},
	{"set", "change options of a live mount", cmd_set},
	{"spill", "bring files to the disk now", cmd_spill},
	{"metrics", "what mounts hold and do, for Prometheus", cmd_metrics},
	{"debug", "what the daemon holds and waits for", cmd_debug},
	{"doctor", "what this machine offers and lacks", cmd_doctor},
};

static void usage(FILE *out)
{
	fputs("usage: spoolctl COMMAND [ARGUMENT...]\n\nCommands:\n", out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
	fputs("\nspoolctl COMMAND --help tells more. See spoolctl(1).\n", out);
}

/* The end of an error's line. */
static void print_allowed(FILE *out)
{
	fputs(" (allowed: ", out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "%s%s", i ? ", " : "", commands[i].name);
	fputs("; see spoolctl --help)\n", out);
}

static int run_named(int argc, char *argv[])
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, argv[0]) == 0)
			return commands[i].fn(argc, argv);
	}
	fputs("spoolctl: ", stderr);
	spool_text_put(stderr, argv[0]);
	fputs(": unknown command", stderr);
	print_allowed(stderr);
	return EXIT_USAGE;
}

int main(int argc, char *argv[])
{
	int r = EXIT_OK;

	spool_stdio_open();
	if (argc < 2) {
		fputs("spoolctl: no command", stderr);
		print_allowed(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		usage(stdout);
	else if (strcmp(argv[1], "--version") == 0)
		puts("spoolctl " SPOOL_VERSION);
	else
		r = run_named(argc - 1, argv + 1);
	if ((fflush(stdout) != 0 || ferror(stdout)) && r == EXIT_OK) {
		fprintf(stderr, "spoolctl: cannot write: %s\n", strerror(errno));
		r = EXIT_FAILED;
	}
	return r;
}
