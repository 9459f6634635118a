/* SPDX-License-Identifier: MIT */

/*
 * fallocate(2). Reserving may fail in the middle, after many blocks; then everything must be as
 * before. So nothing is given back before the end. Of blocks that held something the old word is
 * kept (and the old slot, when a block has moved to another); a block of which no word is kept was
 * a hole.
 */

#include "store/object_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "quota/quota.h"
#include "util/host.h"
#include "util/macros.h"

struct change {
	uint64_t index;
	uint64_t old_word;
};

struct undo {
	struct change *changes; /* ascending */
	size_t n, room;
};

static int undo_note(struct spool_object *object, struct undo *undo, uint64_t index, uint64_t word)
{
	if (undo->n == undo->room) {
		size_t room = undo->room ? undo->room * 2 : 16;
		struct change *more = spool_alloc(object->host, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		if (undo->n)
			memcpy(more, undo->changes, undo->n * sizeof(*more));
		spool_free(object->host, undo->changes);
		undo->changes = more;
		undo->room = room;
	}
	undo->changes[undo->n++] = (struct change){index, word};
	return 0;
}

/* One past the last byte of the pages in @mask. */
static unsigned int mask_end(unsigned int mask)
{
	return (32 - (unsigned int)__builtin_clz(mask)) << SPOOL_PAGE_SHIFT;
}

static int reserve_hole(struct spool_object *object, struct spool_quota_user *user, uint64_t index,
			unsigned int mask)
{
	struct block block = {.kind = BLOCK_RESERVED, .mask = mask};
	size_t map_bytes = spool_blockmap_missing(&object->map, index);
	int64_t pages = __builtin_popcount(mask), ram = (int64_t)block_ram(object, &block);
	int r;

	r = object_charge(object, user, pages, ram, (int64_t)map_bytes, 0);
	if (r < 0)
		return r;
	r = spool_blockmap_grow(&object->map, object->host, index);
	if (r < 0) {
		object_charge(object, user, -pages, -ram, -(int64_t)map_bytes, 0);
		return r;
	}
	spool_blockmap_set(&object->map, object->host, index, block_pack(&block));
	return 0;
}

/* Adds pages to a block that holds something. Its old slot stays until commit(). A block on disk
 * comes here only when all its data are to be zeros. */
static int reserve_more(struct spool_object *object, struct spool_quota_user *user, uint64_t index,
			const struct block *old, unsigned int mask)
{
	struct block new = *old;
	unsigned int end = mask_end(mask);
	unsigned int lowest = (unsigned int)__builtin_ctz(mask);
	int64_t pages = __builtin_popcount(mask & ~old->mask), ram;
	bool moves = old->kind == BLOCK_DISK ||
		     (old->kind == BLOCK_RAM && (old->first > lowest || end > block_end(old)));
	struct block fresh;
	int r;

	new.mask = mask;
	if (moves)
		new.kind = BLOCK_RAM;
	new.ram = new.kind == BLOCK_RAM ? mask : 0;
	if (moves)
		ram = (int64_t)spool_pool_slot_size(end - (lowest << SPOOL_PAGE_SHIFT));
	else
		ram = (int64_t)block_ram(object, &new);
	if (old->kind != BLOCK_DISK) /* its record is given back in commit() */
		ram -= (int64_t)block_ram(object, old);
	ram = ram > 0 ? ram : 0; /* a smaller slot gives back when the old one goes */
	r = object_charge(object, user, pages, ram, 0, 0);
	if (r < 0)
		return r;
	if (moves) {
		r = block_move(object, old, end, &new);
		if (r < 0) {
			object_charge(object, user, -pages, -ram, 0, 0);
			return r;
		}
		object->slots += spool_pool_size(new.slot);
	}
	if (new.kind == BLOCK_RAM) {
		fresh = new;
		fresh.ram = mask & ~old->ram;
		block_zero(object, &fresh, 0, SPOOL_BLOCK_SIZE);
	}
	block_touch(object, index);
	spool_blockmap_set(&object->map, object->host, index, block_pack(&new));
	return 0;
}

/* @zero: the pages are to be zeros, and a block on disk among them has no others */
static int reserve_block(struct spool_object *object, struct spool_quota_user *user, uint64_t index,
			 unsigned int mask, bool zero, struct undo *undo)
{
	uint64_t word = spool_blockmap_get(&object->map, index);
	struct block old = block_unpack(word);
	bool enough = (mask & ~old.mask) == 0;
	int r;

	if (old.kind == BLOCK_HOLE)
		return reserve_hole(object, user, index, mask);
	if (old.kind == BLOCK_RAM)
		enough &= mask_end(mask) <= block_end(&old);
	if (old.kind == BLOCK_DISK)
		enough &= !zero;
	r = undo_note(object, undo, index, word);
	if (r < 0 || enough)
		return r;
	r = reserve_more(object, user, index, &old, old.mask | mask);
	if (r < 0)
		undo->n--; /* this one has not changed */
	return r;
}

/* The old slots of blocks that moved go now. */
static void commit(struct spool_object *object, struct spool_quota_user *user, struct undo *undo)
{
	for (size_t i = 0; i < undo->n; i++) {
		struct block old = block_unpack(undo->changes[i].old_word);
		struct block new = block_get(object, undo->changes[i].index);
		int64_t ram = (int64_t)block_ram(object, &new) - (int64_t)block_ram(object, &old);

		if (old.kind == new.kind && old.slot == new.slot)
			continue;
		if (old.ram) {
			object->slots -= spool_pool_size(old.slot);
			spool_pool_release(object->pool, old.slot);
		}
		if (old.kind == BLOCK_DISK) {
			block_count_gone(object, &old);
			ram = -(int64_t)block_ram(object, &old);
			spool_disk_record_put(object->disk, old.record);
		}
		if (ram < 0)
			object_charge(object, user, 0, ram, 0, 0);
	}
}

static void roll_back(struct spool_object *object, struct spool_quota_user *user, uint64_t first,
		      uint64_t stop, struct undo *undo)
{
	uint64_t index = first, word;
	size_t next = 0;

	for (; spool_blockmap_next(&object->map, index, &index, &word) && index < stop; index++) {
		struct block new = block_unpack(word), old = {.kind = BLOCK_HOLE};
		size_t map_before = spool_blockmap_bytes(&object->map);
		int64_t ram;

		if (next < undo->n && undo->changes[next].index == index)
			old = block_unpack(undo->changes[next++].old_word);
		ram = -(int64_t)block_ram(object, &new);
		if (old.kind != BLOCK_DISK || new.kind == BLOCK_DISK)
			ram += (int64_t)block_ram(object, &old);
		spool_blockmap_set(&object->map, object->host, index, block_pack(&old));
		if (new.ram && (!old.ram || new.slot != old.slot)) {
			object->slots -= spool_pool_size(new.slot);
			spool_pool_release(object->pool, new.slot);
		}
		object_charge(object, user,
			      __builtin_popcount(old.mask) - __builtin_popcount(new.mask),
			      ram < 0 ? ram : 0,
			      (int64_t)spool_blockmap_bytes(&object->map) - (int64_t)map_before, 0);
	}
}

/* Reserves [@off, @end), or changes nothing. */
static int reserve(struct spool_object *object, struct spool_quota_user *user, uint64_t off,
		   uint64_t end, bool zero)
{
	uint64_t first = off >> SPOOL_BLOCK_SHIFT, index = first;
	struct undo undo = {0};
	int r = 0;

	for (; index <= (end - 1) >> SPOOL_BLOCK_SHIFT; index++) {
		uint64_t start = index << SPOOL_BLOCK_SHIFT;
		unsigned int from = off > start ? (unsigned int)(off - start) : 0;
		unsigned int to = (unsigned int)spool_min_u64(end - start, SPOOL_BLOCK_SIZE);

		r = reserve_block(object, user, index, block_pages(from, to), zero, &undo);
		if (r < 0)
			break;
	}
	if (r < 0)
		roll_back(object, user, first, index, &undo);
	else
		commit(object, user, &undo);
	spool_free(object->host, undo.changes);
	return r;
}

/* Overwrites the data in [@off, @end) with zeros. */
static void zero(struct spool_object *object, uint64_t off, uint64_t end)
{
	uint64_t index = off >> SPOOL_BLOCK_SHIFT, word;

	for (; spool_blockmap_next(&object->map, index, &index, &word); index++) {
		uint64_t start = index << SPOOL_BLOCK_SHIFT;
		struct block block = block_unpack(word);

		if (start >= end)
			return;
		if (block.kind != BLOCK_RAM)
			continue;
		block_touch(object, index);
		block_zero(object, &block, off > start ? (unsigned int)(off - start) : 0,
			   (unsigned int)spool_min_u64(end - start, SPOOL_BLOCK_SIZE));
	}
}

/* Must something of block @index be loaded from the disk before @mode can be applied to its bytes
 * @from to @to? */
static bool needs(const struct block *block, uint64_t index, int mode, unsigned int from,
		  unsigned int to, struct spool_wanted *ret_wanted)
{
	unsigned int page;

	*ret_wanted = block_all(index);
	if (block->kind != BLOCK_DISK)
		return false;
	if (mode & FALLOC_FL_ZERO_RANGE)
		return block_keeps_some(block, from, to);
	if (!(mode & FALLOC_FL_PUNCH_HOLE))
		return block_pages(from, to) & ~block->mask;
	if (!block_needed(block, from, to, &page))
		return false;
	*ret_wanted = block_piece_of(index, page);
	return true;
}

/* Must something of [@off, @end) be loaded from the disk before fallocate() with @mode?
 * *@ret_wanted is the first. */
static bool must_load(const struct spool_object *object, int mode, uint64_t off, uint64_t end,
		      struct spool_wanted *ret_wanted)
{
	uint64_t index = off >> SPOOL_BLOCK_SHIFT, word;

	if (!object->disk)
		return false;
	for (; spool_blockmap_next(&object->map, index, &index, &word); index++) {
		uint64_t start = index << SPOOL_BLOCK_SHIFT;
		struct block block = block_unpack(word);

		if (start >= end)
			return false;
		if (needs(&block, index, mode, off > start ? (unsigned int)(off - start) : 0,
			  (unsigned int)spool_min_u64(end - start, SPOOL_BLOCK_SIZE), ret_wanted))
			return true;
	}
	return false;
}

/* Notes that pages of [@off, @end) without data are unwritten, before they are reserved: if that
 * fails, the note does no harm. Return: 0, also when there is no room for more; -ENOMEM. */
static int note_unwritten(struct spool_object *object, uint64_t off, uint64_t end)
{
	uint64_t stop, page;
	bool data;
	int r = 0;

	for (; off < end && r != -ENOMEM; off = stop) {
		stop = spool_object_stretch(object, off, end, &data);
		page = off >> SPOOL_PAGE_SHIFT;
		if (data)
			continue;
		if (off >= object->size && object_has_data(object, page))
			stop = (page + 1) << SPOOL_PAGE_SHIFT; /* the file ends in it */
		else
			r = spool_extents_add(object->host, &object->unwritten, page,
					      (stop + SPOOL_PAGE_SIZE - 1) >> SPOOL_PAGE_SHIFT,
					      false);
	}
	return r == -ENOMEM ? r : 0;
}

int spool_object_fallocate(struct spool_object *object, struct spool_quota_user *user, int mode,
			   uint64_t off, uint64_t len, struct spool_wanted *ret_wanted)
{
	uint64_t end, lost;
	int r;

	switch (mode) {
	case 0:
	case FALLOC_FL_KEEP_SIZE:
	case FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE:
	case FALLOC_FL_ZERO_RANGE:
	case FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE:
		break;
	default:
		return -EOPNOTSUPP;
	}
	if (len == 0)
		return -EINVAL;
	if (spool_add_overflows(off, len, &end) || end > SPOOL_OBJECT_MAX)
		return -EFBIG;
	if (must_load(object, mode, off, end, ret_wanted))
		return SPOOL_WOULD_BLOCK;
	if (mode & FALLOC_FL_PUNCH_HOLE) {
		object_punch(object, user, off, end);
		object_found(object, off, end);
		return 0;
	}
	if (mode & FALLOC_FL_ZERO_RANGE ? object_keeps_lost(object, off, end)
					: object_next_lost(object, off, end, &lost))
		return -EIO;
	r = note_unwritten(object, off, end);
	if (r < 0)
		return r;
	r = reserve(object, user, off, end, mode & FALLOC_FL_ZERO_RANGE);
	if (r < 0)
		return r;
	if (mode & FALLOC_FL_ZERO_RANGE) {
		zero(object, off, end);
		object_found(object, off, end);
	}
	if (!(mode & FALLOC_FL_KEEP_SIZE))
		object->size = spool_max_u64(object->size, end);
	return 0;
}
