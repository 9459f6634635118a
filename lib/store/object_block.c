/* SPDX-License-Identifier: MIT */
#include "store/object_internal.h"

#include <errno.h>
#include <string.h>

#include "quota/quota.h"

void block_touch(struct spool_object *object, uint64_t index)
{
	struct spool_batch *batch;

	TAILQ_FOREACH (batch, &object->batches, link) {
		for (unsigned int i = 0; i < batch->n; i++)
			batch->blocks[i].stale |= batch->blocks[i].index == index;
	}
}

/* Where byte @at of the block is; the slot covers it. */
static char *byte_at(const struct spool_object *object, const struct block *block, unsigned int at)
{
	return (char *)spool_pool_ptr(object->pool, block->slot) + at -
	       (block->first << SPOOL_PAGE_SHIFT);
}

/* object_charge() of what is of use together with @beside only. */
static int charge_beside(struct spool_object *object, struct spool_quota_user *user, int64_t pages,
			 int64_t ram, int64_t map_bytes, uint64_t beside, unsigned int flags)
{
	struct spool_charge plus = {{0}}, minus = {{0}};
	int64_t size_delta = pages * (int64_t)SPOOL_PAGE_SIZE + map_bytes;
	int64_t ram_delta = ram + map_bytes;
	int r = 0;

	if (size_delta > 0)
		plus.amount[SPOOL_RES_SIZE] = (uint64_t)size_delta;
	else
		minus.amount[SPOOL_RES_SIZE] = (uint64_t)-size_delta;
	if (ram_delta > 0)
		plus.amount[SPOOL_RES_RAM] = (uint64_t)ram_delta;
	else
		minus.amount[SPOOL_RES_RAM] = (uint64_t)-ram_delta;
	if (size_delta > 0 || ram_delta > 0)
		r = spool_quota_charge_beside(user, &plus, beside, flags);
	if (r < 0)
		return r;
	if (size_delta < 0 || ram_delta < 0)
		spool_quota_uncharge(user, &minus);
	object->pages += (uint64_t)pages;
	object->ram += (uint64_t)ram;
	return 0;
}

int object_charge(struct spool_object *object, struct spool_quota_user *user, int64_t pages,
		  int64_t ram, int64_t map_bytes, unsigned int flags)
{
	return charge_beside(object, user, pages, ram, map_bytes, 0, flags);
}

void block_read(const struct spool_object *object, const struct block *block, unsigned int from,
		unsigned int len, char *buf)
{
	unsigned int end = block_end(block);

	while (len > 0) {
		unsigned int page = from >> SPOOL_PAGE_SHIFT;
		unsigned int n = SPOOL_PAGE_SIZE - (from & (SPOOL_PAGE_SIZE - 1));
		unsigned int covered = 0;

		/* one copy for a run of pages that hold data */
		while (n < len && (block->ram >> page & 1) && (block->ram >> (page + 1) & 1)) {
			n += SPOOL_PAGE_SIZE;
			page++;
		}
		n = n < len ? n : len;
		if ((block->ram >> (from >> SPOOL_PAGE_SHIFT) & 1) && from < end) {
			covered = end - from < n ? end - from : n;
			memcpy(buf, byte_at(object, block, from), covered);
		}
		memset(buf + covered, 0, n - covered);
		buf += n;
		from += n;
		len -= n;
	}
}

void block_zero(struct spool_object *object, const struct block *block, unsigned int from,
		unsigned int to)
{
	unsigned int end = block_end(block);

	to = to < end ? to : end;
	while (from < to) {
		unsigned int page = from >> SPOOL_PAGE_SHIFT;
		unsigned int stop = (page + 1) << SPOOL_PAGE_SHIFT;

		stop = stop < to ? stop : to;
		if (block->ram >> page & 1)
			memset(byte_at(object, block, from), 0, stop - from);
		from = stop;
	}
}

