/* SPDX-License-Identifier: MIT */
#include "engine/worklist.h"

void engine_worklist_init(struct spool_engine *engine)
{
	TAILQ_INIT(&engine->life.work);
}

void engine_worklist_add(struct spool_engine *engine, struct spool_node *node)
{
	struct spool_dir *dir = node->dir;

	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	dir->work_ino = node->ino;
	if (!dir->work_queued)
		TAILQ_INSERT_TAIL(&engine->life.work, dir, work_link);
	dir->work_queued = true;
	spool_mutex_unlock(&engine->life.lock);
	engine_life_wake(engine);
}

void engine_worklist_remove(struct spool_engine *engine, struct spool_node *node)
{
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	if (node->dir->work_queued)
		TAILQ_REMOVE(&engine->life.work, node->dir, work_link);
	node->dir->work_queued = false;
	spool_mutex_unlock(&engine->life.lock);
}

uint64_t engine_worklist_take(struct spool_engine *engine)
{
	struct spool_dir *dir;
	uint64_t ino = 0;

	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	dir = TAILQ_FIRST(&engine->life.work);
	if (dir) {
		TAILQ_REMOVE(&engine->life.work, dir, work_link);
		dir->work_queued = false;
		ino = dir->work_ino;
	}
	spool_mutex_unlock(&engine->life.lock);
	return ino;
}
