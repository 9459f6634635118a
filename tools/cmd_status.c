/* SPDX-License-Identifier: MIT */

/* spoolctl status: everything is asked of the daemon, through an ioctl on the mount. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cmd.h"
#include "ctl_proto.h"
#include "json.h"
#include "mounts.h"
#include "util/macros.h"
#include "util/parse.h"

static const char *const layouts[] = {"private", "single", "shared"};
static const char *const modes[] = {"owner", "keep", "refuse"};

struct view {
	struct json *json; /* NULL: for people */
	unsigned int shown;
};

static const char *name_of(const char *const *names, size_t n, uint32_t i)
{
	return i < n ? names[i] : "unknown";
}

static void json_usage(struct json *json, const struct spool_ctl_usage *usage)
{
	json_number(json, "size_used", usage->size_used);
	json_limit(json, "size_limit", usage->size_limit);
	json_number(json, "ram_used", usage->ram_used);
	json_limit(json, "ram_limit", usage->ram_limit);
	json_number(json, "inodes_used", usage->inodes_used);
	json_limit(json, "inodes_limit", usage->inodes_limit);
}

static void json_status(struct json *json, const char *mountpoint,
			const struct spool_ctl_status *status)
{
	json_string(json, "mountpoint", mountpoint);
	json_string(json, "version", status->daemon_version);
	json_string(json, "layout", name_of(layouts, 3, status->layout));
	json_string(json, "modes", name_of(modes, 3, status->modes));
	json_string(json, "transport", status->transport);
	json_string(json, "transport_why", status->transport_why);
	json_string(json, "features", status->features);
	json_bool(json, "caller_admin", status->caller_admin);
	json_bool(json, "core_dump_protected", status->protect & SPOOL_CTL_PROTECT_NODUMP);
	json_bool(json, "swap_protected", status->protect & SPOOL_CTL_PROTECT_NOSWAP);
	json_number(json, "supervisor_pid", (uint64_t)status->supervisor_pid);
	json_number(json, "worker_pid", (uint64_t)status->worker_pid);
	json_number(json, "threads", status->threads);
	json_number(json, "uptime_ms", status->uptime_ms);
	json_number(json, "ram_held", status->ram_held);
	json_number(json, "open_files", status->open_files);
	json_number(json, "requests", status->requests);
	json_usage(json, &status->usage);
}

static void print_bytes(const char *what, uint64_t used, uint64_t limit)
{
	char a[16], b[16];

	spool_format_bytes(used, a);
	spool_format_bytes(limit, b);
	printf("  %-12s %8s used of %s\n", what, a, limit == SPOOL_CTL_NO_LIMIT ? "no limit" : b);
}

static void print_status(const char *mountpoint, const struct spool_ctl_status *status)
{
	char held[16];

	printf("%s\n", mountpoint);
	printf("  %-12s layout %s, modes %s, spoolfs %s, up %" PRIu64 " s\n", "mount",
	       name_of(layouts, 3, status->layout), name_of(modes, 3, status->modes),
	       status->daemon_version, status->uptime_ms / 1000);
	printf("  %-12s supervisor %d, worker %d, %u threads\n", "processes",
	       status->supervisor_pid, status->worker_pid, status->threads);
	printf("  %-12s %s (%s)\n", "transport", status->transport, status->transport_why);
	printf("  %-12s RAM only\n", "tiers");
	print_bytes(status->caller_admin ? "size" : "your size", status->usage.size_used,
		    status->usage.size_limit);
	print_bytes(status->caller_admin ? "ram" : "your ram", status->usage.ram_used,
		    status->usage.ram_limit);
	printf("  %-12s %8" PRIu64 " used of %" PRIu64 "\n",
	       status->caller_admin ? "inodes" : "your inodes", status->usage.inodes_used,
	       status->usage.inodes_limit);
	if (status->caller_admin) {
		spool_format_bytes(status->ram_held, held);
		printf("  %-12s %8s held for file data\n", "memory", held);
		printf("  %-12s %8" PRIu64 "\n", "open files", status->open_files);
	}
	printf("  %-12s core dumps: file data are left out\n", "protection");
	printf("  %-12s swap: %s\n", "",
	       status->protect & SPOOL_CTL_PROTECT_NOSWAP ? "file data are never swapped"
							  : "may swap");
	printf("  %-12s %s\n", "features", status->features);
}

