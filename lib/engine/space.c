/* SPDX-License-Identifier: MIT */
#include "engine/space.h"

#include <errno.h>
#include <time.h>

#include "engine/budget.h"
#include "spill/backing.h"
#include "store/disk_record.h"
#include "util/host.h"

/*
 * Space on the backing filesystem: the reserve, and when it is said that there is none.
 *
 * The verdict is given by a batch that the disk did not take, and by nothing else. From then on
 * want of RAM is "no space", for everybody, instead of a wait. A write that meets a verdict asks
 * for a new one: it waits, and the thread that spills is hurried. When it comes back, or where it
 * cannot be told whether it has waited, the verdict holds, unless it is old or has been overtaken
 * by space that was given back. A batch that fails while space is still on its way back gives none,
 * and neither does one that began before the first ask that has not been answered: it has not seen
 * what came before that ask. Later asks are answered with the first, so that many callers that ask
 * do not put it off for ever.
 */

/* A verdict holds so long. The callers that have waited for it must hear it before. A guess. */
#define VERDICT_NS ((int64_t)100 * 1000 * 1000)
#define NS_PER_S 1000000000
#define NS_PER_MS 1000000

/* What a filesystem may take beside the data of a batch, for extents and the like: an eighth, and
 * some blocks. A guess; ext4 and xfs have been seen to take a few blocks, btrfs some 40 KiB. */
#define OVERHEAD(bytes) ((bytes) / 8 + ((uint64_t)64 << 10))

