/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The data of one regular file. What the engine does with them goes through here; blocks that leave
 * RAM go through store/batch.h, and come back through store/fetch.h.
 *
 * An object is a sparse map of 64 KiB blocks (store/blockmap.h). A block is a hole, reserved
 * (charged, no memory yet: fallocate), in RAM, or on disk (store/disk.h), with or without newer
 * pages over it in RAM; a RAM block knows which of its sixteen 4 KiB pages hold data, and its slot
 * covers just the range of pages in use, the last one in part, so that a 100-byte file costs a
 * 128-byte slot and a lone page, in a big hole or over the disk, costs 4 KiB.
 *
 * Invariants:
 *  1. every byte of a page that holds data is defined: written, or zero;
 *  2. every stored byte at or beyond the size is zero (growing a file exposes zeros);
 *  3. charged SIZE = 4096 * (pages with data or reserved) + the map's own memory;
 *     charged RAM = slot sizes, records of blocks on disk, without a disk the size of the slots
 *     that reserved pages will need, and the map's own memory; both belong to @user;
 *  4. an operation that fails has changed nothing; a write that does not fit as a whole is
 *     cut at a block boundary (short count), and fails only when nothing fits;
 *  5. what is lost (spool_object_lose()) is never read as anything else;
 *  6. an operation that comes to a block on disk and cannot do without it says so
 *     (SPOOL_WOULD_BLOCK) and which it is, having changed nothing but what it has counted.
 *
 * Locking: the caller holds the object's lock (it lives in the node that owns the object):
 * shared for read, seek and stat; exclusive for everything else. Quota and pool locks are
 * taken inside.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/errors.h"
#include "util/units.h"

struct spool_charge;
struct spool_fetch;
struct spool_host;
struct spool_pool;
struct spool_quota_user;
struct spool_disk;
struct spool_object;

#define SPOOL_OBJECT_MAX ((uint64_t)INT64_MAX) /* largest size: loff_t, the kernel's s_maxbytes */

/** struct spool_wanted - bytes of one block that must come back from the disk before an operation
 * can go on, see store/fetch.h */
struct spool_wanted {
	uint64_t off;
	size_t len;
};

/** spool_object_new() - an empty file. @host, @pool and @disk (NULL: RAM only) are borrowed.
 * Return: 0; -ENOMEM. */
int spool_object_new(const struct spool_host *host, struct spool_pool *pool,
		     struct spool_disk *disk, struct spool_object **ret_object);

/** spool_object_bytes() - memory of an object without blocks, which it does not charge itself. */
size_t spool_object_bytes(void);

/** spool_object_free() - give everything back, charges to @user. @object may be NULL. */
void spool_object_free(struct spool_object *object, struct spool_quota_user *user);

/** spool_object_size() - in bytes: st_size. */
uint64_t spool_object_size(const struct spool_object *object);

/** spool_object_blocks() - use in 512-byte units, of 4 KiB pages with data or reserved: st_blocks.
 */
uint64_t spool_object_blocks(const struct spool_object *object);

/** spool_object_ram() - bytes of slots that could leave RAM. Locks: the object's, shared. */
uint64_t spool_object_ram(const struct spool_object *object);

/** spool_object_stored() - bytes of pages that are on the disk. Locks: the object's, shared. */
uint64_t spool_object_stored(const struct spool_object *object);

/** spool_object_data() - bytes of pages with data or reserved. Locks: the object's, shared. */
uint64_t spool_object_data(const struct spool_object *object);

/**
 * spool_object_read() - copy out up to @len bytes at @off
 * @fetches: room for what has to come from the disk, *@n_fetches of them; the caller drops every
 *	one that is set, after running it (their number is then in *@n_fetches). NULL: nothing may
 * Return: bytes copied or noted, less than @len at the end of the file (0 beyond it) or when there
 * is no more room in @fetches; SPOOL_WOULD_BLOCK when there is none at all; -EIO a part is lost.
 */
ssize_t spool_object_read(const struct spool_object *object, void *buf, size_t len, uint64_t off,
			  struct spool_fetch *fetches, size_t *n_fetches);

