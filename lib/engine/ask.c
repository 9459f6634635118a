/* SPDX-License-Identifier: MIT */
#include "engine/ask.h"

#include <errno.h>
#include <sys/stat.h>

#include "engine/inode.h"
#include "util/host.h"

/*
 * Files that are to go to the disk now, as somebody has asked for it. The threads that spill serve
 * the payers in turn, a few batches at a time. Of one payer the oldest ask is served first.
 *
 * A turn is a number: the payer with the lowest is next, and after his turn he gets the highest.
 * All asks of a payer have the same number. A payer that asks anew comes last, even if he has just
 * been served.
 */
struct engine_ask {
	TAILQ_ENTRY(engine_ask) link;
	uint64_t ino, id, turn;
	uid_t payer;
	bool working;   /* a thread is at it, and ends it */
	bool waits;     /* all that is left is under way in another thread's batch */
	bool forgotten; /* while a thread was at it */
};

static struct engine_ask *of_payer_locked(const struct engine_tier *tier, uid_t payer)
	SPOOL_REQUIRES(tier->lock)
{
	struct engine_ask *ask;

	TAILQ_FOREACH (ask, &tier->asks, link) {
		if (ask->payer == payer)
			return ask;
	}
	return NULL;
}

static int check(const struct spool_engine *engine, const struct spool_node *node)
{
	if (!S_ISREG(node->type))
		return S_ISDIR(node->type) ? -EISDIR : -EINVAL;
	return engine->tier ? 0 : -EOPNOTSUPP;
}

int spool_engine_ask_spill(struct spool_engine *engine, uint64_t ino, uint64_t id)
{
	struct spool_node *node = engine_get(engine, ino);
	struct engine_tier *tier = engine->tier;
	struct engine_ask *ask, *other;
	int r;

	if (!node)
		return -ESTALE;
	r = check(engine, node);
	ask = r == 0 ? spool_alloc(engine->host, sizeof(*ask)) : NULL;
	if (!ask) {
		engine_put(engine, node);
		return r < 0 ? r : -ENOMEM;
	}
	ask->ino = ino;
	ask->id = id;
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	ask->payer = spool_quota_user_uid(node->user);
	spool_mutex_unlock(&node->lock);
	engine_put(engine, node);
	spool_mutex_lock(&tier->lock, SPOOL_RANK_TIER);
	other = of_payer_locked(tier, ask->payer);
	ask->turn = other ? other->turn : ++tier->last_turn;
	TAILQ_INSERT_TAIL(&tier->asks, ask, link);
	spool_mutex_unlock(&tier->lock);
	engine_tier_wake(tier);
	return 0;
}

void spool_engine_forget_ask(struct spool_engine *engine, uint64_t id)
{
	struct engine_tier *tier = engine->tier;
	struct engine_ask *ask;

	if (!tier)
		return;
	spool_mutex_lock(&tier->lock, SPOOL_RANK_TIER);
	TAILQ_FOREACH (ask, &tier->asks, link) {
		if (ask->id == id)
			break;
	}
	if (ask && ask->working) {
		ask->forgotten = true;
		ask = NULL;
	}
	if (ask)
		TAILQ_REMOVE(&tier->asks, ask, link);
	spool_mutex_unlock(&tier->lock);
	spool_free(engine->host, ask);
}

void engine_asks_free(struct spool_engine *engine)
{
	struct engine_tier *tier = engine->tier;
	struct engine_ask *ask;

	while ((ask = TAILQ_FIRST(&tier->asks))) {
		TAILQ_REMOVE(&tier->asks, ask, link);
		spool_free(engine->host, ask);
	}
}

void engine_ask_committed(struct engine_tier *tier, uint64_t ino)
{
	struct engine_ask *ask;

	spool_mutex_lock(&tier->lock, SPOOL_RANK_TIER);
	TAILQ_FOREACH (ask, &tier->asks, link) {
		if (ask->ino == ino)
			ask->waits = false;
	}
	spool_mutex_unlock(&tier->lock);
}

struct engine_ask *engine_ask_begin(struct engine_tier *tier, uint64_t *ret_ino)
{
	struct engine_ask *ask, *best = NULL;

	spool_mutex_lock(&tier->lock, SPOOL_RANK_TIER);
	TAILQ_FOREACH (ask, &tier->asks, link) {
		if (!ask->working && !ask->waits && (!best || ask->turn < best->turn))
			best = ask;
	}
	if (best) {
		best->working = true;
		*ret_ino = best->ino;
		tier->last_turn++;
		TAILQ_FOREACH (ask, &tier->asks, link) {
			if (ask->payer == best->payer)
				ask->turn = tier->last_turn;
		}
	}
	spool_mutex_unlock(&tier->lock);
	return best;
}

void engine_ask_wait(struct engine_tier *tier, struct engine_ask *ask)
{
	spool_mutex_lock(&tier->lock, SPOOL_RANK_TIER);
	ask->waits = true;
	spool_mutex_unlock(&tier->lock);
}

void engine_ask_end(struct spool_engine *engine, struct engine_ask *ask, int r)
{
	struct engine_tier *tier = engine->tier;
	bool ended, tell;
	uint64_t id;

	spool_mutex_lock(&tier->lock, SPOOL_RANK_TIER);
	ask->working = false;
	id = ask->id;
	tell = !ask->forgotten;
	ended = r <= 0 || !tell;
	if (ended)
		TAILQ_REMOVE(&tier->asks, ask, link);
	spool_mutex_unlock(&tier->lock);
	if (ended)
		spool_free(engine->host, ask);
	if (ended && tell)
		tier->config.spilled(tier->config.ctx, id, r);
}
