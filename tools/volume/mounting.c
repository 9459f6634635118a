/* SPDX-License-Identifier: MIT */
#include "volume/mounting.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "common/options.h"
#include "common/processes.h"
#include "ctl/client.h"
#include "util/macros.h"
#include "volume/program.h"
#include "volume/table.h"

/* A volume is for the users of its containers, who share it as they like: there is no user to whom
 * something of it is to be kept. */
#define ALL_FOR_ALL "layout=shared,user_size=100%,user_inodes=100%,user_ram=100%"

#define MS_PER_S 1000u
#define NS_PER_MS 1000000u

/* A mount whose daemon was killed goes within 2 s (spoolfs(8)), looked at so often. A guess. */
#define GOES_MS 2500u
#define GOES_STEP_MS 20

/* A daemon is given so long to start (program.c). */
#define SETTLE_MS 60000u

const char *mounting_path(const char *dir, const char *name, char *ret)
{
	snprintf(ret, PATH_MAX, "%s/%s", dir, name);
	return ret;
}

static uint64_t now_ms(void *ctx)
{
	struct timespec now;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * MS_PER_S + (uint64_t)now.tv_nsec / NS_PER_MS;
}

/* Each start of a daemon holds it, for the next plugin, by its standard input, which the daemon
 * lets go when it serves. Return: a descriptor; -1. */
static int lock_start(const char *dir, int how)
{
	spool_cleanup(fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && flock(fd, how | LOCK_NB) == 0 ? spool_steal_fd(&fd) : -1;
}

void mounting_settle(const char *dir)
{
	uint64_t end = now_ms(NULL) + SETTLE_MS;
	spool_cleanup(fd) int fd = lock_start(dir, LOCK_EX);

	if (fd < 0)
		fprintf(stderr,
			"spoolfs-volume: %s: waits for a daemon that was being started here\n",
			dir);
	while (fd < 0 && now_ms(NULL) < end) {
		poll(NULL, 0, GOES_STEP_MS);
		fd = lock_start(dir, LOCK_EX);
	}
}

struct spoolfs_arguments {
	const struct mounting *mounting;
	const char *name, *options;
	bool check;
};

static int run_spoolfs(const struct spoolfs_arguments *arguments, char *why, size_t size)
{
	static char check[] = "--check", dash_o[] = "-o", dashes[] = "--";
	const struct mounting *mounting = arguments->mounting;
	spool_cleanup(free) char *options = strdup(ALL_FOR_ALL);
	char path[PATH_MAX], name[VOLUME_NAME_MAX + 1], program[PATH_MAX];
	char *argv[] = {program, dash_o, NULL, dashes, name, path, NULL, NULL};
	spool_cleanup(fd) int start = -1;

	if (!options || options_join(&options, mounting->defaults) < 0 ||
	    options_join(&options, arguments->options) < 0) {
		snprintf(why, size, "no memory for the options");
		return -ENOMEM;
	}
	mounting_path(mounting->dir, arguments->name, path);
	strcpy(name, arguments->name);
	strcpy(program, mounting->program);
	argv[2] = options;
	if (arguments->check) {
		memmove(&argv[4], &argv[3], 3 * sizeof(argv[0]));
		argv[3] = check;
	} else {
		start = lock_start(mounting->dir, LOCK_SH);
	}
	return program_run(argv, start, why, size);
}

static int check_options(void *ctx, const char *name, const char *options, char *why, size_t size)
{
	return run_spoolfs(&(struct spoolfs_arguments){ctx, name, options, true}, why, size);
}

struct search {
	const char *path;
	dev_t device;
};

/* The last one on the same path covers the others. */
static int has_path(void *arg, const struct table_mount *mount)
{
	struct search *search = arg;

	if (strcmp(mount->path, search->path) == 0)
		search->device = mount->device;
	return 0;
}

static int each_mount(int (*fn)(void *arg, const struct table_mount *mount), void *arg)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	int r = file ? table_each(file, fn, arg) : -errno;

	if (file)
		fclose(file);
	return r;
}

static dev_t device_of(void *ctx, const char *name)
{
	const struct mounting *mounting = ctx;
	char path[PATH_MAX];
	struct search search = {.path = mounting_path(mounting->dir, name, path)};
	int r = each_mount(has_path, &search);

	if (r < 0)
		fprintf(stderr, "spoolfs-volume: the mount table: %s\n", strerror(-r));
	return search.device;
}

struct each {
	const struct mounting *mounting;
	void (*fn)(void *arg, const char *name);
	void *arg;
};

static int tell_name(void *arg, const struct table_mount *mount)
{
	const struct each *each = arg;
	size_t len = strlen(each->mounting->dir);

	if (strncmp(mount->path, each->mounting->dir, len) == 0 && mount->path[len] == '/' &&
	    volume_name_is_right(mount->path + len + 1))
		each->fn(each->arg, mount->path + len + 1);
	return 0;
}

static void each_name(void *ctx, void (*fn)(void *arg, const char *name), void *arg)
{
	struct each each = {ctx, fn, arg};

	each_mount(tell_name, &each);
}

