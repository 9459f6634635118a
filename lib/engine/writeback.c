/* SPDX-License-Identifier: MIT */
#include "engine/tier_internal.h"

#include <errno.h>
#include <sys/stat.h>

#include "engine/ask.h"
#include "engine/budget.h"
#include "engine/evict.h"
#include "engine/inode.h"
#include "engine/load.h"
#include "engine/rest.h"
#include "engine/space.h"
#include "store/object.h"
#include "util/host.h"
#include "util/probe.h"

int spool_engine_new_batch(struct spool_engine *engine, struct spool_batch **ret_batch)
{
	return spool_batch_new(&engine->tier->disk, ret_batch);
}

void spool_engine_free_batch(struct spool_batch *batch)
{
	spool_batch_free(batch);
}

/* Batches of one file before another has its turn: 8 MiB, some 10 ms of a disk. A guess. */
#define TURN_BATCHES 8u

/* A segment of its own for a large file, before anything of it goes into a batch. */
static void give_own(struct engine_tier *tier, struct spool_file *file)
{
	bool wants;
	int segment;

	spool_rwlock_rdlock(&file->lock, SPOOL_RANK_OBJECT);
	wants = spool_object_wants_own(file->object);
	spool_rwlock_unlock(&file->lock);
	if (!wants)
		return;
	segment = spool_disk_slots_own(tier->disk.slots);
	if (segment < 0)
		return; /* a shared one will do */
	spool_rwlock_wrlock(&file->lock, SPOOL_RANK_OBJECT);
	spool_object_give_own(file->object, segment);
	spool_rwlock_unlock(&file->lock);
}

/* Some blocks of @node to the disk. Blocks as the disk does. Return: blocks in the batch, of which
 * batch->n_bad stay, 0: there are none; -errno of the disk, -ENOMEM. */
static int spill_batch(struct spool_engine *engine, struct spool_node *node,
		       struct spool_batch *batch, enum spool_fill which)
{
	struct engine_tier *tier = engine->tier;
	struct spool_file *file = node->file;
	struct engine_space space;
	int n, r;

	engine_space_begin(tier, &space);
	give_own(tier, file);
	spool_rwlock_wrlock(&file->lock, SPOOL_RANK_OBJECT);
	n = spool_object_fill_batch(file->object, batch, which);
	spool_rwlock_unlock(&file->lock);
	if (n <= 0)
		return n;
	r = engine_space_take(engine, (uint64_t)n * SPOOL_BLOCK_SIZE, &space);
	if (r == 0)
		r = spool_batch_write(batch);
	if (r < 0)
		space.placed = engine_space_placed(batch);
	else
		spool_probe_batch_written(node->ino, batch->bytes, batch->segment);
	spool_rwlock_wrlock(&file->lock, SPOOL_RANK_OBJECT);
	spool_object_commit(file->object, node->user, batch, r == 0);
	engine_evict_update(engine, node);
	spool_rwlock_unlock(&file->lock);
	atomic_fetch_add(&tier->n_changes,
			 1); /* what stays, as it was written meanwhile, may go now */
	engine_ask_committed(tier, node->ino);
	if (r < 0)
		engine_evict_again(engine, file);
	if (batch->n_bad > 0)
		engine_note_fetch(engine, node, -EIO);
	if (r == 0 && batch->bytes == 0)
		engine_space_leave(tier, &space);
	else
		engine_space_end(engine, &space, r);
	return r < 0 ? r : n;
}

/* The node of @ino with a reference, if it is a file that was ever written to; or NULL. */
static struct spool_node *get_data(struct spool_engine *engine, uint64_t ino)
{
	struct spool_node *node = engine_get(engine, ino);
	bool has = false;

	if (!node)
		return NULL;
	if (S_ISREG(node->type)) {
		spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
		has = node->file;
		spool_mutex_unlock(&node->lock);
	}
	if (has)
		return node;
	engine_put(engine, node);
	return NULL;
}

/* There are hot data, and time: they get a second, unless RAM runs short. */
static int nap(struct engine_tier *tier)
{
	atomic_store(&tier->naps, true); /* before it looks whether it has: engine_tier_high() */
	if (!atomic_exchange(&tier->high, false))
		return SPOOL_SPILL_LATER;
	atomic_store(&tier->naps, false);
	return SPOOL_SPILL_MORE;
}

/* Nothing has come to RAM or left it since @round began, and nothing is about to come: that would
 * be charged, but on no list yet. */
static bool is_unchanged(struct engine_tier *tier, const struct engine_round *round)
{
	return atomic_load(&tier->n_coming) == 0 &&
	       atomic_load(&tier->n_changes) == round->n_changes;
}

/* RAM is short, and nothing could go: is it used up by what cannot leave it? Notes it. */
static bool find_stuck(struct spool_engine *engine, const struct engine_round *round)
{
	struct engine_tier *tier = engine->tier;
	bool is_stuck = is_unchanged(tier, round);

	if (is_stuck)
		engine_budget_set_stuck(engine, true);
	/* what comes just now has not seen that yet: engine_evict_update() */
	is_stuck &= is_unchanged(tier, round);
	if (!is_stuck)
		engine_budget_set_stuck(engine, false);
	return is_stuck;
}

/* All were visited. What was hot is not any more: when RAM is short it goes in the next round, and
 * what has become hot since as well; otherwise it gets a second. */