/* Fills the pages in RAM of @block that are not in @had with zeros, but for bytes @from to @to,
 * which the caller overwrites at once. */
static void define_pages(struct spool_object *object, const struct block *block, unsigned int had,
			 unsigned int from, unsigned int to)
{
	unsigned int end = block_end(block);

	for (unsigned int fresh = block->ram & ~had; fresh; fresh &= fresh - 1) {
		unsigned int a = block_lowest(fresh) << SPOOL_PAGE_SHIFT, b = a + SPOOL_PAGE_SIZE;

		if (a >= end)
			break; /* zeros, which need no room */
		b = b < end ? b : end;
		if (a < from && a < b)
			memset(byte_at(object, block, a), 0, (from < b ? from : b) - a);
		if (b > to)
			memset(byte_at(object, block, to > a ? to : a), 0, b - (to > a ? to : a));
	}
}

void block_fill(struct spool_object *object, const struct block *block, unsigned int pages,
		unsigned int from, unsigned int end, const char *data)
{
	for (; pages; pages &= pages - 1) {
		unsigned int a = block_lowest(pages) << SPOOL_PAGE_SHIFT, b = a + SPOOL_PAGE_SIZE;
		unsigned int stop = b < block_end(block) ? b : block_end(block);
		unsigned int copied = stop < end ? stop : end;

		copied = copied > a ? copied : a;
		if (copied > a)
			memcpy(byte_at(object, block, a), data + (a - from), copied - a);
		if (stop > copied)
			memset(byte_at(object, block, copied), 0, stop - copied);
	}
}

/* Copies the data of @old into the slot of @new. Where that covers more of a page, the rest is
 * zeros. */
static void copy_pages(struct spool_object *object, const struct block *old,
		       const struct block *new)
{
	unsigned int old_end = block_end(old), new_end = block_end(new);

	for (unsigned int left = old->ram & new->ram; left; left &= left - 1) {
		unsigned int a = block_lowest(left) << SPOOL_PAGE_SHIFT, b = a + SPOOL_PAGE_SIZE;
		unsigned int stop = b < new_end ? b : new_end;
		unsigned int copied = stop < old_end ? stop : old_end;

		if (copied > a)
			memcpy(byte_at(object, new, a), byte_at(object, old, a), copied - a);
		else
			copied = a;
		if (stop > copied)
			memset(byte_at(object, new, copied), 0, stop - copied);
	}
}

int block_move(struct spool_object *object, const struct block *old, unsigned int end,
	       struct block *new)
{
	unsigned int first = block_lowest(new->ram);
	spool_pool_slot_t slot;
	int r = spool_pool_alloc(object->pool, end - (first << SPOOL_PAGE_SHIFT), &slot);

	if (r < 0)
		return r;
	new->first = first;
	new->slot = slot;
	copy_pages(object, old, new);
	return 0;
}

/* The end that a slot must have for @block with bytes up to @to. It covers the bytes that are in
 * use, and reserved pages as a whole. */
static unsigned int needed_end(const struct block *block, unsigned int to)
{
	unsigned int pages = block->kind == BLOCK_RESERVED ? block->mask : block->ram, used;

	if (!pages)
		return to;
	used = (block_highest(pages) + 1) << SPOOL_PAGE_SHIFT;
	if (block->ram && used > block_end(block))
		used = block_end(block);
	return used > to ? used : to;
}

void block_publish(struct spool_object *object, uint64_t index, const struct block *old,
		   const struct block *new)
{
	block_touch(object, index);
	block_put(object, index, new);
	if (new->ram)
		object->slots += spool_pool_size(new->slot);
	if (old->ram)
		object->slots -= spool_pool_size(old->slot);
	if (old->ram && (!new->ram || new->slot != old->slot))
		spool_pool_release(object->pool, old->slot);
	if (new->kind == BLOCK_DISK)
		block_count_stored(object, new);
	if (old->kind == BLOCK_DISK) {
		block_count_gone(object, old);
		if (new->kind != BLOCK_DISK || new->record != old->record)
			spool_disk_record_put(object->disk, old->record);
	}
}

