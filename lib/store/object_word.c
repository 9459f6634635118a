/* SPDX-License-Identifier: MIT */
#include "store/object_internal.h"

/* What the word of a block says of it. */

#define KIND_SHIFT 62
#define HOT ((uint64_t)1 << 61)
#define DISK_SHIFT 16
#define DISK_UNIT 16u /* of addresses: malloc's alignment */
#define DISK_MASK (((uint64_t)1 << 46) - 1)
#define SLOT_SHIFT 20
#define FIRST_SHIFT 16
#define SLOT_MASK (((uint64_t)1 << 41) - 1)
#define PAGE_MASK 0xffffu

struct block block_unpack(uint64_t word)
{
	struct block block = {
		.kind = (enum block_kind)(word >> KIND_SHIFT),
		.mask = (unsigned int)word & PAGE_MASK,
	};

	if (block.kind == BLOCK_DISK) {
		block.record =
			(struct spool_disk_record *)(uintptr_t)((word >> DISK_SHIFT & DISK_MASK) *
								DISK_UNIT);
	} else if (block.kind == BLOCK_RAM) {
		block.slot = (word >> SLOT_SHIFT) & SLOT_MASK;
		block.first = (unsigned int)(word >> FIRST_SHIFT) & 0xf;
		block.ram = block.mask;
		block.hot = word & HOT;
	}
	return block;
}

uint64_t block_pack(const struct block *block)
{
	uint64_t word = (uint64_t)block->kind << KIND_SHIFT | block->mask;

	if (block->mask == 0)
		return 0;
	if (block->kind == BLOCK_DISK)
		return word | (uint64_t)(uintptr_t)block->record / DISK_UNIT << DISK_SHIFT;
	if (block->kind == BLOCK_RAM)
		word |= block->slot << SLOT_SHIFT | (uint64_t)block->first << FIRST_SHIFT |
			(block->hot ? HOT : 0);
	return word;
}

struct block block_get(const struct spool_object *object, uint64_t index)
{
	return block_unpack(spool_blockmap_get(&object->map, index));
}

unsigned int block_pages(unsigned int from, unsigned int to)
{
	unsigned int a = from >> SPOOL_PAGE_SHIFT, b = (to - 1) >> SPOOL_PAGE_SHIFT;

	return (2u << b) - (1u << a);
}

size_t block_ram(const struct spool_object *object, const struct block *block)
{
	if (block->kind == BLOCK_RAM)
		return spool_pool_size(block->slot);
	if (block->kind == BLOCK_DISK)
		return spool_disk_record_bytes(block->record->n_pieces);
	/* with a disk, RAM for what is reserved can always be had by waiting */
	if (block->kind == BLOCK_HOLE || object->disk)
		return 0;
	return spool_pool_slot_size(
		(size_t)(block_highest(block->mask) + 1 - block_lowest(block->mask))
		<< SPOOL_PAGE_SHIFT);
}

unsigned int block_end(const struct block *block)
{
	if (!block->ram)
		return 0;
	return (block->first << SPOOL_PAGE_SHIFT) + (unsigned int)spool_pool_size(block->slot);
}

uint64_t block_size(const struct block *block)
{
	return (uint64_t)__builtin_popcount(block->mask) << SPOOL_PAGE_SHIFT;
}

void block_count_stored(struct spool_object *object, const struct block *block)
{
	object->stored += block_size(block);
	object->disk->stored += block_size(block);
}

void block_count_gone(struct spool_object *object, const struct block *block)
{
	object->stored -= block_size(block);
	object->disk->stored -= block_size(block);
}

bool block_needed(const struct block *block, unsigned int from, unsigned int to)
{
	if (block->kind != BLOCK_DISK || to >= block->record->end)
		return false; /* what follows @from is zero already: the end moves */
	return (from % SPOOL_PAGE_SIZE && (block->mask >> (from >> SPOOL_PAGE_SHIFT) & 1)) ||
	       (to % SPOOL_PAGE_SIZE && (block->mask >> (to >> SPOOL_PAGE_SHIFT) & 1));
}

bool block_keeps_some(const struct block *block, unsigned int from, unsigned int to)
{
	return from > block_lowest(block->mask) << SPOOL_PAGE_SHIFT || to < block->record->end;
}
