/* SPDX-License-Identifier: MIT */
#include "hook/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "hook/say.h"
#include "util/macros.h"

/* A mount of its own, of which nobody else is a peer. Return: a descriptor; -1. */
static int copy_of(const char *dir)
{
	struct mount_attr attr = {.propagation = MS_PRIVATE};
	spool_cleanup(fd) int tree = open_tree(AT_FDCWD, dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -1;
	return spool_steal_fd(&tree);
}

static int enter_mounts_of(pid_t pid)
{
	char path[64];
	spool_cleanup(fd) int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -1 : setns(fd, CLONE_NEWNS);
}

static int open_below(int root, const char *path)
{
	const struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
				     .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* Opens the directory, and makes those that are missing. Return: a descriptor; -1. */
static int reach(int root, const char *path)
{
	char way[PATH_MAX];
	size_t done = 0;
	spool_cleanup(fd) int at = open_below(root, "/");

	if (snprintf(way, sizeof(way), "%s", path) >= (int)sizeof(way)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	while (at >= 0 && path[done] == '/') {
		const char *name = way + done + 1;
		int next;

		done += 1 + strcspn(name, "/");
		way[done] = '\0';
		/* by the whole way: ".." of a symbolic link may lead up from here */
		next = open_below(root, way);
		if (next < 0 && errno == ENOENT && mkdirat(at, name, 0755) == 0)
			next = open_below(root, way);
		way[done] = path[done];
		spool_close(at);
		at = next;
	}
	return spool_steal_fd(&at);
}

/* A runtime takes what it finds there for the kernel's word. */
static int is_the_kernels(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC);
}

/* As it is told without a request to the daemon. */
static bool is_mounted_already(int tree, int target)
{
	const int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
	struct statx ours, found;

	return statx(tree, "", flags, 0, &ours) == 0 && statx(target, "", flags, 0, &found) == 0 &&
	       found.stx_attributes & STATX_ATTR_MOUNT_ROOT &&
	       found.stx_dev_major == ours.stx_dev_major &&
	       found.stx_dev_minor == ours.stx_dev_minor;
}

int attach_mount(const char *dir, pid_t pid, const char *root, const char *path, FILE *errors)
{
	spool_cleanup(fd) int tree = copy_of(dir), top = -1, target = -1;

	if (tree < 0)
		return hook_refuse(errors, "open_tree", dir, strerror(errno));
	if (enter_mounts_of(pid) < 0)
		return hook_refuse(errors, "mounts of the container", NULL, strerror(errno));
	top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return hook_refuse(errors, "root of the container", root, strerror(errno));
	target = reach(top, path);
	if (target < 0)
		return hook_refuse(errors, "path", path, strerror(errno));
	if (is_mounted_already(tree, target))
		return 0;
	if (is_the_kernels(target))
		return hook_refuse(errors, "path", path, "in /proc or /sys (allowed: elsewhere)");
	if (move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return hook_refuse(errors, "mount", path, strerror(errno));
	return 0;
}
