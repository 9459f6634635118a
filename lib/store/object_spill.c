/* SPDX-License-Identifier: MIT */
#include "store/object_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "quota/quota.h"
#include "util/host.h"
#include "util/macros.h"

uint64_t spool_object_ram(const struct spool_object *object)
{
	return object->slots;
}

uint64_t spool_object_data(const struct spool_object *object)
{
	return object->pages << SPOOL_PAGE_SHIFT;
}

struct spool_key *spool_object_key(const struct spool_object *object)
{
	return object->key;
}

bool spool_object_wants_own(const struct spool_object *object)
{
	return object->own == 0 && object->size > object->spill->own_size;
}

void spool_object_give_own(struct spool_object *object, int segment)
{
	if (object->own == 0)
		object->own = segment;
	else
		spool_disk_slots_disown(object->spill->slots, segment);
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
	record->end = (unsigned int)spool_min_u64(spool_block_end(block), last << SPOOL_PAGE_SHIFT);
	return record;
}

/* Copies block @index into place @at of the stage, if it may go. */
static void stage_block(struct spool_object *object, struct spool_stage *stage, uint64_t index,
			const struct block *block)
{
	struct spool_disk_record *record = new_record(object, block);
	char *to = stage->buffer + (size_t)stage->n * SPOOL_BLOCK_SIZE;

	if (!record)
		return;
	for (unsigned int i = 0; i < BLOCK_PIECES; i++) {
		unsigned int from = 0, len = spool_disk_record_span(block->mask, i, &from);

		if (len)
			spool_block_read(object, block, from, len, to + from);
	}
	stage->blocks[stage->n++] = (struct spool_staged){.index = index, .record = record};
}

bool spool_object_is_staged(const struct spool_object *object)
{
	return !TAILQ_EMPTY(&object->stages);
}

static bool is_staged(const struct spool_object *object, uint64_t index)
{
	struct spool_stage *stage;

	TAILQ_FOREACH (stage, &object->stages, link) {
		for (unsigned int i = 0; i < stage->n; i++) {
			if (stage->blocks[i].index == index)
				return true;
		}
	}
	return false;
}

/* From the hand to @stop (exclusive). Return: false when the stage is full. */
static bool stage_range(struct spool_object *object, struct spool_stage *stage, uint64_t stop,
			bool all)
{
	uint64_t word;

	while (spool_blockmap_next(&object->map, object->hand, &object->hand, &word) &&
	       object->hand < stop) {
		struct block block = spool_block_unpack(word);

		if (stage->n == SPOOL_STAGE_BLOCKS)
			return false;
		if (block.kind == BLOCK_RAM && block.hot && !all) {
			block.hot = false;
			spool_blockmap_set(&object->map, object->host, object->hand,
					   spool_block_pack(&block));
		} else if (block.kind == BLOCK_RAM && !is_staged(object, object->hand)) {
			stage_block(object, stage, object->hand, &block);
		}
		object->hand++;
	}
	return true;
}

int spool_object_stage(struct spool_object *object, struct spool_stage *stage, bool all)
{
	uint64_t start = object->hand;
	int r;

	assert(stage->n == 0 && !stage->object);
	if (!object->key) {
		r = spool_key_new(object->spill->seal, &object->key);
		if (r < 0)
			return r;
	}
	if (stage_range(object, stage, UINT64_MAX, all)) {
		object->hand = 0;
		stage_range(object, stage, start, all);
	}
	if (stage->n == 0)
		return 0;
	stage->object = object;
	stage->key = object->key;
	stage->segment = object->own;
	TAILQ_INSERT_TAIL(&object->stages, stage, link);
	return (int)stage->n;
}

void spool_object_commit(struct spool_object *object, struct spool_quota_user *user,
			 struct spool_stage *stage, bool written)
{
	TAILQ_REMOVE(&object->stages, stage, link);
	for (unsigned int i = 0; i < stage->n; i++) {
		struct spool_staged *staged = &stage->blocks[i];
		struct block old = spool_block_get(object, staged->index);
		struct block new = {.kind = BLOCK_DISK, .disk = staged->record, .mask = old.mask};
		size_t ram = spool_block_ram(object, &old);

		if (!written || staged->stale) {
			spool_disk_record_put(object->spill, staged->record);
			continue;
		}
		assert(old.kind == BLOCK_RAM && old.mask == staged->record->stored);
		spool_block_publish(object, staged->index, &old, &new);
		ram -= spool_block_ram(object, &new);
		spool_object_charge(object, user, 0, -(int64_t)ram, 0, 0);
	}
	stage->n = 0;
	stage->object = NULL;
}

void spool_block_note(const struct block *block, unsigned int from, unsigned int len, char *to,
		      struct spool_fetch *ret)
{
	atomic_fetch_add_explicit(&block->disk->refs, 1, memory_order_relaxed);
	*ret = (struct spool_fetch){.record = block->disk,
				    .from = from,
				    .len = len,
				    .mask = block->mask,
				    .end = block->disk->end,
				    .to = to};
}

bool spool_object_fetch_block(const struct spool_object *object, uint64_t index, char *to,
			      struct spool_fetch *ret_fetch)
{
	struct block block = spool_block_get(object, index);

	if (block.kind != BLOCK_DISK)
		return false;
	spool_block_note(&block, 0, SPOOL_BLOCK_SIZE, to, ret_fetch);
	return true;
}

int spool_object_install(struct spool_object *object, struct spool_quota_user *user, uint64_t index,
			 const struct spool_disk_record *record, const char *data)
{
	struct block old = spool_block_get(object, index);
	struct block new = {.kind = BLOCK_RAM, .mask = old.mask, .hot = true};
	unsigned int from, end;
	int64_t ram;
	int r;

	if (old.kind != BLOCK_DISK || old.disk != record)
		return 0;
	new.first = (unsigned int)__builtin_ctz(old.mask);
	from = new.first << SPOOL_PAGE_SHIFT;
	end = old.disk->end > from ? old.disk->end : from + 1;
	ram = (int64_t)spool_pool_slot_size(end - from) - (int64_t)spool_block_ram(object, &old);
	r = spool_object_charge(object, user, 0, ram, 0, 0);
	if (r < 0)
		return r;
	r = spool_pool_alloc(object->pool, end - from, &new.slot);
	if (r < 0) {
		spool_object_charge(object, user, 0, -ram, 0, 0);
		return r;
	}
	memcpy(spool_pool_ptr(object->pool, new.slot), data + from, end - from);
	memset((char *)spool_pool_ptr(object->pool, new.slot) + (end - from), 0,
	       spool_pool_size(new.slot) - (end - from));
	spool_block_publish(object, index, &old, &new);
	return 0;
}
