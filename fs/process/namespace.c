/* SPDX-License-Identifier: MIT */
#include "process/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "util/macros.h"

#define OWN "/proc/self/ns/mnt"

static int enter(const char *path, int *ret_own)
{
	spool_cleanup(fd) int own = open(OWN, O_RDONLY | O_CLOEXEC);
	spool_cleanup(fd) int target = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (own < 0 || target < 0 || setns(target, CLONE_NEWNS) < 0)
		return -errno;
	*ret_own = spool_steal_fd(&own);
	return 0;
}

int spool_namespace_enter(const char *path, FILE *errors)
{
	int own = -1, r = enter(path, &own);

	if (r < 0)
		fprintf(errors,
			"spoolfs: --mount-namespace=%.128s: %s (allowed: a mount namespace that "
			"root may enter, as /proc/1/ns/mnt)\n",
			path, strerror(-r));
	return r < 0 ? r : own;
}

int spool_namespace_return(int fd)
{
	int r = fd < 0 || setns(fd, CLONE_NEWNS) == 0 ? 0 : -errno;

	spool_close(fd);
	return r;
}
