/* SPDX-License-Identifier: MIT */
#include "store/object_internal.h"

#include <stdatomic.h>
#include <string.h>

#include "quota/quota.h"

/* The steps of a fetch that are taken under the object's lock. */

struct spool_key *spool_object_key(const struct spool_object *object)
{
	return object->key;
}

void block_note(const struct block *block, unsigned int from, unsigned int len, char *to,
		struct spool_fetch *ret)
{
	atomic_fetch_add_explicit(&block->record->refs, 1, memory_order_relaxed);
	*ret = (struct spool_fetch){.record = block->record,
				    .from = from,
				    .len = len,
				    .mask = block->mask,
				    .end = block->record->end,
				    .to = to};
}

bool spool_object_fetch(const struct spool_object *object, const struct spool_wanted *wanted,
			char *to, struct spool_fetch *ret_fetch)
{
	struct block block = block_get(object, wanted->off >> SPOOL_BLOCK_SHIFT);

	if (block.kind != BLOCK_DISK)
		return false;
	block_note(&block, (unsigned int)(wanted->off & (SPOOL_BLOCK_SIZE - 1)),
		   (unsigned int)wanted->len, to, ret_fetch);
	return true;
}

int spool_object_install(struct spool_object *object, struct spool_quota_user *user,
			 const struct spool_wanted *wanted, const struct spool_disk_record *record,
			 const char *data)
{
	uint64_t index = wanted->off >> SPOOL_BLOCK_SHIFT;
	struct block old = block_get(object, index);
	struct block new = {.kind = BLOCK_RAM, .mask = old.mask, .ram = old.mask, .hot = true};
	unsigned int from, end;
	int64_t ram;
	int r;

	if (old.kind != BLOCK_DISK || old.record != record)
		return 0;
	new.first = (unsigned int)__builtin_ctz(old.mask);
	from = new.first << SPOOL_PAGE_SHIFT;
	end = old.record->end > from ? old.record->end : from + 1;
	ram = (int64_t)spool_pool_slot_size(end - from) - (int64_t)block_ram(object, &old);
	r = object_charge(object, user, 0, ram, 0, 0);
	if (r < 0)
		return r;
	r = spool_pool_alloc(object->pool, end - from, &new.slot);
	if (r < 0) {
		object_charge(object, user, 0, -ram, 0, 0);
		return r;
	}
	memcpy(spool_pool_ptr(object->pool, new.slot), data + from, end - from);
	memset((char *)spool_pool_ptr(object->pool, new.slot) + (end - from), 0,
	       spool_pool_size(new.slot) - (end - from));
	block_publish(object, index, &old, &new);
	return 0;
}
