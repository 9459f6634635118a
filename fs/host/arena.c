/* SPDX-License-Identifier: MIT */
#include "host/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "util/macros.h"

/* Return: a file on a detached tmpfs that is never swapped; -1. The tmpfs has no size limit, as the
 * engine has limits. */
static int noswap_file(void)
{
	spool_cleanup(fd) int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	spool_cleanup(fd) int mount = -1;

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_FLAG, "noswap", NULL, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "size", "0", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0700", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	mount = fsmount(fs, FSMOUNT_CLOEXEC,
			MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (mount < 0)
		return -1;
	return openat(mount, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

int spool_arena_file_open(bool noswap, struct spool_arena_file *ret)
{
	int fd = noswap ? noswap_file() : -1;

	ret->noswap = fd >= 0;
	ret->fd = fd >= 0 ? fd : spool_host_system()->arena_open(NULL);
	return ret->fd < 0 ? ret->fd : 0;
}

static int arena_open(void *ctx)
{
	const struct spool_arena *arena = ctx;

	return arena->file;
}

/* Pages are locked when they are first touched, so the range stays sparse. */
static int arena_map(void *ctx, int fd, uint64_t offset, size_t len, void **ret_addr)
{
	const struct spool_arena *arena = ctx;
	void *addr;
	int r = spool_host_system()->arena_map(NULL, fd, offset, len, &addr);

	if (r == 0 && arena->lock && mlock2(addr, len, MLOCK_ONFAULT) < 0) {
		r = -errno;
		spool_host_system()->arena_unmap(NULL, addr, len);
		if (ftruncate(fd, (off_t)offset) < 0)
			r = -errno;
	}
	if (r == 0)
		*ret_addr = addr;
	return r;
}

/* Ranges count as locked as a whole, with the pages that do not exist yet. So the limit must be
 * higher than ram=, unless there is none, or a capability to ignore it. */
static int check_limit(uint64_t ram, char why[128])
{
	struct rlimit limit;
	void *page;
	int r;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return -errno;
	if (limit.rlim_cur == RLIM_INFINITY)
		return 0;
	/* CAP_IPC_LOCK allows to lock more than the limit */
	page = mmap(NULL, limit.rlim_cur + 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -errno;
	r = mlock2(page, limit.rlim_cur + 1, MLOCK_ONFAULT) < 0 ? -EPERM : 0;
	munmap(page, limit.rlim_cur + 1);
	if (r == 0 || limit.rlim_cur / 2 >= ram)
		return 0;
	snprintf(why, 128, "RLIMIT_MEMLOCK is %llu bytes (allowed: at least twice ram=)",
		 (unsigned long long)limit.rlim_cur);
	return r;
}

int spool_arena_init(struct spool_arena *arena, const struct spool_arena_file *file, bool lock,
		     uint64_t ram, char why[128])
{
	*arena = (struct spool_arena){.host = *spool_host_system(),
				      .file = file->fd,
				      .noswap = file->noswap || lock,
				      .lock = lock};
	arena->host.ctx = arena;
	arena->host.arena_open = arena_open;
	arena->host.arena_map = arena_map;
	if (lock) /* pages are locked when they are touched where they are mapped */
		arena->host.arena_write = NULL;
	return lock ? check_limit(ram, why) : 0;
}
