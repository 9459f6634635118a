/* SPDX-License-Identifier: MIT */
#include "store/extents.h"

#include <errno.h>
#include <string.h>

#include "util/host.h"
#include "util/macros.h"

#define ROOM_FIRST 4u /* extents; a guess: few files have more */

struct extent {
	uint64_t from, to;
};

struct spool_extents {
	uint32_t n, room;
	struct extent list[];
};

/* The first extent that ends behind @at, or n. */
static uint32_t search(const struct spool_extents *set, uint64_t at)
{
	uint32_t low = 0, high = set ? set->n : 0;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (set->list[middle].to > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

int spool_extents_prepare(const struct spool_host *host, struct spool_extents **set)
{
	struct spool_extents *old = *set, *more;
	uint32_t room = old ? old->room * 2 : ROOM_FIRST;

	if (old && old->n < old->room)
		return 0;
	if (room > SPOOL_EXTENTS_MAX)
		return -ENOSPC;
	more = spool_alloc(host, sizeof(*more) + room * sizeof(more->list[0]));
	if (!more)
		return -ENOMEM;
	if (old)
		memcpy(more, old, sizeof(*old) + old->n * sizeof(old->list[0]));
	more->room = room;
	spool_free(host, old);
	*set = more;
	return 0;
}

/* Inserts an extent, for which there is room. */
static void insert(struct spool_extents *set, uint32_t at, uint64_t from, uint64_t to)
{
	memmove(&set->list[at + 1], &set->list[at], (set->n - at) * sizeof(set->list[0]));
	set->list[at] = (struct extent){from, to};
	set->n++;
}

static void cut(struct spool_extents *set, uint32_t at, uint32_t n)
{
	memmove(&set->list[at], &set->list[at + n], (set->n - at - n) * sizeof(set->list[0]));
	set->n -= n;
}

/* Joins extent @at with those behind it that it touches. */
static void join(struct spool_extents *set, uint32_t at)
{
	uint32_t next = at + 1;

	while (next < set->n && set->list[next].from <= set->list[at].to) {
		set->list[at].to = spool_max_u64(set->list[at].to, set->list[next].to);
		next++;
	}
	cut(set, at + 1, next - at - 1);
}

int spool_extents_add(const struct spool_host *host, struct spool_extents **set, uint64_t from,
		      uint64_t to, bool widen)
{
	uint32_t at = *set && from > 0 ? search(*set, from - 1) : 0;
	int r;

	/* the first that overlaps or touches */
	if (!*set || at == (*set)->n || (*set)->list[at].from > to) {
		r = spool_extents_prepare(host, set);
		if (r == 0)
			insert(*set, at, from, to);
		if (r == 0 || !widen || !*set)
			return r;
		at -= at > 0;
	}
	(*set)->list[at].from = spool_min_u64((*set)->list[at].from, from);
	(*set)->list[at].to = spool_max_u64((*set)->list[at].to, to);
	join(*set, at);
	return 0;
}

void spool_extents_remove(const struct spool_host *host, struct spool_extents **set, uint64_t from,
			  uint64_t to, bool keep)
{
	uint32_t at = search(*set, from), last;

	if (!*set)
		return;
	if (at < (*set)->n && (*set)->list[at].from < from && (*set)->list[at].to > to) {
		uint64_t end = (*set)->list[at].to;

		if (spool_extents_prepare(host, set) == 0)
			insert(*set, at + 1, to, end);
		else if (keep)
			return;
		(*set)->list[at].to = from;
		return;
	}
	if (at < (*set)->n && (*set)->list[at].from < from)
		(*set)->list[at++].to = from;
	for (last = at; last < (*set)->n && (*set)->list[last].to <= to; last++)
		;
	cut(*set, at, last - at);
	if (at < (*set)->n && (*set)->list[at].from < to)
		(*set)->list[at].from = to;
	if ((*set)->n == 0)
		spool_extents_free(host, set);
}

bool spool_extents_find(const struct spool_extents *set, uint64_t from, uint64_t to,
			uint64_t *ret_from, uint64_t *ret_to)
{
	uint32_t at = search(set, from);

	if (from >= to || !set || at == set->n || set->list[at].from >= to)
		return false;
	*ret_from = spool_max_u64(set->list[at].from, from);
	*ret_to = spool_min_u64(set->list[at].to, to);
	return true;
}

void spool_extents_free(const struct spool_host *host, struct spool_extents **set)
{
	spool_free(host, *set);
	*set = NULL;
}
