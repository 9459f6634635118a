/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Disk slots: one for each block that is on the disk, as swap has one for each page. A disk slot is
 * 64 KiB of offsets in a segment file, of which only the pages that are written take disk space. As
 * the offsets of a sparse file cost nothing, a slot is never moved or split. Blocks of small files
 * share segments; a large file has a segment of its own, which goes as a whole when the file does.
 * The slots of store/pool.h are another thing: pieces of RAM.
 *
 * A slot that is given back is punched out, so that the disk gets its space back, and a segment
 * without slots is closed. Both wait for the disk, so they are not done where a slot is given
 * back: spool_disk_slots_reclaim() does them, from a thread that may wait. Until then the slot is
 * not handed out again, so that a reader that still uses it does not find another file's data.
 */

#include <stdbool.h>
#include <stdint.h>

#include "spill/backing.h"
#include "util/host.h"
#include "util/units.h"

/* A slot: segment (16 bits, from 1) and index in it (48 bits); 0 is none. */
typedef uint64_t spool_disk_slot_t;

struct spool_disk_slots;

/** struct spool_disk_slots_stat - @used: slots handed out; @waiting: given back, not yet punched;
 * @files: open files of the backing */
struct spool_disk_slots_stat {
	uint64_t used, waiting;
	unsigned int files;
};

/**
 * spool_disk_slots_new()
 * @host, @backing: borrowed until spool_disk_slots_free()
 * @max_files: files of the backing that may be open at once (>= 2, <= 65535): RLIMIT_NOFILE rules
 * Return: 0; -ENOMEM.
 */
int spool_disk_slots_new(const struct spool_host *host, struct spool_backing *backing,
			 unsigned int max_files, struct spool_disk_slots **ret_slots);

/** spool_disk_slots_free() - closes all files. NULL is allowed. All slots must have been given
 * back. */
void spool_disk_slots_free(struct spool_disk_slots *slots);

/**
 * spool_disk_slots_own() - a segment for one file alone
 * Return: its number (> 0); -EMFILE when three quarters of max_files are taken (the file then uses
 * shared segments); -ENOMEM; what backing->open returned. May block on the disk.
 */
int spool_disk_slots_own(struct spool_disk_slots *slots);

/**
 * spool_disk_slots_disown() - the file of @segment is gone. @segment 0: does nothing
 * Its slots have been given back, or are about to be; with the last of them the segment goes,
 * unpunched, when it is reclaimed. Does not block.
 */
void spool_disk_slots_disown(struct spool_disk_slots *slots, int segment);

/**
 * spool_disk_slots_take() - slots that follow one another
 * @segment: of spool_disk_slots_own(), or 0 for a shared one. What a file has beyond 1 TiB, or
 *	what backing->max_file allows, comes from shared ones, too
 * @n: how many are wanted, 1 to 64
 * Return: how many there are (1 to @n), from *@ret_first on: the next is *@ret_first + 1;
 * -ENOSPC when all max_files segments are full (or just being closed); -ENOMEM; what backing->open
 * returned. May block on the disk: no lock is held over that (SPOOL_RANK_POOL inside).
 */
int spool_disk_slots_take(struct spool_disk_slots *slots, int segment, unsigned int n,
			  spool_disk_slot_t *ret_first);

/** spool_disk_slots_give() - the slot is no longer used. Does not block and does not allocate. */
void spool_disk_slots_give(struct spool_disk_slots *slots, spool_disk_slot_t slot);

/**
 * spool_disk_slots_write(), spool_disk_slots_read() - all of @iov from byte @from of the slot on
 * What is beyond the slot's end is in the following ones, which must be the caller's, too.
 * All that SPOOL_BACKING_ALIGN says holds. Return: as the backing's. Block.
 */
int spool_disk_slots_write(struct spool_disk_slots *slots, spool_disk_slot_t slot,
			   unsigned int from, const struct iovec *iov, int n);
int spool_disk_slots_read(struct spool_disk_slots *slots, spool_disk_slot_t slot, unsigned int from,
			  const struct iovec *iov, int n);

/**
 * spool_disk_slots_reclaim() - punches what was given back and closes what is empty; blocks.
 * Neighbouring slots are punched with one call. A shared segment that is empty is closed unless
 * it is one of the four that are being filled. The slots of a segment that cannot be punched become
 * free all the same, and it is closed as soon as it is empty. May be called by several threads.
 * Return: true when it found anything to do: others may have given back more meanwhile.
 */
bool spool_disk_slots_reclaim(struct spool_disk_slots *slots);

void spool_disk_slots_stat(struct spool_disk_slots *slots, struct spool_disk_slots_stat *ret);