static int64_t now_ns(const struct spool_engine *engine)
{
	struct timespec now;

	engine_now(engine, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void hurry(struct engine_tier *tier)
{
	if (atomic_exchange(&tier->hurried, true))
		return;
	tier->config.hurry(tier->config.ctx);
}

/* Batches that found no space, while it was being given back or taken by others, are to look
 * again. */
static void space_came(struct engine_tier *tier)
{
	if (atomic_exchange(&tier->space_wanted, false))
		tier->config.hurry(tier->config.ctx);
}

void engine_space_gave(struct engine_tier *tier)
{
	atomic_fetch_add(&tier->n_gave, 1);
}

void engine_space_tidied(struct engine_tier *tier)
{
	space_came(tier);
}

bool engine_space_asks(struct spool_engine *engine, bool always)
{
	struct engine_tier *tier = engine->tier;
	int64_t age = now_ns(engine) - atomic_load(&tier->verdict_ns);

	if (!always && atomic_load(&tier->wanted))
		return true; /* it has been asked for, and not come yet */
	if (!always && age >= 0 && age < VERDICT_NS &&
	    atomic_load(&tier->n_gave) == atomic_load(&tier->verdict_gave))
		return false;
	atomic_fetch_add(&tier->n_asks, 1);
	atomic_store(&tier->wanted, true);
	hurry(tier);
	return true;
}

void engine_space_begin(struct engine_tier *tier, struct engine_space *ret)
{
	*ret = (struct engine_space){.n_gave = atomic_load(&tier->n_gave),
				     .n_asks = atomic_load(&tier->n_asks)};
}

static int look(struct spool_engine *engine, struct spool_space *ret)
{
	struct engine_tier *tier = engine->tier;
	int r = tier->config.backing->ops->space(tier->config.backing, ret);

	if (r < 0)
		return r;
	atomic_store(&tier->space_free, ret->free);
	atomic_store(&tier->space_total, ret->total);
	atomic_store(&tier->space_ns, now_ns(engine));
	return 0;
}

void engine_space_look(struct spool_engine *engine)
{
	struct spool_space there;

	look(engine, &there);
}

bool engine_space_wish(struct engine_tier *tier)
{
	return atomic_exchange(&tier->look, false);
}

void spool_engine_look(struct spool_engine *engine)
{
	struct engine_tier *tier = engine->tier;

	if (tier && !atomic_exchange(&tier->look, true))
		engine_tier_wake(tier);
}

void engine_space_stat(const struct spool_engine *engine, struct spool_tier_stat *ret)
{
	const struct engine_tier *tier = engine->tier;
	int64_t age = now_ns(engine) - atomic_load(&tier->space_ns);

	ret->space_free = atomic_load(&tier->space_free);
	ret->space_total = atomic_load(&tier->space_total);
	/* where the clock was set back it is not known, but not new */
	ret->space_age_ms = (uint64_t)(age < 0 ? -age : age) / NS_PER_MS;
}

int engine_space_take(struct spool_engine *engine, uint64_t bytes, struct engine_space *space)
{
	struct engine_tier *tier = engine->tier;
	uint64_t need = bytes + OVERHEAD(bytes), in_flight;
	struct spool_space there;
	int r;

	/* first ours, then what there is: what others write meanwhile is counted twice, never not
	 */
	in_flight = atomic_fetch_add(&tier->in_flight, need);
	r = look(engine, &there);
	if (r == 0 &&
	    (there.free < tier->reserve || there.free - tier->reserve < in_flight + need)) {
		r = -ENOSPC;
		space->free = there.free;
		space->others = in_flight > 0;
	}
	if (r < 0)
		atomic_fetch_sub(&tier->in_flight, need);
	else
		space->taken = need;
	return r;
}

unsigned int engine_space_placed(const struct spool_batch *batch)
{
	unsigned int placed = 0;

	for (unsigned int i = 0; i < batch->n; i++)
		placed += batch->blocks[i].record->slot != 0;
	return placed;
}

/* Whether what began when there had been @n_asks asks says nothing: another one has come since.
 * All that began before the first that finds this, not only that one; what begins later does. */
static bool is_overtaken(struct engine_tier *tier, uint64_t n_asks)
{
	uint64_t asked = atomic_load(&tier->n_asks), first = 0;

	if (asked == n_asks)
		return false;
	if (atomic_compare_exchange_strong(&tier->overtaken, &first, asked))
		return true;
	return n_asks < first;
}

/* Whether there may be more space than the batch found: at once, or when other batches have ended.
 * These then hurry this one. */
static bool is_coming(struct engine_tier *tier, const struct engine_space *space)
{
	bool others = atomic_load(&tier->in_flight) > 0;
	struct spool_disk_slots_stat slots;

	if (atomic_load(&tier->n_gave) != space->n_gave + space->placed ||
	    (space->others && !others) || is_overtaken(tier, space->n_asks)) {
		hurry(tier);
		return true;
	}
	if (space->taken)
		return false; /* the disk itself has said so; what waits may be the batch's own */
	spool_disk_slots_stat(tier->disk.slots, &slots);
	return others || slots.waiting > 0;
}

/* Where users write and remove as much as there is room for, a disk takes data and does not several
 * times a second. A guess: once a minute is often enough to be seen. */
#define SAY_NS (UINT64_C(60) * NS_PER_S)

static bool is_to_be_said(struct spool_engine *engine)
{
	uint64_t now = engine->host->monotonic_ns(engine->host->ctx);
	struct engine_tier *tier = engine->tier;

	if (atomic_load(&tier->said) || now < atomic_load(&tier->say_from_ns))
		return false;
	atomic_store(&tier->say_from_ns, now + SAY_NS);
	return !atomic_exchange(&tier->said, true);
}

static void say(struct spool_engine *engine, const struct engine_space *space, int r)
{
	struct engine_tier *tier = engine->tier;

	if (r == -ENOSPC && !space->taken)
		spool_log(engine->log, SPOOL_LOG_WARNING,
			  "the backing directory does not take data (reserve=%llu, %llu bytes are "
			  "free): they stay in RAM",
			  (unsigned long long)tier->reserve, (unsigned long long)space->free);
	else
		spool_log(engine->log, SPOOL_LOG_WARNING,
			  "the backing directory does not take data (error %d%s): they stay in RAM",
			  -r, r == -EFBIG ? ", RLIMIT_FSIZE" : "");
}

static void give_verdict(struct spool_engine *engine)
{
	struct engine_tier *tier = engine->tier;

	atomic_store(&tier->verdict_gave, atomic_load(&tier->n_gave));
	atomic_store(&tier->verdict_ns, now_ns(engine));
	atomic_store(&tier->wanted, false);
	atomic_store(&tier->overtaken, 0);
	engine_budget_set_ram(engine);
}

static void taken_again(struct spool_engine *engine)
{
	atomic_store(&engine->tier->wanted, false);
	atomic_store(&engine->tier->overtaken, 0);
	engine_budget_set_ram(engine);
}

void engine_space_leave(struct engine_tier *tier, struct engine_space *space)
{
	if (!space->taken)
		return;
	atomic_fetch_sub(&tier->in_flight, space->taken);
	space_came(tier);
}

void engine_space_end(struct spool_engine *engine, struct engine_space *space, int r)
{
	struct engine_tier *tier = engine->tier;
	bool changed;

	engine_space_leave(tier, space);
	if (r == -ENOSPC) {
		atomic_store(&tier->space_wanted, true); /* and then look whether it has come */
		if (is_coming(tier, space)) {
			atomic_fetch_add(&tier->n_unsaid, 1);
			return;
		}
	}
	if (r < 0)
		atomic_fetch_add_explicit(&tier->disk.n_failed, 1, memory_order_relaxed);
	changed = atomic_exchange(&tier->failing, r < 0) != (r < 0);
	if (r < 0) {
		if (is_to_be_said(engine))
			say(engine, space, r);
		give_verdict(engine);
		return;
	}
	if (atomic_exchange(&tier->said, false))
		spool_log(engine->log, SPOOL_LOG_INFO, "the backing directory takes data again");
	if (changed)
		taken_again(engine);
}

bool engine_space_wanted(const struct engine_tier *tier)
{
	return atomic_load(&tier->failing) && atomic_load(&tier->wanted);
}

void engine_space_round(struct engine_tier *tier, struct engine_round *ret)
{
	*ret = (struct engine_round){.n_asks = atomic_load(&tier->n_asks),
				     .n_unsaid = atomic_load(&tier->n_unsaid),
				     .n_changes = atomic_load(&tier->n_changes)};
}

bool engine_space_nothing(struct spool_engine *engine, const struct engine_round *round)
{
	struct engine_tier *tier = engine->tier;

	if (!engine_space_wanted(tier) || atomic_load(&tier->n_working) > 0)
		return false;
	if (atomic_load(&tier->n_unsaid) != round->n_unsaid || is_overtaken(tier, round->n_asks))
		return true;
	give_verdict(engine);
	return false;
}

void engine_space_woken(struct engine_tier *tier)
{
	atomic_store(&tier->hurried, false);
}
