/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Places on the backing store, one for each spilled block: 64 KiB of offsets in a segment file, of
 * which only the pages that are written take disk space. As the offsets of a sparse file cost
 * nothing, a place is never moved or split. Blocks of small files share segments; a large file has
 * a segment of its own, which goes as a whole when the file does.
 *
 * A place that is given back is punched out, so that the disk gets its space back, and a segment
 * without places is closed. Both wait for the disk, so they are not done where a place is given
 * back: spool_places_tidy() does them, from a thread that may wait. Until then the place is not
 * handed out again, so nobody who still reads it can meet another's data.
 */

#include <stdbool.h>
#include <stdint.h>

#include "spill/backing.h"
#include "util/host.h"
#include "util/units.h"

/* A place: segment (16 bits, from 1) and index in it (48 bits); 0 is none. */
typedef uint64_t spool_place_t;

struct spool_places;

/** struct spool_places_stat - @used: places handed out; @waiting: given back, not yet punched;
 * @files: open files of the backing */
struct spool_places_stat {
	uint64_t used, waiting;
	unsigned int files;
};

/**
 * spool_places_new()
 * @host, @backing: borrowed until spool_places_free()
 * @max_files: files of the backing that may be open at once (>= 2, <= 65535): RLIMIT_NOFILE rules
 * Return: 0; -ENOMEM.
 */
int spool_places_new(const struct spool_host *host, struct spool_backing *backing,
		     unsigned int max_files, struct spool_places **ret_places);

/** spool_places_free() - closes all files. NULL is allowed. All places must have been given back.
 */
void spool_places_free(struct spool_places *places);

/**
 * spool_places_own() - a segment for one file alone
 * Return: its number (> 0); -EMFILE when three quarters of max_files are taken (the file then uses
 * shared segments); -ENOMEM; what backing->open returned. May block on the disk.
 */
int spool_places_own(struct spool_places *places);

/**
 * spool_places_disown() - the file of @segment is gone. 0: nothing
 * Its places have been given back, or are about to be; with the last of them the segment goes,
 * unpunched: tidy() closes it. Does not block.
 */
void spool_places_disown(struct spool_places *places, int segment);

/**
 * spool_places_take() - places that follow one another
 * @segment: of spool_places_own(), or 0 for a shared one. What a file has beyond 1 TiB, or
 *	what backing->max_file allows, comes from shared ones, too
 * @n: how many are wanted, 1 to 64
 * Return: how many there are (1 to @n), from *@ret_first on: the next is *@ret_first + 1;
 * -ENOSPC when all max_files segments are full (or just being closed); -ENOMEM; what backing->open
 * returned. May block on the disk: no lock is held over that (SPOOL_RANK_POOL inside).
 */
int spool_places_take(struct spool_places *places, int segment, unsigned int n,
		      spool_place_t *ret_first);

/** spool_places_give() - the place is no longer used. Does not block and does not allocate. */
void spool_places_give(struct spool_places *places, spool_place_t place);

/**
 * spool_places_write(), spool_places_read() - all of @iov from byte @from of the place on
 * What is beyond the place's end is in the following ones, which must be the caller's, too.
 * All that SPOOL_BACKING_ALIGN says holds. Return: as the backing's. Block.
 */
int spool_places_write(struct spool_places *places, spool_place_t place, unsigned int from,
		       const struct iovec *iov, int n);
int spool_places_read(struct spool_places *places, spool_place_t place, unsigned int from,
		      const struct iovec *iov, int n);

/**
 * spool_places_tidy() - punches what was given back and closes what is empty; blocks.
 * Neighbouring places are punched with one call. A shared segment that is empty is closed unless
 * it is one of the four that are being filled. One that cannot be punched takes its places back
 * all the same, and is closed whenever it is empty. May be called by several threads.
 * Return: true when it found anything to do: others may have given back more meanwhile.
 */
bool spool_places_tidy(struct spool_places *places);

void spool_places_stat(struct spool_places *places, struct spool_places_stat *ret);
