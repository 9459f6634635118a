/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Blocks of files on their way to the backing store and back.
 *
 * Going out takes three steps, so that no lock is held while the disk works:
 *
 *	spool_object_fill_batch()	under the object's lock: copies of some blocks
 *	spool_batch_write()	without it: seals them and writes them
 *	spool_object_commit()	under the lock again: what has not changed meanwhile leaves RAM
 *
 * Coming back takes two: spool_object_read(), under the lock, notes what has to be fetched
 * (struct spool_fetch), and spool_fetch_run(), without it, does. What is noted stays on the disk
 * until then, whatever happens to the file. To change a part of a block that is on the disk, it is
 * fetched as a whole and put back into RAM with spool_object_install().
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "spill/disk_slots.h"
#include "spill/seal.h"

struct spool_object;
struct spool_quota_user;
struct spool_disk_record;

/* An operation came to a block that is on the disk and cannot go on without it. */
#define SPOOL_WOULD_BLOCK (-EINPROGRESS)

/**
 * struct spool_disk - what the files of a mount share; all counters in bytes
 * @own_size: a file larger than this gets a segment of its own
 * @gave, @ctx: called when a disk slot was given back, with any locks held: it only wakes somebody
 * @stored: pages of files that are on the disk
 * @written, @fetched: ever
 * @n_bad: pieces that were not what was sealed; @n_failed: batches that could not be written
 */
struct spool_disk {
	const struct spool_host *host;
	struct spool_seal *seal;
	struct spool_disk_slots *slots;
	uint64_t own_size;
	void (*gave)(void *ctx);
	void *ctx;
	_Atomic uint64_t stored;
	_Atomic uint64_t written, fetched, n_bad, n_failed;
};

/* Blocks in one batch: 1 MiB, which a disk writes at close to its full rate, and which takes about
 * 0.1 ms to copy under the file's lock. A guess. */
#define SPOOL_BATCH_BLOCKS 16u

struct spool_batch_block {
	uint64_t index;
	struct spool_disk_record *record; /* ours until the commit */
	bool stale;                       /* the block has changed since */
};

/** struct spool_batch - a batch of blocks of one object; its buffer is used again and again */
struct spool_batch {
	struct spool_disk *disk;
	struct spool_object *object; /* NULL: the batch is empty */
	struct spool_key *key;
	int segment; /* the object's own, 0 = none */
	unsigned int n;
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
 * @all: also those that were written lately; otherwise these lose their mark and go next time
 * Return: how many there are in it, 0 to SPOOL_BATCH_BLOCKS; -ENOMEM; what host->random returned.
 * Locks: the object's, exclusive. Whoever batches keeps the object alive until the commit.
 */
int spool_object_fill_batch(struct spool_object *object, struct spool_batch *batch, bool all);

/** spool_object_has_batch() - is any block of it on its way? */
bool spool_object_has_batch(const struct spool_object *object);

/**
 * spool_batch_write() - seal and write what is in the batch
 * Return: 0; -ENOSPC, -EIO, -ENOMEM, ...: then the commit will change nothing. Locks: none. Blocks.
 */
int spool_batch_write(struct spool_batch *batch);

/**
 * spool_object_commit() - let what was written leave RAM, and empty the batch
 * @written: spool_batch_write() returned 0
 * Gives the RAM of what has left back to @user. Locks: the object's, exclusive.
 */
void spool_object_commit(struct spool_object *object, struct spool_quota_user *user,
			 struct spool_batch *batch, bool written);

/** struct spool_fetch - a part of a block that is on the disk, for @to; made by the object */
struct spool_fetch {
	struct spool_disk_record *record; /* a reference */
	unsigned int from, len;           /* bytes of the block */
	unsigned int mask, end;           /* as they were when it was noted */
	char *to;
};

/**
 * spool_fetch_run() - read and check; the reference stays
 * @key: the object's, spool_object_key(); it stays as long as the object does
 * Return: 0; -EIO (what was read is not what was written, or the disk failed); -ENOMEM. The bytes
 * at @fetch->to are zeros then. Locks: none. Blocks.
 */
int spool_fetch_run(struct spool_disk *disk, struct spool_key *key, struct spool_fetch *fetch);

/** spool_fetch_drop() - gives the reference back, once for each that was noted. */
void spool_fetch_drop(struct spool_disk *disk, struct spool_fetch *fetch);

/** spool_object_key() - NULL before the first batch. Locks: the object's, shared. */
struct spool_key *spool_object_key(const struct spool_object *object);

/**
 * spool_object_fetch_block() - note all of block @index, if it is on the disk
 * @to: 64 KiB. Return: false when it is not. Locks: the object's, shared.
 */
bool spool_object_fetch_block(const struct spool_object *object, uint64_t index, char *to,
			      struct spool_fetch *ret_fetch);

/**
 * spool_object_install() - put a block that was fetched back into RAM
 * @record: of the fetch, for comparison only; when the block has changed nothing happens
 * @data: its 64 KiB
 * Return: 0; -EAGAIN, -ENOSPC, -EDQUOT as for a write. Locks: the object's, exclusive.
 */
int spool_object_install(struct spool_object *object, struct spool_quota_user *user, uint64_t index,
			 const struct spool_disk_record *record, const char *data);

/** spool_object_ram() - bytes of slots that could leave RAM. Locks: the object's, shared. */
uint64_t spool_object_ram(const struct spool_object *object);

/** spool_object_data() - bytes of pages with data or reserved. Locks: the object's, shared. */
uint64_t spool_object_data(const struct spool_object *object);
