/* SPDX-License-Identifier: MIT */
#include "spoolctl/life_call.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "common/reach.h"
#include "ctl/client.h"
#include "spoolctl/gone.h"
#include "util/macros.h"

int life_ask(const char *path, struct spool_ctl_life *ret)
{
	struct spool_ctl_life life = {.version = SPOOL_CTL_VERSION};
	spool_cleanup(fd) int fd = reach_file(path, life.name);

	if (fd < 0)
		return -fd;
	if (ioctl(fd, SPOOL_IOC_LIFE, &life) < 0)
		return errno;
	life.waits_for[sizeof(life.waits_for) - 1] = '\0';
	*ret = life;
	return 0;
}

int life_change(const char *path, uint32_t op, uint32_t lifetime, uint32_t flags)
{
	struct spool_ctl_change change = {
		.version = SPOOL_CTL_VERSION, .op = op, .lifetime = lifetime, .flags = flags};
	spool_cleanup(fd) int fd = reach_file(path, change.name);

	if (fd < 0)
		return -fd;
	return ioctl(fd, SPOOL_IOC_CHANGE, &change) < 0 ? errno : 0;
}

/* Return: 0; ETIME; an errno. */
static int wait_at(int fd, const char *name)
{
	unsigned int looks = 0;

	do {
		struct spool_ctl_life life = {.version = SPOOL_CTL_VERSION};

		strcpy(life.name, name);
		if (ioctl(fd, SPOOL_IOC_LIFE, &life) < 0)
			return errno == ENOENT ? 0 : errno; /* it has gone */
		if (!(life.flags & SPOOL_CTL_LIFE_CHANGING))
			return 0;
	} while (gone_wait(&looks));
	return ETIME;
}

int life_wait(const char *path)
{
	char name[REACH_NAME];
	spool_cleanup(fd) int fd = reach_file(path, name);

	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR ? 0 : -fd;
	return wait_at(fd, name);
}

int life_wait_directory(int fd)
{
	return wait_at(fd, "");
}

/* TMPDIR is often the link "self" of a mount. */
const char *life_reason(const char *path, int error)
{
	struct stat st;

	if (error == EBUSY)
		return "an earlier change of it is not done yet";
	if (error == ETIME)
		return "not all has been changed within 30 s; it goes on";
	if (error == EPERM && lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		return "a link that is not yours; with a \"/\" behind it, it is followed";
	return spool_ctl_reason(error);
}
