/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Requests that found no room, while room is on its way.
 *
 * close(2) and unlink(2) return before the kernel has told us: RELEASE and FORGET come a little
 * later. Whoever removes a file from a full filesystem and goes on writing must not get ENOSPC for
 * that. So a request that ended in ENOSPC or EDQUOT, which has changed nothing, is put aside while
 * there are files without a name, and is tried again whenever one of those has gone, until
 * PARK_LIMIT_NS after its first attempt. Nobody waits in the meantime but its caller. One whose
 * room came while it was being refused is tried again at once, and takes no place.
 *
 * Who counts what is free (statfs) waits likewise, for less long, so that a file that was closed
 * and unlinked before is counted no more.
 *
 * How many can be put aside is limited, in all and for every payer (turn.h), so that one user's
 * requests do not take all entries of a ring; one more is answered at once.
 */

#include <stdbool.h>
#include <stdint.h>

struct spool_fs;
struct spool_message;
struct spool_park;

/** spool_park_new() - empty, with a thread that sleeps. Return: 0; -errno. */
int spool_park_new(struct spool_fs *fs, struct spool_park **ret);

/**
 * spool_park_stop() - ends the thread; what is parked, or would be from now on, is answered as it
 * stands. Those who serve still run. NULL is allowed.
 */
void spool_park_stop(struct spool_park *park);

/** spool_park_free() - when nobody serves any more. NULL is allowed. */
void spool_park_free(struct spool_park *park);

/**
 * spool_park_wants() - is the answer @error (-errno) of @message to be held back?
 * Return: true: either message->again is set, and it is to be tried again by its thread; or a place
 * is taken, and the caller must call spool_park_take() or spool_park_refuse().
 */
bool spool_park_wants(struct spool_park *park, struct spool_message *message, int error);

/**
 * spool_park_wants_count() - is @message, which counts what is free, to wait for files to go?
 * Takes the data of those that nobody has open. Return: true: as spool_park_wants(), with a place.
 */
bool spool_park_wants_count(struct spool_park *park, struct spool_message *message);

/** spool_park_take() - @message is ours until its finish(). */
void spool_park_take(struct spool_park *park, struct spool_message *message);

/** spool_park_refuse() - it cannot be put aside for this after all: it is tried and answered now,
 * or waits for the disk. */
void spool_park_refuse(struct spool_park *park, struct spool_message *message);

/** spool_park_gather() - waits @ns, so that messages gather; not while one of these waits for them.
 */
void spool_park_gather(struct spool_park *park, uint64_t ns);

/** spool_park_kick() - a file may be gone: try again. Any locks; cheap when nothing is parked. NULL
 * is allowed. */
void spool_park_kick(struct spool_park *park);
