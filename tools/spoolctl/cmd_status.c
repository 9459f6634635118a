/* SPDX-License-Identifier: MIT */

/* spoolctl status: everything is asked of the daemon, through an ioctl on the mount. */

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/json.h"
#include "common/mounts.h"
#include "common/reach.h"
#include "common/usage.h"
#include "ctl/client.h"
#include "ctl/names.h"
#include "spoolctl/cmd.h"
#include "spoolctl/left.h"
#include "spoolctl/lives.h"
#include "spoolctl/requests.h"
#include "spoolctl/tier.h"
#include "spoolctl/users.h"
#include "util/macros.h"
#include "util/parse.h"
#include "util/text.h"

struct view {
	struct json *json; /* NULL: for people */
	unsigned int shown;
	bool failed;
	bool all; /* no mount was named */
};

static void json_usage(struct json *json, const struct spool_ctl_usage *usage)
{
	json_number(json, "size_used", usage->size_used);
	json_limit(json, "size_limit", usage->size_limit);
	json_number(json, "ram_used", usage->ram_used);
	json_limit(json, "ram_limit", usage->ram_limit);
	json_number(json, "inodes_used", usage->inodes_used);
	json_limit(json, "inodes_limit", usage->inodes_limit);
	json_number(json, "size_refused", usage->size_refused);
	json_number(json, "ram_refused", usage->ram_refused);
	json_number(json, "inodes_refused", usage->inodes_refused);
}

/* What is waited for, for people. */
static const char *const waiting_texts[SPOOL_CTL_WAITING_N] = {
	[SPOOL_CTL_WAITING_RELEASE] = "removal", [SPOOL_CTL_WAITING_RAM] = "RAM",
	[SPOOL_CTL_WAITING_DISK] = "the disk",   [SPOOL_CTL_WAITING_NOTIFY] = "the kernel",
	[SPOOL_CTL_WAITING_SPILL] = "spilling",
};

/* The key of queue @i: for machines. */
static const char *waiting_key(unsigned int i, const char *what, char buf[40])
{
	snprintf(buf, 40, "waiting_%s%s", spool_ctl_shown(SPOOL_CTL_QUEUES, i), what);
	return buf;
}

/* An object, null when none waits. */
static void json_oldest(struct json *json, const struct spool_ctl_status *status, unsigned int i)
{
	const struct spool_ctl_oldest *oldest = &status->oldest[i];
	char number[16], key[40];

	waiting_key(i, "_oldest", key);
	if (status->waiting[i] == 0) {
		json_limit(json, key, SPOOL_CTL_NO_LIMIT);
		return;
	}
	json_open(json, key, '{');
	json_number(json, "age_ms", oldest->age_ms);
	json_number(json, "uid", oldest->uid);
	json_string(json, "operation", requests_name(oldest->opcode, number));
	json_close(json, '}');
}

static void json_waiting(struct json *json, const struct spool_ctl_status *status)
{
	char key[40];

	json_number(json, "ring_entries", status->ring_entries);
	json_number(json, "ring_entries_waiting", status->ring_entries_waiting);
	for (unsigned int i = 0; i < SPOOL_CTL_WAITING_N; i++) {
		json_number(json, waiting_key(i, "", key), status->waiting[i]);
		json_oldest(json, status, i);
	}
	json_number(json, "waiting_data", status->waiting_data);
	json_number(json, "waiting_refused", status->waiting_refused);
}

static void print_waiting(const struct spool_ctl_status *status)
{
	char data[16], number[16];

	spool_format_bytes(status->waiting_data, data);
	printf("  %-12s", "waiting");
	for (unsigned int i = 0; i < SPOOL_CTL_WAITING_N; i++)
		printf(" %" PRIu64 " for %s,", status->waiting[i], waiting_texts[i]);
	printf(" %s of data, %" PRIu64 " refused\n", data, status->waiting_refused);
	for (unsigned int i = 0; i < SPOOL_CTL_WAITING_N; i++) {
		const struct spool_ctl_oldest *oldest = &status->oldest[i];

		if (status->waiting[i])
			printf("  %-12s longest for %s: a %s of uid %u, for %" PRIu64 " ms\n", "",
			       waiting_texts[i], requests_name(oldest->opcode, number), oldest->uid,
			       oldest->age_ms);
	}
	if (status->ring_entries)
		printf("  %-12s %u, requests that wait hold %u\n", "ring entries",
		       status->ring_entries, status->ring_entries_waiting);
}

