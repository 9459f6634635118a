/* SPDX-License-Identifier: MIT */
#include "fault_host.h"

#include <errno.h>
#include <string.h>

static bool fails(struct fault_host *fault)
{
	long call;

	if (fault->nth == 0)
		return false;
	call = ++fault->calls;
	if (call != fault->nth && !(fault->persistent && call > fault->nth))
		return false;
	fault->fired = true;
	return true;
}

static void *fault_alloc(void *ctx, size_t size)
{
	struct fault_host *fault = ctx;
	void *ptr;

	if (fails(fault))
		return NULL;
	ptr = spool_alloc(spool_host_system(), size);
	if (ptr)
		fault->live++;
	return ptr;
}

static void fault_free(void *ctx, void *ptr)
{
	struct fault_host *fault = ctx;

	if (ptr)
		fault->live--;
	spool_free(spool_host_system(), ptr);
}

static int fault_arena_open(void *ctx)
{
	if (fails(ctx))
		return -ENOMEM;
	return spool_host_system()->arena_open(NULL);
}

static int fault_arena_map(void *ctx, int fd, uint64_t offset, size_t len, void **ret_addr)
{
	struct fault_host *fault = ctx;
	int r;

	if (fails(fault))
		return -ENOMEM;
	r = spool_host_system()->arena_map(NULL, fd, offset, len, ret_addr);
	if (r == 0)
		fault->live++;
	return r;
}

static int fault_arena_write(void *ctx, int fd, uint64_t offset, const void *buf, size_t len)
{
	struct fault_host *fault = ctx;

	if (fails(fault))
		return -EIO;
	fault->written++;
	fault->written_from = buf;
	return spool_host_system()->arena_write(NULL, fd, offset, buf, len);
}

static void fault_arena_unmap(void *ctx, void *addr, size_t len)
{
	struct fault_host *fault = ctx;

	fault->live--;
	spool_host_system()->arena_unmap(NULL, addr, len);
}

static int fault_arena_punch(void *ctx, int fd, uint64_t offset, size_t len)
{
	if (fails(ctx))
		return -EIO;
	return spool_host_system()->arena_punch(NULL, fd, offset, len);
}

static void fault_arena_close(void *ctx, int fd)
{
	(void)ctx;
	spool_host_system()->arena_close(NULL, fd);
}

static void *fault_secret_map(void *ctx, size_t len, bool *ret_locked)
{
	struct fault_host *fault = ctx;
	void *addr;

	if (fails(fault))
		return NULL;
	addr = spool_host_system()->secret_map(NULL, len, ret_locked);
	if (addr)
		fault->live++;
	return addr;
}

static void fault_secret_unmap(void *ctx, void *addr, size_t len)
{
	struct fault_host *fault = ctx;

	fault->live--;
	spool_host_system()->secret_unmap(NULL, addr, len);
}

static void fault_now(void *ctx, struct timespec *ret)
{
	struct fault_host *fault = ctx;

	*ret = fault->clock;
}

static uint64_t fault_monotonic_ns(void *ctx)
{
	struct fault_host *fault = ctx;

	return fault->monotonic_ns;
}

static int fault_random(void *ctx, void *buf, size_t len)
{
	(void)ctx;
	return spool_host_system()->random(NULL, buf, len);
}

void fault_host_init(struct fault_host *fault)
{
	memset(fault, 0, sizeof(*fault));
	fault->host = (struct spool_host){
		.ctx = fault,
		.alloc = fault_alloc,
		.free = fault_free,
		.arena_open = fault_arena_open,
		.arena_map = fault_arena_map,
		.arena_write = fault_arena_write,
		.arena_unmap = fault_arena_unmap,
		.arena_punch = fault_arena_punch,
		.arena_close = fault_arena_close,
		.secret_map = fault_secret_map,
		.secret_unmap = fault_secret_unmap,
		.now = fault_now,
		.monotonic_ns = fault_monotonic_ns,
		.random = fault_random,
	};
}

void fault_host_arm(struct fault_host *fault, long nth, bool persistent)
{
	fault->nth = nth;
	fault->persistent = persistent;
	fault->calls = 0;
	fault->fired = false;
}
