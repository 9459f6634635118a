/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What object.c (files) and object_block.c (blocks) share.
 *
 * The word of a block in the map:
 *
 *	bits 63-62	kind: 0 hole (the whole word is 0), 1 reserved, 2 in RAM; 3 is free for the
 *			spill tier
 *	bits 60-20	RAM: the slot (store/pool.h)
 *	bits 19-16	RAM: the page that the slot begins with
 *	bits 15-0	pages that hold data (RAM) or are charged (reserved)
 *
 * A RAM block's slot covers its bytes from the first page on, for the size of the slot. Pages in
 * the mask have all their covered bytes defined, and read as zeros beyond; pages not in the mask
 * are undefined even where they are covered.
 */

#include "store/blockmap.h"
#include "store/object.h"
#include "store/pool.h"

#define BLOCK_SHIFT SPOOL_CHUNK_SHIFT
#define BLOCK_SIZE SPOOL_CHUNK_SIZE
#define BLOCK_PAGES (BLOCK_SIZE / SPOOL_PAGE_SIZE)

enum block_kind { BLOCK_HOLE, BLOCK_RESERVED, BLOCK_RAM };

/* A block's word, taken apart */
struct block {
	enum block_kind kind;
	spool_slot_t slot;
	unsigned int first;
	unsigned int mask;
};

struct spool_object {
	const struct spool_host *host;
	struct spool_pool *pool;
	struct spool_blockmap map;
	uint64_t size;
	uint64_t pages; /* with data or reserved */
	uint64_t ram;   /* bytes of slots, and of the slots that reserved blocks will need */
};

/* spool_block_unpack(), spool_block_pack(): between a word of the block map and what it says;
 * spool_block_get(): what the map says of block @index. */
struct block spool_block_unpack(uint64_t word);
uint64_t spool_block_pack(const struct block *block);
struct block spool_block_get(const struct spool_object *object, uint64_t index);

/** Pages from byte @from up to byte @to of a block, 0 <= @from < @to <= BLOCK_SIZE. */
unsigned int spool_block_pages(unsigned int from, unsigned int to);

/** Bytes of RAM that a block is charged. */
size_t spool_block_ram(const struct block *block);

/** The end of what the slot covers, in bytes of the block; 0 without one. */
unsigned int spool_block_end(const struct block *block);

/** Copies out bytes @from to @from + @len of a block; zeros where nothing is. */
void spool_block_read(const struct spool_object *object, const struct block *block,
		      unsigned int from, unsigned int len, char *buf);

/**
 * Copies in @len bytes at @from of block @index. @whole: take a slot for the whole block at once if
 * there is none yet. Return: 0; -ENOSPC, -EDQUOT, -ENOMEM with nothing changed.
 */
int spool_block_write(struct spool_object *object, struct spool_quota_user *user, uint64_t index,
		      unsigned int from, unsigned int len, const char *buf, unsigned int flags,
		      bool whole);

/** Makes bytes @from to @to of block @index a hole; cannot fail. */
void spool_block_punch(struct spool_object *object, struct spool_quota_user *user, uint64_t index,
		       unsigned int from, unsigned int to);

/** Overwrites what data there are in bytes @from to @to with zeros. */
void spool_block_zero(struct spool_object *object, const struct block *block, unsigned int from,
		      unsigned int to);

/** Moves a block to a smaller slot when that at least halves it; keeps it when none is had. */
void spool_block_shrink(struct spool_object *object, struct spool_quota_user *user, uint64_t index);

/**
 * A slot for @block that covers pages @mask and at least the bytes up to @end, with the block's
 * data copied and all pages of @mask defined. Return: 0 and *@ret (not yet in the map); -ENOSPC.
 */
int spool_block_move(struct spool_object *object, const struct block *block, unsigned int mask,
		     unsigned int end, struct block *ret);

/** Charges (positive) or gives back (negative) differences; the object's counters follow. */
int spool_object_charge(struct spool_object *object, struct spool_quota_user *user, int64_t pages,
			int64_t ram, int64_t map_bytes, unsigned int flags);

/** Makes [@off, @end) of the file a hole, visiting only blocks that are none; cannot fail. */
void spool_object_punch(struct spool_object *object, struct spool_quota_user *user, uint64_t off,
			uint64_t end);
