/* SPDX-License-Identifier: MIT */

/* spoolctl metrics: what mounts tell of themselves, for Prometheus. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mounts.h"
#include "common/reach.h"
#include "common/usage.h"
#include "ctl/client.h"
#include "spoolctl/cmd.h"
#include "spoolctl/metrics.h"
#include "util/macros.h"

struct list {
	struct metrics_mount *mounts;
	dev_t *devices;
	size_t n;
};

static void list_free(struct list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free((void *)(uintptr_t)list->mounts[i].path);
		top_sample_free(&list->mounts[i].sample);
	}
	free(list->mounts);
	free(list->devices);
}

/* Return: 0; -ENOMEM. */
static int list_add(struct list *list, const char *path, dev_t device)
{
	struct metrics_mount *mounts =
		reallocarray(list->mounts, list->n + 1, sizeof(*list->mounts));
	dev_t *devices = reallocarray(list->devices, list->n + 1, sizeof(*list->devices));
	char *copy = strdup(path);

	if (mounts)
		list->mounts = mounts;
	if (devices)
		list->devices = devices;
	if (!mounts || !devices || !copy) {
		free(copy);
		return -ENOMEM;
	}
	mounts[list->n] = (struct metrics_mount){.path = copy};
	devices[list->n++] = device;
	return 0;
}

static void list_drop(struct list *list, size_t i)
{
	free((void *)(uintptr_t)list->mounts[i].path);
	list->n--;
	memmove(&list->mounts[i], &list->mounts[i + 1], (list->n - i) * sizeof(*list->mounts));
	memmove(&list->devices[i], &list->devices[i + 1], (list->n - i) * sizeof(*list->devices));
}

/* A filesystem that is mounted in several places is one. */
static int note_mount(void *arg, const struct mounts_entry *entry)
{
	struct list *list = arg;

	for (size_t i = 0; i < list->n; i++) {
		if (list->devices[i] == entry->device)
			return 0;
	}
	return list_add(list, entry->path, entry->device);
}

/* Return: 0; -errno, and it is not up. */
static int ask(struct metrics_mount *mount)
{
	spool_cleanup(fd) int fd = reach_mount(mount->path, true);
	int r = fd < 0 ? fd : top_ask(fd, &mount->sample);

	mount->lives.version = SPOOL_CTL_VERSION;
	if (r == 0)
		r = spool_ctl_call(fd, SPOOL_IOC_LIVES, &mount->lives);
	mount->requests.version = SPOOL_CTL_VERSION;
	if (r == 0 && mount->sample.status.caller_admin)
		r = spool_ctl_call(fd, SPOOL_IOC_REQUESTS, &mount->requests);
	mount->up = r == 0;
	if (r < 0)
		top_sample_free(&mount->sample);
	return r;
}

static void print_failure(const char *path, int error)
{
	usage_failed("spoolctl: metrics", path, spool_ctl_reason(error));
}

/* All mounts. One that does not answer is down, which is no failure of ours; one that has ended
 * meanwhile is none, and other users' are not ours to tell of. Return: 0; -errno after a line. */
static int gather(struct list *list)
{
	FILE *mountinfo = fopen("/proc/self/mountinfo", "re");
	int r = mountinfo ? mounts_each(mountinfo, note_mount, list) : -errno;

	if (r == -1)
		r = -errno;
	if (mountinfo)
		fclose(mountinfo);
	if (r < 0) {
		print_failure("/proc/self/mountinfo", -r);
		return r;
	}
	for (size_t i = 0; i < list->n;) {
		r = ask(&list->mounts[i]);
		if (r == -EACCES || (r < 0 && !mounts_has(list->mounts[i].path))) {
			list_drop(list, i);
			continue;
		}
		if (r < 0)
			print_failure(list->mounts[i].path, -r);
		i++;
	}
	return 0;
}

/* The one that was named. Return: 0; -errno after a line. */
static int gather_one(struct list *list, const char *path)
{
	int r = list_add(list, path, 0);

	if (r == 0)
		r = ask(&list->mounts[0]);
	if (r < 0)
		print_failure(path, -r);
	return r;
}

/* Whoever reads @file finds what was there before, or all of this. Return: 0; an errno. */
static int write_file(const char *file, const struct list *list, bool users)
{
	spool_cleanup(free) char *name = NULL;
	int fd = -1, error = 0;
	FILE *out;

	if (asprintf(&name, "%s.XXXXXX", file) < 0) {
		name = NULL;
		return ENOMEM;
	}
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return errno;
	out = fchmod(fd, 0644) == 0 ? fdopen(fd, "w") : NULL;
	if (out) {
		metrics_print(out, list->mounts, list->n, users);
		error = fflush(out) != 0 || ferror(out) ? errno : 0;
		if (fclose(out) != 0 && !error)
			error = errno;
	} else {
		error = errno;
		close(fd);
	}
	if (!error && rename(name, file) < 0)
		error = errno;
	if (error)
		unlink(name);
	return error;
}

static const struct option long_options[] = {
	{"no-users", no_argument, NULL, 'u'},
	{"output", required_argument, NULL, 'o'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct usage usage = {
	.who = "spoolctl: metrics",
	.help = "usage: spoolctl metrics [--no-users] [--output FILE] [--] [MOUNT]\n"
		"What MOUNT (a mount point or any directory below; without MOUNT all that can be\n"
		"seen) holds and does, in the text format of Prometheus.\n"
		"  --no-users     without what each user uses\n"
		"  --output FILE  write FILE, at once as a whole, and not standard output",
	.allowed = "[--no-users] [--output FILE] [--] [MOUNT]",
	.short_options = ":",
	.long_options = long_options,
};

/* Return: an exit status. */
static int show(const struct list *list, const char *file, bool users)
{
	int error;

	if (!file) {
		metrics_print(stdout, list->mounts, list->n, users);
		return EXIT_OK; /* main() looks at the stream */
	}
	error = write_file(file, list, users);
	if (!error)
		return EXIT_OK;
	return usage_failed("spoolctl: metrics", file, strerror(error));
}

int cmd_metrics(int argc, char *argv[])
{
	struct list list = {0};
	const char *file = NULL;
	bool users = true;
	int option, r;

	while ((option = usage_next(&usage, argc, argv)) != -1) {
		if (option == 'u')
			users = false;
		else if (option == 'o')
			file = optarg;
		else
			return option == 'h' ? EXIT_OK : EXIT_USAGE;
	}
	if (argc - optind > 1)
		return usage_error(&usage, argv[optind + 1], "not expected");
	r = optind < argc ? gather_one(&list, argv[optind]) : gather(&list);
	r = r < 0 ? EXIT_FAILED : show(&list, file, users);
	list_free(&list);
	return r;
}
