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
	unsigned int n = 0, from;

	for (unsigned int i = 0; i < BLOCK_PIECES; i++)
		n += spool_disk_record_span(block->mask, i, &from) != 0;
	/* a record that is as large as what is there saves nothing */
	if (spool_disk_record_bytes(n) >= block_ram(object, block))
		return NULL;
	record = spool_alloc(object->host, spool_disk_record_bytes(n));
	if (!record)
		return NULL;
	record->refs = 1;
	record->stored = (uint16_t)block->mask;
	record->n_pieces = (uint8_t)n;
	record->end = block_data_end(block);
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
	batch->blocks[batch->n] = (struct spool_batch_block){.index = index, .record = record};
	for (unsigned int i = 0; i < BLOCK_PIECES && block->kind == BLOCK_RAM; i++) {
		unsigned int from = 0, len = spool_disk_record_span(block->mask, i, &from);

		if (len)
			block_read(object, block, from, len, to + from);
	}
	if (block->kind == BLOCK_DISK)
		block_note(object, block, 0, SPOOL_BLOCK_SIZE, to, &batch->blocks[batch->n].rest);
	batch->n++;
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

/* What cannot be completed by what it lies over is tried again only when somebody asks. */
static bool may_go(const struct block *block, enum spool_fill which)
{
	if (block->hot && which == SPOOL_FILL_RESTED)
		return false;
	return block->ram && (block->kind == BLOCK_RAM || !block->record->unreadable ||
			      which == SPOOL_FILL_ASKED);
}

/* Copies blocks from object->hand on, up to @stop (exclusive). Return: false when the batch is
 * full. */
static bool copy_range(struct spool_object *object, struct spool_batch *batch, uint64_t stop,
		       enum spool_fill which)
{
	uint64_t word;

	while (spool_blockmap_next(&object->map, object->hand, &object->hand, &word) &&
	       object->hand < stop) {
		struct block block = block_unpack(word);

		if (batch->n == SPOOL_BATCH_BLOCKS)
			return false;
		if (block.ram && block.hot && which == SPOOL_FILL_COLD) {
			block.hot = false;
			block_put(object, object->hand, &block);
		} else if (may_go(&block, which) && !is_in_batch(object, object->hand)) {
			copy_block(object, batch, object->hand, &block);
		}
		object->hand++;
	}
	return true;
}

void spool_object_rest(struct spool_object *object)
{
	uint64_t index = 0, word;

	for (; spool_blockmap_next(&object->map, index, &index, &word); index++) {
		struct block block = block_unpack(word);

		if (!block.ram || !block.hot)
			continue;
		block.hot = false;
		block_put(object, index, &block);
	}
	object->rests = true;
}

bool spool_object_rests(const struct spool_object *object)
{
	return object->rests;
}

void spool_object_end_rest(struct spool_object *object)
{
	object->rests = false;
}

int spool_object_fill_batch(struct spool_object *object, struct spool_batch *batch,
			    enum spool_fill which)
{
	uint64_t start = object->hand;
	int r;

	assert(batch->n == 0 && !batch->object);
	batch->n_bad = 0;
	if (!object->key) {
		r = spool_key_new(object->disk->seal, &object->key);
		if (r < 0)
			return r;
	}
	if (copy_range(object, batch, UINT64_MAX, which)) {
		object->hand = 0;
		copy_range(object, batch, start, which);
	}
	if (batch->n == 0)
		return 0;
	batch->object = object;
	batch->key = object->key;
	batch->segment = object->own;
	TAILQ_INSERT_TAIL(&object->batches, batch, link);
	return (int)batch->n;
}

static void commit_block(struct spool_object *object, struct spool_quota_user *user,
			 struct spool_batch_block *copied, bool written)
{
	struct block old = block_get(object, copied->index);
	struct block new = {.kind = BLOCK_DISK, .record = copied->record, .mask = old.mask};
	int64_t ram = -(int64_t)block_ram(object, &old);

	if (copied->bad && !copied->stale)
		old.record->unreadable = true;
	if (written && !copied->stale && !copied->bad) {
		assert(old.ram && old.mask == copied->record->stored);
		ram += (int64_t)block_ram(object, &new);
		block_publish(object, copied->index, &old, &new);
		object_charge(object, user, 0, ram, 0, 0);
	} else {
		spool_disk_record_put(object->disk, copied->record);
	}
	if (copied->rest.record)
		spool_fetch_drop(object->disk, &copied->rest);
}

void spool_object_commit(struct spool_object *object, struct spool_quota_user *user,
			 struct spool_batch *batch, bool written)
{
	TAILQ_REMOVE(&object->batches, batch, link);
	for (unsigned int i = 0; i < batch->n; i++)
		commit_block(object, user, &batch->blocks[i], written);
	batch->n = 0;
	batch->object = NULL;
}
