/* SPDX-License-Identifier: MIT */
#include "util/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* linux/memfd.h, since Linux 6.3; glibc 2.36 does not have it */
#endif

static void *system_alloc(void *ctx, size_t size)
{
	(void)ctx;
	return calloc(1, size);
}

static void system_free(void *ctx, void *ptr)
{
	(void)ctx;
	free(ptr);
}

static int system_arena_open(void *ctx)
{
	int fd;

	(void)ctx;
	fd = memfd_create("spoolfs", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("spoolfs", MFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The range stays sparse: pages come with the first touch, and are bounded by the ram limit. */
static int system_arena_map(void *ctx, int fd, uint64_t offset, size_t len, void **ret_addr)
{
	void *addr;
	int r;

	(void)ctx;
	if (ftruncate(fd, (off_t)(offset + len)) < 0)
		return -errno;
	addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
	if (addr == MAP_FAILED) {
		r = -errno;
		goto shrink;
	}
	if (madvise(addr, len, MADV_DONTDUMP) < 0) {
		r = -errno;
		munmap(addr, len);
		goto shrink;
	}
	*ret_addr = addr;
	return 0;
shrink:
	if (ftruncate(fd, (off_t)offset) < 0)
		return -errno;
	return r;
}

static int system_arena_write(void *ctx, int fd, uint64_t offset, const void *buf, size_t len)
{
	ssize_t n = pwrite(fd, buf, len, (off_t)offset);

	(void)ctx;
	if (n < 0)
		return -errno;
	return n == (ssize_t)len ? 0 : -ENOSPC;
}

static void system_arena_unmap(void *ctx, void *addr, size_t len)
{
	(void)ctx;
	munmap(addr, len);
}

static int system_arena_punch(void *ctx, int fd, uint64_t offset, size_t len)
{
	(void)ctx;
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len) <
	    0)
		return -errno;
	return 0;
}

static void system_arena_close(void *ctx, int fd)
{
	(void)ctx;
	close(fd);
}

static void *system_secret_map(void *ctx, size_t len, bool *ret_locked)
{
	void *addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)ctx;
	if (addr == MAP_FAILED)
		return NULL;
	if (madvise(addr, len, MADV_DONTDUMP) < 0 || madvise(addr, len, MADV_WIPEONFORK) < 0) {
		munmap(addr, len);
		return NULL;
	}
	*ret_locked = mlock(addr, len) == 0;
	return addr;
}

static void system_secret_unmap(void *ctx, void *addr, size_t len)
{
	(void)ctx;
	explicit_bzero(addr, len);
	munmap(addr, len);
}

static void system_now(void *ctx, struct timespec *ret)
{
	(void)ctx;
	clock_gettime(CLOCK_REALTIME, ret);
}

static uint64_t system_monotonic_ns(void *ctx)
{
	struct timespec now;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int system_random(void *ctx, void *buf, size_t len)
{
	unsigned char *at = buf;

	(void)ctx;
	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

const struct spool_host *spool_host_system(void)
{
	static const struct spool_host system_host = {
		.alloc = system_alloc,
		.free = system_free,
		.arena_open = system_arena_open,
		.arena_map = system_arena_map,
		.arena_write = system_arena_write,
		.arena_unmap = system_arena_unmap,
		.arena_punch = system_arena_punch,
		.arena_close = system_arena_close,
		.secret_map = system_secret_map,
		.secret_unmap = system_secret_unmap,
		.now = system_now,
		.monotonic_ns = system_monotonic_ns,
		.random = system_random,
	};

	return &system_host;
}