/**
 * spool_object_write() - copy in @len bytes at @off, growing the file
 * @flags: enum spool_charge_flags
 * @ret_wanted: with SPOOL_WOULD_BLOCK: what it needs; NULL without a disk
 * Return: bytes written (> 0; short only at a block boundary, and then another call says why); 0
 * when @len is 0; -EFBIG beyond SPOOL_OBJECT_MAX; -ENOSPC, -EDQUOT, -ENOMEM with nothing changed;
 * -EAGAIN when it is only RAM that is used up (quota.h); SPOOL_WOULD_BLOCK; -EIO a part of a lost
 * page.
 */
ssize_t spool_object_write(struct spool_object *object, struct spool_quota_user *user,
			   const void *buf, size_t len, uint64_t off, unsigned int flags,
			   struct spool_wanted *ret_wanted);

/**
 * spool_object_lose() - bytes @off to @end were written, and there is no room for them
 * Whole pages: what they held is gone as well. Reading them is -EIO, and so is what would leave a
 * part of one of them standing, until they are overwritten, truncated or punched out; for
 * spool_object_seek() they are data. The file grows as with a write. Cannot fail: without memory
 * all holes of the file are taken for lost.
 */
void spool_object_lose(struct spool_object *object, struct spool_quota_user *user, uint64_t off,
		       uint64_t end);

/**
 * spool_object_truncate() - set the size; data beyond it go, new bytes are a hole
 * Return: 0; -EFBIG. Shrinking never fails for want of space.
 */
int spool_object_truncate(struct spool_object *object, struct spool_quota_user *user,
			  uint64_t size);

/**
 * spool_object_fallocate() - fallocate(2)
 * @mode: 0, KEEP_SIZE, PUNCH_HOLE|KEEP_SIZE, ZERO_RANGE, ZERO_RANGE|KEEP_SIZE (FALLOC_FL_*)
 * Reserved pages are charged here and cannot fail later for want of a limit; they read as zeros.
 * They count as holes for spool_object_seek() until they are written, as on tmpfs; where a file has
 * more than SPOOL_EXTENTS_MAX stretches of them, some beside data may count as data. In a block
 * without data they cost no memory.
 * @ret_wanted: with SPOOL_WOULD_BLOCK: what must be loaded first; NULL without a disk
 * Return: 0; -EOPNOTSUPP other modes; -EINVAL @len = 0; -EFBIG; -EIO lost pages; -ENOSPC, -EDQUOT,
 * -EAGAIN, -ENOMEM, SPOOL_WOULD_BLOCK with nothing changed.
 */
int spool_object_fallocate(struct spool_object *object, struct spool_quota_user *user, int mode,
			   uint64_t off, uint64_t len, struct spool_wanted *ret_wanted);

/**
 * spool_object_seek() - SEEK_DATA, SEEK_HOLE (the end of the file counts as a hole)
 * Return: the offset; -ENXIO @off at or beyond the end, or no data follow; -EINVAL other @whence.
 */
int64_t spool_object_seek(const struct spool_object *object, uint64_t off, int whence);

/** spool_object_stretch() - how far from @off on, up to @end, it is all data (*@ret_data) or all
 * hole. */
uint64_t spool_object_stretch(const struct spool_object *object, uint64_t off, uint64_t end,
			      bool *ret_data);

/**
 * spool_object_copy() - copy_file_range(2) between two objects or within one
 * Holes of the source become holes of the target. The ranges must not overlap when @src == @dst.
 * @src's lock is held at least shared, @dst's exclusive.
 * Return: bytes copied, short at the source's end or when space runs out after some; -EINVAL for an
 * overlap; -EFBIG, -ENOSPC, -EDQUOT, -EAGAIN, -ENOMEM as write; SPOOL_WOULD_BLOCK when any block of
 * either range is on disk.
 */
ssize_t spool_object_copy(struct spool_object *src, uint64_t src_off, struct spool_object *dst,
			  struct spool_quota_user *dst_user, uint64_t dst_off, size_t len);

/** spool_object_charges() - what the owner is charged for @object, to move it to another (chown).
 */
void spool_object_charges(const struct spool_object *object, struct spool_charge *ret);
