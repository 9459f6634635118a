/* SPDX-License-Identifier: MIT */

/* spoolctl keep, lifetime and expire: change how long files live. */

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/usage.h"
#include "ctl/names.h"
#include "ctl/proto.h"
#include "spoolctl/cmd.h"
#include "spoolctl/gone.h"
#include "spoolctl/life_call.h"
#include "util/text.h"

/* One path after the other. Return: an exit status. */
static int set_all(const struct usage *usage, char *paths[], uint32_t lifetime, bool recursive)
{
	uint32_t flags = recursive ? SPOOL_CTL_CHANGE_TREE : 0;
	int r = EXIT_OK;

	for (; *paths; paths++) {
		int error = life_change(*paths, SPOOL_CTL_CHANGE_LIFETIME, lifetime, flags);

		/* the session may end when we do */
		if (!error && recursive)
			error = life_wait(*paths);
		if (error)
			r = usage_failed(usage->who, *paths, life_reason(*paths, error));
	}
	return r;
}

static const struct option set_options[] = {
	{"recursive", no_argument, NULL, 'r'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* Return: whether to go on; else *@ret_status is the exit status. */
static bool take_options(const struct usage *usage, int argc, char *argv[], bool *ret_recursive,
			 int *ret_status)
{
	int option;

	while ((option = usage_next(usage, argc, argv)) != -1) {
		if (option != 'r') {
			*ret_status = option == 'h' ? EXIT_OK : EXIT_USAGE;
			return false;
		}
		*ret_recursive = true;
	}
	return true;
}

int cmd_keep(int argc, char *argv[])
{
	static const struct usage usage = {
		.who = "spoolctl: keep",
		.help = "usage: spoolctl keep [-r] [--] PATH...\n"
			"Each PATH, a file of any kind, stays until the mount ends; so does what "
			"is\n"
			"made in a directory from now on, and with -r all that is below it.",
		.allowed = "[-r] [--] PATH...",
		.short_options = ":r",
		.long_options = set_options,
	};
	int r = EXIT_USAGE, lifetime = spool_ctl_number(SPOOL_CTL_LIFETIMES, "mount");
	bool recursive = false;

	if (!take_options(&usage, argc, argv, &recursive, &r))
		return r;
	if (optind == argc)
		return usage_error(&usage, NULL, "no path");
	return set_all(&usage, argv + optind, (uint32_t)lifetime, recursive);
}

int cmd_lifetime(int argc, char *argv[])
{
	static const struct usage usage = {
		.who = "spoolctl: lifetime",
		.help = "usage: spoolctl lifetime [-r] [--] session|close|mount PATH...\n"
			"Each PATH, a file of any kind, has this lifetime from now on; so has what "
			"is\n"
			"made in a directory, and with -r all that is below it.",
		.allowed = "[-r] [--] session|close|mount PATH...",
		.short_options = ":r",
		.long_options = set_options,
	};
	int r = EXIT_USAGE, lifetime;
	bool recursive = false;

	if (!take_options(&usage, argc, argv, &recursive, &r))
		return r;
	if (argc - optind < 2)
		return usage_error(&usage, NULL, "no lifetime or no path");
	lifetime = spool_ctl_number(SPOOL_CTL_LIFETIMES, argv[optind]);
	if (lifetime < 0)
		return usage_error(&usage, argv[optind], "no lifetime");
	return set_all(&usage, argv + optind + 1, (uint32_t)lifetime, recursive);
}

/* What keeps @path: goes down to what it waits for at last. Return: false: everything on the way
 * is about to go. */
static bool is_kept(const char *path, const struct spool_ctl_life *life, char ret[PATH_MAX])
{
	struct spool_ctl_life below = *life;
	int mount = spool_ctl_number(SPOOL_CTL_LIFETIMES, "mount");
	size_t len = strlen(path);

	if (len >= PATH_MAX || (int)life->lifetime == mount)
		return false;
	strcpy(ret, path);
	while ((below.flags & SPOOL_CTL_LIFE_ENDED) && *below.waits_for) {
		int n = snprintf(ret + len, PATH_MAX - len, "/%s", below.waits_for);

		if (n < 0 || (size_t)n >= PATH_MAX - len || life_ask(ret, &below) != 0)
			return false;
		len += (size_t)n;
	}
	return !(below.flags & SPOOL_CTL_LIFE_ENDED) && (int)below.lifetime == mount;
}

/* Has the kernel been told that @path, which has been @ino, has gone? Until then whoever asks it
 * finds the name still. */
static bool is_known(const char *path, uint64_t ino)
{
	struct stat st;

	return lstat(path, &st) < 0 || st.st_ino != ino;
}

#define NOT_YET (-1)

/* Is @path, which has been @ino, gone? Return: an exit status; NOT_YET. */
static int look(const struct usage *usage, const char *path, uint64_t ino)
{
	struct spool_ctl_life life;
	char kept[PATH_MAX];
	int error = life_ask(path, &life);

	if (error == ENOENT || error == ENOTDIR || (error == 0 && life.ino != ino))
		return is_known(path, ino) ? EXIT_OK : NOT_YET;
	if (error)
		return usage_failed(usage->who, path, life_reason(path, error));
	if (!(life.flags & SPOOL_CTL_LIFE_ENDED))
		return EXIT_OK; /* the directory of a user, or of all, stays */
	if (!is_kept(path, &life, kept))
		return NOT_YET;
	fprintf(stderr, "%s: ", usage->who);
	spool_text_put(stderr, kept);
	fputs(": stays until the mount ends, and what it is in with it\n", stderr);
	return EXIT_FAILED;
}

/* Return: an exit status. */
static int wait_until_gone(const struct usage *usage, const char *path, uint64_t ino)
{
	unsigned int looks = 0;
	int r;

	do
		r = look(usage, path, ino);
	while (r == NOT_YET && gone_wait(&looks));
	return r == NOT_YET ? usage_failed(usage->who, path, GONE_NOT) : r;
}

static int expire(const struct usage *usage, const char *path)
{
	struct spool_ctl_life life;
	int error = life_ask(path, &life);

	if (!error)
		error = life_change(path, SPOOL_CTL_CHANGE_EXPIRE, 0, 0);
	if (error)
		return usage_failed(usage->who, path, life_reason(path, error));
	return wait_until_gone(usage, path, life.ino);
}

int cmd_expire(int argc, char *argv[])
{
	static const struct option long_options[] = {
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	static const struct usage usage = {
		.who = "spoolctl: expire",
		.help = "usage: spoolctl expire [--] PATH...\n"
			"Each PATH, a file of any kind, goes now with all below it, as when its\n"
			"session has ended; what is kept below it stays. Who has a file open keeps "
			"it\n"
			"until he closes it.",
		.allowed = "[--] PATH...",
		.short_options = ":",
		.long_options = long_options,
	};
	int r = EXIT_OK, option = usage_next(&usage, argc, argv);

	if (option != -1)
		return option == 'h' ? EXIT_OK : EXIT_USAGE;
	if (optind == argc)
		return usage_error(&usage, NULL, "no path");
	for (int i = optind; i < argc; i++) {
		if (expire(&usage, argv[i]) != EXIT_OK)
			r = EXIT_FAILED;
	}
	return r;
}
