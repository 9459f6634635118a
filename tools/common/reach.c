/* SPDX-License-Identifier: MIT */
#include "common/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/detached.h"
#include "common/mounts.h"
#include "ctl/client.h"
#include "util/descriptors.h"
#include "util/macros.h"

/* How long a request may take before we take it for one that hangs: more than any that a busy
 * machine answers. A guess. */
#define HANG_MS 3000

struct search {
	char path[PATH_MAX]; /* of the mount point, as the mount table has it */
	dev_t opened;        /* of the directory; 0: there is none */
	bool is_ours;        /* that is on a mount of ours */
	dev_t device;        /* of the mount; 0: none was found */
	uid_t uid;           /* whose daemon it has */
};

/* The path with the links above its last part resolved: that part may not be open to us, and where
 * it hangs nothing behind it is looked at. */
static void make_absolute(const char *path, bool hangs, char ret[PATH_MAX])
{
	spool_cleanup(free) char *for_dir = strdup(path), *for_base = strdup(path), *dir = NULL;

	snprintf(ret, PATH_MAX, "%s", path);
	if (!for_dir || !for_base)
		return;
	if (!hangs &&
	    (strcmp(basename(for_base), ".") == 0 || strcmp(basename(for_base), "..") == 0))
		dir = realpath(path, NULL);
	if (dir) {
		snprintf(ret, PATH_MAX, "%s", dir);
		return;
	}
	dir = realpath(dirname(for_dir), NULL);
	if (dir)
		snprintf(ret, PATH_MAX, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir,
			 basename(for_base));
}

void reach_path(const char *path, char *ret)
{
	make_absolute(path, false, ret);
}

/* The last one on the same path covers the others. */
static int look_at_mount(void *arg, const struct mounts_entry *entry)
{
	struct search *search = arg;

	search->is_ours |= search->opened && entry->device == search->opened;
	if (strcmp(entry->path, search->path) == 0) {
		search->device = entry->device;
		search->uid = entry->uid;
	}
	return 0;
}

static void look_at_mounts(struct search *search)
{
	FILE *mountinfo = fopen("/proc/self/mountinfo", "re");

	if (!mountinfo)
		return;
	mounts_each(mountinfo, look_at_mount, search);
	fclose(mountinfo);
}

static void look_at_detached(struct search *search)
{
	struct detached *all;
	size_t n;

	if (detached_find("/proc", "/sys/fs/fuse/connections", &all, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(all[i].record.mountpoint, search->path) == 0) {
			search->device = all[i].record.device;
			search->uid = all[i].uid;
		}
	}
	detached_free(all, n);
}

static _Noreturn void ask(const char *path, int (*open_it)(const char *path), int alive)
{
	struct spool_ctl_status status = {.version = SPOOL_CTL_VERSION};
	int fd;

	/* nobody is to wait for us, who reads what the command prints */
	spool_stdio_to_null(STDERR_FILENO);
	spool_keep_descriptors(&alive, 1);
	fd = open_it(path);
	if (fd >= 0)
		spool_ctl_call(fd, SPOOL_IOC_STATUS, &status);
	_exit(0);
}

/* Return: whether @open_it(@path), and a call by what it opens, take longer than HANG_MS. */
static bool hangs(const char *path, int (*open_it)(const char *path))
{
	struct pollfd alive = {.fd = -1};
	int fds[2], n;
	pid_t pid;

	if (pipe(fds) < 0)
		return false;
	pid = fork();
	if (pid == 0)
		ask(path, open_it, fds[1]);
	close(fds[1]);
	alive.fd = fds[0];
	do
		n = pid < 0 ? 1 : poll(&alive, 1, HANG_MS);
	while (n < 0 && errno == EINTR);
	close(fds[0]);
	if (n != 0 && pid > 0)
		waitpid(pid, NULL, 0);
	return n == 0;
}

bool reach_hangs(const char *path)
{
	return hangs(path, spool_ctl_open);
}

int reach_mount(const char *path, bool detached)
{
	struct search search = {0};
	struct stat attr;
	int fd = -EAGAIN, by_socket = -ENOENT;
	bool hangs = reach_hangs(path);

	make_absolute(path, hangs, search.path);
	look_at_mounts(&search);
	if (search.device)
		by_socket = spool_ctl_connect(search.uid, search.device);
	if (hangs)
		return by_socket >= 0 ? by_socket : -ETIMEDOUT;
	fd = spool_ctl_open(path);
	if (fd >= 0 && fstat(fd, &attr) == 0) {
		search.opened = attr.st_dev;
		look_at_mounts(&search);
	}
	if (!search.is_ours && !search.device && detached) {
		look_at_detached(&search);
		if (search.device)
			by_socket = spool_ctl_connect(search.uid, search.device);
	}
	if (search.is_ours || by_socket < 0) {
		spool_close(by_socket);
		return fd;
	}
	spool_close(fd);
	return by_socket;
}

int reach_directory(const char *dir)
{
	return reach_hangs(dir) ? -ETIMEDOUT : spool_ctl_open(dir);
}

static int open_file(const char *path, char ret_name[REACH_NAME])
{
	spool_cleanup(free) char *for_dir = strdup(path), *for_base = strdup(path);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const char *name;

	*ret_name = '\0';
	if (fd >= 0)
		return fd;
	if (errno != ENOTDIR && errno != ELOOP)
		return -errno;
	if (!for_dir || !for_base)
		return -ENOMEM;
	name = basename(for_base);
	if (strlen(name) >= REACH_NAME)
		return -ENAMETOOLONG;
	strcpy(ret_name, name);
	return spool_ctl_open(dirname(for_dir));
}

static int open_unnamed(const char *path)
{
	char name[REACH_NAME];

	return open_file(path, name);
}

int reach_file(const char *path, char ret_name[REACH_NAME])
{
	*ret_name = '\0';
	return hangs(path, open_unnamed) ? -ETIMEDOUT : open_file(path, ret_name);
}
