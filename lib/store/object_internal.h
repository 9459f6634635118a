/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What object.c (files), object_block.c (blocks), object_word.c (what is known of a block),
 * object_reserve.c, object_lost.c, object_batch.c and object_fetch.c share.
 *
 * The word of a block in the map:
 *
 *	bits 63-62	kind: 0 hole (the whole word is 0), 1 reserved, 2 in RAM, 3 on disk
 *	bit 61		RAM: hot (written lately), see spool_object_fill_batch()
 *	bits 60-20	RAM: the slot (store/pool.h)
 *	bits 19-16	RAM: the page that the slot begins with
 *	bits 61-16	on disk: the address of its struct spool_disk_record, in units of 16
 *	bits 15-0	pages that hold data (RAM, disk) or are charged (reserved)
 *
 * A RAM block's slot covers its bytes from the first page on, for the size of the slot. Pages in
 * the mask have all their covered bytes defined, and read as zeros beyond; pages not in the mask
 * are undefined even where they are covered.
 *
 * Pages of a block on disk that were written since lie over it in RAM. They are in record->over, a
 * word as that of a block in RAM with just these pages, or 0. The mask of the block's own word has
 * them as well. Once all its pages are in RAM it is a block in RAM, and its record goes.
 */

#include "store/batch.h"
#include "store/blockmap.h"
#include "store/disk_record.h"
#include "store/extents.h"
#include "store/fetch.h"
#include "store/object.h"
#include "store/pool.h"
#include "util/macros.h"

enum block_kind { BLOCK_HOLE, BLOCK_RESERVED, BLOCK_RAM, BLOCK_DISK };

/* A block's word, taken apart */
struct block {
	enum block_kind kind;
	spool_pool_slot_t slot;
	struct spool_disk_record *record;
	unsigned int first;
	unsigned int mask; /* pages with data, or charged */
	unsigned int ram;  /* of these, those in RAM: there is a slot if there are any */
	bool hot;
};

struct spool_object {
	const struct spool_host *host;
	struct spool_pool *pool;
	struct spool_blockmap map;
	uint64_t size;
	uint64_t pages; /* with data or reserved */
	uint64_t ram;   /* charged: slots, records of blocks on disk, without a disk what reserved
			 * blocks will need */
	struct spool_disk *disk;         /* NULL: there is no disk */
	struct spool_key *key;           /* from the first batch on */
	int own;                         /* segment, 0 = none */
	uint64_t slots;                  /* bytes of slots */
	uint64_t stored;                 /* bytes of pages on disk: a part of disk->stored */
	uint64_t hand;                   /* the block that the next batch begins with */
	bool rests;                      /* a block that is written to is hot, wherever that ends */
	struct spool_extents *unwritten; /* pages that were reserved and not written since; may hold
					  * holes as well */
	struct spool_extents *lost;      /* see object_lost.c */
	bool all_lost;                   /* as @lost, for want of memory: all pages */
	TAILQ_HEAD(, spool_batch) batches;
};

/* block_unpack(), block_pack(): between a word of the block map and what it says;
 * block_get(): what the map says of block @index. */
struct block block_unpack(uint64_t word);
uint64_t block_pack(const struct block *block);
struct block block_get(const struct spool_object *object, uint64_t index);

/** Puts @block into the map, where there is room for it; no more. */
void block_put(struct spool_object *object, uint64_t index, const struct block *block);

/** All of block @index. */
static inline struct spool_wanted block_all(uint64_t index)
{
	return (struct spool_wanted){index << SPOOL_BLOCK_SHIFT, SPOOL_BLOCK_SIZE};
}

/** The piece of block @index with page @page. */
static inline struct spool_wanted block_piece_of(uint64_t index, unsigned int page)
{
	return (struct spool_wanted){(index << SPOOL_BLOCK_SHIFT) +
					     page / PIECE_PAGES * SPOOL_PIECE_SIZE,
				     SPOOL_PIECE_SIZE};
}

/** The first and the last page of @mask, which is not empty. */
static inline unsigned int block_lowest(unsigned int mask)
{
	return (unsigned int)__builtin_ctz(mask);
}

static inline unsigned int block_highest(unsigned int mask)
{
	return 31 - (unsigned int)__builtin_clz(mask);
}

/** The part of [@off, @end) that lies in the block of @off. */
static inline unsigned int block_piece(uint64_t off, uint64_t end, unsigned int *ret_from)
{
	unsigned int from = (unsigned int)(off & (SPOOL_BLOCK_SIZE - 1));

	*ret_from = from;
	return (unsigned int)spool_min_u64(SPOOL_BLOCK_SIZE - from, end - off);
}

/** Pages from byte @from up to byte @to of a block, 0 <= @from < @to <= SPOOL_BLOCK_SIZE. */
unsigned int block_pages(unsigned int from, unsigned int to);

/** Bytes of RAM that a block is charged. */
size_t block_ram(const struct spool_object *object, const struct block *block);

/** Puts a new state of block @index into the map, after all that could fail. Gives back what the
 * old state held and the new one does not. */
void block_publish(struct spool_object *object, uint64_t index, const struct block *old,
		   const struct block *new);

/** The block is about to change: copies of it that are on their way to the disk are worthless. */
void block_touch(struct spool_object *object, uint64_t index);

