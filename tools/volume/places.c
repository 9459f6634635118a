/* SPDX-License-Identifier: MIT */
#include "volume/places.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/macros.h"

/* Return: a descriptor; -errno. */
static int open_dir(int at, const char *name)
{
	int fd;

	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Others could put their own there. */
static int check_owner(int fd)
{
	struct stat stat_buf;

	if (fstat(fd, &stat_buf) < 0)
		return -errno;
	if (stat_buf.st_uid != geteuid())
		return -EPERM;
	return (stat_buf.st_mode & 077) && fchmod(fd, 0700) < 0 ? -errno : 0;
}

static int open_all(const char *directory, struct places *ret)
{
	spool_cleanup(free) char *path = NULL;
	spool_cleanup(fd) int volumes = -1;
	int r;

	ret->dir = open_dir(AT_FDCWD, directory);
	if (ret->dir < 0)
		return ret->dir;
	r = check_owner(ret->dir);
	if (r < 0)
		return r;
	if (flock(ret->dir, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	ret->state = open_dir(ret->dir, "state");
	if (ret->state < 0)
		return ret->state;
	volumes = open_dir(ret->dir, "volumes");
	if (volumes < 0)
		return volumes;
	path = realpath(directory, NULL);
	if (!path)
		return -errno;
	r = snprintf(ret->volumes, sizeof(ret->volumes), "%s/volumes", path);
	return (size_t)r >= sizeof(ret->volumes) ? -ENAMETOOLONG : 0;
}

int places_open(const char *directory, struct places *ret)
{
	int r;

	*ret = (struct places){.dir = -1, .state = -1};
	r = open_all(directory, ret);
	if (r == 0)
		return 0;
	fprintf(stderr, "spoolfs-volume: %s: %s\n", directory,
		r == -EBUSY ? "another spoolfs-volume has it" : strerror(-r));
	places_close(ret);
	return r;
}

void places_close(struct places *places)
{
	places->dir = spool_close(places->dir);
	places->state = spool_close(places->state);
}
