/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reading ahead: who reads the blocks of a file in order will most likely want those that follow,
 * so they come from the disk before they are asked for. They stay as they are there, sealed, until
 * a read opens them to where it wants them: nothing that anybody could read lies about.
 *
 * A run is up to SPOOL_AHEAD_BLOCKS blocks that follow one another on the disk. It holds a
 * reference on the record of each, and while there is one nothing else is put to a record's disk
 * slot. So a run is right for as long as it is there, and no change of a file need be told to it.
 * It goes once its blocks have been read, a second after they could have been, and with
 * spool_ahead_forget(), so that disk slots of files that shrink or go are not held for long.
 *
 * Runs are added (wanted), then read by whoever comes first: a thread that calls
 * spool_ahead_work(), or a reader that wants the data and may wait.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spill/disk_slots.h"
#include "store/disk_record.h"

struct spool_disk;

/** SPOOL_AHEAD_BLOCKS - 256 KiB: a disk that is asked for as much four times at once gave all that
 * it can (1.25 GiB/s; 0.83 for one at a time; measured with fio on a virtual disk). */
#define SPOOL_AHEAD_BLOCKS 4u

/** struct spool_ahead - what is read ahead on a mount */
struct spool_ahead;

/** enum spool_ahead_next - there is nothing for spool_ahead_work() to do; there will be in a
 * second; there may be at once */
enum spool_ahead_next { SPOOL_AHEAD_NOTHING, SPOOL_AHEAD_LATER, SPOOL_AHEAD_MORE };

/** struct spool_ahead_range - blocks of a file: bytes @from to @end */
struct spool_ahead_range {
	uint64_t from, end;
};

/** struct spool_ahead_block - the sealed data of a block, while it is held */
struct spool_ahead_block {
	const char *data; /* as on the disk; SPOOL_BLOCK_SIZE bytes */
	struct ahead_run *run;
	unsigned int at; /* in the run */
};

/**
 * spool_ahead_new() - nothing yet, and no memory for it
 * @disk: borrowed until spool_ahead_free()
 * @max: bytes that may be held at a time
 * Return: 0; -ENOMEM.
 */
int spool_ahead_new(struct spool_disk *disk, uint64_t max, struct spool_ahead **ret);

/** spool_ahead_free() - when nobody reads any more. NULL is allowed. */
void spool_ahead_free(struct spool_ahead *ahead);

/**
 * spool_ahead_follow() - file @ino is being read at @off, by a request that needs the disk
 * @payer: who pays for the file, for comparison only: each may have as many runs as are left for
 *	others
 * What its reader has passed over is given up. Return: whether more is to be read ahead, namely
 * *@ret, which nobody else is told to. Locks: as spool_disk_record_put().
 */
bool spool_ahead_follow(struct spool_ahead *ahead, const void *payer, uint64_t ino, uint64_t off,
			size_t len, struct spool_ahead_range *ret);

/**
 * spool_ahead_add() - a run is wanted
 * @n: 1 to SPOOL_AHEAD_BLOCKS blocks of file @ino from @off on
 * @records: a reference on each, of blocks that are on the disk as a whole, in disk slots that
 *	follow one another; taken over
 * Return: false: there is no room. Locks: takes SPOOL_RANK_LEAF.
 */
bool spool_ahead_add(struct spool_ahead *ahead, const void *payer, uint64_t ino, uint64_t off,
		     struct spool_disk_record *const *records, unsigned int n);

/** spool_ahead_work() - read one run that is wanted, or else give up what nobody has come for. No
 * locks. Blocks as long as the disk does. */
enum spool_ahead_next spool_ahead_work(struct spool_ahead *ahead);

/**
 * spool_ahead_get() - the data of a disk slot, if they have been read ahead
 * @slot: of a record on which the caller has a reference
 * @may_wait: what is wanted or being read will do: it is read, or waited for. No locks then.
 * Return: false: it is not there. Else *@ret, which is held until it is put.
 */
bool spool_ahead_get(struct spool_ahead *ahead, spool_disk_slot_t slot, bool may_wait,
		     struct spool_ahead_block *ret);

/** spool_ahead_put() - @used: nobody will want it again */
void spool_ahead_put(struct spool_ahead *ahead, const struct spool_ahead_block *block, bool used);

/** spool_ahead_forget() - nothing of file @ino is wanted any more. NULL is allowed. Locks: as
 * spool_disk_record_put(). */
void spool_ahead_forget(struct spool_ahead *ahead, uint64_t ino);
