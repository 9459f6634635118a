/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Blocks of a file on their way back from the backing store. They take two steps:
 * spool_object_read(), under the object's lock, notes what has to be fetched (struct spool_fetch),
 * and spool_fetch_run(), without it, fetches that. What is noted stays on the disk until then,
 * whatever happens to the file. To change a part of a block that is on the disk, what of it the
 * change leaves standing is fetched and put back into RAM with spool_object_install().
 */

#include <stdbool.h>
#include <stdint.h>

#include "store/disk.h"
#include "store/disk_record.h"

struct spool_object;
struct spool_quota_user;
struct spool_wanted;

/** struct spool_fetch - a part of a block that is on the disk, for @to; made by the object, which
 * has filled @to with what is not, and with zeros */
struct spool_fetch {
	struct spool_disk_record *record; /* a reference */
	unsigned int from, len;           /* bytes of the block */
	unsigned int mask, end;           /* pages on the disk, and their end, when it was noted */
	char *to;
};

/**
 * spool_fetch_run() - read and check; the reference stays
 * @key: the object's, spool_object_key(); it stays as long as the object does
 * Return: 0; -EIO (what was read is not what was written, or the disk failed); -ENOMEM. The bytes
 * at @fetch->to are zeros then. Locks: none. Blocks.
 */
int spool_fetch_run(struct spool_disk *disk, struct spool_key *key, struct spool_fetch *fetch);

/** spool_fetch_run_all() - spool_fetch_run() of @n of them, of one object, in the file's order.
 * What follows one another on the disk is read with few calls, straight to where it is wanted where
 * that is whole pieces, and aligned in memory (SPOOL_BACKING_ALIGN). All or none. */
int spool_fetch_run_all(struct spool_disk *disk, struct spool_key *key,
			const struct spool_fetch *fetches, size_t n);

/** spool_fetch_run_ahead() - the same, if all has been read ahead (ahead.h). Does not wait for the
 * disk. Return: SPOOL_WOULD_BLOCK: it has not; else as spool_fetch_run(). */
int spool_fetch_run_ahead(struct spool_disk *disk, struct spool_key *key,
			  const struct spool_fetch *fetches, size_t n);

/** spool_fetch_drop() - gives the reference back, once for each that was noted. */
void spool_fetch_drop(struct spool_disk *disk, struct spool_fetch *fetch);

/** spool_object_key() - NULL before the first batch. Locks: the object's, shared. */
struct spool_key *spool_object_key(const struct spool_object *object);

/**
 * spool_object_fetch() - note what is wanted, if it is on the disk
 * @to: @wanted->len bytes. Return: false when it is not. Locks: the object's, shared.
 */
bool spool_object_fetch(const struct spool_object *object, const struct spool_wanted *wanted,
			char *to, struct spool_fetch *ret_fetch);

/**
 * spool_object_ahead() - blocks from @off on, a block's beginning, that can be read ahead together
 * @records: room for SPOOL_AHEAD_BLOCKS, for spool_ahead_add(); a reference on each
 * Return: how many; 0: the block at @off cannot. Locks: the object's, shared.
 */
unsigned int spool_object_ahead(const struct spool_object *object, uint64_t off,
				struct spool_disk_record **records);

/**
 * spool_object_install() - put what was fetched back into RAM
 * @wanted: whole pages of one block, as for spool_object_fetch()
 * @record: of the fetch, for comparison only; when the block has changed nothing happens
 * @data: the bytes
 * Return: 0; -EAGAIN, -ENOSPC, -EDQUOT as for a write. Locks: the object's, exclusive.
 */
int spool_object_install(struct spool_object *object, struct spool_quota_user *user,
			 const struct spool_wanted *wanted, const struct spool_disk_record *record,
			 const char *data);
