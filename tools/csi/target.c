/* SPDX-License-Identifier: MIT */
#include "csi/target.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/background.h"
#include "common/mounts.h"
#include "common/options.h"
#include "common/reach.h"
#include "common/usage.h"
#include "util/macros.h"

/* One tree of many ids, and all that is in it is one pod's. */
#define OPTIONS "layout=shared,user_size=100%,user_inodes=100%,user_ram=100%"

#define WHO "spoolfs-csi"

static enum grpc_status failed(char error[GRPC_ERROR], const char *path, int number)
{
	snprintf(error, GRPC_ERROR, "%s: %s", path, strerror(number));
	return GRPC_INTERNAL;
}

static int is_this(void *arg, const struct mounts_entry *entry)
{
	return strcmp(arg, entry->path) == 0;
}

/* The directory of all pods may be behind a link, and the mount table has none. */
static bool is_mounted(const char *path)
{
	FILE *table = fopen("/proc/self/mountinfo", "re");
	char real[PATH_MAX];
	int r;

	reach_path(path, real);
	r = table ? mounts_each(table, is_this, real) : 0;
	if (table)
		fclose(table);
	return r == 1;
}

/* Its daemon was killed. */
static bool is_dead(const char *path)
{
	int fd = reach_mount(path, false);

	spool_close(fd);
	return fd == -ENOTCONN || fd == -ECONNABORTED;
}

/* What the daemon has said, without the newline at the end. */
static void read_lines(int lines, char error[GRPC_ERROR])
{
	ssize_t n = pread(lines, error, GRPC_ERROR - 1, 0);

	error[n > 0 ? n : 0] = '\0';
	error[strcspn(error, "\n")] = '\0';
	if (!*error)
		snprintf(error, GRPC_ERROR, "spoolfs has failed, and not said why");
}

static enum grpc_status start(const struct target_settings *settings, const char *path,
			      const char *options, char error[GRPC_ERROR])
{
	spool_cleanup(fd) int lines = memfd_create(WHO, MFD_CLOEXEC);
	char cgroup[PATH_MAX];
	int r;

	if (lines < 0)
		return failed(error, "memfd", errno);
	if (settings->cgroup)
		snprintf(cgroup, sizeof(cgroup), "%s/cgroup.procs", settings->cgroup);
	r = background_mount(WHO, NULL, options, WHO, path, -1, lines,
			     settings->cgroup ? cgroup : NULL);
	if (r == EXIT_OK)
		return GRPC_OK;
	read_lines(lines, error);
	return r == EXIT_USAGE ? GRPC_INVALID_ARGUMENT : GRPC_INTERNAL;
}

enum grpc_status target_mount(const struct target_settings *settings, const char *path,
			      const char *options, char error[GRPC_ERROR])
{
	spool_cleanup(free) char *list = strdup(OPTIONS);
	enum grpc_status status;

	if (!list || options_join(&list, options) < 0 || options_join(&list, settings->options) < 0)
		return failed(error, path, ENOMEM);
	if (is_mounted(path)) {
		status = is_dead(path) ? target_unmount(path, error) : GRPC_OK;
		if (status != GRPC_OK || is_mounted(path))
			return status;
	}
	if (mkdir(path, 0750) < 0 && errno != EEXIST)
		return failed(error, path, errno);
	status = start(settings, path, list, error);
	if (status != GRPC_OK)
		rmdir(path);
	return status;
}

enum grpc_status target_unmount(const char *path, char error[GRPC_ERROR])
{
	/* nothing is asked of the mount: its daemon may be dead */
	if (is_mounted(path) && umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return failed(error, path, errno);
	if (rmdir(path) < 0 && errno != ENOENT)
		return failed(error, path, errno);
	return GRPC_OK;
}
