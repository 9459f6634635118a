/* SPDX-License-Identifier: MIT */

/*
 * Pages that were stored through a mapping, and that there was no room for when the kernel wrote
 * them out. The kernel may have dropped them since, so nobody has them any more; they must not read
 * as the zeros of a hole, nor as what was there before.
 *
 * A page is lost when it is in object->lost and has no data: its data are removed when it is lost.
 * Where the set has been widened for want of room, holes between lost pages are taken for lost, and
 * never data.
 */

#include "store/object_internal.h"

#include "util/macros.h"

/* The page that byte @off is in, and the first that begins at or behind it. */
#define PAGE_OF(off) ((off) >> SPOOL_PAGE_SHIFT)
#define PAGE_FROM(off) (((off) + SPOOL_PAGE_SIZE - 1) >> SPOOL_PAGE_SHIFT)

static bool find(const struct spool_object *object, uint64_t from, uint64_t to, uint64_t *ret_from,
		 uint64_t *ret_to)
{
	if (!object->all_lost)
		return spool_extents_find(object->lost, from, to, ret_from, ret_to);
	*ret_from = from;
	*ret_to = to;
	return from < to;
}

bool object_has_data(const struct spool_object *object, uint64_t page)
{
	struct block block = block_get(object, page / SPOOL_BLOCK_PAGES);

	return (block.kind == BLOCK_RAM || block.kind == BLOCK_DISK) &&
	       (block.mask >> page % SPOOL_BLOCK_PAGES & 1);
}

bool object_next_lost(const struct spool_object *object, uint64_t off, uint64_t end,
		      uint64_t *ret_off)
{
	uint64_t page = PAGE_OF(off), stop;

	if (!object->lost && !object->all_lost)
		return false;
	while (find(object, page, PAGE_FROM(end), &page, &stop)) {
		for (; page < stop; page++) {
			if (object_has_data(object, page))
				continue;
			*ret_off = spool_max_u64(page << SPOOL_PAGE_SHIFT, off);
			return true;
		}
	}
	return false;
}

uint64_t object_lost_end(const struct spool_object *object, uint64_t off)
{
	uint64_t from, to;

	if (!find(object, PAGE_OF(off), PAGE_FROM(object->size), &from, &to))
		return off;
	return spool_min_u64(to << SPOOL_PAGE_SHIFT, object->size);
}

/* Is byte @off in the middle of a page that is lost? */
static bool cuts_lost(const struct spool_object *object, uint64_t off)
{
	uint64_t at;

	return off % SPOOL_PAGE_SIZE && object_next_lost(object, off, off + 1, &at);
}

bool object_keeps_lost(const struct spool_object *object, uint64_t off, uint64_t end)
{
	return cuts_lost(object, off) || (end < object->size && cuts_lost(object, end));
}

void object_found(struct spool_object *object, uint64_t off, uint64_t end)
{
	uint64_t from = PAGE_FROM(off), to = end < object->size ? PAGE_OF(end) : PAGE_FROM(end);

	if (object->all_lost && from == 0 && end >= object->size)
		object->all_lost = false;
	if (object->lost && from < to)
		spool_extents_remove(object->host, &object->lost, from, to, true);
}

void spool_object_lose(struct spool_object *object, struct spool_quota_user *user, uint64_t off,
		       uint64_t end)
{
	uint64_t from = PAGE_OF(off), to;

	object->size = spool_max_u64(object->size, end);
	to = PAGE_FROM(end);
	object_punch(object, user, from << SPOOL_PAGE_SHIFT, to << SPOOL_PAGE_SHIFT);
	if (spool_extents_add(object->host, &object->lost, from, to, true) < 0)
		object->all_lost = true;
}
