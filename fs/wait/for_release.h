/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Requests that found no room, while room is on its way.
 *
 * close(2) and unlink(2) return before the kernel has told us: RELEASE and FORGET come a little
 * later. A program that removes a file from a full filesystem and goes on writing must not get
 * ENOSPC for that. So a request that ended in ENOSPC or EDQUOT, which has changed nothing, is
 * deferred while there are orphans. It is tried again whenever one of those has gone, until
 * RELEASE_LIMIT_NS after its first attempt. Only its caller waits in the meantime. A request for
 * which room came while it was being refused is tried again at once, and takes no place.
 *
 * A request that counts what is free (statfs) waits in the same way, but less long, so that a file
 * that was closed and unlinked before is no longer counted.
 *
 * How many can be deferred is limited, in all and for every payer (turn.h), so that one user's
 * requests do not take all entries of a ring; one more is answered at once.
 */

struct spool_fs;
struct spool_for_release;
struct spool_waitq;

/** spool_for_release_new() - empty, with a thread that sleeps. Return: 0; -errno. */
int spool_for_release_new(struct spool_fs *fs, struct spool_for_release **ret);

/**
 * spool_for_release_stop() - ends the thread; what is deferred, or would be from now on, is
 * answered as it stands. Those who serve still run. NULL is allowed.
 */
void spool_for_release_stop(struct spool_for_release *queue);

/** spool_for_release_free() - when nobody serves any more. NULL is allowed. */
void spool_for_release_free(struct spool_for_release *queue);

/** spool_for_release_waitq() - wants what is answered -ENOSPC, -EDQUOT or SPOOL_COUNT_FIRST, while
 * files are to go and its payer has a place. */
struct spool_waitq *spool_for_release_waitq(struct spool_for_release *queue);

/** spool_for_release_kick() - a file may be gone: try again. Any locks; cheap when nothing is
 * deferred. NULL is allowed. */
void spool_for_release_kick(struct spool_for_release *queue);
