/* SPDX-License-Identifier: MIT */
#include "pam/cover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "pam/settings.h"
#include "util/macros.h"

#define LIFETIME "user.spoolfs.lifetime" /* spoolfs(8) */

/* Below a place; sockets of X are in them. */
static const char *const sockets[] = {".X11-unix", ".ICE-unix"};

int cover_open(const char *path, int flags)
{
	const struct open_how how = {
		.flags = (unsigned int)flags | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* Is the working directory a place, or below one? */
static bool is_here_covered(const struct cover *cover)
{
	char here[PATH_MAX];

	/* longer than PATH_MAX, or unreachable: not where it could be seen by name */
	if (!getcwd(here, sizeof(here)) || here[0] != '/')
		return true;
	for (size_t i = 0; i < cover->n; i++) {
		size_t len = strlen(cover->places[i]);

		if (strncmp(here, cover->places[i], len) == 0 &&
		    (here[len] == '/' || here[len] == '\0'))
			return true;
	}
	return false;
}

int cover_enter(const struct cover *cover)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return -errno;
	return is_here_covered(cover) && chdir("/") < 0 ? -errno : 0;
}

static bool is_same(int one, int two)
{
	struct stat a, b;

	return fstat(one, &a) == 0 && fstat(two, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* Return: 0; -errno. */
static int mount_over(int source, int target)
{
	char from[64], to[64];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", source);
	snprintf(to, sizeof(to), "/proc/self/fd/%d", target);
	return mount(from, to, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

/* The places as they are before the first is covered. /var/tmp may be a link to /tmp: then it is
 * covered with it, and the descriptor is -1. Return: 0; -errno. */
static int open_places(const struct cover *cover, int *ret_places, unsigned int *ret_place)
{
	for (size_t i = 0; i < cover->n; i++) {
		spool_cleanup(fd) int linked = -1;
		bool known = false;

		*ret_place = (unsigned int)i;
		ret_places[i] = cover_open(cover->places[i], O_PATH);
		if (ret_places[i] >= 0)
			continue;
		if (ret_places[i] == -ELOOP)
			linked = open(cover->places[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		for (size_t j = 0; linked >= 0 && j < i; j++)
			known = known || (ret_places[j] >= 0 && is_same(linked, ret_places[j]));
		if (!known)
			return ret_places[i];
		ret_places[i] = -1;
	}
	return 0;
}

/* Return: a descriptor; -errno. */
static int make_directory(int top, const char *name)
{
	char path[64];
	int fd;

	if (mkdirat(top, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(top, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Else it would go with the login that has made it, from below the mounts of the user's
	 * other ones. Where it cannot be set (xattr=off), it does. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	setxattr(path, LIFETIME, "mount", strlen("mount"), 0);
	return fd;
}

/* A directory of the name in the user's own, who may have put anything there: it is made by him,
 * and no link is followed. Return: a descriptor; -errno. */
static int make_as_user(const struct cover *cover, int top, const char *name)
{
	gid_t gid = (gid_t)setfsgid(cover->gid);
	uid_t uid = (uid_t)setfsuid(cover->uid);
	int fd = make_directory(top, name);

	setfsuid(uid);
	setfsgid(gid);
	return fd;
}

/* Those of root are the machine's; others could be anybody's. Return: 0; -errno. */
static int keep_sockets(const struct cover *cover, int place, const char *path, const char *name)
{
	spool_cleanup(fd) int source = -1, top = -1, target = -1;
	struct stat attr;

	source = openat(place, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (source < 0 || fstat(source, &attr) < 0 || attr.st_uid != 0)
		return 0;
	top = cover_open(path, O_PATH);
	if (top < 0)
		return top;
	target = make_as_user(cover, top, name);
	return target < 0 ? target : mount_over(source, target);
}

static int lay_over(const struct cover *cover, int top, int place, size_t i,
		    struct cover_result *ret)
{
	int r = mount_over(top, place);

	for (size_t j = 0; r == 0 && j < SPOOL_ARRAY_SIZE(sockets); j++) {
		if (keep_sockets(cover, place, cover->places[i], sockets[j]) < 0)
			ret->lost_sockets = true;
	}
	return r;
}

int cover_lay(const struct cover *cover, int top, struct cover_result *ret)
{
	int places[SETTINGS_COVERS], r;

	r = open_places(cover, places, &ret->place);
	ret->opened = r == 0;
	for (size_t i = 0; r == 0 && i < cover->n; i++) {
		ret->place = (unsigned int)i;
		if (places[i] >= 0)
			r = lay_over(cover, top, places[i], i, ret);
	}
	return r; /* what is open ends with the process */
}
