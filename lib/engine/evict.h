/* SPDX-License-Identifier: MIT */
#pragma once

/* Which file leaves RAM next; see evict.c. */

#include "engine/tier_internal.h"

/** engine_evict_update() - the data of @node have changed. Lock: node->file->lock, exclusive. */
void engine_evict_update(struct spool_engine *engine, struct spool_node *node);

/** engine_evict_begin() - data of a file are about to come to RAM, where nobody sees them before
 * engine_evict_end(): until then it is not said that RAM is used up by what cannot leave it.
 * Lock: the file's, exclusive. */
void engine_evict_begin(struct spool_engine *engine);

/** engine_evict_end() - engine_evict_update(), after engine_evict_begin(). Lock: as there. */
void engine_evict_end(struct spool_engine *engine, struct spool_node *node);

/** engine_evict_remove() - @node, which has data, goes. */
void engine_evict_remove(struct spool_engine *engine, struct spool_node *node);

/** engine_evict_move() - the data of @node are @to's from now on. Lock: node->file->lock,
 * exclusive. */
void engine_evict_move(struct spool_engine *engine, struct spool_node *node,
		       struct spool_quota_user *to);

/** struct engine_pick - @ino: a file to spill; @is_short: RAM is short; @over: there are files past
 * the threshold, and all of them were visited; @any: something in RAM could go; @round: that has
 * ended, when all were visited */
struct engine_pick {
	struct engine_round round;
	uint64_t ino;
	bool is_short, over, any;
};

/** engine_evict_pick() - Return: false when all were visited: a new round begins. */
bool engine_evict_pick(struct spool_engine *engine, struct engine_pick *ret);

/** engine_evict_again() - @file was picked and could not go: it may be picked again in this round.
 */
void engine_evict_again(struct spool_engine *engine, struct spool_file *file);

/** engine_evict_free() - at the end, when no file is on a list. */
void engine_evict_free(struct spool_engine *engine);
