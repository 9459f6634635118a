/* SPDX-License-Identifier: MIT */
#include "engine/orphan.h"

#include <sys/stat.h>

#include "engine/linger.h"
#include "engine/session.h"

void engine_orphan_count(struct spool_engine *engine, struct spool_quota_user *user, int n)
{
	atomic_fetch_add(&engine->n_orphans, (uint64_t)(int64_t)n);
	if (user)
		spool_quota_add_orphans(user, n);
}

void engine_unlink_locked(struct spool_engine *engine, struct spool_node *dir,
			  struct spool_node *node, const struct timespec *now)
{
	bool is_dir = S_ISDIR(node->type);

	node->nlink = is_dir ? 0 : node->nlink - 1;
	if (node->nlink == 0) {
		engine_orphan_count(engine, node->user, 1);
		engine_session_leave_locked(engine, node);
		engine_linger_remove_locked(engine, node);
	}
	if (is_dir)
		dir->nlink--;
	spool_node_set_times_locked(node, "c", now);
}

static void tell(struct spool_engine *engine)
{
	if (engine->config.returned)
		engine->config.returned(engine->config.returned_ctx);
}

void engine_orphan_returned(struct spool_engine *engine)
{
	atomic_fetch_add(&engine->n_returned, 1);
	tell(engine);
}

void engine_orphan_gone(struct spool_engine *engine, struct spool_quota_user *user, bool freed)
{
	if (freed)
		atomic_fetch_add(&engine->n_returned, 1);
	engine_orphan_count(engine, user, -1);
	tell(engine);
}

uint64_t spool_engine_orphans(struct spool_engine *engine)
{
	return atomic_load(&engine->n_orphans);
}

uint64_t spool_engine_orphans_of(struct spool_engine *engine, uid_t payer)
{
	return spool_quota_orphans(engine->quota, payer);
}

uint64_t spool_engine_returned(struct spool_engine *engine)
{
	return atomic_load(&engine->n_returned);
}

void engine_orphan_add_locked(struct spool_engine *engine, struct spool_node *node)
{
	struct spool_file *file = S_ISREG(node->type) ? node->file : NULL;

	/* an O_TMPFILE file is spared: a link may still come through an O_PATH descriptor */
	if (!file || node->n_open > 0 || node->nlink > 0 || (node->flags & SPOOL_NODE_TMPFILE))
		return;
	spool_mutex_lock(&engine->closed_lock, SPOOL_RANK_LEAF);
	if (!file->orphan) {
		file->orphan = true;
		file->ino = node->ino;
		TAILQ_INSERT_TAIL(&engine->orphans, file, orphan_link);
	}
	spool_mutex_unlock(&engine->closed_lock);
}

void engine_orphan_remove(struct spool_engine *engine, struct spool_file *file)
{
	spool_mutex_lock(&engine->closed_lock, SPOOL_RANK_LEAF);
	if (file->orphan)
		TAILQ_REMOVE(&engine->orphans, file, orphan_link);
	file->orphan = false;
	spool_mutex_unlock(&engine->closed_lock);
}

uint64_t engine_orphan_take(struct spool_engine *engine)
{
	struct spool_file *file;
	uint64_t ino = 0;

	spool_mutex_lock(&engine->closed_lock, SPOOL_RANK_LEAF);
	file = TAILQ_FIRST(&engine->orphans);
	if (file) {
		TAILQ_REMOVE(&engine->orphans, file, orphan_link);
		file->orphan = false;
		ino = file->ino;
	}
	spool_mutex_unlock(&engine->closed_lock);
	return ino;
}

void engine_orphan_note(struct spool_engine *engine, struct spool_node *node)
{
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	engine_orphan_add_locked(engine, node);
	spool_mutex_unlock(&node->lock);
}
