/* SPDX-License-Identifier: MIT */
#include "hook/place.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ID_BYTES 200 /* of NAME_MAX: a number comes behind */

#define LOOK_MS 10

/* A name of ours: where the number begins; NULL: another's. */
static const char *number_of(const char *name)
{
	const char *dash = strrchr(name, '-');

	return dash && dash[1] && strspn(dash + 1, "0123456789") == strlen(dash + 1) ? dash + 1
										     : NULL;
}

/* One that its parent has not waited for has ended, too. */
static bool has_ended(const char *number)
{
	long pid = strtol(number, NULL, 10);
	struct pollfd fd = {.events = POLLIN};
	bool ended;

	if (pid <= 0 || pid > INT_MAX)
		return false;
	fd.fd = pidfd_open((pid_t)pid, 0);
	if (fd.fd < 0)
		return errno == ESRCH;
	ended = poll(&fd, 1, 0) == 1;
	close(fd.fd);
	return ended;
}

static bool is_of(const char *name, const char *number, const char *id)
{
	size_t length = strnlen(id, ID_BYTES);

	return (size_t)(number - name) == length + 1 && strncmp(name, id, length) == 0;
}

/* Nothing is asked of the mount: its daemon may not answer any more. */
static void remove_place(const char *base, const char *name)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", base, name) >= (int)sizeof(path))
		return;
	umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
	rmdir(path);
}

/* Of @id, or of all containers with NULL. Return: how many there are whose processes have ended. */
static size_t look(const char *base, const char *id, bool remove)
{
	DIR *dir = opendir(base);
	const struct dirent *entry;
	size_t n = 0;

	while (dir && (entry = readdir(dir))) {
		const char *number = number_of(entry->d_name);

		if (!number || (id && !is_of(entry->d_name, number, id)) || !has_ended(number))
			continue;
		n++;
		if (remove)
			remove_place(base, entry->d_name);
	}
	if (dir)
		closedir(dir);
	return n;
}

int place_make(const char *base, const char *id, pid_t pid, char *ret)
{
	int r = -1;

	look(base, NULL, true);
	if (snprintf(ret, PATH_MAX, "%s/%.*s-%d", base, ID_BYTES, id, pid) >= PATH_MAX)
		return -ENAMETOOLONG;
	/* the last of the others, as it ends, removes the directory above as well */
	while (r < 0) {
		if (mkdir(base, 0711) < 0 && errno != EEXIST)
			return -errno;
		r = mkdir(ret, 0700);
		if (r < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

void place_give_up(const char *base, const char *dir)
{
	if (rmdir(dir) == 0)
		rmdir(base);
}

void place_wait(const char *base, const char *id, int patience_ms)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};

	for (int ms = 0; ms < patience_ms && look(base, id, false) > 0; ms += LOOK_MS)
		nanosleep(&pause, NULL);
	if (look(base, id, true) > 0)
		rmdir(base);
}
