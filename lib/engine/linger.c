/* SPDX-License-Identifier: MIT */
#include "engine/linger.h"

#include <sys/stat.h>

#include "util/host.h"

#define NS_PER_MS 1000000u

static uint64_t now_ns(const struct spool_engine *engine)
{
	return engine->host->monotonic_ns(engine->host->ctx);
}

static struct spool_file *file_of(const struct spool_node *node) SPOOL_REQUIRES(node->lock)
{
	return S_ISREG(node->type) ? node->file : NULL;
}

void engine_linger_init(struct spool_engine *engine)
{
	TAILQ_INIT(&engine->life.lingering);
	engine->life.linger_ns = engine->config.linger_ms * NS_PER_MS;
}

void engine_linger_add_locked(struct spool_engine *engine, struct spool_node *node)
{
	struct engine_life *life = &engine->life;
	struct spool_file *file = file_of(node);
	bool first;

	if (node->lifetime != SPOOL_LIFETIME_CLOSE || !file || node->n_open > 0 || node->nlink == 0)
		return;
	if (node->size == 0 && !(node->flags & SPOOL_NODE_WRITTEN))
		return;
	engine_linger_remove_locked(engine, node);
	spool_mutex_lock(&life->lock, SPOOL_RANK_LEAF);
	first = TAILQ_EMPTY(&life->lingering);
	file->lingers = true;
	file->linger_ino = node->ino;
	file->closed_ns = now_ns(engine);
	TAILQ_INSERT_TAIL(&life->lingering, file, linger_link);
	life->n_lingering++;
	spool_mutex_unlock(&life->lock);
	if (first)
		engine_life_wake(engine);
}

void engine_linger_remove_locked(struct spool_engine *engine, struct spool_node *node)
{
	struct engine_life *life = &engine->life;
	struct spool_file *file = file_of(node);

	if (node->lifetime != SPOOL_LIFETIME_CLOSE || !file)
		return; /* no other is ever on the list */
	spool_mutex_lock(&life->lock, SPOOL_RANK_LEAF);
	if (file->lingers) {
		TAILQ_REMOVE(&life->lingering, file, linger_link);
		life->n_lingering--;
	}
	file->lingers = false;
	spool_mutex_unlock(&life->lock);
}

/* How long it takes from now until @file has lingered. */
static uint64_t left_locked(const struct spool_engine *engine, const struct spool_file *file,
			    uint64_t now) SPOOL_REQUIRES(engine->life.lock)
{
	uint64_t since = now > file->closed_ns ? now - file->closed_ns : 0;
	uint64_t linger = engine->life.linger_ns;

	return linger > since ? linger - since : 0;
}

uint64_t engine_linger_left_locked(struct spool_engine *engine, struct spool_node *node)
{
	struct spool_file *file = file_of(node);
	uint64_t left = SPOOL_FOREVER;

	if (node->lifetime != SPOOL_LIFETIME_CLOSE || !file)
		return left;
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	if (file->lingers)
		left = left_locked(engine, file, now_ns(engine));
	spool_mutex_unlock(&engine->life.lock);
	return left;
}

uint64_t engine_linger_next(struct spool_engine *engine, uint64_t *ret_ns)
{
	const struct spool_file *file;
	uint64_t ino = 0;

	*ret_ns = SPOOL_FOREVER;
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	file = TAILQ_FIRST(&engine->life.lingering);
	if (file)
		*ret_ns = left_locked(engine, file, now_ns(engine));
	if (*ret_ns == 0)
		ino = file->linger_ino;
	spool_mutex_unlock(&engine->life.lock);
	return ino;
}

void spool_engine_set_linger(struct spool_engine *engine, uint64_t linger_ms)
{
	engine->life.linger_ns = linger_ms * NS_PER_MS;
	engine_life_wake(engine);
}
