/* SPDX-License-Identifier: MIT */

/* mount.spoolfs(8): what mount(8) runs for "mount -t spoolfs". Becomes spoolfs(8). */

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "options.h"

#define EXIT_USAGE 2
#define EXIT_FAILED 1

struct request {
	char *options; /* NULL = none */
	const char *namespace;
	bool fake;
	bool verbose;
};

/* Return: 0; an exit status, after a line. */
static int read_switches(int argc, char *argv[], struct request *ret)
{
	int c;

	while ((c = getopt(argc, argv, "sfnvN:o:t:")) != -1) {
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
		case 's': /* the daemon tolerates what mount(8) adds, and nothing else */
		case 'n': /* there is no mtab */
		case 't':
			break;
		default:
			return EXIT_USAGE;
		}
	}
	return 0;
}

/* What this version cannot do. Return: 0; an exit status, after a line. */
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

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		puts("usage: mount.spoolfs SOURCE MOUNTPOINT [-sfnv] [-N NAMESPACE] "
		     "[-o OPTION,...] [-t TYPE]\n"
		     "The helper of mount -t spoolfs. See mount.spoolfs(8) and spoolfs(8).");
		return 0;
	}
	r = read_switches(argc, argv, &request);
	if (r == 0 && argc - optind != 2) {
		fputs("mount.spoolfs: SOURCE and MOUNTPOINT are needed (see --help)\n", stderr);
		r = EXIT_USAGE;
	}
	if (r == 0)
		r = refuse(&request);
	if (r == 0)
		r = become_daemon(&request, argv[optind], argv[optind + 1]);
	free(request.options);
	return r;
}
