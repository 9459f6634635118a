/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The RAM pool: file data live in slots of one arena file.
 *
 * The arena is a memory file that grows in areas and is cut into chunks of 64 KiB. A chunk
 * is free, whole (one slot of 64 KiB), or cut into equal slots of one size class. Freed memory
 * is reused in last-in first-out order, as memory that was touched before is many times faster than
 * fresh memory on virtual machines. Free memory beyond a slack is given back to the system. Slots
 * hold file data only: all state is outside.
 *
 * Slots are not cleared when they are freed or taken: the taker must overwrite or clear every
 * byte before it can be read (store/object.c does; tests poison new slots to prove it).
 *
 * The pool charges nobody: its callers charge the quota.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/units.h"

struct spool_host;
struct spool_pool;

/* A slot: chunk number (26 bits: arenas up to 4 TiB), slot in the chunk (10 bits), class (5 bits).
 */
typedef uint64_t spool_pool_slot_t;

/**
 * spool_pool_new() - an empty pool
 * @host: borrowed until spool_pool_free()
 * Return: 0; -ENOMEM; what host->arena_open returned.
 */
int spool_pool_new(const struct spool_host *host, struct spool_pool **ret_pool);

/** spool_pool_free() - NULL is allowed. Every slot must have been freed (asserted). */
void spool_pool_free(struct spool_pool *pool);

/**
 * spool_pool_abandon() - give all memory of the arena back, also what slots are in use
 * What is in them reads as zeros. The pool is of no use afterwards; nothing may be in progress.
 */
void spool_pool_abandon(struct spool_pool *pool);

/** spool_pool_slot_size() - bytes of the size class that holds @size. 1 <= @size <= 64 KiB. */
size_t spool_pool_slot_size(size_t size);

/**
 * spool_pool_alloc() - take a slot of at least @size bytes, content undefined
 * @size: 1 to SPOOL_BLOCK_SIZE
 * Return: 0 and *@ret_slot; -ENOSPC when the machine gives no memory (or the arena is at 4 TiB).
 * Locks: takes the pool lock (SPOOL_RANK_POOL).
 */
int spool_pool_alloc(struct spool_pool *pool, size_t size, spool_pool_slot_t *ret_slot);

/** spool_pool_release() - give a slot back. Locks: takes the pool lock. */
void spool_pool_release(struct spool_pool *pool, spool_pool_slot_t slot);

/** spool_pool_ptr() - where a slot's bytes are, valid until it is released. No locks. */
void *spool_pool_ptr(const struct spool_pool *pool, spool_pool_slot_t slot);

/**
 * spool_pool_fill() - put bytes into a slot that nobody else uses meanwhile
 * A whole chunk whose memory is not there yet gets it by one write to the arena's file, which
 * leaves out what the first touch of a mapped page costs: clearing it, and a fault.
 * @at: where in the slot; @at + @len <= its size
 * Locks: none.
 */
void spool_pool_fill(struct spool_pool *pool, spool_pool_slot_t slot, size_t at, const void *buf,
		     size_t len);

/** spool_pool_size() - bytes of @slot: its class. */
size_t spool_pool_size(spool_pool_slot_t slot);

/** struct spool_pool_stat - bytes; @used counts slots by class, @held what the system gave us */
struct spool_pool_stat {
	uint64_t used;
	uint64_t held;
};

void spool_pool_stat(struct spool_pool *pool, struct spool_pool_stat *ret);

/** spool_pool_trim() - give free chunks beyond @keep bytes back to the system, and free pages of
 * chunks that are used in part when these hold much more than is used. */
void spool_pool_trim(struct spool_pool *pool, uint64_t keep);

/** spool_pool_set_keep() - up to @bytes of free chunks may be kept for reuse. At first: 16 MiB. */
void spool_pool_set_keep(struct spool_pool *pool, uint64_t bytes);

/**
 * spool_pool_age() - give back what was free all the time since the last call, as spool_pool_trim()
 * Return: whether free chunks are still kept.
 */
bool spool_pool_age(struct spool_pool *pool);
