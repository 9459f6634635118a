/* SPDX-License-Identifier: MIT */
#include "engine/wipe.h"

#include <assert.h>
#include <errno.h>
#include <sys/stat.h>

#include "engine/inode.h"
#include "engine/session.h"
#include "engine/size.h"
#include "engine/tree.h"
#include "util/host.h"
#include "util/macros.h"

/* Inodes in one step: a guess, some microseconds each. */
#define INODES_PER_STEP 16u

struct engine_wipe {
	TAILQ_ENTRY(engine_wipe) link; /* life.lock */
	bool all;                      /* constant, as the following */
	uid_t tree;                    /* else whose */
	uint64_t before;   /* life.lock, as all that follow: the first inode number that stays */
	bool busy;         /* somebody is about it, whose the position is */
	bool again;        /* it was asked for again meanwhile */
	bool met;          /* something that was to go yet, since the table was begun */
	bool ended;        /* nothing was: it goes when all is told */
	uint64_t n_untold; /* names and open files of it */
	struct spool_table_pos pos;
};

void engine_wipe_init(struct spool_engine *engine)
{
	TAILQ_INIT(&engine->life.wipes);
}

static struct engine_wipe *find_locked(struct spool_engine *engine, const uid_t *tree)
	SPOOL_REQUIRES(engine->life.lock)
{
	struct engine_wipe *wipe;

	TAILQ_FOREACH (wipe, &engine->life.wipes, link) {
		if (tree ? !wipe->all && wipe->tree == *tree : wipe->all)
			break;
	}
	return wipe;
}

/* One that is not done, which comes to the end of the list: they take turns. Return: NULL when
 * there is none. */
static struct engine_wipe *take(struct spool_engine *engine, uint64_t *ret_before)
{
	struct engine_wipe *wipe;

	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	TAILQ_FOREACH (wipe, &engine->life.wipes, link) {
		if (!wipe->busy && !wipe->ended)
			break;
	}
	if (wipe) {
		TAILQ_REMOVE(&engine->life.wipes, wipe, link);
		TAILQ_INSERT_TAIL(&engine->life.wipes, wipe, link);
		wipe->busy = true;
		*ret_before = wipe->before;
	}
	spool_mutex_unlock(&engine->life.lock);
	return wipe;
}

static void remove_locked(struct spool_engine *engine, struct engine_wipe *wipe)
	SPOOL_REQUIRES(engine->life.lock)
{
	TAILQ_REMOVE(&engine->life.wipes, wipe, link);
	spool_free(engine->host, wipe);
}

/* It goes when it is done. */
static void end_locked(struct spool_engine *engine, struct engine_wipe *wipe)
	SPOOL_REQUIRES(engine->life.lock)
{
	if (wipe->ended && wipe->n_untold == 0)
		remove_locked(engine, wipe);
}

/* @met: something was to go yet; @at_end: that was the end of the table. What we have met is
 * removed later, so all is gone through until nothing was met. */
static void put_back(struct spool_engine *engine, struct engine_wipe *wipe, bool met, bool at_end)
{
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	wipe->met |= met || wipe->again;
	if (at_end || wipe->again) {
		wipe->ended = !wipe->met;
		wipe->met = false;
		wipe->pos = (struct spool_table_pos){0};
	}
	wipe->again = false;
	wipe->busy = false;
	end_locked(engine, wipe);
	spool_mutex_unlock(&engine->life.lock);
}

void engine_wipe_fini(struct spool_engine *engine)
{
	struct engine_wipe *wipe;

	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	while ((wipe = TAILQ_FIRST(&engine->life.wipes)) != NULL)
		remove_locked(engine, wipe);
	spool_mutex_unlock(&engine->life.lock);
}

int spool_engine_wipe(struct spool_engine *engine, const uid_t *tree)
{
	struct engine_wipe *fresh = spool_alloc(engine->host, sizeof(*fresh)), *wipe;

	if (!fresh)
		return -ENOMEM;
	fresh->all = !tree;
	fresh->tree = tree ? *tree : 0;
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	/* there is one for each tree, which begins again, however often somebody asks */
	wipe = find_locked(engine, tree);
	if (!wipe) {
		wipe = fresh;
		fresh = NULL;
		TAILQ_INSERT_TAIL(&engine->life.wipes, wipe, link);
	}
	wipe->before = atomic_load(&engine->next_ino);
	wipe->again = wipe->busy;
	wipe->met = wipe->ended = false;
	if (!wipe->busy)
		wipe->pos = (struct spool_table_pos){0};
	spool_mutex_unlock(&engine->life.lock);
	spool_free(engine->host, fresh);
	engine_life_wake(engine);
	return 0;
}

