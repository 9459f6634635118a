/* SPDX-License-Identifier: MIT */
#include "store/object_internal.h"

#include <assert.h>
#include <errno.h>

#include "quota/quota.h"
#include "util/host.h"

int spool_object_new(const struct spool_host *host, struct spool_pool *pool,
		     struct spool_disk *disk, struct spool_object **ret_object)
{
	struct spool_object *object = spool_alloc(host, sizeof(*object));

	if (!object)
		return -ENOMEM;
	object->host = host;
	object->pool = pool;
	object->disk = disk;
	TAILQ_INIT(&object->batches);
	spool_blockmap_init(&object->map);
	*ret_object = object;
	return 0;
}

size_t spool_object_bytes(void)
{
	return sizeof(struct spool_object);
}

void spool_object_free(struct spool_object *object, struct spool_quota_user *user)
{
	uint64_t index = 0, word;

	if (!object)
		return;
	assert(TAILQ_EMPTY(&object->batches));
	for (; spool_blockmap_next(&object->map, index, &index, &word); index++) {
		struct block block = block_unpack(word);

		if (block.ram)
			spool_pool_release(object->pool, block.slot);
		if (block.kind == BLOCK_DISK) {
			block_count_gone(object, &block);
			spool_disk_record_put(object->disk, block.record);
		}
	}
	if (object->disk) {
		spool_disk_slots_disown(object->disk->slots, object->own);
		if (object->own)
			object->disk->gave(object->disk->ctx);
		spool_key_free(object->disk->seal, object->key);
	}
	object_charge(object, user, -(int64_t)object->pages, -(int64_t)object->ram,
		      -(int64_t)spool_blockmap_bytes(&object->map), 0);
	spool_blockmap_fini(&object->map, object->host);
	spool_extents_free(object->host, &object->lost);
	spool_extents_free(object->host, &object->unwritten);
	spool_free(object->host, object);
}

uint64_t spool_object_size(const struct spool_object *object)
{
	return object->size;
}

uint64_t spool_object_blocks(const struct spool_object *object)
{
	return object->pages * (SPOOL_PAGE_SIZE / 512);
}

uint64_t spool_object_ram(const struct spool_object *object)
{
	return object->slots;
}

uint64_t spool_object_stored(const struct spool_object *object)
{
	return object->stored;
}

uint64_t spool_object_data(const struct spool_object *object)
{
	return object->pages << SPOOL_PAGE_SHIFT;
}

ssize_t spool_object_read(const struct spool_object *object, void *buf, size_t len, uint64_t off,
			  struct spool_fetch *fetches, size_t *n_fetches)
{
	uint64_t start = off, end, lost;
	size_t room = fetches ? *n_fetches : 0, used = 0;
	char *to = buf;

	if (fetches)
		*n_fetches = 0;
	if (off >= object->size || len == 0)
		return 0;
	end = off + spool_min_u64(len, object->size - off);
	if (object_next_lost(object, off, end, &lost))
		return -EIO;
	while (off < end) {
		struct block block = block_get(object, off >> SPOOL_BLOCK_SHIFT);
		unsigned int from, n = block_piece(off, end, &from);
		bool away = block_is_away(&block, from, n);

		if (away && used == room) {
			if (off == start)
				return SPOOL_WOULD_BLOCK;
			break; /* another call reads the rest */
		}
		if (away)
			block_note(object, &block, from, n, to, &fetches[used++]);
		else
			block_read(object, &block, from, n, to);
		to += n;
		off += n;
	}
	if (!fetches && off < end)
		return SPOOL_WOULD_BLOCK;
	if (fetches)
		*n_fetches = used;
	return to - (char *)buf;
}

ssize_t spool_object_write(struct spool_object *object, struct spool_quota_user *user,
			   const void *buf, size_t len, uint64_t off, unsigned int flags,
			   struct spool_wanted *ret_wanted)
{
	const char *from_buf = buf;
	uint64_t end;

