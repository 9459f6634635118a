/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What pool.c (slots and chunks) and pool_trim.c (what goes back to the system) share.
 *
 * Where a slot is: chunk number * 64 KiB + index * class size, both in the arena file and, by
 * areas, in memory. A chunk is in exactly one of these states:
 *
 *	fresh	never handed out: number >= pool->fresh
 *	hot	free, its memory is ours: on pool->hot
 *	cold	free, its memory was given back: on pool->cold
 *	partial	cut into slots of a class, some of them free: on pool->partial[class]
 *	full	cut into slots of a class, none free: on no list
 *	leaving	on its way from hot to cold: on no list, owned by the thread that punches it
 *
 * Of a partial chunk, single pages that no slot uses are given back as well when too much is held
 * in this way (they are "gone", until a slot that lies on them is taken).
 *
 * Hot chunks are taken first, and of these the one that was freed last. Those that were freed first
 * are given back to the system.
 * Empty chunks leave their class at once: cutting a chunk anew costs no more than filling in a
 * bitmap, and any class can then use it.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "store/pool.h"
#include "util/lock.h"

#define CLASS_MIN_SHIFT 6 /* 64 bytes: a cache line; smaller files do not get cheaper than that */
#define N_CLASSES 21      /* 64 bytes to 64 KiB by powers of two and the halfs between them */
#define BITMAP_WORDS (SPOOL_BLOCK_SIZE / (1u << CLASS_MIN_SHIFT) / 64)

#define CHUNK_BITS 26
#define INDEX_BITS 10
#define CLASS_BITS 5
#define INDEX_SHIFT CLASS_BITS
#define CHUNK_SHIFT (CLASS_BITS + INDEX_BITS)

/*
 * Chunks per area. Mapping an area takes three system calls, and the memory of the structures
 * below: 160 bytes for 64 KiB. 64 MiB are a guess: areas come rarely, and a small mount needs
 * one only.
 */
#define AREA_CHUNK_SHIFT 10
#define AREA_CHUNKS (1u << AREA_CHUNK_SHIFT)
#define AREA_SIZE ((size_t)AREA_CHUNKS << SPOOL_BLOCK_SHIFT)
#define N_AREAS (1u << (CHUNK_BITS - AREA_CHUNK_SHIFT))

/*
 * Whether the memory of a chunk must still come from the system, and how its bytes are put there
 * (pool_fill.c). Of a chunk that is cut into several slots it says nothing.
 *
 *	absent	not touched since it was fresh or given back, as far as we know
 *	written	written through the arena's file: it is there, but not mapped
 *	mapped	touched where it is mapped
 */
enum chunk_memory { CHUNK_ABSENT, CHUNK_WRITTEN, CHUNK_MAPPED };

struct chunk {
	TAILQ_ENTRY(chunk) link;
	uint32_t number;
	uint16_t free;  /* free slots */
	uint16_t words; /* bit i: bits[i] has a free slot */
	uint16_t gone;  /* bit i: page i is free, and was given back to the system */
	bool cut;       /* partial or full */
	uint8_t class;
	uint8_t memory; /* enum chunk_memory; the lock, or owned by whose slot is the whole chunk */
	uint64_t bits[BITMAP_WORDS]; /* free slots */
};

TAILQ_HEAD(chunk_list, chunk);

struct area {
	char *base;
	struct chunk chunks[AREA_CHUNKS]; /* lock: pool->lock */
};

struct spool_pool {
	const struct spool_host *host;
	int fd;
	atomic_bool writing; /* a thread is in host->arena_write() */
	struct spool_mutex lock;
	struct chunk_list hot;                /* lock */
	struct chunk_list cold;               /* lock */
	struct chunk_list partial[N_CLASSES]; /* lock */
	uint32_t n_hot;                       /* lock */
	uint32_t least_hot; /* lock; what n_hot was never below since spool_pool_age() */
	uint32_t keep;      /* lock; chunks that may be kept for reuse */
	uint32_t n_held;    /* lock; chunks whose memory is ours: hot, partial, full, leaving */
	uint32_t retry_at;  /* lock; n_hot at which punching is tried again after a failure */
	uint32_t fresh;     /* lock; the lowest chunk number that was never handed out */
	uint32_t mapped;    /* lock; chunks in mapped areas */
	uint64_t used;      /* lock; bytes in slots */
	uint64_t n_gone;    /* lock; pages of partial chunks that are gone */
	/*
	 * Written under the lock before the first slot of the area is handed out, never
	 * changed until the pool is freed. A thread that holds a slot got it from
	 * spool_pool_alloc(), or from another thread through a lock, so it sees the area without
	 * this lock.
	 */
	struct area *areas[N_AREAS];
};

/** pool_class_size() - bytes of a slot of @class */
static inline size_t pool_class_size(unsigned int class)
{
	size_t size = (size_t)1 << (CLASS_MIN_SHIFT + class / 2);

	return class % 2 ? size + size / 2 : size;
}

/** pool_class_slots() - how many slots of @class a chunk has */
static inline unsigned int pool_class_slots(unsigned int class)
{
	return (unsigned int)(SPOOL_BLOCK_SIZE / pool_class_size(class));
}

/** pool_slot_class() - its class. */
static inline unsigned int pool_slot_class(spool_pool_slot_t slot)
{
	return slot & ((1u << CLASS_BITS) - 1);
}

/** pool_slot_index() - which one of its chunk. */
static inline unsigned int pool_slot_index(spool_pool_slot_t slot)
{
	return slot >> INDEX_SHIFT & ((1u << INDEX_BITS) - 1);
}

/** pool_slot_chunk() - the number of its chunk. */
static inline uint32_t pool_slot_chunk(spool_pool_slot_t slot)
{
	return (uint32_t)(slot >> CHUNK_SHIFT);
}

/** pool_chunk_at() - chunk @number, which was handed out before */
static inline struct chunk *pool_chunk_at(const struct spool_pool *pool, uint32_t number)
{
	return &pool->areas[number >> AREA_CHUNK_SHIFT]->chunks[number % AREA_CHUNKS];
}

/** pool_remove_hot_locked() - @chunk is hot no more. */
void pool_remove_hot_locked(struct spool_pool *pool, struct chunk *chunk)
	SPOOL_REQUIRES(pool->lock);

/** pool_is_wasteful_locked() - is more held in chunks that are used in part than is kept for reuse
 * anyway? */
bool pool_is_wasteful_locked(const struct spool_pool *pool) SPOOL_REQUIRES(pool->lock);

/**
 * pool_punch_pages_locked() - give the free pages among @pages of a partial chunk back
 * The lock is held, as nobody may take a slot there meanwhile: some microseconds for each run of
 * pages.
 */
void pool_punch_pages_locked(struct spool_pool *pool, struct chunk *chunk, unsigned int pages)
	SPOOL_REQUIRES(pool->lock);

/**
 * pool_surplus_locked() - is so much free that a batch of it is to go back to the system?
 * Return: true: the caller calls pool_give_back() without the lock, with *@ret_keep.
 */
bool pool_surplus_locked(const struct spool_pool *pool, uint64_t *ret_keep)
	SPOOL_REQUIRES(pool->lock);

/**
 * pool_give_back() - give up to 32 hot chunks beyond @keep back
 * The lock is not held while the system frees the pages; nobody else can see the chunks meanwhile.
 * Return: true when there may be more to give.
 */
bool pool_give_back(struct spool_pool *pool, uint64_t keep);
