/* SPDX-License-Identifier: MIT */
#pragma once

/* Space on the backing filesystem, and the verdict that there is none; see space.c. */

#include "engine/tier_internal.h"

/**
 * struct engine_space - what a batch finds on the backing filesystem; space.c
 * @taken: bytes that are in flight for it; 0: there was no space
 * @free: bytes free then; @others: so much is in flight for others that there may be more soon
 * @n_gave, @n_asks: the tier's when it began; @placed: disk slots that it has taken itself
 */
struct engine_space {
	uint64_t taken, free, n_gave, n_asks;
	unsigned int placed;
	bool others;
};

/** engine_space_begin() - before a batch is filled. */
void engine_space_begin(struct engine_tier *tier, struct engine_space *ret);

/** engine_space_look() - asks the backing filesystem what it has, and keeps that; what it had stays
 * when it does not say. Blocks as the disk does; no locks held. */
void engine_space_look(struct spool_engine *engine);

/** engine_space_wish() - whether somebody wanted a look since this was last asked. */
bool engine_space_wish(struct engine_tier *tier);

/** engine_space_stat() - what it had, and how long ago, for @ret. Any locks. */
void engine_space_stat(const struct spool_engine *engine, struct spool_tier_stat *ret);

/** engine_space_take() - room for @bytes beside the reserve and what is in flight. Blocks as the
 * disk does. Return: 0; -ENOSPC; -errno of the backing. */
int engine_space_take(struct spool_engine *engine, uint64_t bytes, struct engine_space *space);

/** engine_space_placed() - disk slots that @batch has taken. After its write. */
unsigned int engine_space_placed(const struct spool_batch *batch);

/** engine_space_leave() - a batch of which nothing was written says nothing about the disk. */
void engine_space_leave(struct engine_tier *tier, struct engine_space *space);

/** engine_space_end() - the batch is committed; @r is 0 when it was taken, else -errno. No locks.
 */
void engine_space_end(struct spool_engine *engine, struct engine_space *space, int r);

/** engine_space_wanted() - whether a charge waits for a verdict. */
bool engine_space_wanted(const struct engine_tier *tier);

/** engine_space_round() - a search for data begins: what counts against its finding none. Any
 * locks. */
void engine_space_round(struct engine_tier *tier, struct engine_round *ret);

/** engine_space_nothing() - @round has ended, and there was nothing to write: that is a verdict
 * where one was asked for before it began. No locks. Return: whether another round is needed to
 * say so. */
bool engine_space_nothing(struct spool_engine *engine, const struct engine_round *round);

/** engine_space_asks() - whether a charge that found RAM full waits for another verdict; @always:
 * however fresh the last one is. Any locks. */
bool engine_space_asks(struct spool_engine *engine, bool always);

/** engine_space_gave(): a disk slot was given back (any locks). engine_space_tidied(): slots that
 * were given back are the filesystem's again. engine_space_woken(): a thread that was hurried
 * begins. */
void engine_space_gave(struct engine_tier *tier);
void engine_space_tidied(struct engine_tier *tier);
void engine_space_woken(struct engine_tier *tier);
