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

#include "util/macros.h"

/* Looks at the user's directory, before there is a backing in it. */

#define ALLOWED_DIR "allowed: an existing directory, no symbolic link"
#define ALLOWED_USE "allowed: a directory that spoolfs can read and write"
#define ALLOWED_DISK "allowed: a directory on a disk"

/* @what: NULL: what the system says */
static int refuse(char *why, size_t size, int error, const char *what, const char *allowed)
{
	snprintf(why, size, "%s (%s)", what ? what : strerror(error), allowed);
	return -error;
}

/* What cannot be opened as a directory: says what it is instead. */
static int refuse_open(const char *path, int error, char *why, size_t size)
{
	struct stat stat;

	if (error == ENOENT)
		return refuse(why, size, error, "does not exist", ALLOWED_DIR);
	if (error != ENOTDIR && error != ELOOP)
		return refuse(why, size, error, NULL, ALLOWED_USE);
	if (lstat(path, &stat) == 0 && S_ISLNK(stat.st_mode))
		return refuse(why, size, ENOTDIR, "is a symbolic link", ALLOWED_DIR);
	return refuse(why, size, ENOTDIR, "is not a directory", ALLOWED_DIR);
}

/* Whose it is and who may write to it. */
static int check_owner(int fd, char *why, size_t size)
{
	unsigned int uid = geteuid();
	struct stat stat;

	if (fstat(fd, &stat) < 0)
		return refuse(why, size, errno, NULL, ALLOWED_USE);
	if (stat.st_uid != 0 && stat.st_uid != uid) {
		snprintf(why, size, "belongs to uid %u (allowed: a directory of uid %s%u)",
			 (unsigned int)stat.st_uid, uid ? "0 or " : "", uid);
		return -EPERM;
	}
	if ((stat.st_mode & S_IWOTH) && !(stat.st_mode & S_ISVTX))
		return refuse(why, size, EPERM, "others may write to it, and it is not sticky",
			      "allowed: mode 1777, or not writable by others");
	if (faccessat(fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) < 0)
		return refuse(why, size, errno, NULL, ALLOWED_USE);
	return 0;
}

/* What it lies on. */
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

int spool_backing_dir_check(const char *path, bool any, char *why, size_t size)
{
	size_t len = strlen(path);
	char plain[PATH_MAX];
	int fd, r;

	/* a slash at the end would let a symbolic link through */
	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len >= sizeof(plain))
		return refuse_open(path, ENAMETOOLONG, why, size);
	memcpy(plain, path, len);
	plain[len] = '\0';
	fd = open(plain, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return refuse_open(plain, errno, why, size);
	r = check_owner(fd, why, size);
	if (r == 0)
		r = check_filesystem(fd, any, why, size);
	if (r < 0) {
		spool_close(fd);
		return r;
	}
	return fd;
}
