/* SPDX-License-Identifier: MIT */

/* mount.spoolfs(8): what mount(8) runs for "mount -t spoolfs". Becomes spoolfs(8). */

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/options.h"
#include "common/usage.h"

struct request {
	char *options; /* NULL = none */
	const char *namespace;
	bool fake;
	bool verbose;
	bool helped; /* there is nothing more to do */
};

static const struct option long_options[] = {
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct usage usage = {
	.who = "mount.spoolfs",
	.help = "usage: mount.spoolfs SOURCE MOUNTPOINT [-sfnv] [-N NAMESPACE] [-o OPTION,...] "
		"[-t TYPE]\n"
		"The helper of mount -t spoolfs. See mount.spoolfs(8) and spoolfs(8).",
	.allowed = "SOURCE MOUNTPOINT [-sfnv] [-N NAMESPACE] [-o OPTION,...] [-t TYPE]",
	.short_options = ":sfnvN:o:t:",
	.long_options = long_options,
};

/* Return: 0; an exit status, after a line. */
static int read_switches(int argc, char *argv[], struct request *ret)
{
	int c;

	while ((c = usage_next(&usage, argc, argv)) != -1) {
		switch (c) {
		case 'o':
			if (options_join(&ret->options, optarg) < 0) {
				fputs("mount.spoolfs: out of memory\n", stderr);
				return EXIT_FAILED;
			}
			break;
		case 'f':
			ret->fake = true;
			break;
		case 'v':
			ret->verbose = true;
			break;
		case 'N':
			ret->namespace = optarg;
			break;
		case 's': /* sloppy: the daemon accepts what mount(8) adds anyway */
		case 'n': /* there is no mtab */
		case 't':
			break;
		case 'h':
			ret->helped = true;
			return EXIT_OK;
		default:
			return EXIT_USAGE;
		}
	}
	if (argc - optind != 2)
		return usage_error(&usage, argv[optind], "not one source and one mount point");
	return 0;
}

/* Refuses what this version cannot do. Return: 0; an exit status, after a line. */
static int refuse(const struct request *request)
{
	if (request->namespace) {
		fprintf(stderr,
			"mount.spoolfs: -N %s: not available in this version (allowed: mount from "
			"within the namespace)\n",
			request->namespace);
		return EXIT_USAGE;
	}
	return 0;
}

static int become_daemon(const struct request *request, char *source, char *mountpoint)
{
	static char name[] = "spoolfs", dash_o[] = "-o", defaults[] = "rw", dashes[] = "--";
	char *options = request->options ? request->options : defaults;
	char path[PATH_MAX];

	if (strcmp(source, "none") == 0)
		source = name;
	char *argv[] = {name, dash_o, options, dashes, source, mountpoint, NULL};

	daemon_path(path, sizeof(path));
	if (request->verbose)
		printf("%s -o %s -- %s %s\n", path, options, source, mountpoint);
	if (request->fake)
		return 0;
	fflush(stdout);
	execvp(path, argv);
	fprintf(stderr, "mount.spoolfs: %s: %s\n", path, strerror(errno));
	return EXIT_FAILED;
}

int main(int argc, char *argv[])
{
	struct request request = {0};
	int r;

	r = read_switches(argc, argv, &request);
	if (r == 0 && !request.helped)
		r = refuse(&request);
	if (r == 0 && !request.helped)
		r = become_daemon(&request, argv[optind], argv[optind + 1]);
	free(request.options);
	return r;
}