/* A write that the slot does not cover: charge, take a slot for @new, grow the map, copy. */
static int write_moved(struct spool_object *object, struct spool_quota_user *user, uint64_t index,
		       const struct block *old, unsigned int end, unsigned int flags,
		       struct block *new)
{
	size_t map_bytes =
		old->kind == BLOCK_HOLE ? spool_blockmap_missing(&object->map, index) : 0;
	int64_t pages = __builtin_popcount(new->mask & ~old->mask);
	size_t slot_size = spool_pool_slot_size(end - (block_lowest(new->ram) << SPOOL_PAGE_SHIFT));
	size_t record =
		new->kind == BLOCK_DISK ? spool_disk_record_bytes(new->record->n_pieces) : 0;
	int64_t ram = (int64_t)(slot_size + record) - (int64_t)block_ram(object, old);
	int64_t more_ram = ram > 0 ? ram : 0;
	uint64_t beside = spool_blockmap_bytes(&object->map);
	int r;

	/* if it left RAM while this is waited for, it would have to come back first */
	if (old->kind == BLOCK_RAM)
		beside += block_ram(object, old);
	r = charge_beside(object, user, pages, more_ram, (int64_t)map_bytes, beside, flags);
	if (r < 0)
		return r;
	r = block_move(object, old, end, new);
	if (r < 0)
		goto uncharge;
	if (old->kind == BLOCK_HOLE) {
		r = spool_blockmap_grow(&object->map, object->host, index);
		if (r < 0) {
			spool_pool_release(object->pool, new->slot);
			goto uncharge;
		}
	}
	if (ram < 0)
		object_charge(object, user, 0, ram, 0, 0);
	return 0;
uncharge:
	object_charge(object, user, -pages, -more_ram, -(int64_t)map_bytes, 0);
	return r;
}

/* What a block is with bytes @from to @to written, but for its slot. */
static struct block with_pages(const struct block *old, unsigned int from, unsigned int to)
{
	struct block new = *old;

	new.mask |= block_pages(from, to);
	new.ram |= block_pages(from, to);
	if (new.kind != BLOCK_DISK) {
		new.kind = BLOCK_RAM;
		new.ram = new.mask;
	} else if (!block_is_away(&new, 0, SPOOL_BLOCK_SIZE)) {
		new.ram = new.mask; /* all that the disk still has is zeros */
	}
	block_settle(&new);
	return new;
}

/* A write that the slot covers: charges the pages that are new. */
static int write_in_place(struct spool_object *object, struct spool_quota_user *user,
			  const struct block *old, unsigned int flags, const struct block *new)
{
	int64_t ram = (int64_t)block_ram(object, new) - (int64_t)block_ram(object, old);

	if (new->mask == old->mask && ram == 0)
		return 0;
	return object_charge(object, user, __builtin_popcount(new->mask & ~old->mask), ram, 0,
			     flags);
}

int block_cover(struct spool_object *object, struct spool_quota_user *user, uint64_t index,
		const struct block *old, unsigned int to, unsigned int flags, struct block *new)
{
	unsigned int end = needed_end(old, to);

	if (old->ram && old->first <= block_lowest(new->ram) && end <= block_end(old))
		return write_in_place(object, user, old, flags, new);
	return write_moved(object, user, index, old, end, flags, new);
}

