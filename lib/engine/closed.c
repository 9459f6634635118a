/* SPDX-License-Identifier: MIT */
#include "engine/closed.h"

#include <sys/stat.h>

/*
 * Files with data that nobody has open. The kernel may still hold their pages, a second time: after
 * a while the caller tells it to drop them.
 *
 * There is no clock: two lists, one of files closed since the last round, one of those closed
 * before. A round takes the older list and makes the younger one the older. So a file that stays
 * closed is handed out in the second round after its close, and one that is opened again in none.
 *
 * Lock order: node->lock, then closed_lock. A node on a list is alive: it leaves the list before it
 * is freed.
 */

void engine_closed_init(struct spool_engine *engine)
{
	spool_mutex_init(&engine->closed_lock);
	TAILQ_INIT(&engine->young);
	TAILQ_INIT(&engine->old);
	TAILQ_INIT(&engine->orphans);
}

void engine_closed_fini(struct spool_engine *engine)
{
	spool_mutex_fini(&engine->closed_lock);
}

void engine_closed_add_locked(struct spool_engine *engine, struct spool_node *node)
{
	struct spool_file *file = S_ISREG(node->type) ? node->file : NULL;

	if (!file || node->n_open > 0 || node->nlink == 0 || node->size == 0)
		return;
	spool_mutex_lock(&engine->closed_lock, SPOOL_RANK_LEAF);
	if (!file->closed) {
		file->closed = &engine->young;
		file->ino = node->ino;
		TAILQ_INSERT_TAIL(file->closed, file, closed_link);
	}
	spool_mutex_unlock(&engine->closed_lock);
}

void engine_closed_remove(struct spool_engine *engine, struct spool_file *file)
{
	spool_mutex_lock(&engine->closed_lock, SPOOL_RANK_LEAF);
	if (file->closed)
		TAILQ_REMOVE(file->closed, file, closed_link);
	file->closed = NULL;
	spool_mutex_unlock(&engine->closed_lock);
}

size_t spool_engine_take_closed(struct spool_engine *engine, uint64_t *ret_inos, size_t n)
{
	struct spool_file *file;
	size_t taken = 0;

	spool_mutex_lock(&engine->closed_lock, SPOOL_RANK_LEAF);
	while (taken < n && (file = TAILQ_FIRST(&engine->old))) {
		TAILQ_REMOVE(&engine->old, file, closed_link);
		file->closed = NULL;
		ret_inos[taken++] = file->ino;
	}
	spool_mutex_unlock(&engine->closed_lock);
	return taken;
}

bool spool_engine_next_round(struct spool_engine *engine)
{
	struct spool_file *file;
	bool any;

	spool_mutex_lock(&engine->closed_lock, SPOOL_RANK_LEAF);
	TAILQ_FOREACH (file, &engine->young, closed_link)
		file->closed = &engine->old;
	TAILQ_CONCAT(&engine->old, &engine->young, closed_link);
	any = !TAILQ_EMPTY(&engine->old);
	spool_mutex_unlock(&engine->closed_lock);
	return any;
}

size_t spool_engine_list_known(struct spool_engine *engine, struct spool_engine_pos *pos,
			       uint64_t *ret_inos, size_t n)
{
	struct spool_table_pos at = {pos->shard, pos->bucket, pos->after};
	const struct spool_table_wanted wanted = {.known = true};
	size_t found = spool_table_list(&engine->table, &at, &wanted, ret_inos, n);

	*pos = (struct spool_engine_pos){at.shard, at.bucket, at.after};
	return found;
}
