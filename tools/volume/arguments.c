/* SPDX-License-Identifier: MIT */
#include "volume/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/options.h"
#include "common/usage.h"

static const struct option long_options[] = {
	{"socket", required_argument, NULL, 'S'},
	{"directory", required_argument, NULL, 'D'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static const struct usage usage = {
	.who = "spoolfs-volume",
	.help = "usage: spoolfs-volume [-o OPTION[,OPTION...]] [--socket=PATH] [--directory=DIR]\n"
		"A volume plugin for docker and podman: each volume is a spoolfs mount, which is\n"
		"wiped when its last container has ended.\n\n"
		"  -o OPTION,...    options of all volumes, before their own: see spoolfs --help\n"
		"  --socket=PATH    where engines look for it\n"
		"                   (default: /run/docker/plugins/spoolfs.sock)\n"
		"  --directory=DIR  of its mounts and of what it remembers\n"
		"                   (default: /run/spoolfs-volume)\n"
		"  --help           print this and exit\n"
		"  --version        print the version and exit\n\n"
		"See spoolfs-volume(8).",
	.allowed = "[-o OPTION,...] [--socket=PATH] [--directory=DIR]; see --help",
	.short_options = ":o:",
	.long_options = long_options,
};

static int set(struct arguments *arguments, int c)
{
	switch (c) {
	case 'o':
		if (options_join(&arguments->defaults, optarg) == 0)
			return EXIT_OK;
		fputs("spoolfs-volume: out of memory\n", stderr);
		return EXIT_FAILED;
	case 'S':
		arguments->socket = optarg;
		break;
	case 'D':
		arguments->directory = optarg;
		break;
	case 'V':
		puts("spoolfs-volume " SPOOL_VERSION);
		arguments->done = true;
		break;
	case 'h':
		arguments->done = true;
		break;
	default:
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

int arguments_read(int argc, char *argv[], struct arguments *ret)
{
	int c, r = EXIT_OK;

	*ret = (struct arguments){.defaults = strdup(""),
				  .socket = "/run/docker/plugins/spoolfs.sock",
				  .directory = "/run/spoolfs-volume"};
	while (r == EXIT_OK && !ret->done && (c = usage_next(&usage, argc, argv)) != -1)
		r = set(ret, c);
	if (r != EXIT_OK || ret->done)
		return r;
	if (optind < argc)
		return usage_error(&usage, argv[optind], "not expected");
	if (ret->socket[0] != '/')
		return usage_error(&usage, ret->socket, "--socket: not an absolute path");
	if (ret->directory[0] != '/')
		return usage_error(&usage, ret->directory, "--directory: not an absolute path");
	return EXIT_OK;
}
