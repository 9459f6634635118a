/* SPDX-License-Identifier: MIT */
#include "engine/tier.h"

#include <errno.h>

#include "engine/ask.h"
#include "engine/budget.h"
#include "engine/evict.h"
#include "engine/space.h"
#include "spill/backing.h"
#include "store/ahead.h"
#include "store/disk.h"
#include "util/host.h"
#include "util/macros.h"

/* A file larger than this gets a segment of its own, which goes as a whole: a guess at where that
 * is cheaper than punching its blocks out of a shared one. */
#define OWN_SIZE ((uint64_t)16 << 20)

/* What may be read ahead at a time: 8 MiB are four readers' windows (store/ahead.c), and a 32nd of
 * the RAM, which it is not counted as, is little. A guess. */
#define AHEAD_MAX ((uint64_t)8 << 20)
#define AHEAD_PART 32u

/* What one charge for data may want: a block that is not in RAM yet, and nodes of the map. */
#define ENGINE_CHARGE_MAX ((uint64_t)SPOOL_BLOCK_SIZE + SPOOL_PAGE_SIZE)

static void on_gave(void *ctx)
{
	engine_space_gave(ctx);
	engine_tier_wake(ctx);
}

static void on_high(void *ctx)
{
	const struct spool_engine *engine = ctx;

	engine_tier_high(engine->tier);
}

static void on_ram_free(void *ctx)
{
	const struct spool_engine *engine = ctx;

	engine->tier->config.ram_free(engine->tier->config.ctx);
}

static bool on_full(void *ctx, bool ask)
{
	return engine_space_asks(ctx, ask);
}

int engine_tier_new(struct spool_engine *engine)
{
	const struct spool_tier_config *config = engine->config.tier;
	const struct spool_host *host = engine->host;
	struct engine_tier *tier = spool_alloc(host, sizeof(*tier));
	struct spool_quota_watch watch = {on_high, on_ram_free, on_full, engine, ENGINE_CHARGE_MAX};
	int r;

	if (!tier)
		return -ENOMEM;
	tier->config = *config;
	tier->threshold = config->threshold;
	tier->reserve = config->reserve;
	tier->round = 1; /* files begin with 0: not visited */
	TAILQ_INIT(&tier->asks);
	RB_INIT(&tier->users);
	spool_mutex_init(&tier->lock);
	engine->tier = tier;
	r = spool_disk_slots_new(host, config->backing, config->max_files, &tier->disk.slots);
	if (r < 0)
		return r;
	r = spool_seal_new(host, config->encrypt ? SPOOL_SEAL_AES : SPOOL_SEAL_SUM,
			   &tier->disk.seal);
	if (r < 0)
		return r;
	tier->disk.host = host;
	tier->disk.own_size = OWN_SIZE;
	tier->disk.gave = on_gave;
	tier->disk.ctx = tier;
	r = spool_ahead_new(
		&tier->disk,
		spool_min_u64(engine->config.limits.mount[SPOOL_RES_RAM] / AHEAD_PART, AHEAD_MAX),
		&tier->disk.ahead);
	if (r < 0)
		return r;
	spool_quota_set_watch(engine->quota, &watch);
	engine_budget_set_ram(engine);
	engine_space_look(engine);
	return 0;
}

void engine_tier_wipe(struct spool_engine *engine)
{
	if (engine->tier)
		spool_seal_wipe(engine->tier->disk.seal);
}

void engine_tier_free(struct spool_engine *engine)
{
	struct engine_tier *tier = engine->tier;

	if (!tier)
		return;
	engine_asks_free(engine);
	engine_evict_free(engine);
	spool_ahead_free(tier->disk.ahead);
	spool_disk_slots_free(tier->disk.slots);
	spool_seal_free(tier->disk.seal);
	tier->config.backing->ops->free(tier->config.backing);
	spool_mutex_fini(&tier->lock);
	spool_free(engine->host, tier);
	engine->tier = NULL;
}

void spool_engine_set_threshold(struct spool_engine *engine, uint64_t threshold)
{
	if (engine->tier)
		engine->tier->threshold = threshold;
}

void spool_engine_set_reserve(struct spool_engine *engine, uint64_t reserve)
{
	if (engine->tier)
		engine->tier->reserve = reserve;
}

bool spool_engine_tier_stat(struct spool_engine *engine, struct spool_tier_stat *ret)
{
	struct engine_tier *tier = engine->tier;
	struct spool_disk_slots_stat slots;

	if (!tier)
		return false;
	spool_disk_slots_stat(tier->disk.slots, &slots);
	*ret = (struct spool_tier_stat){
		.threshold = tier->threshold,
		.reserve = tier->reserve,
		.stored = tier->disk.stored,
		.written = tier->disk.written,
		.fetched = tier->disk.fetched,
		.n_failed = tier->disk.n_failed,
		.n_bad = tier->disk.n_bad,
		.files = slots.files,
		.keys_locked = spool_seal_locked(tier->disk.seal),
		.failing = tier->failing,
		.budget = spool_quota_budget(engine->quota),
	};
	engine_space_stat(engine, ret);
	return true;
}
