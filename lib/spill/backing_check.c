/* SPDX-License-Identifier: MIT */
#include "spill/backing_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "spill/backing_internal.h"
#include "util/macros.h"

/* Checks the directory that the user has named, before a backing is made in it. */

#define ALLOWED_DIR "allowed: an existing directory, no symbolic link"
#define ALLOWED_USE "allowed: a directory that spoolfs can read and write"
#define ALLOWED_DISK "allowed: a directory on a disk"
#define ALLOWED_NFS                                                                           \
	"allowed: of mode 1777, or exported with no_root_squash: root has no rights on this " \
	"NFS server"

/* @what: NULL: strerror(@error) is shown */
static int refuse(char *why, size_t size, int error, const char *what, const char *allowed)
{
	snprintf(why, size, "%s (%s)", what ? what : strerror(error), allowed);
	return -error;
}

/* @stat: of the filesystem. Root may do everything but for one reason: to most NFS servers it is
 * another user. */
static int refuse_use(int error, const struct statfs *stat, char *why, size_t size)
{
	bool squashed = error == EACCES && geteuid() == 0 && stat->f_type == NFS_SUPER_MAGIC;

	return refuse(why, size, error, NULL, squashed ? ALLOWED_NFS : ALLOWED_USE);
}

/* @path cannot be opened as a directory. Says what it is. */
static int refuse_open(const char *path, int error, char *why, size_t size)
{
	struct statfs fs = {0};
	struct stat stat;

	if (error == ENOENT)
		return refuse(why, size, error, "does not exist", ALLOWED_DIR);
	if (error != ENOTDIR && error != ELOOP) {
		statfs(path, &fs);
		return refuse_use(error, &fs, why, size);
	}
	if (lstat(path, &stat) == 0 && S_ISLNK(stat.st_mode))
		return refuse(why, size, ENOTDIR, "is a symbolic link", ALLOWED_DIR);
	return refuse(why, size, ENOTDIR, "is not a directory", ALLOWED_DIR);
}

/* Checks that the daemon can use the directory, also after it has given up its capabilities. */
static int check_access(int fd, char *why, size_t size)
{
	struct statfs fs = {0};
	struct stat stat;

	if (fstat(fd, &stat) < 0 || faccessat(fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) < 0) {
		int error = errno;

		fstatfs(fd, &fs);
		return refuse_use(error, &fs, why, size);
	}
	if (stat.st_uid == geteuid() && (stat.st_mode & S_IRWXU) != S_IRWXU)
		return refuse(why, size, EACCES, NULL, ALLOWED_USE);
	return 0;
}

/* Checks that the filesystem is on a disk. */
static int check_filesystem(int fd, bool any, char *why, size_t size)
{
	struct statfs stat;

	if (fstatfs(fd, &stat) < 0)
		return refuse(why, size, errno, NULL, ALLOWED_DISK);
	switch ((uint32_t)stat.f_type) {
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
		if (any)
			return 0;
		return refuse(why, size, EOPNOTSUPP, "is on a filesystem in memory",
			      ALLOWED_DISK "; any with backing_any=on");
	case FUSE_SUPER_MAGIC: /* maybe this very mount */
		return refuse(why, size, EOPNOTSUPP, "is on a FUSE filesystem", ALLOWED_DISK);
	default:
		return 0;
	}
}

/*
 * Copies @path without "." and superfluous slashes. With one of them at the end of the path a
 * symbolic link would be followed. Return: 0; -ENAMETOOLONG; -EINVAL: it has "..", which
 * goes up from wherever a link has led to.
 */
static int simplify(const char *path, char plain[PATH_MAX])
{
	size_t used = 0;

	if (*path == '/')
		plain[used++] = '/';
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && memcmp(path, "..", 2) == 0)
			return -EINVAL;
		if (len > 0 && !(len == 1 && *path == '.')) {
			if (used + len + 2 > PATH_MAX)
				return -ENAMETOOLONG;
			if (used > 0 && plain[used - 1] != '/')
				plain[used++] = '/';
			memcpy(plain + used, path, len);
			used += len;
		}
		path += len + (path[len] == '/');
	}
	plain[used] = '\0';
	return 0;
}

int spool_backing_dir_check(const char *path, bool any, char *why, size_t size)
{
	char plain[PATH_MAX];
	int fd, r;

	r = simplify(path, plain);
	if (r == -EINVAL)
		return refuse(why, size, EINVAL, "leads upwards", "allowed: a path without \"..\"");
	if (r < 0)
		return refuse_open(path, -r, why, size);
	fd = open(plain, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return refuse_open(plain, errno, why, size);
	r = backing_check_writers(fd, why, size);
	if (r == 0)
		r = check_access(fd, why, size);
	if (r == 0)
		r = backing_check_links(plain, why, size);
	if (r == 0)
		r = backing_check_above(fd, why, size);
	if (r == 0)
		r = check_filesystem(fd, any, why, size);
	if (r < 0) {
		spool_close(fd);
		return r;
	}
	return fd;
}
