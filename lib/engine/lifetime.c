/* SPDX-License-Identifier: MIT */
#include "engine/lifetime.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/inode.h"
#include "engine/linger.h"
#include "engine/session.h"

#define NS_PER_MS 1000000u

const char *engine_lifetime_name(enum spool_lifetime lifetime)
{
	static const char *const names[] = {"session", "close", "mount"};

	return names[lifetime];
}

enum spool_lifetime engine_lifetime_of(struct spool_node *node)
{
	enum spool_lifetime lifetime;

	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	lifetime = (enum spool_lifetime)node->lifetime;
	spool_mutex_unlock(&node->lock);
	return lifetime;
}

static uint64_t id_of(const struct engine_session *session)
{
	return engine_session_is_live(session) ? session->id : 0;
}

uint64_t spool_engine_session_of(struct spool_engine *engine, uint64_t ino)
{
	struct spool_node *dir;
	uint64_t id;

	if (engine_get_dir(engine, ino, &dir) < 0)
		return 0;
	spool_mutex_lock(&dir->lock, SPOOL_RANK_DIR);
	id = id_of(dir->dir->bound);
	if (id == 0)
		id = id_of(dir->session);
	spool_mutex_unlock(&dir->lock);
	engine_put(engine, dir);
	return id;
}

static void fill_life(struct spool_engine *engine, struct spool_node *node, struct spool_life *ret)
	SPOOL_REQUIRES(node->lock)
{
	*ret = (struct spool_life){
		.lifetime = (enum spool_lifetime)node->lifetime,
		.session = node->session ? node->session->id : 0,
		.ended = node->session && !engine_session_is_live(node->session),
		.is_open = node->n_open > 0,
		.linger_ms = engine_linger_left_locked(engine, node),
	};
	if (ret->linger_ms != SPOOL_FOREVER)
		ret->linger_ms = (ret->linger_ms + NS_PER_MS - 1) / NS_PER_MS;
	if (!S_ISDIR(node->type))
		return;
	ret->bound = id_of(node->dir->bound);
	if (engine_goes_locked(node)) {
		const struct spool_entry *entry = spool_dir_after(node->dir, 0);

		if (entry)
			memcpy(ret->waits_for, entry->name, entry->len + 1u);
	}
}

int spool_engine_life(struct spool_engine *engine, uint64_t ino, struct spool_life *ret)
{
	struct spool_node *node = engine_get(engine, ino);

	if (!node)
		return -ESTALE;
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	fill_life(engine, node, ret);
	spool_mutex_unlock(&node->lock);
	engine_put(engine, node);
	return 0;
}

void spool_engine_life_stat(struct spool_engine *engine, struct spool_life_stat *ret)
{
	struct engine_life *life = &engine->life;

	spool_mutex_lock(&life->lock, SPOOL_RANK_LEAF);
	*ret = (struct spool_life_stat){
		.removed = life->n_removed,
		.waiting = life->n_waiting,
		.lingering = life->n_lingering,
		.sessions = life->n_sessions,
		.ended = life->n_ended,
	};
	spool_mutex_unlock(&life->lock);
}
