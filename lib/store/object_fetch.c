/* SPDX-License-Identifier: MIT */
#include "store/object_internal.h"

#include <stdatomic.h>
#include <string.h>

#include "quota/quota.h"
#include "store/ahead.h"

/* The steps of a fetch that are taken under the object's lock. */

struct spool_key *spool_object_key(const struct spool_object *object)
{
	return object->key;
}

void block_note(const struct spool_object *object, const struct block *block, unsigned int from,
		unsigned int len, char *to, struct spool_fetch *ret)
{
	unsigned int away = block_on_disk(block) & block_pages(from, from + len);

	/* what the disk fills as a whole need not be cleared before */
	if (away != block_pages(from, from + len) || from + len > block->record->end)
		block_read(object, block, from, len, to);
	atomic_fetch_add_explicit(&block->record->refs, 1, memory_order_relaxed);
	*ret = (struct spool_fetch){.record = block->record,
				    .from = from,
				    .len = len,
				    .mask = away,
				    .end = block->record->end,
				    .to = to};
}

bool spool_object_fetch(const struct spool_object *object, const struct spool_wanted *wanted,
			char *to, struct spool_fetch *ret_fetch)
{
	struct block block = block_get(object, wanted->off >> SPOOL_BLOCK_SHIFT);
	unsigned int from = (unsigned int)(wanted->off & (SPOOL_BLOCK_SIZE - 1));

	if (!(block_on_disk(&block) & block_pages(from, from + (unsigned int)wanted->len)))
		return false;
	block_note(object, &block, from, (unsigned int)wanted->len, to, ret_fetch);
	return true;
}

/* Is all of the block on the disk, and nothing known against reading it? */
static bool is_whole(const struct block *block)
{
	return block->kind == BLOCK_DISK && block->record->stored == UINT16_MAX && !block->ram &&
	       !block->record->unreadable;
}

unsigned int spool_object_ahead(const struct spool_object *object, uint64_t off,
				struct spool_disk_record **records)
{
	uint64_t index = off >> SPOOL_BLOCK_SHIFT;
	unsigned int n = 0;

	while (n < SPOOL_AHEAD_BLOCKS && (index + n) << SPOOL_BLOCK_SHIFT < object->size) {
		struct block block = block_get(object, index + n);

		if (!is_whole(&block) || (n > 0 && block.record->slot != records[n - 1]->slot + 1))
			break;
		atomic_fetch_add_explicit(&block.record->refs, 1, memory_order_relaxed);
		records[n++] = block.record;
	}
	return n;
}

int spool_object_install(struct spool_object *object, struct spool_quota_user *user,
			 const struct spool_wanted *wanted, const struct spool_disk_record *record,
			 const char *data)
{
	uint64_t index = wanted->off >> SPOOL_BLOCK_SHIFT;
	unsigned int from = (unsigned int)(wanted->off & (SPOOL_BLOCK_SIZE - 1));
	struct block old = block_get(object, index), new = old;
	unsigned int pages, end;
	int r;

	if (old.kind != BLOCK_DISK || old.record != record)
		return 0;
	pages = block_on_disk(&old) & block_pages(from, from + (unsigned int)wanted->len);
	if (!pages)
		return 0;
	new.ram |= pages;
	new.hot = true;
	block_settle(&new);
	/* what lies behind the data is zeros, and needs no room but for a first byte */
	end = (block_highest(pages) + 1) << SPOOL_PAGE_SHIFT;
	end = end < old.record->end ? end : old.record->end;
	if (end <= block_lowest(new.ram) << SPOOL_PAGE_SHIFT)
		end = (block_lowest(new.ram) << SPOOL_PAGE_SHIFT) + 1;
	r = block_cover(object, user, index, &old, end, 0, &new);
	if (r < 0)
		return r;
	old.record->unreadable = false; /* it has been read: write-back may try again */
	block_fill(object, &new, pages, from, old.record->end, data);
	block_publish(object, index, &old, &new);
	return 0;
}
