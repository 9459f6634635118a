/* SPDX-License-Identifier: MIT */
#include "object_rig.h"

#include <string.h>

#include "util/macros.h"

void rig_init(struct rig *rig)
{
	struct spool_limits limits = {
		.mount = {UINT64_MAX, UINT64_MAX, UINT64_MAX},
		.user = {UINT64_MAX, UINT64_MAX, UINT64_MAX},
	};
	int r = 0;

	rig->outside = 0;
	fault_host_init(&rig->host);
	r |= spool_pool_new(&rig->host.host, &rig->pool);
	r |= spool_quota_new(&rig->host.host, &limits, &rig->quota);
	r |= spool_quota_user_get(rig->quota, 1000, &rig->user);
	r |= spool_quota_user_get(rig->quota, 1001, &rig->other);
	CU_ASSERT_EQUAL(r, 0);
}

void rig_fini(struct rig *rig)
{
	struct spool_pool_stat stat;

	spool_pool_stat(rig->pool, &stat);
	CU_ASSERT_EQUAL(stat.used, 0);
	spool_quota_user_put(rig->user);
	spool_quota_user_put(rig->other);
	CU_ASSERT_TRUE(spool_quota_free(rig->quota));
	spool_pool_free(rig->pool);
	CU_ASSERT_EQUAL(rig->host.live, 0);
}

void rig_limit(struct rig *rig, uint64_t size, uint64_t ram)
{
	struct spool_limits limits = {
		.mount = {size, ram, UINT64_MAX},
		.user = {UINT64_MAX, UINT64_MAX, UINT64_MAX},
	};

	spool_quota_set_limits(rig->quota, &limits);
}

struct spool_object *rig_object(struct rig *rig)
{
	struct spool_object *object = NULL;

	CU_ASSERT_EQUAL(spool_object_new(&rig->host.host, rig->pool, NULL, &object), 0);
	return object;
}

uint64_t rig_used(struct rig *rig, enum spool_resource resource)
{
	struct spool_usage usage;

	spool_quota_usage(rig->quota, &usage);
	return usage.used[resource];
}

static unsigned int wrong(const char *what, uint64_t is, uint64_t should_be)
{
	if (is == should_be)
		return 0;
	fprintf(stderr, "audit: %s: %llu instead of %llu\n", what, (unsigned long long)is,
		(unsigned long long)should_be);
	return 1;
}

/* Counts stored bytes at or beyond the size that are not zero, and pages wholly beyond it. */
static unsigned int bytes_beyond(const struct spool_object *object, uint64_t index,
				 const struct block *block)
{
	const unsigned char *at;
	unsigned int bad = 0;

	if (block->kind != BLOCK_RAM)
		return 0;
	at = spool_pool_ptr(object->pool, block->slot);
	for (unsigned int i = block->first << SPOOL_PAGE_SHIFT; i < block_end(block); i++) {
		if ((index << SPOOL_BLOCK_SHIFT) + i >= object->size &&
		    (block->mask >> (i >> SPOOL_PAGE_SHIFT) & 1))
			bad += at[i - (block->first << SPOOL_PAGE_SHIFT)] != 0;
	}
	return bad;
}

unsigned int rig_audit(struct rig *rig, struct spool_object *const *objects, size_t n)
{
	uint64_t size = 0, ram = 0, slots = 0;
	struct spool_pool_stat stat;
	unsigned int bad = 0;

	for (size_t i = 0; i < n; i++) {
		const struct spool_object *object = objects[i];
		uint64_t index = 0, word, object_pages = 0, object_ram = 0;

		for (; spool_blockmap_next(&object->map, index, &index, &word); index++) {
			struct block block = block_unpack(word);

			object_pages += (unsigned int)__builtin_popcount(block.mask);
			object_ram += block_ram(object, &block);
			if (block.kind == BLOCK_RAM)
				slots += spool_pool_size(block.slot);
			bad += wrong("bytes beyond the end", bytes_beyond(object, index, &block),
				     0);
		}
		bad += wrong("pages", object->pages, object_pages);
		bad += wrong("ram", object->ram, object_ram);
		bad += wrong("blocks", spool_object_blocks(object), object_pages * 8);
		size += object_pages * SPOOL_PAGE_SIZE + spool_blockmap_bytes(&object->map);
		ram += object_ram + spool_blockmap_bytes(&object->map);
	}
	bad += wrong("charged size", rig_used(rig, SPOOL_RES_SIZE), size);
	bad += wrong("charged ram", rig_used(rig, SPOOL_RES_RAM), ram);
	spool_pool_stat(rig->pool, &stat);
	bad += wrong("slots", stat.used, slots + rig->outside);
	return bad;
}

void rig_poison(struct rig *rig, uint64_t bytes)
{
	static spool_pool_slot_t slots[1024];
	size_t n = 0;

	for (; n < SPOOL_ARRAY_SIZE(slots) && n * (uint64_t)SPOOL_BLOCK_SIZE < bytes; n++) {
		if (spool_pool_alloc(rig->pool, SPOOL_BLOCK_SIZE, &slots[n]) < 0)
			break;
		memset(spool_pool_ptr(rig->pool, slots[n]), 0xa5, SPOOL_BLOCK_SIZE);
	}
	while (n > 0)
		spool_pool_release(rig->pool, slots[--n]);
}

bool rig_is(const struct spool_object *object, uint64_t off, uint64_t len, unsigned char expect)
{
	unsigned char buf[4096];

	while (len > 0) {
		size_t n = spool_min_u64(len, sizeof(buf));

		memset(buf, (unsigned char)~expect, n);
		if (spool_object_read(object, buf, n, off, NULL, NULL) != (ssize_t)n)
			return false;
		for (size_t i = 0; i < n; i++) {
			if (buf[i] != expect)
				return false;
		}
		off += n;
		len -= n;
	}
	return true;
}

void object_rig_init(struct object_rig *file)
{
	rig_init(&file->rig);
	rig_poison(&file->rig, 8 * MIB);
	file->object = rig_object(&file->rig);
	memset(file->pattern, 'x', sizeof(file->pattern));
}

void object_rig_fini(struct object_rig *file)
{
	CU_ASSERT_EQUAL(rig_audit(&file->rig, &file->object, 1), 0);
	spool_object_free(file->object, file->rig.user);
	rig_fini(&file->rig);
}

ssize_t object_rig_put(struct object_rig *file, uint64_t off, size_t len)
{
	return spool_object_write(file->object, file->rig.user, file->pattern, len, off, 0, NULL);
}

int object_rig_allocate(struct object_rig *file, int mode, uint64_t off, uint64_t len)
{
	return spool_object_fallocate(file->object, file->rig.user, mode, off, len, NULL);
}

int object_rig_truncate(struct object_rig *file, uint64_t size)
{
	return spool_object_truncate(file->object, file->rig.user, size);
}
