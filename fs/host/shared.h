/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the worker and the supervisor have to say to each other while both go on with their work:
 * memory of both. The worker, which parses what users send, may have been taken over: so the
 * supervisor finds no descriptor there, no pid and no size, and takes any value for what it may be.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/arena.h"

/**
 * struct spool_said - the memory of both: written by the worker, read by the supervisor, but for
 *	@janitor
 * @detach: seconds, of detach= as it is now
 * @told: goes up whenever the kernel has taken what it was told: who comes on does not hang
 * @in_order: the worker has given up all that it had, and ends without an error
 * @janitor: written by the supervisor: its pid, set before it can mean anybody else and cleared
 *	before it could; 0: there is none; SPOOL_JANITOR_STARTS: there may be one
 */
struct spool_said {
	_Atomic uint32_t detach;
	_Atomic uint64_t told;
	_Atomic bool in_order;
	_Atomic int janitor;
};

/** struct spool_shared - what each process has a copy of, made by fork(2) */
struct spool_shared {
	int wake;        /* eventfd: detach has changed */
	int alive, dies; /* the lifeline (process/lifeline.h): its worker's end, the other */
	struct spool_arena_file arena; /* the memory of file data, of both and of the janitor */
	struct spool_said *said;
};

#define SPOOL_JANITOR_STARTS (-1)

/** spool_shared_new() - its @said stays shared across fork(2). @noswap: as of
 * spool_arena_file_open(). Return: 0; -errno. */
int spool_shared_new(bool noswap, struct spool_shared **ret);

/** spool_shared_set_detach() - @detach: seconds. @shared may be NULL. */
void spool_shared_set_detach(struct spool_shared *shared, uint32_t detach);

/** spool_shared_free() - of this process. NULL is allowed. */
void spool_shared_free(struct spool_shared *shared);
