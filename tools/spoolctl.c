/* SPDX-License-Identifier: MIT */

/* spoolctl(1): finds the command and hands over. */

#include <stdio.h>
#include <string.h>

#include "cmd.h"

static const struct command {
	const char *name;
	const char *help;
	int (*fn)(int argc, char *argv[]);
} commands[] = {
	{"run", "run a command with TMPDIR on a mount of its own", cmd_run},
	{"status", "what a mount is, holds and allows", cmd_status},
	{"doctor", "what this machine offers and lacks", cmd_doctor},
};

static void usage(FILE *out)
{
	fputs("usage: spoolctl COMMAND [ARGUMENT...]\n\nCommands:\n", out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
	fputs("\nspoolctl COMMAND --help tells more. See spoolctl(1).\n", out);
}

int main(int argc, char *argv[])
{
	if (argc < 2) {
		fputs("spoolctl: no command (allowed: run, status, doctor; see spoolctl --help)\n",
		      stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(stdout);
		return EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("spoolctl " SPOOL_VERSION);
		return EXIT_OK;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, argv[1]) == 0)
			return commands[i].fn(argc - 1, argv + 1);
	}
	fprintf(stderr, "spoolctl: %s: unknown command (allowed: run, status, doctor)\n", argv[1]);
	return EXIT_USAGE;
}