static void json_status(struct json *json, const char *mountpoint,
			const struct spool_ctl_status *status)
{
	json_string(json, "mountpoint", mountpoint);
	json_bool(json, "detached", false);
	json_string(json, "version", status->daemon_version);
	json_string(json, "layout", spool_ctl_shown(SPOOL_CTL_LAYOUTS, status->layout));
	json_string(json, "modes", spool_ctl_shown(SPOOL_CTL_MODES, status->modes));
	json_string(json, "transport", status->transport);
	json_string(json, "transport_why", status->transport_why);
	json_string(json, "features", status->features);
	json_bool(json, "caller_admin", status->caller_admin);
	json_bool(json, "core_dump_protected", status->protect & SPOOL_CTL_PROTECT_NODUMP);
	json_bool(json, "swap_protected", status->protect & SPOOL_CTL_PROTECT_NOSWAP);
	json_string(json, "capabilities", status->capabilities);
	json_string(json, "landlock", status->landlock);
	json_string(json, "seccomp", status->seccomp);
	json_number(json, "supervisor_pid", (uint64_t)status->supervisor_pid);
	json_number(json, "worker_pid", (uint64_t)status->worker_pid);
	json_decimal(json, "nice", status->nice);
	json_number(json, "threads", status->threads);
	json_number(json, "uptime_ms", status->uptime_ms);
	json_number(json, "ram_held", status->ram_held);
	json_number(json, "open_files", status->open_files);
	json_number(json, "requests", status->requests);
	json_number(json, "attempts", status->requests + status->retries);
	json_waiting(json, status);
	json_usage(json, &status->usage);
	json_number(json, "users_size_refused", status->users_refused[0]);
	json_number(json, "users_ram_refused", status->users_refused[1]);
	json_number(json, "users_inodes_refused", status->users_refused[2]);
}

static void print_line(const char *what, const char *text)
{
	printf("  %-12s %s\n", what, text);
}

static void print_bytes(const char *what, uint64_t used, uint64_t limit)
{
	char a[16], b[16];

	spool_format_bytes(used, a);
	spool_format_bytes(limit, b);
	printf("  %-12s %8s used of %s\n", what, a, limit == SPOOL_CTL_NO_LIMIT ? "no limit" : b);
}

static void print_count(const char *what, uint64_t used, uint64_t limit)
{
	if (limit == SPOOL_CTL_NO_LIMIT)
		printf("  %-12s %8" PRIu64 " used of no limit\n", what, used);
	else
		printf("  %-12s %8" PRIu64 " used of %" PRIu64 "\n", what, used, limit);
}

/* "42 s", "3 min 20 s", "5 h 1 min", "12 d 7 h" */
static void format_uptime(uint64_t ms, char *buf, size_t size)
{
	static const struct {
		const char *big, *small;
		uint64_t big_s, small_s;
	} units[] = {{"d", "h", 86400, 3600}, {"h", "min", 3600, 60}, {"min", "s", 60, 1}};
	uint64_t s = ms / 1000;

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(units); i++) {
		if (s < units[i].big_s)
			continue;
		snprintf(buf, size, "%" PRIu64 " %s %" PRIu64 " %s", s / units[i].big_s,
			 units[i].big, s % units[i].big_s / units[i].small_s, units[i].small);
		return;
	}
	snprintf(buf, size, "%" PRIu64 " s", s);
}

/* What protects the files' contents, and what does not. */
static void print_protection(const struct spool_ctl_status *status,
			     const struct spool_ctl_tier *tier)
{
	print_line("core dumps", status->protect & SPOOL_CTL_PROTECT_NODUMP
					 ? "file data are left out"
					 : "file data are in the daemon's");
	print_line("swap", status->protect & SPOOL_CTL_PROTECT_NOSWAP
				   ? "file data are never swapped"
				   : "may swap: encrypt the swap, or turn it off");
	printf("  %-12s %s\n", "capabilities",
	       status->capabilities[0] ? status->capabilities : "none, and none to be gained");
	print_line("landlock", status->landlock);
	print_line("seccomp", status->seccomp);
	tier_print_protection(tier);
	print_line("unmounting", "frees everything; pages of the kernel's cache are freed but not "
				 "zeroed");
}