static int umount_path(const void *path)
{
	return umount2(path, UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
}

static int discard_path(const void *path)
{
	return umount2(path, UMOUNT_NOFOLLOW | MNT_DETACH) < 0 ? -errno : 0;
}

static int unmount(void *ctx, const char *name)
{
	const struct mounting *mounting = ctx;
	char path[PATH_MAX];
	int r = program_call(umount_path, mounting_path(mounting->dir, name, path));

	if (r < 0 && r != -EINVAL && r != -ENOENT) /* not mounted, no mount point */
		return r;
	rmdir(path); /* nobody else makes one; the next mount finds one that is left */
	return 0;
}

static void discard(void *ctx, const char *name)
{
	const struct mounting *mounting = ctx;
	char path[PATH_MAX];
	int r = program_call(discard_path, mounting_path(mounting->dir, name, path));

	if (r < 0 && r != -EINVAL)
		fprintf(stderr, "spoolfs-volume: %s: cannot be unmounted: %s\n", name,
			strerror(-r));
	rmdir(path);
}

/* A daemon that has failed says what was missing, and nothing is mounted. */
static int mount_volume(void *ctx, const char *name, const char *options, dev_t *ret, char *why,
			size_t size)
{
	const struct mounting *mounting = ctx;
	char path[PATH_MAX];
	int r;

	if (mkdir(mounting_path(mounting->dir, name, path), 0700) < 0 && errno != EEXIST) {
		r = -errno;
		snprintf(why, size, "%s: %s", path, strerror(-r));
		return r;
	}
	r = run_spoolfs(&(struct spoolfs_arguments){mounting, name, options, false}, why, size);
	if (r == 0) {
		*ret = device_of(ctx, name);
		if (*ret)
			return 0;
		snprintf(why, size, "%s: not mounted, though spoolfs says so", path);
		r = -EIO;
	}
	unmount(ctx, name);
	return r;
}

/* Return: 0: it answers; -errno: it does not, or cannot be asked. */
static int ask(dev_t device, struct spool_ctl_status *ret)
{
	spool_cleanup(fd) int fd = spool_ctl_connect(geteuid(), device);

	*ret = (struct spool_ctl_status){.version = SPOOL_CTL_VERSION};
	return fd < 0 ? fd : spool_ctl_call(fd, SPOOL_IOC_STATUS, ret);
}

static int has_device(void *arg, const struct table_mount *mount)
{
	const dev_t *device = arg;

	return mount->device == *device;
}

/* A daemon that has just ended has removed its socket already, and its mount goes next; one that
 * could not make a socket has a mount that stays. */
static bool stays(dev_t device)
{
	uint64_t end = now_ms(NULL) + GOES_MS;

	do {
		if (each_mount(has_device, &device) == 0)
			return false;
		poll(NULL, 0, GOES_STEP_MS);
	} while (now_ms(NULL) < end);
	return true;
}

static int watch(void *ctx, pid_t pid)
{
	int fd = pidfd_open(pid, 0);

	(void)ctx;
	return fd < 0 ? -errno : fd;
}

static int daemon_watch(void *ctx, dev_t device, int ret[VOLUME_DAEMON_FDS])
{
	struct spool_ctl_status status;
	int r = ask(device, &status);

	if (r == 0) {
		spool_cleanup(fd) int supervisor = watch(ctx, status.supervisor_pid);
		int worker = watch(ctx, status.worker_pid);

		if (supervisor < 0 || worker < 0) {
			spool_close(worker);
			return supervisor < 0 ? supervisor : worker;
		}
		ret[0] = spool_steal_fd(&supervisor);
		ret[1] = worker;
		return 0;
	}
	if (r == -ENOENT)
		return stays(device) ? r : -ESRCH;
	return r == -ECONNREFUSED || r == -ECONNABORTED || r == -ECONNRESET ? -ESRCH : r;
}

static int probe_path(const void *path)
{
	struct statfs ignored;

	return statfs(path, &ignored) < 0 ? -errno : 0;
}

static int probe(void *ctx, const char *name)
{
	const struct mounting *mounting = ctx;
	char path[PATH_MAX];

	return program_call(probe_path, mounting_path(mounting->dir, name, path));
}

static int64_t open_files(void *ctx, dev_t device)
{
	struct spool_ctl_status status;
	int r = ask(device, &status);

	(void)ctx;
	return r < 0 ? r : (int64_t)status.open_files;
}

static int find_users(void *ctx, const struct volume_engine *engines, size_t n, struct user **ret,
		      size_t *ret_n)
{
	const struct mounting *mounting = ctx;
	const struct users_question question = {
		.proc = "/proc", .dir = mounting->dir, .engines = engines, .n_engines = n};

	return users_find(&question, ret, ret_n);
}

/* The number may be another process's by now; what has ended and is not waited for is no engine. */
static int engine_watch(void *ctx, const struct volume_engine *engine)
{
	spool_cleanup(fd) int fd = watch(ctx, engine->pid);
	struct pollfd ended = {.fd = fd, .events = POLLIN};
	struct process process;

	if (fd < 0)
		return fd;
	if (!processes_read("/proc", engine->pid, &process) || process.start != engine->start ||
	    poll(&ended, 1, 0) > 0)
		return -ESRCH;
	return spool_steal_fd(&fd);
}

struct volume_host mounting_host(struct mounting *mounting)
{
	return (struct volume_host){
		.ctx = mounting,
		.check = check_options,
		.mount = mount_volume,
		.unmount = unmount,
		.discard = discard,
		.each = each_name,
		.device = device_of,
		.daemon = daemon_watch,
		.probe = probe,
		.open_files = open_files,
		.users = find_users,
		.watch = watch,
		.engine_watch = engine_watch,
		.now_ms = now_ms,
	};
}