int block_write(struct spool_object *object, struct spool_quota_user *user, uint64_t index,
		unsigned int from, unsigned int len, const char *buf, unsigned int flags,
		bool whole, struct spool_wanted *ret_wanted)
{
	struct block old = block_get(object, index), new;
	unsigned int to = from + len, page;
	int r = -ENOSPC;

	if (block_cuts(&old, from, to, &page)) {
		*ret_wanted = block_piece_of(index, page);
		return SPOOL_WOULD_BLOCK;
	}
	new = with_pages(&old, from, to);
	if (whole && old.kind == BLOCK_HOLE && from == 0)
		r = block_cover(object, user, index, &old, SPOOL_BLOCK_SIZE, flags, &new);
	if (r < 0)
		r = block_cover(object, user, index, &old, to, flags, &new);
	if (r < 0)
		return r;
	/* a writer that has reached the end of a block will not come back to it soon */
	new.hot = to < SPOOL_BLOCK_SIZE || object->rests;
	define_pages(object, &new, old.ram, from, to);
	spool_pool_fill(object->pool, new.slot, from - (new.first << SPOOL_PAGE_SHIFT), buf, len);
	block_publish(object, index, &old, &new);
	return 0;
}

/* Makes bytes @from to @to of block @index a hole: object_punch(). */
static void punch(struct spool_object *object, struct spool_quota_user *user, uint64_t index,
		  unsigned int from, unsigned int to)
{
	struct block old = block_get(object, index), new = old;
	unsigned int inner_from = (from + SPOOL_PAGE_SIZE - 1) >> SPOOL_PAGE_SHIFT;
	unsigned int inner_to = to >> SPOOL_PAGE_SHIFT;
	unsigned int whole = 0;
	size_t map_before;
	int64_t ram;

	if (old.kind == BLOCK_HOLE)
		return;
	block_touch(object, index);
	block_zero(object, &old, from, to);
	if (old.kind == BLOCK_DISK && to >= old.record->end && from < old.record->end)
		old.record->end = from;
	if (inner_from < inner_to)
		whole = (1u << inner_to) - (1u << inner_from);
	new.mask &= ~whole;
	new.ram &= ~whole;
	if (new.mask == 0)
		new = (struct block){.kind = BLOCK_HOLE};
	else
		block_settle(&new);
	if (new.mask == old.mask)
		return;
	map_before = spool_blockmap_bytes(&object->map);
	ram = (int64_t)block_ram(object, &new) - (int64_t)block_ram(object, &old);
	block_publish(object, index, &old, &new);
	object_charge(object, user, -(int64_t)__builtin_popcount(old.mask & ~new.mask), ram,
		      (int64_t)spool_blockmap_bytes(&object->map) - (int64_t)map_before, 0);
}

void block_shrink(struct spool_object *object, struct spool_quota_user *user, uint64_t index)
{
	struct block old = block_get(object, index), new = old;
	unsigned int end;

	if (!old.ram)
		return;
	end = needed_end(&old, 0);
	/* The file may end within the last page: what follows is zero and need not be kept. */
	if (index == object->size >> SPOOL_BLOCK_SHIFT) {
		unsigned int eof = (unsigned int)(object->size & (SPOOL_BLOCK_SIZE - 1));

		if (eof > block_lowest(old.ram) << SPOOL_PAGE_SHIFT && eof < end)
			end = eof;
	}
	if (spool_pool_slot_size(end - (block_lowest(old.ram) << SPOOL_PAGE_SHIFT)) * 2 >
	    spool_pool_size(old.slot))
		return;
	if (block_move(object, &old, end, &new) < 0)
		return;
	block_publish(object, index, &old, &new);
	object_charge(object, user, 0,
		      (int64_t)block_ram(object, &new) - (int64_t)block_ram(object, &old), 0, 0);
}

void object_punch(struct spool_object *object, struct spool_quota_user *user, uint64_t off,
		  uint64_t end)
{
	while (off < end) {
		unsigned int from, n;
		uint64_t index, word;

		if (!spool_blockmap_next(&object->map, off >> SPOOL_BLOCK_SHIFT, &index, &word))
			return;
		if (index > off >> SPOOL_BLOCK_SHIFT)
			off = index << SPOOL_BLOCK_SHIFT;
		if (off >= end)
			return;
		n = block_piece(off, end, &from);
		punch(object, user, index, from, from + n);
		block_shrink(object, user, index);
		off += n;
	}
}
