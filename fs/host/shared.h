/* SPDX-License-Identifier: MIT */
#pragma once

/* What the worker has to say to the supervisor while both go on with their work: memory of both. */

#include <stdatomic.h>
#include <stdint.h>

/**
 * struct spool_shared - written by the worker, read by the supervisor
 * @told: goes up whenever the kernel has taken what it was told: who comes on does not hang
 */
struct spool_shared {
	_Atomic uint64_t told;
};

/** spool_shared_new() - memory that stays shared across fork(2). Return: 0; -errno. */
int spool_shared_new(struct spool_shared **ret);

/** spool_shared_free() - of this process. NULL is allowed. */
void spool_shared_free(struct spool_shared *shared);
