/* SPDX-License-Identifier: MIT */
#include "engine/engine_internal.h"

#include <errno.h>
#include <sys/stat.h>

#include "engine/inode.h"
#include "engine/tier.h"
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

int engine_spill_batch(struct spool_engine *engine, struct spool_node *node,
		       struct spool_batch *batch, bool all)
{
	struct engine_tier *tier = engine->tier;
	struct spool_file *file = node->file;
	struct engine_space space;
	int n, r;

	engine_space_begin(tier, &space);
	give_own(tier, file);
	spool_rwlock_wrlock(&file->lock, SPOOL_RANK_OBJECT);
	n = spool_object_fill_batch(file->object, batch, all);
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
	engine_tier_update(engine, node);
	spool_rwlock_unlock(&file->lock);
	engine_ask_committed(tier, node->ino);
	if (r < 0)
		engine_tier_again(engine, file);
	engine_space_end(engine, &space, r);
	return r < 0 ? r : n;
}

struct spool_node *engine_get_data(struct spool_engine *engine, uint64_t ino)
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

/* All were visited. What was written lately has lost its mark now: when RAM is short it goes in the
 * next round, otherwise it gets a second. */
static int end_round(struct spool_engine *engine, const struct engine_pick *pick)
{
	struct engine_tier *tier = engine->tier;

	if (atomic_exchange(&tier->more, false))
		return SPOOL_SPILL_MORE;
	if ((pick->is_short || engine_space_wanted(tier)) && pick->any &&
	    !atomic_exchange(&tier->second_round, true))
		return SPOOL_SPILL_MORE;
	atomic_store(&tier->second_round, false);
	engine_space_nothing(engine);
	if (pick->is_short && atomic_load(&tier->n_working) == 0)
		engine_tier_set_stuck(engine, true);
	else if (pick->over)
		return SPOOL_SPILL_LATER;
	/* once more, for what came before it was known that we sleep */
	return atomic_exchange(&tier->awake, false) ? SPOOL_SPILL_MORE : SPOOL_SPILL_IDLE;
}

/* Some batches of @node. Return: 0; -errno. */
static int spill_turn(struct spool_engine *engine, struct spool_node *node,
		      struct spool_batch *batch)
{
	struct engine_tier *tier = engine->tier;

	for (unsigned int i = 0; i < ENGINE_TURN_BATCHES; i++) {
		int n = engine_spill_batch(engine, node, batch, false);

		if (n < 0)
			return n;
		if (n > 0)
			atomic_store(&tier->second_round, false);
		if (n < (int)SPOOL_BATCH_BLOCKS)
			return 0;
	}
	atomic_store(&tier->more, true);
	return 0;
}

int spool_engine_spill(struct spool_engine *engine, struct spool_batch *batch)
{
	struct engine_tier *tier = engine->tier;
	struct engine_pick pick;
	struct spool_node *node;
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
		r = engine_ask_turn(engine, batch);
	if (r != 0)
		return r < 0 ? r : SPOOL_SPILL_MORE;
	atomic_store(&tier->asked, false);
	if (!engine_tier_pick(engine, &pick)) {
		r = engine_ask_turn(engine, batch);
		if (r != 0)
			return r < 0 ? r : SPOOL_SPILL_MORE;
		return end_round(engine, &pick);
	}
	node = engine_get_data(engine, pick.ino);
	if (!node)
		return SPOOL_SPILL_MORE;
	atomic_fetch_add(&tier->n_working, 1);
	r = spill_turn(engine, node, batch);
	atomic_fetch_sub(&tier->n_working, 1);
	engine_put(engine, node);
	return r < 0 ? r : SPOOL_SPILL_MORE;
}

/* Files that came back bad are named, so many a minute: a disk that dies may have millions. Those
 * that are passed over are named when they are read later. A guess. */
#define BAD_LINES 16u
#define BAD_NS ((int64_t)60 * 1000000000)

/* Whether there is to be a line for @file; and whether it is the last one for a while. */
static bool says_bad(struct spool_engine *engine, struct spool_file *file, bool *ret_last)
{
	struct engine_tier *tier = engine->tier;
	struct timespec now;
	int64_t age;
	bool says;

	engine_now(engine, &now);
	spool_mutex_lock(&tier->lock, SPOOL_RANK_TIER);
	age = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - tier->bad_ns;
	if (age < 0 || age >= BAD_NS) {
		tier->bad_ns += age;
		tier->n_bad = 0;
	}
	says = !file->said_bad && tier->n_bad < BAD_LINES;
	if (says) {
		file->said_bad = true;
		tier->n_bad++;
	}
	*ret_last = tier->n_bad == BAD_LINES;
	spool_mutex_unlock(&tier->lock);
	return says;
}

void engine_note_fetch(struct spool_engine *engine, struct spool_node *node, int r)
{
	bool last;

	if (r != -EIO || !says_bad(engine, node->file, &last))
		return;
	spool_log(engine->log, SPOOL_LOG_ERROR,
		  "inode %llu: what came back from the backing directory is not what was written "
		  "there, or cannot be read: EIO%s",
		  (unsigned long long)node->ino, last ? " (more for a minute are not named)" : "");
}

int engine_load(struct spool_engine *engine, struct spool_node *node, uint64_t index)
{
	struct spool_disk *disk = engine_disk(engine);
	struct spool_file *file = node->file;
	struct spool_fetch fetch;
	char *data = spool_alloc(engine->host, SPOOL_BLOCK_SIZE);
	bool there;
	int r = 0;

	if (!data)
		return -ENOMEM;
	spool_rwlock_rdlock(&file->lock, SPOOL_RANK_OBJECT);
	there = spool_object_fetch_block(file->object, index, data, &fetch);
	spool_rwlock_unlock(&file->lock);
	if (!there)
		goto out;
	r = spool_fetch_run(disk, spool_object_key(file->object), &fetch);
	engine_note_fetch(engine, node, r);
	if (r == 0) {
		spool_rwlock_wrlock(&file->lock, SPOOL_RANK_OBJECT);
		r = spool_object_install(file->object, node->user, index, fetch.record, data);
		engine_tier_update(engine, node);
		spool_rwlock_unlock(&file->lock);
	}
	spool_fetch_drop(disk, &fetch);
out:
	spool_free(engine->host, data);
	return r;
}
