/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A set of page numbers of a file, as extents in order that neither overlap nor touch. For what is
 * rarely there: an empty set is a NULL pointer. There are at most SPOOL_EXTENTS_MAX of them, so
 * that nobody can make the daemon keep an account of every second page of a large file. When there
 * would be more, the set becomes less exact, in the direction that the caller chooses.
 *
 * Locks: the caller's.
 */

#include <stdbool.h>
#include <stdint.h>

struct spool_host;
struct spool_extents;

/* 4 KiB of memory. A guess. */
#define SPOOL_EXTENTS_MAX 256u

/**
 * spool_extents_add() - pages @from to @to, exclusive
 * @widen: without memory or room for one more, the next one before or behind is made to reach here
 * Return: 0; -ENOMEM, -ENOSPC when there is no memory or room; with @widen only -ENOMEM, for the
 * first one. Nothing has changed then.
 */
int spool_extents_add(const struct spool_host *host, struct spool_extents **set, uint64_t from,
		      uint64_t to, bool widen);

/** spool_extents_prepare() - room for one more, so that a spool_extents_remove() that follows can
 * split. Return: 0; -ENOMEM; -ENOSPC. */
int spool_extents_prepare(const struct spool_host *host, struct spool_extents **set);

/**
 * spool_extents_remove() - without pages @from to @to, exclusive
 * @keep: where an extent would have to be split, and there is no memory or room for that, it stays
 * as it is, else its end goes as well.
 */
void spool_extents_remove(const struct spool_host *host, struct spool_extents **set, uint64_t from,
			  uint64_t to, bool keep);

/** spool_extents_find() - the first pages of @set (NULL: none) in @from to @to, exclusive. Return:
 * false: none. */
bool spool_extents_find(const struct spool_extents *set, uint64_t from, uint64_t to,
			uint64_t *ret_from, uint64_t *ret_to);

/** spool_extents_free() - makes it empty. */
void spool_extents_free(const struct spool_host *host, struct spool_extents **set);
