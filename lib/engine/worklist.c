/* SPDX-License-Identifier: MIT */
#include "engine/worklist.h"

#include "quota/quota.h"
#include "util/macros.h"
#include "util/rbtree.h"

static int compare(const struct engine_changer *a, const struct engine_changer *b)
{
	return a->uid < b->uid ? -1 : a->uid > b->uid;
}

SPOOL_RB_GENERATE(engine_changer_tree, engine_changer, by_uid, compare)

void engine_worklist_init(struct spool_engine *engine)
{
	spool_turns_init(&engine->life.work);
	RB_INIT(&engine->life.changers);
}

void engine_worklist_add_locked(struct spool_engine *engine, struct spool_node *node)
{
	struct spool_dir *dir = node->dir;
	uid_t payer = spool_quota_user_uid(node->user);

	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	dir->work_ino = node->ino;
	if (!dir->work_queued)
		spool_turns_add(&engine->life.work, &dir->work_turn, payer);
	dir->work_queued = true;
	spool_mutex_unlock(&engine->life.lock);
	engine_life_wake(engine);
}

void engine_worklist_remove(struct spool_engine *engine, struct spool_node *node)
{
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	if (node->dir->work_queued)
		spool_turns_remove(&engine->life.work, &node->dir->work_turn);
	node->dir->work_queued = false;
	spool_mutex_unlock(&engine->life.lock);
}

bool engine_worklist_is_empty(struct spool_engine *engine)
{
	bool is_empty;

	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	is_empty = spool_turns_is_empty(&engine->life.work);
	spool_mutex_unlock(&engine->life.lock);
	return is_empty;
}

uint64_t engine_worklist_take(struct spool_engine *engine)
{
	struct spool_turn *turn;
	uint64_t ino = 0;

	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	turn = spool_turns_next(&engine->life.work);
	if (turn) {
		struct spool_dir *dir = spool_container_of(turn, struct spool_dir, work_turn);

		dir->work_queued = false;
		ino = dir->work_ino;
	}
	spool_mutex_unlock(&engine->life.lock);
	return ino;
}

static struct engine_changer *find_locked(struct spool_engine *engine, uid_t uid)
	SPOOL_REQUIRES(engine->life.lock)
{
	struct engine_changer key = {.uid = uid};

	return RB_FIND(engine_changer_tree, &engine->life.changers, &key);
}

static bool add_locked(struct spool_engine *engine, uid_t uid) SPOOL_REQUIRES(engine->life.lock)
{
	struct engine_changer *changer = find_locked(engine, uid);

	if (!changer) {
		changer = spool_alloc(engine->host, sizeof(*changer));
		if (!changer)
			return false;
		changer->uid = uid;
		RB_INSERT(engine_changer_tree, &engine->life.changers, changer);
	}
	changer->n++;
	return true;
}

static void remove_locked(struct spool_engine *engine, uid_t uid) SPOOL_REQUIRES(engine->life.lock)
{
	struct engine_changer *changer = find_locked(engine, uid);

	if (--changer->n > 0)
		return;
	RB_REMOVE(engine_changer_tree, &engine->life.changers, changer);
	spool_free(engine->host, changer);
}

void engine_worklist_count(struct spool_engine *engine, struct spool_node *node, bool is_done)
{
	struct spool_dir *dir = node->dir;

	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	if (is_done && dir->work_counted)
		remove_locked(engine, dir->work_uid);
	dir->work_counted = !is_done && (dir->work_counted || add_locked(engine, dir->work_uid));
	spool_mutex_unlock(&engine->life.lock);
}

bool engine_worklist_is_for(struct spool_engine *engine, uid_t uid)
{
	bool is_for;

	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	is_for = find_locked(engine, uid);
	spool_mutex_unlock(&engine->life.lock);
	return is_for;
}