/* Limits that have refused something, if any has. */
static void print_refused(const char *whose, const uint64_t n[3])
{
	if (n[0] || n[1] || n[2])
		printf("  %-12s %8" PRIu64 " for size, %" PRIu64 " for ram, %" PRIu64
		       " for inodes%s\n",
		       "refused", n[0], n[1], n[2], whose);
}

static void print_status(const char *mountpoint, const struct spool_ctl_status *status,
			 const struct spool_ctl_tier *tier, const struct lives *lives)
{
	const struct spool_ctl_usage *usage = &status->usage;
	bool all = status->caller_admin;
	char uptime[32], held[16];

	format_uptime(status->uptime_ms, uptime, sizeof(uptime));
	spool_text_put(stdout, mountpoint);
	putchar('\n');
	printf("  %-12s layout %s, modes %s, spoolfs %s, up %s\n", "mount",
	       spool_ctl_shown(SPOOL_CTL_LAYOUTS, status->layout),
	       spool_ctl_shown(SPOOL_CTL_MODES, status->modes), status->daemon_version, uptime);
	printf("  %-12s supervisor %d, worker %d, %u threads, nice %d\n", "processes",
	       status->supervisor_pid, status->worker_pid, status->threads, status->nice);
	printf("  %-12s %s (%s)\n", "transport", status->transport, status->transport_why);
	tier_print(tier, all);
	lives_print(lives, all);
	print_bytes(all ? "size" : "your size", usage->size_used, usage->size_limit);
	print_bytes(all ? "ram" : "your ram", usage->ram_used, usage->ram_limit);
	print_count(all ? "inodes" : "your inodes", usage->inodes_used, usage->inodes_limit);
	print_refused("",
		      (uint64_t[]){usage->size_refused, usage->ram_refused, usage->inodes_refused});
	print_refused(", by the limits of users", status->users_refused);
	if (all) {
		spool_format_bytes(status->ram_held, held);
		printf("  %-12s %8s held for file data\n", "memory", held);
		printf("  %-12s %8" PRIu64 "\n", "open files", status->open_files);
		printf("  %-12s %8" PRIu64 " in %" PRIu64 " attempts\n", "requests",
		       status->requests, status->requests + status->retries);
		print_waiting(status);
	}
	print_protection(status, tier);
	print_line("features", status->features);
}

/* "12K of 80M" */
static void format_use(uint64_t used, uint64_t limit, char *buf, size_t size)
{
	char a[16], b[16];

	spool_format_bytes(used, a);
	spool_format_bytes(limit, b);
	snprintf(buf, size, "%s of %s", a, limit == SPOOL_CTL_NO_LIMIT ? "no limit" : b);
}

static void print_user(const struct spool_ctl_user *user)
{
	const struct spool_ctl_usage *usage = &user->usage;
	char size[40], ram[40];

	format_use(usage->size_used, usage->size_limit, size, sizeof(size));
	format_use(usage->ram_used, usage->ram_limit, ram, sizeof(ram));
	printf("  %-12u %20s %20s", user->uid, size, ram);
	if (usage->inodes_limit == SPOOL_CTL_NO_LIMIT)
		printf(" %10" PRIu64 " of no limit\n", usage->inodes_used);
	else
		printf(" %10" PRIu64 " of %" PRIu64 "\n", usage->inodes_used, usage->inodes_limit);
}

static void json_user(struct json *json, const struct spool_ctl_user *user)
{
	json_open(json, NULL, '{');
	json_number(json, "uid", user->uid);
	json_number(json, "waiting", user->waiting);
	json_limit(json, "requests", user->requests);
	json_number(json, "disk_used", user->disk);
	json_usage(json, &user->usage);
	json_close(json, '}');
}

/* @ctx: a struct json, or NULL */
static int show_page(void *ctx, const struct spool_ctl_users *page)
{
	for (uint32_t i = 0; i < page->count; i++) {
		if (ctx)
			json_user(ctx, &page->users[i]);
		else
			print_user(&page->users[i]);
	}
	return 0;
}

/* Return: 0; -errno of the daemon's answer. */
static int show_users(int fd, struct json *json)
{
	if (!json)
		printf("  %-12s %20s %20s %10s\n", "uid", "size", "ram", "inodes");
	return users_ask(fd, show_page, json);
}

