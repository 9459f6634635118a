/* SPDX-License-Identifier: MIT */
#include "store/object_internal.h"

#include <assert.h>

#include "quota/quota.h"
#include "util/host.h"
#include "util/macros.h"

/* The steps of a batch that are taken under the object's lock. */

bool spool_object_wants_own(const struct spool_object *object)
{
	return object->own == 0 && object->size > object->disk->own_size;
}

void spool_object_give_own(struct spool_object *object, int segment)
{
	if (object->own == 0)
		object->own = segment;
	else
		spool_disk_slots_disown(object->disk->slots, segment);
}

static struct spool_disk_record *new_record(const struct spool_object *object,
					    const struct block *block)
{
	struct spool_disk_record *record;
	unsigned int n = 0, from, last;

	for (unsigned int i = 0; i < BLOCK_PIECES; i++)
		n += spool_disk_record_span(block->mask, i, &from) != 0;
	/* a record that is as large as the slot saves nothing */
	if (spool_disk_record_bytes(n) >= spool_pool_size(block->slot))
		return NULL;
	record = spool_alloc(object->host, spool_disk_record_bytes(n));
	if (!record)
		return NULL;
	record->refs = 1;
	record->stored = (uint16_t)block->mask;
	record->n_pieces = (uint8_t)n;
	last = 32 - (unsigned int)__builtin_clz(block->mask);
	record->end = (unsigned int)spool_min_u64(block_end(block), last << SPOOL_PAGE_SHIFT);
	return record;
}

/* Copies block @index into the batch, if it may go. */
static void copy_block(struct spool_object *object, struct spool_batch *batch, uint64_t index,
		       const struct block *block)
{
	struct spool_disk_record *record = new_record(object, block);
	char *to = batch->buffer + (size_t)batch->n * SPOOL_BLOCK_SIZE;

	if (!record)
		return;
	for (unsigned int i = 0; i < BLOCK_PIECES; i++) {
		unsigned int from = 0, len = spool_disk_record_span(block->mask, i, &from);

		if (len)
			block_read(object, block, from, len, to + from);
	}
	batch->blocks[batch->n++] = (struct spool_batch_block){.index = index, .record = record};
}

bool spool_object_has_batch(const struct spool_object *object)
{
	return !TAILQ_EMPTY(&object->batches);
}

static bool is_in_batch(const struct spool_object *object, uint64_t index)
{
	struct spool_batch *batch;

	TAILQ_FOREACH (batch, &object->batches, link) {
		for (unsigned int i = 0; i < batch->n; i++) {
			if (batch->blocks[i].index == index)
				return true;
		}
	}
	return false;
}

/* Copies blocks from object->hand on, up to @stop (exclusive). Return: false when the batch is
 * full. */
static bool copy_range(struct spool_object *object, struct spool_batch *batch, uint64_t stop,
		       bool all)
{
	uint64_t word;

	while (spool_blockmap_next(&object->map, object->hand, &object->hand, &word) &&
	       object->hand < stop) {
		struct block block = block_unpack(word);

		if (batch->n == SPOOL_BATCH_BLOCKS)
			return false;
		if (block.kind == BLOCK_RAM && block.hot && !all) {
			block.hot = false;
			spool_blockmap_set(&object->map, object->host, object->hand,
					   block_pack(&block));
		} else if (block.kind == BLOCK_RAM && !is_in_batch(object, object->hand)) {
			copy_block(object, batch, object->hand, &block);
		}
		object->hand++;
	}
	return true;
}

int spool_object_fill_batch(struct spool_object *object, struct spool_batch *batch, bool all)
{
	uint64_t start = object->hand;
	int r;

	assert(batch->n == 0 && !batch->object);
	if (!object->key) {
		r = spool_key_new(object->disk->seal, &object->key);
		if (r < 0)
			return r;
	}
	if (copy_range(object, batch, UINT64_MAX, all)) {
		object->hand = 0;
		copy_range(object, batch, start, all);
	}
	if (batch->n == 0)
		return 0;
	batch->object = object;
	batch->key = object->key;
	batch->segment = object->own;
	TAILQ_INSERT_TAIL(&object->batches, batch, link);
	return (int)batch->n;
}

void spool_object_commit(struct spool_object *object, struct spool_quota_user *user,
			 struct spool_batch *batch, bool written)
{
	TAILQ_REMOVE(&object->batches, batch, link);
	for (unsigned int i = 0; i < batch->n; i++) {
		struct spool_batch_block *copied = &batch->blocks[i];
		struct block old = block_get(object, copied->index);
		struct block new = {.kind = BLOCK_DISK, .record = copied->record, .mask = old.mask};
		size_t ram = block_ram(object, &old);

		if (!written || copied->stale) {
			spool_disk_record_put(object->disk, copied->record);
			continue;
		}
		assert(old.kind == BLOCK_RAM && old.mask == copied->record->stored);
		block_publish(object, copied->index, &old, &new);
		ram -= block_ram(object, &new);
		object_charge(object, user, 0, -(int64_t)ram, 0, 0);
	}
	batch->n = 0;
	batch->object = NULL;
}
