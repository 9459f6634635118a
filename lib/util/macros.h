/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Small helpers that every layer uses: cleanup attributes, container_of, and
 * overflow-checked arithmetic for sizes and offsets that come from outside.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define SPOOL_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/** spool_container_of() - the structure of @type that holds *@ptr as its @member */
#define spool_container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/** spool_cleanup() - run spool_cleanup_@kind (free, fd) when the variable goes out of scope */
#define spool_cleanup(kind) __attribute__((cleanup(spool_cleanup_##kind)))

static inline void spool_cleanup_free(void *p)
{
	free(*(void **)p);
}

/** spool_close() - close @fd if it is one, keeping errno. Return: -1, so that fd = spool_close(fd).
 */
int spool_close(int fd);

static inline void spool_cleanup_fd(int *fd)
{
	*fd = spool_close(*fd);
}

/** spool_steal_fd() - take the descriptor out of *@fd, leaving -1 there. Return: the descriptor. */
static inline int spool_steal_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/** spool_steal() - take a pointer out of a variable with a cleanup attribute, leaving NULL. */
#define spool_steal(p)                             \
	__extension__({                            \
		__typeof__(p) spool_stolen_ = (p); \
		(p) = NULL;                        \
		spool_stolen_;                     \
	})

/** spool_add_overflows() - *@ret = @a + @b in 64 bits. Return: true when the sum does not fit. */
static inline bool spool_add_overflows(uint64_t a, uint64_t b, uint64_t *ret)
{
	return __builtin_add_overflow(a, b, ret);
}

/** spool_mul_overflows() - *@ret = @a * @b in 64 bits. Return: true when it does not fit. */
static inline bool spool_mul_overflows(uint64_t a, uint64_t b, uint64_t *ret)
{
	return __builtin_mul_overflow(a, b, ret);
}

static inline uint64_t spool_min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t spool_max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}