static int end_round(struct spool_engine *engine, const struct engine_pick *pick)
{
	struct engine_tier *tier = engine->tier;

	if (atomic_exchange(&tier->more, false))
		return SPOOL_SPILL_MORE;
	if ((pick->is_short || engine_space_wanted(tier)) && pick->any &&
	    !atomic_exchange(&tier->second_round, true))
		return SPOOL_SPILL_MORE;
	atomic_store(&tier->second_round, false);
	if (engine_space_nothing(engine, &pick->round))
		return SPOOL_SPILL_MORE;
	if (pick->is_short && atomic_load(&tier->n_working) == 0) {
		if (!find_stuck(engine, &pick->round))
			return SPOOL_SPILL_MORE;
	} else if (pick->over) {
		return nap(tier);
	}
	/* once more, for what came before it was known that we sleep */
	return atomic_exchange(&tier->awake, false) ? SPOOL_SPILL_MORE : SPOOL_SPILL_IDLE;
}

/* Some batches of @node. Return: 0; -errno. */
static int spill_turn(struct spool_engine *engine, struct spool_node *node,
		      struct spool_batch *batch)
{
	struct engine_tier *tier = engine->tier;
	enum spool_fill which;

	if (!engine_rest_fill(engine, node, &which))
		return 0;
	for (unsigned int i = 0; i < TURN_BATCHES; i++) {
		int n = spill_batch(engine, node, batch, which);

		if (n < 0)
			return n;
		if (n > 0)
			atomic_store(&tier->second_round, false);
		if (which == SPOOL_FILL_ALL)
			which = SPOOL_FILL_COLD;
		if (n == (int)SPOOL_BATCH_BLOCKS)
			continue;
		if (which == SPOOL_FILL_RESTED)
			engine_rest_begin(engine, node);
		return 0;
	}
	atomic_store(&tier->more, true);
	return 0;
}

/* No block is left for a batch: is it all on the disk, or on its way there? Then @ask waits. */
static bool is_done(struct spool_engine *engine, const struct spool_node *node,
		    struct engine_ask *ask)
{
	bool done;

	spool_rwlock_rdlock(&node->file->lock, SPOOL_RANK_OBJECT);
	done = !spool_object_has_batch(node->file->object);
	if (!done)
		engine_ask_wait(engine->tier, ask);
	spool_rwlock_unlock(&node->file->lock);
	return done;
}

/* A few batches of a file that was asked for. *@ret_bad: a part of it has to stay in RAM. Return: 0
 * it is on the disk; 1 it goes on; -errno. */
static int spill_asked(struct spool_engine *engine, struct engine_ask *ask, uint64_t ino,
		       struct spool_batch *batch, bool *ret_bad)
{
	struct spool_node *node = get_data(engine, ino);
	int r = 1;

	if (!node)
		return 0; /* empty, or removed meanwhile */
	for (unsigned int i = 0; i < TURN_BATCHES && r > 0; i++) {
		r = spill_batch(engine, node, batch, SPOOL_FILL_ASKED);
		*ret_bad |= batch->n_bad > 0;
	}
	if (r == 0 && !is_done(engine, node, ask))
		r = 1;
	engine_put(engine, node);
	return r > 0 ? 1 : r;
}

/* The turn of what was asked for. Return: 1; 0: nothing was; -errno. */
static int ask_turn(struct spool_engine *engine, struct spool_batch *batch)
{
	struct engine_tier *tier = engine->tier;
	uint64_t ino;
	struct engine_ask *ask = engine_ask_begin(tier, &ino);
	bool bad = false;
	int r;

	if (!ask)
		return 0;
	atomic_fetch_add(&tier->n_working, 1);
	r = spill_asked(engine, ask, ino, batch, &bad);
	atomic_fetch_sub(&tier->n_working, 1);
	engine_ask_end(engine, ask, r >= 0 && bad ? -EIO : r);
	return r < 0 ? r : 1;
}

/* The turn of what has to go. It is under way before it is picked: what others find visited may not
 * have gone yet. Return: 1; 0: all were visited; -errno. */
static int spill_next(struct spool_engine *engine, struct spool_batch *batch,
		      struct engine_pick *ret_pick)
{
	struct engine_tier *tier = engine->tier;
	struct spool_node *node = NULL;
	bool picked;
	int r = 0;

	atomic_fetch_add(&tier->n_working, 1);
	picked = engine_evict_pick(engine, ret_pick);
	if (picked)
		node = get_data(engine, ret_pick->ino);
	if (node)
		r = spill_turn(engine, node, batch);
	atomic_fetch_sub(&tier->n_working, 1);
	engine_put(engine, node);
	return r < 0 ? r : picked;
}

int spool_engine_spill(struct spool_engine *engine, struct spool_batch *batch)
{
	struct engine_tier *tier = engine->tier;
	struct engine_pick pick;
	int r = 0;

	engine_space_woken(tier);
	if (engine_space_wish(tier))
		engine_space_look(engine);
	if (spool_disk_slots_reclaim(tier->disk.slots)) {
		engine_space_tidied(tier);
		return SPOOL_SPILL_MORE;
	}
	/* what was asked for, and what has to go, in turn */
	if (!atomic_exchange(&tier->asked, true))
		r = ask_turn(engine, batch);
	if (r != 0)
		return r < 0 ? r : SPOOL_SPILL_MORE;
	atomic_store(&tier->asked, false);
	r = spill_next(engine, batch, &pick);
	if (r != 0)
		return r < 0 ? r : SPOOL_SPILL_MORE;
	r = ask_turn(engine, batch);
	if (r != 0)
		return r < 0 ? r : SPOOL_SPILL_MORE;
	return end_round(engine, &pick);
}
