/* SPDX-License-Identifier: MIT */
#include "engine/budget.h"

#include "store/pool.h"
#include "util/macros.h"

/* Under pressure the RAM for data shrinks no further than this, each payer has this share of RAM
 * whatever others use, and it comes back in so many steps of the whole. Guesses: what the working
 * set of a compile job has; a quarter of it; 80 s of calm with fs/background/pressure.c. */
#define SQUEEZE_MIN ((uint64_t)32 << 20)
#define SQUEEZE_SHARE (SQUEEZE_MIN / 4)
#define RELAX_STEPS 8

void engine_budget_set_ram(struct spool_engine *engine)
{
	struct engine_tier *tier = engine->tier;
	enum spool_quota_ram ram = SPOOL_RAM_ELASTIC;

	/* under the lock, so that the last caller has seen all changes */
	spool_mutex_lock(&tier->lock, SPOOL_RANK_TIER);
	if (atomic_load(&tier->failing))
		ram = SPOOL_RAM_NO_DISK;
	else if (atomic_load(&tier->stuck))
		ram = SPOOL_RAM_FIRM;
	spool_quota_set_ram(engine->quota, ram);
	spool_mutex_unlock(&tier->lock);
}

void engine_budget_set_stuck(struct spool_engine *engine, bool stuck)
{
	if (atomic_exchange(&engine->tier->stuck, stuck) != stuck)
		engine_budget_set_ram(engine);
}

void spool_engine_set_limits(struct spool_engine *engine, const struct spool_limits *limits)
{
	spool_quota_set_limits(engine->quota, limits);
	engine_budget_keep(engine, limits);
	if (engine->tier)
		engine_tier_wake(engine->tier);
}

uint64_t spool_engine_squeeze(struct spool_engine *engine)
{
	uint64_t room, data = spool_quota_data(engine->quota, &room);
	struct spool_usage usage;
	uint64_t metadata;

	spool_quota_usage(engine->quota, &usage);
	metadata = usage.used[SPOOL_RES_RAM] - spool_min_u64(usage.used[SPOOL_RES_RAM], data);
	data = spool_max_u64(spool_min_u64(data, room) / 4 * 3, SQUEEZE_MIN);
	spool_quota_squeeze(engine->quota, metadata + data, SQUEEZE_SHARE);
	spool_pool_trim(engine->pool, 0);
	if (engine->tier)
		engine_tier_wake(engine->tier);
	return spool_quota_budget(engine->quota);
}

bool spool_engine_relax(struct spool_engine *engine)
{
	struct spool_usage usage;
	uint64_t budget = spool_quota_budget(engine->quota);

	spool_quota_usage(engine->quota, &usage);
	budget += usage.limit[SPOOL_RES_RAM] / RELAX_STEPS + 1;
	if (budget >= usage.limit[SPOOL_RES_RAM])
		budget = UINT64_MAX;
	spool_quota_squeeze(engine->quota, budget, budget == UINT64_MAX ? 0 : SQUEEZE_SHARE);
	return budget != UINT64_MAX;
}

/* Memory for reuse: as much as a mount in use turns over, without going far beyond its ram=. Both
 * are guesses. */
#define KEEP_MAX ((uint64_t)512 << 20)
#define KEEP_DIVISOR 2

void engine_budget_keep(struct spool_engine *engine, const struct spool_limits *limits)
{
	spool_pool_set_keep(engine->pool,
			    spool_min_u64(limits->mount[SPOOL_RES_RAM] / KEEP_DIVISOR, KEEP_MAX));
}

bool spool_engine_trim(struct spool_engine *engine)
{
	return spool_pool_age(engine->pool);
}
