/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Blocks of a file on their way to the backing store. They take three steps, so that no lock is
 * held while the disk works:
 *
 *	spool_object_fill_batch()	under the object's lock: copies some blocks
 *	spool_batch_write()		without it: where pages lay over a block on the disk, reads
 *					the rest of that; seals the copies and writes them
 *	spool_object_commit()		under the lock again: what has not changed meanwhile
 *					leaves RAM
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "store/disk.h"
#include "store/disk_record.h"
#include "store/fetch.h"

struct spool_object;
struct spool_quota_user;

/* Blocks in one batch: 1 MiB, which a disk writes at close to its full rate, and which takes about
 * 0.1 ms to copy under the file's lock. A guess. */
#define SPOOL_BATCH_BLOCKS 16u

struct spool_batch_block {
	uint64_t index;
	struct spool_disk_record *record; /* ours until the commit */
	struct spool_fetch rest;          /* what its pages lay over; no record: nothing */
	bool stale;                       /* the block has changed since */
	bool bad;                         /* the rest cannot be read */
};

/**
 * enum spool_fill - which blocks a batch is filled with
 * @SPOOL_FILL_RESTED: not hot ones, and the others stay hot, see spool_object_rest()
 * @SPOOL_FILL_COLD: not hot ones, which are not hot any more, and go next time
 * @SPOOL_FILL_ALL: hot ones as well
 * @SPOOL_FILL_ASKED: those as well whose rest could not be read before
 */
enum spool_fill { SPOOL_FILL_RESTED, SPOOL_FILL_COLD, SPOOL_FILL_ALL, SPOOL_FILL_ASKED };

/** struct spool_batch - a batch of blocks of one object; its buffer is used again and again */
struct spool_batch {
	struct spool_disk *disk;
	struct spool_object *object; /* NULL: the batch is empty */
	struct spool_key *key;
	int segment; /* the object's own, 0 = none */
	unsigned int n, n_bad;
	size_t bytes; /* that the last spool_batch_write() has written */
	struct spool_batch_block blocks[SPOOL_BATCH_BLOCKS]; /* stale: the object's lock */
	char *buffer;                                        /* block i at i * 64 KiB */
	void *allocated;
	TAILQ_ENTRY(spool_batch) link; /* the object's lock */
};

/** spool_batch_new() - Return: 0; -ENOMEM. */
int spool_batch_new(struct spool_disk *disk, struct spool_batch **ret_batch);

/** spool_batch_free() - it must be empty. NULL is allowed. */
void spool_batch_free(struct spool_batch *batch);

/**
 * spool_object_wants_own() - should the object get a segment of its own before a batch is filled?
 * Locks: the object's, shared.
 */
bool spool_object_wants_own(const struct spool_object *object);

/** spool_object_give_own() - @segment becomes the object's, or is given back when it has one.
 * Locks: the object's, exclusive. */
void spool_object_give_own(struct spool_object *object, int segment);

/**
 * spool_object_fill_batch() - copy blocks that may leave RAM into an empty @batch
 * Return: how many there are in it, 0 to SPOOL_BATCH_BLOCKS; -ENOMEM; what host->random returned.
 * Locks: the object's, exclusive. The caller keeps the object alive until the commit.
 */
int spool_object_fill_batch(struct spool_object *object, struct spool_batch *batch,
			    enum spool_fill which);

/** spool_object_rest() - no block is hot any more, and what is written to from now on is, wherever
 * in a block that ends. Locks: the object's, exclusive. */
void spool_object_rest(struct spool_object *object);

/** spool_object_rests() - whether that is in force; spool_object_end_rest(): not any more. Locks:
 * the object's, shared; exclusive. */
bool spool_object_rests(const struct spool_object *object);
void spool_object_end_rest(struct spool_object *object);

/** spool_object_has_batch() - is any block of it on its way? */
bool spool_object_has_batch(const struct spool_object *object);

/**
 * spool_batch_write() - seal and write what is in the batch
 * Blocks of which a part on the disk cannot be read are not written, and stay as they are: there
 * are batch->n_bad of them. Return: 0; -ENOSPC, -EIO, -ENOMEM, ...: then the commit will change
 * nothing. Locks: none. Blocks.
 */
int spool_batch_write(struct spool_batch *batch);

/**
 * spool_object_commit() - let what was written leave RAM, and empty the batch
 * @written: spool_batch_write() returned 0
 * Gives the RAM of what has left back to @user. Locks: the object's, exclusive.
 */
void spool_object_commit(struct spool_object *object, struct spool_quota_user *user,
			 struct spool_batch *batch, bool written);
