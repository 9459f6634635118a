/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Everything the engine needs from the machine that can fail or that a test must control:
 * memory, the arena that holds file data, time and randomness. The daemon uses
 * spool_host_system(); tests pass a structure of their own that fails on demand
 * (tests/unit/fault_host.h).
 *
 * No function of lib/ outside host.c calls malloc, mmap, clock_gettime or getrandom itself.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/**
 * struct spool_host - services of the machine
 * @ctx: passed to every call
 * @alloc: @size zeroed bytes, or NULL when there are none. @size > 0
 * @free: gives back what @alloc returned; NULL is allowed
 * @arena_open: a new, empty, unnamed memory file. Return: descriptor, or -errno
 * @arena_map: grows the file to at least @offset + @len and maps that range, shared and excluded
 *	from core dumps. Return: 0 and *@ret_addr, or -errno with nothing changed
 * @arena_write: write(2) to a range of the file that is mapped. Pages that do not exist yet come
 *	without being cleared, and without a fault for each. Return: 0, or -errno: a part may be
 *	written. NULL: pages must come through the mapping
 * @arena_unmap: undoes one @arena_map
 * @arena_punch: gives the pages of a range back to the system; they read as zeros afterwards.
 *	Return: 0, or -errno (the memory then stays allocated)
 * @arena_close: closes the file of @arena_open
 * @secret_map: memory for keys: @len zeroed bytes, not in core dumps, not inherited by a fork, and
 *	locked where the limits allow it (*@ret_locked). Return: NULL when there is none
 * @secret_unmap: overwrites it and gives it back
 * @now: the wall clock (CLOCK_REALTIME)
 * @monotonic_ns: a clock that nobody sets, in nanoseconds (CLOCK_MONOTONIC)
 * @random: fills @buf with @len unpredictable bytes. Return: 0, or -errno
 *
 * All may be called from any thread, with any lock held except as their users note.
 */
struct spool_host {
	void *ctx;
	void *(*alloc)(void *ctx, size_t size);
	void (*free)(void *ctx, void *ptr);
	int (*arena_open)(void *ctx);
	int (*arena_map)(void *ctx, int fd, uint64_t offset, size_t len, void **ret_addr);
	int (*arena_write)(void *ctx, int fd, uint64_t offset, const void *buf, size_t len);
	void (*arena_unmap)(void *ctx, void *addr, size_t len);
	int (*arena_punch)(void *ctx, int fd, uint64_t offset, size_t len);
	void (*arena_close)(void *ctx, int fd);
	void *(*secret_map)(void *ctx, size_t len, bool *ret_locked);
	void (*secret_unmap)(void *ctx, void *addr, size_t len);
	void (*now)(void *ctx, struct timespec *ret);
	uint64_t (*monotonic_ns)(void *ctx);
	int (*random)(void *ctx, void *buf, size_t len);
};

/** spool_host_system() - the real machine. Return: a constant, never NULL. */
const struct spool_host *spool_host_system(void);

static inline void *spool_alloc(const struct spool_host *host, size_t size)
{
	return host->alloc(host->ctx, size);
}

/** spool_alloc_aligned() - @size bytes at a multiple of @align. Return: NULL without memory. What
 * is to be given to spool_free() is *@ret_allocated. */
static inline void *spool_alloc_aligned(const struct spool_host *host, size_t size, size_t align,
					void **ret_allocated)
{
	char *all = spool_alloc(host, size + align);

	*ret_allocated = all;
	return all ? all + (align - (uintptr_t)all % align) % align : NULL;
}

static inline void spool_free(const struct spool_host *host, void *ptr)
{
	host->free(host->ctx, ptr);
}