/* Asks for the status. Return: a descriptor of @path for more questions; -errno. */
static int ask(const char *path, struct spool_ctl_status *ret)
{
	int fd = reach_mount(path, false), r;

	*ret = (struct spool_ctl_status){.version = SPOOL_CTL_VERSION};
	if (fd < 0)
		return fd;
	r = spool_ctl_call(fd, SPOOL_IOC_STATUS, ret);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

static void print_failure(const char *path, int r)
{
	usage_failed("spoolctl: status", path, spool_ctl_reason(-r));
}

/* Return: 0; -errno, after a line, with nothing shown. */
static int show(struct view *view, const char *path)
{
	struct spool_ctl_status status;
	struct spool_ctl_tier tier;
	struct lives lives;
	spool_cleanup(fd) int fd = ask(path, &status);
	int r = fd < 0 ? fd : tier_ask(fd, &tier);

	if (r == 0)
		r = lives_ask(fd, &lives);
	if (r < 0 && view->all && !mounts_has(path))
		return 0;
	if (r < 0 && !view->all && left_show(view->json, path) > 0) {
		view->shown++;
		return 0;
	}
	if (r < 0) {
		print_failure(path, r);
		return r;
	}
	view->shown++;
	if (view->json) {
		json_open(view->json, NULL, '{');
		json_status(view->json, path, &status);
		tier_json(view->json, &tier);
		lives_json(view->json, &lives);
		json_open(view->json, "users", '[');
		r = show_users(fd, view->json);
		json_close(view->json, ']');
		if (r == 0)
			r = requests_json(fd, view->json);
		json_close(view->json, '}');
	} else {
		print_status(path, &status, &tier, &lives);
		r = show_users(fd, NULL);
	}
	if (r < 0)
		print_failure(path, r);
	return r;
}

/* A mount that cannot be asked does not hide the others. The mounts of other users are closed to
 * everybody, root included, so that EACCES is no failure. */
static int show_any(void *arg, const struct mounts_entry *entry)
{
	struct view *view = arg;
	int r = show(view, entry->path);

	view->failed |= r < 0 && r != -EACCES;
	return 0;
}

static int show_all(struct view *view)
{
	FILE *mountinfo = fopen("/proc/self/mountinfo", "re");
	int r, left;

	if (!mountinfo) {
		fprintf(stderr, "spoolctl: status: /proc/self/mountinfo: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	view->all = true;
	if (view->json)
		json_open(view->json, NULL, '[');
	r = mounts_each(mountinfo, show_any, view);
	fclose(mountinfo);
	left = left_show(view->json, NULL);
	if (left < 0)
		fprintf(stderr, "spoolctl: status: /proc: %s\n", strerror(-left));
	view->failed |= left < 0;
	view->shown += left > 0;
	if (view->json)
		json_close(view->json, ']');
	else if (view->shown == 0)
		fputs("no spoolfs mount can be asked here", stdout);
	if (view->json || view->shown == 0)
		putchar('\n');
	return r == 0 && !view->failed ? EXIT_OK : EXIT_FAILED;
}

static int show_one(struct view *view, const char *path)
{
	int r = show(view, path);

	if (view->json && view->shown)
		putchar('\n');
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}

static const struct option long_options[] = {
	{"json", no_argument, NULL, 'j'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct usage usage = {
	.who = "spoolctl: status",
	.help = "usage: spoolctl status [--json] [--] [MOUNT]\n"
		"What MOUNT (a mount point or any directory below) is, holds and allows;\n"
		"without MOUNT, every spoolfs mount that can be seen, and every one that is\n"
		"unmounted here and served still.",
	.allowed = "[--json] [--] [MOUNT]",
	.short_options = ":",
	.long_options = long_options,
};

int cmd_status(int argc, char *argv[])
{
	struct json json = {.out = stdout, .first = true};
	struct view view = {0};
	int option;

	while ((option = usage_next(&usage, argc, argv)) != -1) {
		if (option != 'j')
			return option == 'h' ? EXIT_OK : EXIT_USAGE;
		view.json = &json;
	}
	if (argc - optind > 1)
		return usage_error(&usage, argv[optind + 1], "not expected");
	return optind < argc ? show_one(&view, argv[optind]) : show_all(&view);
}