	if (len == 0)
		return 0;
	if (off >= SPOOL_OBJECT_MAX)
		return -EFBIG;
	end = off + spool_min_u64(len, SPOOL_OBJECT_MAX - off);
	if (object_keeps_lost(object, off, end))
		return -EIO;
	/* without room (ENOSPC) the set becomes less exact: some reserved pages count as data */
	if (object->unwritten && spool_extents_prepare(object->host, &object->unwritten) == -ENOMEM)
		return -ENOMEM;
	while (off < end) {
		/* A file that grows on from 64 KiB will most likely fill its next block: take it
		 * whole and spare the copies from slot to slot. Costs at most 60 KiB a file. */
		bool whole = off == object->size && off >= SPOOL_BLOCK_SIZE;
		unsigned int from, n = block_piece(off, end, &from);
		int r = block_write(object, user, off >> SPOOL_BLOCK_SHIFT, from, n, from_buf,
				    flags, whole, ret_wanted);

		if (r < 0 && from_buf == buf)
			return r;
		if (r < 0)
			break;
		from_buf += n;
		off += n;
		object->size = spool_max_u64(object->size, off);
		object_found(object, off - n, off);
		spool_extents_remove(object->host, &object->unwritten,
				     (off - n) >> SPOOL_PAGE_SHIFT,
				     (off + SPOOL_PAGE_SIZE - 1) >> SPOOL_PAGE_SHIFT, false);
	}
	return from_buf - (const char *)buf;
}

/* [@off, end of the last block): one past the largest offset, which 64 bits hold unsigned. */
#define OFFSET_END ((uint64_t)1 << 63)

int spool_object_truncate(struct spool_object *object, struct spool_quota_user *user, uint64_t size)
{
	if (size > SPOOL_OBJECT_MAX)
		return -EFBIG;
	if (size <= object->size) {
		/* Whole pages behind the end go, and the rest of the last one becomes zeros. */
		object_punch(object, user, size, OFFSET_END);
		object_found(object, size, OFFSET_END);
		object->size = size;
		block_shrink(object, user, size >> SPOOL_BLOCK_SHIFT);
	}
	object->size = size;
	return 0;
}

/* Was the page of byte @off reserved and never written, though its block has data? */
static bool is_unwritten(const struct spool_object *object, uint64_t off)
{
	uint64_t page = off >> SPOOL_PAGE_SHIFT, from, to;

	return spool_extents_find(object->unwritten, page, page + 1, &from, &to);
}

/* spool_object_seek() by the blocks alone. */
static int64_t seek_block(const struct spool_object *object, uint64_t off, int whence)
{
	while (off < object->size) {
		uint64_t index, word, page;
		struct block block;
		bool data;

		if (!spool_blockmap_next(&object->map, off >> SPOOL_BLOCK_SHIFT, &index, &word)) {
			if (whence == SEEK_HOLE)
				return (int64_t)off;
			return -ENXIO;
		}
		if (index > off >> SPOOL_BLOCK_SHIFT) {
			if (whence == SEEK_HOLE)
				return (int64_t)off;
			off = index << SPOOL_BLOCK_SHIFT;
			continue;
		}
		block = block_unpack(word);
		page = (off & (SPOOL_BLOCK_SIZE - 1)) >> SPOOL_PAGE_SHIFT;
		data = (block.kind == BLOCK_RAM || block.kind == BLOCK_DISK) &&
		       (block.mask >> page & 1) && !is_unwritten(object, off);
		if (data == (whence == SEEK_DATA))
			return (int64_t)off;
		off = ((off >> SPOOL_PAGE_SHIFT) + 1) << SPOOL_PAGE_SHIFT;
	}
	return whence == SEEK_HOLE ? (int64_t)object->size : -ENXIO;
}

