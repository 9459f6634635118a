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

static void unpack_slot(uint64_t word, struct block *block)
{
	block->slot = (word >> SLOT_SHIFT) & SLOT_MASK;
	block->first = (unsigned int)(word >> FIRST_SHIFT) & 0xf;
	block->ram = (unsigned int)word & PAGE_MASK;
	block->hot = word & HOT;
}

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
		if (block.record->over)
			unpack_slot(block.record->over, &block);
	} else if (block.kind == BLOCK_RAM) {
		unpack_slot(word, &block);
	}
	return block;
}

static uint64_t pack_slot(const struct block *block)
{
	if (block->ram == 0)
		return 0;
	return (uint64_t)BLOCK_RAM << KIND_SHIFT | block->slot << SLOT_SHIFT |
	       (uint64_t)block->first << FIRST_SHIFT | (block->hot ? HOT : 0) | block->ram;
}

uint64_t block_pack(const struct block *block)
{
	uint64_t word = (uint64_t)block->kind << KIND_SHIFT | block->mask;

	if (block->mask == 0)
		return 0;
	if (block->kind == BLOCK_DISK)
		return word | (uint64_t)(uintptr_t)block->record / DISK_UNIT << DISK_SHIFT;
	return block->kind == BLOCK_RAM ? pack_slot(block) : word;
}

void block_put(struct spool_object *object, uint64_t index, const struct block *block)
{
	if (block->kind == BLOCK_DISK)
		block->record->over = pack_slot(block);
	spool_blockmap_set(&object->map, object->host, index, block_pack(block));
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
	size_t ram = block->ram ? spool_pool_size(block->slot) : 0;

	if (block->kind == BLOCK_DISK)
		ram += spool_disk_record_bytes(block->record->n_pieces);
	/* with a disk, RAM for what is reserved can always be had by waiting */
	if (block->kind == BLOCK_RESERVED && !object->disk)
		ram = spool_pool_slot_size(
			(size_t)(block_highest(block->mask) + 1 - block_lowest(block->mask))
			<< SPOOL_PAGE_SHIFT);
	return ram;
}

unsigned int block_end(const struct block *block)
{
	if (!block->ram)
		return 0;
	return (block->first << SPOOL_PAGE_SHIFT) + (unsigned int)spool_pool_size(block->slot);
}

/* Where page @page ends. */
static unsigned int page_end(unsigned int page)
{
	return (page + 1) << SPOOL_PAGE_SHIFT;
}

static unsigned int lower(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

unsigned int block_data_end(const struct block *block)
{
	unsigned int away = block_on_disk(block), ram = 0, disk = 0;

	if (block->ram)
		ram = lower(page_end(block_highest(block->ram)), block_end(block));
	if (away)
		disk = lower(page_end(block_highest(away)), block->record->end);
	return ram > disk ? ram : disk;
}

void block_count_stored(struct spool_object *object, const struct block *block)
{
	uint64_t bytes = (uint64_t)__builtin_popcount(block_on_disk(block)) << SPOOL_PAGE_SHIFT;

	object->stored += bytes;
	object->disk->stored += bytes;
}

void block_count_gone(struct spool_object *object, const struct block *block)
{
	uint64_t bytes = (uint64_t)__builtin_popcount(block_on_disk(block)) << SPOOL_PAGE_SHIFT;

	object->stored -= bytes;
	object->disk->stored -= bytes;
}

bool block_is_away(const struct block *block, unsigned int from, unsigned int len)
{
	unsigned int pages = block_on_disk(block) & block_pages(from, from + len), first;

	if (!pages)
		return false;
	first = block_lowest(pages) << SPOOL_PAGE_SHIFT;
	return (first > from ? first : from) < block->record->end;
}

bool block_needed(const struct block *block, unsigned int from, unsigned int to,
		  unsigned int *ret_page)
{
	unsigned int away = block_on_disk(block);

	if (!away || to >= block->record->end)
		return false; /* what follows @from is zero already: the end moves */
	*ret_page = from >> SPOOL_PAGE_SHIFT;
	if (from % SPOOL_PAGE_SIZE && (away >> *ret_page & 1))
		return true;
	*ret_page = to >> SPOOL_PAGE_SHIFT;
	return to % SPOOL_PAGE_SIZE && (away >> *ret_page & 1);
}

/* Whether bytes @from to @to leave data of page @page standing. */
static bool cuts_page(const struct block *block, unsigned int from, unsigned int to,
		      unsigned int page)
{
	unsigned int start = page << SPOOL_PAGE_SHIFT, end = block->record->end;

	return (block_on_disk(block) >> page & 1) &&
	       ((start < from && start < end) || (to < page_end(page) && to < end));
}

bool block_cuts(const struct block *block, unsigned int from, unsigned int to,
		unsigned int *ret_page)
{
	if (block->kind != BLOCK_DISK)
		return false;
	*ret_page = from >> SPOOL_PAGE_SHIFT;
	if (cuts_page(block, from, to, *ret_page))
		return true;
	*ret_page = (to - 1) >> SPOOL_PAGE_SHIFT;
	return cuts_page(block, from, to, *ret_page);
}

bool block_keeps_some(const struct block *block, unsigned int from, unsigned int to)
{
	return from > block_lowest(block->mask) << SPOOL_PAGE_SHIFT || to < block_data_end(block);
}

void block_settle(struct block *block)
{
	if (block->kind != BLOCK_DISK || block_on_disk(block))
		return;
	block->kind = BLOCK_RAM;
	block->record = NULL;
}
