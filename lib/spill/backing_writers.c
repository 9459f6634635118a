/* SPDX-License-Identifier: MIT */
#include "spill/backing_internal.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>

#include "util/macros.h"

/* An ACL of so many bytes has 500 entries; ext4 allows some 500, xfs 25 (acl(5)), a guess. */
#define ACL_MAX 4096

/* Bytes of a path in a message. */
#define PATH_END 24

static bool is_foreign_user(uint32_t uid)
{
	return uid != 0 && uid != geteuid();
}

static bool is_foreign_group(uint32_t gid)
{
	return gid != 0 && gid != getegid();
}

/* May somebody that the ACL names write? @mask: what the group bits of the mode leave them. */
static bool acl_lets_write(int fd, bool mask)
{
	char value[ACL_MAX];
	ssize_t size = fgetxattr(fd, "system.posix_acl_access", value, sizeof(value));
	struct posix_acl_xattr_entry entry;

	if (size < 0)
		return errno == ERANGE && mask; /* too many to be looked at */
	for (size_t at = sizeof(struct posix_acl_xattr_header);
	     mask && at + sizeof(entry) <= (size_t)size; at += sizeof(entry)) {
		memcpy(&entry, value + at, sizeof(entry));
		if (!(le16toh(entry.e_perm) & ACL_WRITE))
			continue;
		if (le16toh(entry.e_tag) == ACL_USER && is_foreign_user(le32toh(entry.e_id)))
			return true;
		if (le16toh(entry.e_tag) == ACL_GROUP && is_foreign_group(le32toh(entry.e_id)))
			return true;
	}
	return false;
}

int backing_check_writers(int fd, char *why, size_t size)
{
	unsigned int uid = geteuid();
	struct stat stat;

	if (fstat(fd, &stat) < 0) {
		snprintf(why, size, "%s (allowed: a directory that spoolfs can read)",
			 strerror(errno));
		return -errno;
	}
	if (is_foreign_user(stat.st_uid)) {
		snprintf(why, size, "belongs to uid %u (allowed: a directory of uid %s%u)",
			 (unsigned int)stat.st_uid, uid ? "0 or " : "", uid);
		return -EPERM;
	}
	if (stat.st_mode & S_ISVTX)
		return 0;
	if (stat.st_mode & S_IWOTH)
		snprintf(why, size,
			 "others may write to it, and it is not sticky (allowed: mode 1777, or not "
			 "writable by others)");
	else if ((stat.st_mode & S_IWGRP) && is_foreign_group(stat.st_gid))
		snprintf(why, size,
			 "group %u may write to it, and it is not sticky (allowed: a sticky one, "
			 "or not writable by it)",
			 (unsigned int)stat.st_gid);
	else if (acl_lets_write(fd, stat.st_mode & S_IWGRP))
		snprintf(why, size,
			 "by its ACL others may write to it (allowed: a sticky one, or no such "
			 "ACL)");
	else
		return 0;
	return -EPERM;
}

/* Which directory it is about: the end of its path where that is long. */
static void say_where(int fd, char *why, size_t size)
{
	char link[32], path[4096];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	snprintf(why, size,
		 "%s%s above it: others own it or may write to it (allowed: root's or ours, sticky "
		 "if writable)",
		 n > PATH_END ? "..." : "", n > PATH_END ? path + n - PATH_END : path);
}

int backing_check_above(int fd, char *why, size_t size)
{
	spool_cleanup(fd) int at = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat last = {0}, now;

	if (fstat(fd, &last) < 0)
		return -errno;
	while (at >= 0 && fstat(at, &now) == 0) {
		int r, up;

		if (now.st_dev == last.st_dev && now.st_ino == last.st_ino)
			return 0; /* the root is above itself */
		r = backing_check_writers(at, why, size);
		if (r == -EPERM)
			say_where(at, why, size);
		if (r < 0)
			return r;
		last = now;
		up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		spool_close(at);
		at = up;
	}
	snprintf(why, size, "%s above it (allowed: below directories that can be searched)",
		 strerror(errno));
	return -errno;
}

int backing_check_links(char *path, char *why, size_t size)
{
	int r = 0;

	for (char *slash = strchr(path + 1, '/'); slash && r == 0; slash = strchr(slash + 1, '/')) {
		struct stat stat;

		*slash = '\0';
		if (lstat(path, &stat) == 0 && S_ISLNK(stat.st_mode) &&
		    is_foreign_user(stat.st_uid)) {
			snprintf(why, size,
				 "leads over a symbolic link of uid %u (allowed: of uid %s%u)",
				 (unsigned int)stat.st_uid, geteuid() ? "0 or " : "",
				 (unsigned int)geteuid());
			r = -EPERM;
		}
		*slash = '/';
	}
	return r;
}
