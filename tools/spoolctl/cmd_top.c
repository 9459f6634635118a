/* SPDX-License-Identifier: MIT */

/* spoolctl top: what a mount and its users use, live. */

#include <errno.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/json.h"
#include "common/mounts.h"
#include "common/reach.h"
#include "common/usage.h"
#include "ctl/client.h"
#include "spoolctl/cmd.h"
#include "spoolctl/top_sample.h"
#include "spoolctl/top_screen.h"
#include "util/macros.h"
#include "util/parse.h"
#include "util/text.h"

#define DELAY_S 2 /* a guess: what changes can be followed, and asking costs nothing to speak of */

/* Its output may go to a file, or to a pipe that somebody reads meanwhile. Return: 0; -errno. */
static int show_batch(int fd, const struct top_options *options, bool as_json)
{
	struct top_sample before = {0}, now;
	const struct timespec delay = {.tv_sec = options->delay_s};
	struct json json = {.out = stdout, .first = true};
	int r = 0;

	for (uint64_t i = 0; r == 0 && (options->n == 0 || i < options->n); i++) {
		if (i > 0 && nanosleep(&delay, NULL) < 0)
			break;
		r = top_ask(fd, &now);
		if (r < 0)
			break;
		top_set_rates(i ? &before : NULL, &now);
		top_sort(&now, options->order);
		json.first = true;
		if (as_json)
			top_json(&json, options->mountpoint, i ? &before : NULL, &now);
		else
			top_print(stdout, options->mountpoint, i ? &before : NULL, &now, SIZE_MAX);
		putchar('\n');
		if (fflush(stdout) != 0)
			break; /* main() says so */
		top_sample_free(&before);
		before = now;
	}
	top_sample_free(&before);
	return r;
}

struct found {
	char *path;
	dev_t device;
	bool several;
};

static int note_mount(void *arg, const struct mounts_entry *entry)
{
	struct found *found = arg;

	if (found->path) {
		found->several |= found->device != entry->device;
	} else {
		found->path = strdup(entry->path);
		found->device = entry->device;
	}
	return found->several;
}

/* The only mount there is. Return: to be freed; NULL after a line. */
static char *only_mount(const struct usage *usage, int *ret_status)
{
	FILE *mountinfo = fopen("/proc/self/mountinfo", "re");
	struct found found = {0};
	int r = mountinfo ? mounts_each(mountinfo, note_mount, &found) : -1;

	if (mountinfo)
		fclose(mountinfo);
	*ret_status = EXIT_FAILED;
	if (r < 0)
		fprintf(stderr, "%s: /proc/self/mountinfo: %s\n", usage->who, strerror(errno));
	else if (found.several)
		*ret_status = usage_error(usage, NULL, "several mounts: say which");
	else if (!found.path)
		fprintf(stderr, "%s: no spoolfs mount can be seen here\n", usage->who);
	if (r == 0 && !found.several)
		return found.path;
	free(found.path);
	return NULL;
}

static const struct option long_options[] = {
	{"batch", no_argument, NULL, 'b'}, {"delay", required_argument, NULL, 'd'},
	{"json", no_argument, NULL, 'j'},  {"sort", required_argument, NULL, 's'},
	{"help", no_argument, NULL, 'h'},  {NULL, 0, NULL, 0},
};

static const struct usage usage = {
	.who = "spoolctl: top",
	.help = "usage: spoolctl top [--batch | --json] [--delay SECONDS] [-n COUNT]\n"
		"                    [--sort COLUMN] [--] [MOUNT]\n"
		"What MOUNT (a mount point or any directory below; without MOUNT the only one "
		"there\n"
		"is) and its users use, live. Keys: q quits; s, r, d, f, n, w, b, u sort by size, "
		"ram,\n"
		"disk, files, sessions, waiting, requests per second, uid.\n"
		"  --batch          text one after the other, for a file or a pipe\n"
		"  --json           the same as objects, one a line\n"
		"  --delay SECONDS  between two of them (2)\n"
		"  -n COUNT         so many, then end\n"
		"  --sort COLUMN    size, ram, disk, files, sessions, waiting, busy or uid (size)",
	.allowed = "[--batch | --json] [--delay SECONDS] [-n COUNT] [--sort COLUMN] [--] [MOUNT]",
	.short_options = ":bd:n:",
	.long_options = long_options,
};

struct line {
	struct top_options top;
	bool batch, json;
};

/* One option of the command line. Return: EXIT_OK; EXIT_USAGE after a line. */
static int take_option(int option, struct line *line)
{
	int order;

	switch (option) {
	case 'b':
		line->batch = true;
		return EXIT_OK;
	case 'j':
		line->json = true;
		return EXIT_OK;
	case 'd':
		if (spool_parse_seconds(optarg, &line->top.delay_s) < 0 || line->top.delay_s == 0)
			return usage_error(&usage, optarg, "not a number of seconds from 1 on");
		return EXIT_OK;
	case 'n':
		if (spool_parse_count(optarg, &line->top.n) < 0 || line->top.n == 0)
			return usage_error(&usage, optarg, "not a count from 1 on");
		return EXIT_OK;
	default:
		order = top_order_named(optarg);
		if (order < 0)
			return usage_error(&usage, optarg,
					   "not a column (size, ram, disk, files, sessions, "
					   "waiting, busy, uid)");
		line->top.order = (enum top_order)order;
		return EXIT_OK;
	}
}

/* Return: an exit status. */
static int show(const struct line *line)
{
	spool_cleanup(fd) int fd = reach_mount(line->top.mountpoint, true);
	bool batch = line->batch || line->json;
	int r = fd;

	if (fd >= 0 && !batch && (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO)))
		return usage_error(&usage, NULL, "no terminal: use --batch or --json");
	setlocale(LC_CTYPE, ""); /* names of mount points on the terminal */
	if (fd >= 0)
		r = batch ? show_batch(fd, &line->top, line->json) : top_screen(fd, &line->top);
	if (r == 0)
		return EXIT_OK;
	fputs("spoolctl: top: ", stderr);
	spool_text_put(stderr, line->top.mountpoint);
	fprintf(stderr, ": %s\n",
		fd >= 0 && !batch && r == -ENXIO ? "TERM names no terminal that is known here"
						 : spool_ctl_reason(-r));
	return EXIT_FAILED;
}

int cmd_top(int argc, char *argv[])
{
	struct line line = {.top = {.order = TOP_BY_SIZE, .delay_s = DELAY_S}};
	spool_cleanup(free) char *only = NULL;
	int option, r;

	while ((option = usage_next(&usage, argc, argv)) != -1) {
		if (option == 'h' || option == '?')
			return option == 'h' ? EXIT_OK : EXIT_USAGE;
		if (option == ':')
			return EXIT_USAGE;
		r = take_option(option, &line);
		if (r != EXIT_OK)
			return r;
	}
	if (argc - optind > 1)
		return usage_error(&usage, argv[optind + 1], "not expected");
	if (line.batch && line.json)
		return usage_error(&usage, "--json", "not together with --batch");
	if (optind == argc) {
		only = only_mount(&usage, &r);
		if (!only)
			return r;
	}
	line.top.mountpoint = only ? only : argv[optind];
	return show(&line);
}