/** The end of what the slot covers, in bytes of the block; 0 without one. */
unsigned int block_end(const struct block *block);

/** Must bytes @from to @from + @len of a block be read from the disk, or a part of them? */
bool block_is_away(const struct block *block, unsigned int from, unsigned int len);

/** Copies out bytes @from to @from + @len of a block on disk; notes for @to those that must come
 * from there, with a reference on its record. */
void block_note(const struct spool_object *object, const struct block *block, unsigned int from,
		unsigned int len, char *to, struct spool_fetch *ret);

/** Copies out bytes @from to @from + @len of a block; zeros where nothing is in RAM. */
void block_read(const struct spool_object *object, const struct block *block, unsigned int from,
		unsigned int len, char *buf);

/**
 * Copies in @len bytes at @from of block @index. @whole: take a slot for the whole block at once if
 * there is none yet. Return: 0; -ENOSPC, -EDQUOT, -EAGAIN, -ENOMEM with nothing changed;
 * SPOOL_WOULD_BLOCK likewise, and *@ret_wanted.
 */
int block_write(struct spool_object *object, struct spool_quota_user *user, uint64_t index,
		unsigned int from, unsigned int len, const char *buf, unsigned int flags,
		bool whole, struct spool_wanted *ret_wanted);

/** Gives @new, which is @old with more pages in RAM, a slot that covers these and the bytes up to
 * @to, and charges what it has more; data of @old are copied, new pages undefined. Return: 0, and
 * @new is not yet in the map, where there is room for it; as block_write(). */
int block_cover(struct spool_object *object, struct spool_quota_user *user, uint64_t index,
		const struct block *old, unsigned int to, unsigned int flags, struct block *new);

/** Copies pages @pages to where @block has them in RAM: up to byte @end of the block, and zeros
 * behind that. @data begins with its byte @from. */
void block_fill(struct spool_object *object, const struct block *block, unsigned int pages,
		unsigned int from, unsigned int end, const char *data);

/** Overwrites what data there are in bytes @from to @to with zeros. */
void block_zero(struct spool_object *object, const struct block *block, unsigned int from,
		unsigned int to);

/** Moves a block to a slot of at most half the size. Keeps the old one when there is no other. */
void block_shrink(struct spool_object *object, struct spool_quota_user *user, uint64_t index);

/**
 * A slot for @new that covers its pages in RAM and at least the bytes up to @end, with those of
 * @old that it has as well copied. Return: 0, and @new has the slot (not yet in the map); -ENOSPC.
 */
int block_move(struct spool_object *object, const struct block *old, unsigned int end,
	       struct block *new);

/** Charges (positive) or gives back (negative) differences; the object's counters follow. */
int object_charge(struct spool_object *object, struct spool_quota_user *user, int64_t pages,
		  int64_t ram, int64_t map_bytes, unsigned int flags);

/** Whether bytes @from to @to of a block cannot become zeros while *@ret_page is on disk. */
bool block_needed(const struct block *block, unsigned int from, unsigned int to,
		  unsigned int *ret_page);

/** Whether a write of bytes @from to @to of a block leaves a part of *@ret_page standing, which is
 * on disk. */
bool block_cuts(const struct block *block, unsigned int from, unsigned int to,
		unsigned int *ret_page);

/** Whether a block has data besides bytes @from to @to. */
bool block_keeps_some(const struct block *block, unsigned int from, unsigned int to);

/** Pages of a block that are on disk, and nowhere else. */
static inline unsigned int block_on_disk(const struct block *block)
{
	return block->kind == BLOCK_DISK ? block->mask & ~block->ram : 0;
}

/** Where a block's data end: there are zeros from there on. */
unsigned int block_data_end(const struct block *block);

/** The block is in RAM when nothing of it is left on the disk. */
void block_settle(struct block *block);

/** Counts a block that has come to the disk, or has gone from there. */
void block_count_stored(struct spool_object *object, const struct block *block);
void block_count_gone(struct spool_object *object, const struct block *block);

/** object_has_data() - has page @page data, in RAM or on the disk? */
bool object_has_data(const struct spool_object *object, uint64_t page);

/** object_next_lost() - the first byte of [@off, @end) that is lost. Return: false: none. */
bool object_next_lost(const struct spool_object *object, uint64_t off, uint64_t end,
		      uint64_t *ret_off);

/** object_lost_end() - where what is lost from @off on ends, if nothing before that has data
 * (it may span many pages that were never stored). At most the size. */
uint64_t object_lost_end(const struct spool_object *object, uint64_t off);

/** object_keeps_lost() - does the range begin or end within a page that is lost? What is left
 * of that could not be told from what is new. */
bool object_keeps_lost(const struct spool_object *object, uint64_t off, uint64_t end);

/** object_found() - whole pages of [@off, @end), which reaches to the end of the file or not,
 * have been written, or are holes now. */
void object_found(struct spool_object *object, uint64_t off, uint64_t end);

/** Makes [@off, @end) of the file a hole, visiting only blocks that are none. What block_needed()
 * wants of a block on disk must have been loaded; then it cannot fail. */
void object_punch(struct spool_object *object, struct spool_quota_user *user, uint64_t off,
		  uint64_t end);
