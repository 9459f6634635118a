/* SPDX-License-Identifier: MIT */
#include "engine/wipe.h"

#include <errno.h>
#include <sys/stat.h>

#include "engine/inode.h"
#include "engine/size.h"
#include "engine/tree.h"
#include "util/host.h"
#include "util/macros.h"

/* Inodes in one step: a guess, some microseconds each. */
#define INODES_PER_STEP 16u

struct engine_wipe {
	TAILQ_ENTRY(engine_wipe) link;
	bool all;
	uid_t tree;      /* else whose */
	uint64_t before; /* the first inode number that stays */
	struct spool_table_pos pos;
};

void engine_wipe_init(struct spool_engine *engine)
{
	TAILQ_INIT(&engine->life.wipes);
}

/* Takes the first off the list. Return: NULL when there is none. */
static struct engine_wipe *take(struct spool_engine *engine)
{
	struct engine_wipe *wipe;

	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	wipe = TAILQ_FIRST(&engine->life.wipes);
	if (wipe)
		TAILQ_REMOVE(&engine->life.wipes, wipe, link);
	spool_mutex_unlock(&engine->life.lock);
	return wipe;
}

/* They take turns. */
static void put_back(struct spool_engine *engine, struct engine_wipe *wipe)
{
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	TAILQ_INSERT_TAIL(&engine->life.wipes, wipe, link);
	spool_mutex_unlock(&engine->life.lock);
}

void engine_wipe_fini(struct spool_engine *engine)
{
	struct engine_wipe *wipe;

	while ((wipe = take(engine)))
		spool_free(engine->host, wipe);
}

/* One of the same that waits for its turn begins again, so that there are never more than two for
 * each tree, however often somebody asks. Return: whether there is one. */
static bool begin_again(struct spool_engine *engine, const struct engine_wipe *wipe)
{
	struct engine_wipe *other;

	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	TAILQ_FOREACH (other, &engine->life.wipes, link) {
		if (other->all != wipe->all || other->tree != wipe->tree)
			continue;
		other->before = wipe->before;
		other->pos = wipe->pos;
		break;
	}
	spool_mutex_unlock(&engine->life.lock);
	return other;
}

int spool_engine_wipe(struct spool_engine *engine, const uid_t *tree)
{
	struct engine_wipe *wipe = spool_alloc(engine->host, sizeof(*wipe));

	if (!wipe)
		return -ENOMEM;
	wipe->all = !tree;
	wipe->tree = tree ? *tree : 0;
	wipe->before = atomic_load(&engine->next_ino);
	if (begin_again(engine, wipe))
		spool_free(engine->host, wipe);
	else
		put_back(engine, wipe);
	engine_life_wake(engine);
	return 0;
}

static bool is_meant(const struct spool_engine *engine, const struct engine_wipe *wipe,
		     const struct spool_node *node)
{
	return node->ino < wipe->before && node != engine->root &&
	       node->role == SPOOL_NODE_ORDINARY && (wipe->all || node->tree == wipe->tree);
}

/* Return: is it a regular file that somebody has open? */
static bool wipe_node(struct spool_engine *engine, struct spool_node *node)
{
	struct spool_file *file = NULL;
	bool is_open;

	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	is_open = S_ISREG(node->type) && node->n_open > 0;
	if (S_ISREG(node->type)) {
		node->wiped = true;
		file = node->file;
	}
	engine_expire_locked(engine, node);
	spool_mutex_unlock(&node->lock);
	if (file)
		engine_free_data(engine, node, file);
	return is_open;
}

bool engine_wipe_step(struct spool_engine *engine, struct spool_removed *ret, size_t n,
		      size_t *ret_n)
{
	struct engine_wipe *wipe = take(engine);
	uint64_t inos[INODES_PER_STEP];
	size_t found;

	*ret_n = 0;
	if (!wipe)
		return false;
	found = spool_table_list(&engine->table, &wipe->pos, true, inos,
				 spool_min_u64(n, INODES_PER_STEP));
	for (size_t i = 0; i < found; i++) {
		struct spool_node *node = engine_get(engine, inos[i]);

		if (node && is_meant(engine, wipe, node) && wipe_node(engine, node))
			ret[(*ret_n)++] = (struct spool_removed){.ino = inos[i]};
		engine_put(engine, node);
	}
	if (found > 0)
		put_back(engine, wipe);
	else
		spool_free(engine->host, wipe);
	return true;
}
