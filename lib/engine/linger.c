/* SPDX-License-Identifier: MIT */
#include "engine/linger.h"

#include <errno.h>
#include <sys/stat.h>

#include "quota/quota.h"
#include "util/host.h"
#include "util/macros.h"
#include "util/rbtree.h"

#define NS_PER_MS 1000000u

/* The closed files of one payer, the longest first. There while it has any; @common is for those of
 * whoever could not get one for want of memory, as a close does not fail. */
struct engine_lingerer {
	RB_ENTRY(engine_lingerer) by_uid;
	TAILQ_ENTRY(engine_lingerer) link; /* who comes first has his turn next */
	struct spool_file_list files;
	uid_t uid;
	bool common;
};

static int compare(const struct engine_lingerer *a, const struct engine_lingerer *b)
{
	return a->uid < b->uid ? -1 : a->uid > b->uid;
}

SPOOL_RB_GENERATE(engine_lingerer_tree, engine_lingerer, by_uid, compare)

static uint64_t now_ns(const struct spool_engine *engine)
{
	return engine->host->monotonic_ns(engine->host->ctx);
}

static struct spool_file *file_of(const struct spool_node *node) SPOOL_REQUIRES(node->lock)
{
	return S_ISREG(node->type) ? node->file : NULL;
}

static struct engine_lingerer *make(struct spool_engine *engine, uid_t uid)
{
	struct engine_lingerer *lingerer = spool_alloc(engine->host, sizeof(*lingerer));

	if (!lingerer)
		return NULL;
	lingerer->uid = uid;
	TAILQ_INIT(&lingerer->files);
	return lingerer;
}

int engine_linger_init(struct spool_engine *engine)
{
	struct engine_life *life = &engine->life;

	RB_INIT(&life->lingerers);
	TAILQ_INIT(&life->lingering);
	life->lingerer = make(engine, SPOOL_UID_UNKNOWN);
	if (!life->lingerer)
		return -ENOMEM;
	life->lingerer->common = true;
	life->linger_ns = engine->config.linger_ms * NS_PER_MS;
	return 0;
}

void engine_linger_fini(struct spool_engine *engine) SPOOL_UNCHECKED
{
	spool_free(engine->host, engine->life.lingerer);
}

static struct engine_lingerer *lingerer_locked(struct spool_engine *engine, uid_t uid)
	SPOOL_REQUIRES(engine->life.lock)
{
	struct engine_life *life = &engine->life;
	struct engine_lingerer key = {.uid = uid};
	struct engine_lingerer *lingerer = RB_FIND(engine_lingerer_tree, &life->lingerers, &key);

	if (lingerer)
		return lingerer;
	lingerer = make(engine, uid);
	if (!lingerer)
		return life->lingerer;
	RB_INSERT(engine_lingerer_tree, &life->lingerers, lingerer);
	return lingerer;
}

static void append_locked(struct engine_life *life, struct engine_lingerer *lingerer,
			  struct spool_file *file) SPOOL_REQUIRES(life->lock)
{
	if (TAILQ_EMPTY(&lingerer->files))
		TAILQ_INSERT_TAIL(&life->lingering, lingerer, link);
	TAILQ_INSERT_TAIL(&lingerer->files, file, linger_link);
	file->lingers = lingerer;
	life->n_lingering++;
}

static void remove_locked(struct spool_engine *engine, struct spool_file *file)
	SPOOL_REQUIRES(engine->life.lock)
{
	struct engine_life *life = &engine->life;
	struct engine_lingerer *lingerer = file->lingers;

	TAILQ_REMOVE(&lingerer->files, file, linger_link);
	file->lingers = NULL;
	life->n_lingering--;
	if (!TAILQ_EMPTY(&lingerer->files))
		return;
	TAILQ_REMOVE(&life->lingering, lingerer, link);
	if (lingerer->common)
		return;
	RB_REMOVE(engine_lingerer_tree, &life->lingerers, lingerer);
	spool_free(engine->host, lingerer);
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
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	first = life->n_lingering == 0;
	file->linger_ino = node->ino;
	file->closed_ns = now_ns(engine);
	append_locked(&engine->life, lingerer_locked(engine, spool_quota_user_uid(node->user)),
		      file);
	spool_mutex_unlock(&engine->life.lock);
	if (first)
		engine_life_wake(engine);
}

void engine_linger_remove_locked(struct spool_engine *engine, struct spool_node *node)
{
	struct spool_file *file = file_of(node);

	if (node->lifetime != SPOOL_LIFETIME_CLOSE || !file)
		return; /* no other is ever on the list */
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	if (file->lingers)
		remove_locked(engine, file);
	spool_mutex_unlock(&engine->life.lock);
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
	struct engine_life *life = &engine->life;
	uint64_t now = now_ns(engine);
	struct engine_lingerer *lingerer;
	uint64_t ino = 0;

	*ret_ns = SPOOL_FOREVER;
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	TAILQ_FOREACH (lingerer, &life->lingering, link) {
		const struct spool_file *file = TAILQ_FIRST(&lingerer->files);

		*ret_ns = spool_min_u64(*ret_ns, left_locked(engine, file, now));
		if (*ret_ns > 0)
			continue;
		ino = file->linger_ino;
		TAILQ_REMOVE(&life->lingering, lingerer, link);
		TAILQ_INSERT_TAIL(&life->lingering, lingerer, link);
		break;
	}
	spool_mutex_unlock(&engine->life.lock);
	return ino;
}

void spool_engine_set_linger(struct spool_engine *engine, uint64_t linger_ms)
{
	engine->life.linger_ns = linger_ms * NS_PER_MS;
	engine_life_wake(engine);
}