int64_t spool_object_seek(const struct spool_object *object, uint64_t off, int whence)
{
	uint64_t lost;
	int64_t r;

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return -EINVAL;
	if (off >= object->size)
		return -ENXIO;
	r = seek_block(object, off, whence);
	if (whence == SEEK_DATA && object_next_lost(object, off, object->size, &lost))
		return r < 0 || (int64_t)lost < r ? (int64_t)lost : r;
	/* a lost page is no hole: a program that copies the file must get an error for it */
	while (whence == SEEK_HOLE && r < (int64_t)object->size &&
	       object_next_lost(object, (uint64_t)r, (uint64_t)r + 1, &lost)) {
		int64_t data = seek_block(object, (uint64_t)r, SEEK_DATA);

		off = object_lost_end(object, (uint64_t)r);
		if (data >= 0 && (uint64_t)data < off)
			off = (uint64_t)data;
		r = off < object->size ? seek_block(object, off, whence) : (int64_t)object->size;
	}
	return r;
}

uint64_t spool_object_stretch(const struct spool_object *object, uint64_t off, uint64_t end,
			      bool *ret_data)
{
	int64_t data = spool_object_seek(object, off, SEEK_DATA);
	int64_t hole;

	*ret_data = data == (int64_t)off;
	if (data < 0)
		return end;
	if (!*ret_data)
		return spool_min_u64((uint64_t)data, end);
	hole = spool_object_seek(object, off, SEEK_HOLE);
	return spool_min_u64((uint64_t)hole, end);
}

/* Is any block of [@off, @end) on disk? */
static bool touches_disk(const struct spool_object *object, uint64_t off, uint64_t end)
{
	uint64_t index = off >> SPOOL_BLOCK_SHIFT, word;

	if (!object->disk)
		return false;
	for (; spool_blockmap_next(&object->map, index, &index, &word); index++) {
		if (index << SPOOL_BLOCK_SHIFT >= end)
			return false;
		if (block_unpack(word).kind == BLOCK_DISK)
			return true;
	}
	return false;
}

ssize_t spool_object_copy(struct spool_object *src, uint64_t src_off, struct spool_object *dst,
			  struct spool_quota_user *dst_user, uint64_t dst_off, size_t len)
{
	uint64_t end, done = 0;
	char *bounce;
	ssize_t r = 0;

	if (src_off >= src->size || len == 0)
		return 0;
	if (dst_off >= SPOOL_OBJECT_MAX)
		return -EFBIG;
	end = src_off + spool_min_u64(len, src->size - src_off);
	end = src_off + spool_min_u64(end - src_off, SPOOL_OBJECT_MAX - dst_off);
	if (src == dst && src_off < dst_off + (end - src_off) && dst_off < end)
		return -EINVAL;
	if (touches_disk(src, src_off, end) ||
	    touches_disk(dst, dst_off, dst_off + (end - src_off)))
		return SPOOL_WOULD_BLOCK;
	/* Data pass through a buffer: a write may move the very slot that it would read from. */
	bounce = spool_alloc(src->host, SPOOL_BLOCK_SIZE);
	if (!bounce)
		return -ENOMEM;
	while (src_off < end) {
		bool data;
		uint64_t stop = spool_object_stretch(src, src_off, end, &data);

		if (!data) {
			object_punch(dst, dst_user, dst_off, dst_off + (stop - src_off));
			object_found(dst, dst_off, dst_off + (stop - src_off));
			r = (ssize_t)(stop - src_off);
			dst->size = spool_max_u64(dst->size, dst_off + (uint64_t)r);
		} else {
			size_t n = spool_min_u64(stop - src_off, SPOOL_BLOCK_SIZE);
			struct spool_wanted wanted;

			r = spool_object_read(src, bounce, n, src_off, NULL, NULL);
			if (r >= 0)
				r = spool_object_write(dst, dst_user, bounce, n, dst_off, 0,
						       &wanted);
		}
		if (r < 0)
			break;
		src_off += (uint64_t)r;
		dst_off += (uint64_t)r;
		done += (uint64_t)r;
	}
	spool_free(src->host, bounce);
	return done > 0 ? (ssize_t)done : r;
}

void spool_object_charges(const struct spool_object *object, struct spool_charge *ret)
{
	uint64_t map_bytes = spool_blockmap_bytes(&object->map);

	*ret = (struct spool_charge){{0}};
	ret->amount[SPOOL_RES_SIZE] = object->pages * SPOOL_PAGE_SIZE + map_bytes;
	ret->amount[SPOOL_RES_RAM] = object->ram + map_bytes;
}
