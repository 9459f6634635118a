/* SPDX-License-Identifier: MIT */
#include "engine/worklist.h"

#include "quota/quota.h"
#include "util/macros.h"

void engine_worklist_init(struct spool_engine *engine)
{
	spool_turns_init(&engine->life.work);
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