static int show_users(int fd, struct json *json)
{
	struct spool_ctl_users *list = malloc(sizeof(*list));
	uint64_t cursor = 0;

	if (!list)
		return -ENOMEM;
	if (!json)
		printf("  %-12s %10s %10s %10s\n", "uid", "size", "ram", "inodes");
	while (cursor != SPOOL_CTL_END) {
		memset(list, 0, sizeof(*list));
		list->version = SPOOL_CTL_VERSION;
		list->cursor = cursor;
		if (ioctl(fd, SPOOL_IOC_USERS, list) < 0) {
			free(list);
			return -errno;
		}
		for (uint32_t i = 0; i < list->count && i < SPOOL_CTL_USERS; i++) {
			const struct spool_ctl_user *user = &list->users[i];
			char size[16], ram[16];

			if (json) {
				json_open(json, NULL, '{');
				json_number(json, "uid", user->uid);
				json_usage(json, &user->usage);
				json_close(json, '}');
				continue;
			}
			spool_format_bytes(user->usage.size_used, size);
			spool_format_bytes(user->usage.ram_used, ram);
			printf("  %-12u %10s %10s %10" PRIu64 "\n", user->uid, size, ram,
			       user->usage.inodes_used);
		}
		cursor = list->cursor;
	}
	free(list);
	return 0;
}

static int say(const char *path, int error)
{
	if (error == ENOTTY)
		fprintf(stderr, "spoolctl: %s: not on a spoolfs mount\n", path);
	else if (error == EPROTO)
		fprintf(stderr, "spoolctl: %s: the daemon is of another version\n", path);
	else
		fprintf(stderr, "spoolctl: %s: %s\n", path, strerror(error));
	return EXIT_FAILED;
}

static int show(void *arg, const char *path)
{
	struct spool_ctl_status status = {.version = SPOOL_CTL_VERSION};
	spool_cleanup(fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct view *view = arg;
	int r;

	if (fd < 0 || ioctl(fd, SPOOL_IOC_STATUS, &status) < 0)
		return say(path, errno);
	view->shown++;
	if (!view->json) {
		print_status(path, &status);
		r = show_users(fd, NULL);
	} else {
		json_open(view->json, NULL, '{');
		json_status(view->json, path, &status);
		json_open(view->json, "users", '[');
		r = show_users(fd, view->json);
		json_close(view->json, ']');
		json_close(view->json, '}');
	}
	return r < 0 ? say(path, -r) : EXIT_OK;
}

/* One mount that cannot be asked does not hide the others. */
static int show_any(void *arg, const char *path)
{
	show(arg, path);
	return 0;
}

static int show_all(struct view *view)
{
	FILE *mountinfo = fopen("/proc/self/mountinfo", "re");
	int r;

	if (!mountinfo) {
		fprintf(stderr, "spoolctl: /proc/self/mountinfo: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	r = mounts_each(mountinfo, show_any, view);
	fclose(mountinfo);
	if (view->shown == 0 && !view->json)
		puts("no spoolfs is mounted here");
	return r == 0 ? EXIT_OK : EXIT_FAILED;
}

int cmd_status(int argc, char *argv[])
{
	struct json json = {.out = stdout, .first = true};
	struct view view = {0};
	const char *path = NULL;
	int r;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			puts("usage: spoolctl status [--json] [MOUNT]\n"
			     "What MOUNT (a mount point or any directory below) is, holds and "
			     "allows;\nwithout MOUNT, every spoolfs mount that can be seen.");
			return EXIT_OK;
		}
		if (strcmp(argv[i], "--json") == 0) {
			view.json = &json;
		} else if (argv[i][0] == '-' || path) {
			fprintf(stderr,
				"spoolctl: status: %s: not expected (allowed: [--json] "
				"[MOUNT])\n",
				argv[i]);
			return EXIT_USAGE;
		} else {
			path = argv[i];
		}
	}
	if (view.json && !path)
		json_open(view.json, NULL, '[');
	r = path ? show(&view, path) : show_all(&view);
	if (view.json && !path)
		json_close(view.json, ']');
	if (view.json && (!path || view.shown))
		putchar('\n');
	return r;
}
