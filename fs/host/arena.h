/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The memory that holds file data, for the engine's host interface (util/host.h).
 *
 * It is a file without a name on a tmpfs that is mounted nowhere and never swapped, where the
 * kernel has that (noswap, Linux 6.4) and we may mount (CAP_SYS_ADMIN in the initial user
 * namespace); otherwise a memfd, which may be swapped. With mlock=on either is locked.
 */

#include <stdbool.h>
#include <stdint.h>

#include "util/host.h"

/**
 * struct spool_arena - must not move before the engine is freed, as @host points to it
 * @noswap: file data cannot be swapped out; set when the engine opens the arena
 */
struct spool_arena {
	struct spool_host host;
	bool noswap;
	bool lock, may_have_noswap;
};

/**
 * spool_arena_init() - make a host that is the system's but for the memory of file data
 * @lock: mlock=on
 * @noswap: false: do not use a tmpfs that is never swapped (a test)
 * @ram: bytes that ram= allows
 * @why: gets a text when it fails; 128 bytes
 * Return: 0; -EPERM: so much may not be locked.
 */
int spool_arena_init(struct spool_arena *arena, bool lock, bool noswap, uint64_t ram,
		     char why[128]);
