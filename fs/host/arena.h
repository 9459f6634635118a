/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The memory that file data lie in, for the engine's host interface (util/host.h).
 *
 * It is a file without a name on a tmpfs that is mounted nowhere and never swapped, where the
 * kernel has that (noswap, Linux 6.4) and we may mount (CAP_SYS_ADMIN in the initial user
 * namespace); otherwise a memfd, which may be swapped. With mlock=on either is locked.
 */

#include <stdbool.h>
#include <stdint.h>

#include "util/host.h"

/**
 * struct spool_arena - at its place until the engine is freed: @host points to it
 * @noswap: file data cannot be swapped out; set when the engine opens the arena
 */
struct spool_arena {
	struct spool_host host;
	bool noswap;
	bool lock, may_have_noswap;
};

/**
 * spool_arena_init() - a host like the system's, but for the arena
 * @lock: mlock=on
 * @noswap: false: do without (a test)
 * @ram: bytes that ram= allows
 * @why: gets a text when it fails; 128 bytes
 * Return: 0; -EPERM: so much may not be locked.
 */
int spool_arena_init(struct spool_arena *arena, bool lock, bool noswap, uint64_t ram,
		     char why[128]);