bool spool_engine_is_wiping(struct spool_engine *engine, const uid_t *tree)
{
	bool is_wiping;

	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	is_wiping = find_locked(engine, tree);
	spool_mutex_unlock(&engine->life.lock);
	return is_wiping;
}

static bool is_meant(const struct spool_engine *engine, const struct engine_wipe *wipe,
		     uint64_t before, const struct spool_node *node)
{
	return node->ino < before && node != engine->root && node->role == SPOOL_NODE_ORDINARY &&
	       (wipe->all || node->tree == wipe->tree);
}

void engine_wipe_untold_locked(struct spool_engine *engine, const struct spool_node *node,
			       struct spool_untold *ret)
{
	struct engine_wipe *wipe;

	ret->tree = node->tree;
	ret->by_tree = ret->by_all = false;
	if (!node->wiped)
		return;
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	TAILQ_FOREACH (wipe, &engine->life.wipes, link) {
		if (!is_meant(engine, wipe, wipe->before, node))
			continue;
		wipe->n_untold++;
		*(wipe->all ? &ret->by_all : &ret->by_tree) = true;
	}
	spool_mutex_unlock(&engine->life.lock);
}

static void told_locked(struct spool_engine *engine, const uid_t *tree)
	SPOOL_REQUIRES(engine->life.lock)
{
	struct engine_wipe *wipe = find_locked(engine, tree);

	assert(wipe && wipe->n_untold > 0);
	wipe->n_untold--;
	end_locked(engine, wipe);
}

void engine_wipe_told(struct spool_engine *engine, const struct spool_untold *untold)
{
	if (!untold->by_tree && !untold->by_all)
		return;
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	if (untold->by_tree)
		told_locked(engine, &untold->tree);
	if (untold->by_all)
		told_locked(engine, NULL);
	spool_mutex_unlock(&engine->life.lock);
}

/* Return: is it a regular file that somebody has open, and was not wiped before? Then *@ret_untold
 * is set. *@ret_met: was it to be wiped, or is it to be removed yet? */
static bool wipe_node(struct spool_engine *engine, struct spool_node *node, bool *ret_met,
		      struct spool_untold *ret_untold)
{
	struct spool_file *file = NULL;
	bool is_open = false;

	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	if (!node->wiped) {
		node->wiped = true;
		file = S_ISREG(node->type) ? node->file : NULL;
		is_open = S_ISREG(node->type) && node->n_open > 0;
		*ret_met = true;
	}
	if (is_open)
		engine_wipe_untold_locked(engine, node, ret_untold);
	if (!engine_goes_locked(node))
		engine_expire_locked(engine, node);
	*ret_met |= engine_goes_locked(node) && !(node->flags & SPOOL_NODE_WAITS);
	spool_mutex_unlock(&node->lock);
	if (file)
		engine_free_data(engine, node, file);
	return is_open;
}

bool engine_wipe_step(struct spool_engine *engine, struct spool_removed *ret, size_t n,
		      size_t *ret_n)
{
	uint64_t before, inos[INODES_PER_STEP];
	struct engine_wipe *wipe = take(engine, &before);
	struct spool_table_wanted wanted = {.tree = NULL};
	bool met = false;
	size_t found;

	*ret_n = 0;
	if (!wipe)
		return false;
	if (!wipe->all)
		wanted.tree = &wipe->tree;
	found = spool_table_list(&engine->table, &wipe->pos, &wanted, inos,
				 spool_min_u64(n, INODES_PER_STEP));
	for (size_t i = 0; i < found; i++) {
		struct spool_node *node = engine_get(engine, inos[i]);

		struct spool_untold untold = {.session = 0};

		if (node && is_meant(engine, wipe, before, node) &&
		    wipe_node(engine, node, &met, &untold))
			ret[(*ret_n)++] = (struct spool_removed){.ino = inos[i], .untold = untold};
		engine_put(engine, node);
	}
	put_back(engine, wipe, met, found == 0 && spool_table_at_end(&wipe->pos));
	return true;
}
