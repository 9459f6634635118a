/* SPDX-License-Identifier: MIT */
#include "engine/engine_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/tier.h"
#include "spill/backing.h"
#include "store/object.h"
#include "store/pool.h"
#include "util/host.h"
#include "util/macros.h"

/*
 * Which file goes next. A file with data in RAM is on one list: of those past the threshold, or of
 * the list of its user for its size in RAM, by powers of two. New files and files that
 * have been visited go to the end of their list, so its head is the one that was left alone the
 * longest.
 *
 * Past the threshold, files go one after the other. When RAM runs short, of the mount or of a uid,
 * the largest go first, and of those the coldest.
 */

/* Under pressure the RAM for data shrinks no further than this, each payer has this share of RAM
 * whatever others use, and it comes back in so many steps of the whole. Guesses: what the working
 * set of a compile job has; a quarter of it; 80 s of calm with fs/background/pressure.c. */
#define SQUEEZE_MIN ((uint64_t)32 << 20)
#define SQUEEZE_SHARE (SQUEEZE_MIN / 4)
#define RELAX_STEPS 8

static int compare_users(const struct engine_tier_user *a, const struct engine_tier_user *b)
{
	return a->uid < b->uid ? -1 : a->uid > b->uid;
}

SPOOL_RB_GENERATE(engine_tier_users, engine_tier_user, by_uid, compare_users)

void engine_tier_wake(struct engine_tier *tier)
{
	if (!atomic_exchange(&tier->awake, true))
		tier->config.wake(tier->config.ctx);
}

static void on_gave(void *ctx)
{
	engine_space_gave(ctx);
	engine_tier_wake(ctx);
}

static void on_high(void *ctx)
{
	const struct spool_engine *engine = ctx;

	engine_tier_wake(engine->tier);
}

static void on_room(void *ctx)
{
	const struct spool_engine *engine = ctx;

	engine->tier->config.room(engine->tier->config.ctx);
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
	struct spool_quota_watch watch = {on_high, on_room, on_full, engine};
	int r;

	if (!tier)
		return -ENOMEM;
	tier->config = *config;
	tier->threshold = config->threshold;
	tier->reserve = config->reserve;
	tier->round = 1; /* files begin with 0: not visited */
	TAILQ_INIT(&tier->over);
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
	spool_quota_set_watch(engine->quota, &watch);
	engine_tier_set_ram(engine);
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
	struct engine_tier_user *user;

	if (!tier)
		return;
	engine_asks_free(engine);
	while ((user = RB_ROOT(&tier->users))) {
		RB_REMOVE(engine_tier_users, &tier->users, user);
		spool_free(engine->host, user);
	}
	spool_disk_slots_free(tier->disk.slots);
	spool_seal_free(tier->disk.seal);
	tier->config.backing->ops->free(tier->config.backing);
	spool_mutex_fini(&tier->lock);
	spool_free(engine->host, tier);
	engine->tier = NULL;
}

struct spool_disk *engine_disk(struct spool_engine *engine)
{
	return engine->tier ? &engine->tier->disk : NULL;
}

static struct engine_tier_user *user_locked(struct spool_engine *engine, uid_t uid)
	SPOOL_REQUIRES(engine->tier->lock)
{
	struct engine_tier *tier = engine->tier;
	struct engine_tier_user key = {.uid = uid}, *user;

	user = RB_FIND(engine_tier_users, &tier->users, &key);
	if (user)
		return user;
	user = spool_alloc(engine->host, sizeof(*user));
	if (!user)
		return NULL;
	user->uid = uid;
	for (unsigned int i = 0; i < TIER_SIZES; i++)
		TAILQ_INIT(&user->sizes[i]);
	RB_INSERT(engine_tier_users, &tier->users, user);
	return user;
}

static void remove_locked(struct engine_tier *tier, struct spool_file *file)
	SPOOL_REQUIRES(tier->lock)
{
	if (!file->tier)
		return;
	TAILQ_REMOVE(file->tier, file, tier_link);
	file->tier = NULL;
	tier->n_files--;
}

/* The list that a file with @ram bytes in RAM and @data in all belongs to. NULL: none, or there is
 * no memory for it; it will be asked again with the next write. */
static struct spool_file_list *list_locked(struct spool_engine *engine, uid_t uid, uint64_t ram,
					   uint64_t data) SPOOL_REQUIRES(engine->tier->lock)
{
	struct engine_tier *tier = engine->tier;
	struct engine_tier_user *user;

	if (ram == 0)
		return NULL;
	if (data > tier->threshold)
		return &tier->over;
	user = user_locked(engine, uid);
	return user ? &user->sizes[63 - __builtin_clzll(ram)] : NULL;
}

void engine_tier_set_ram(struct spool_engine *engine)
{
	struct engine_tier *tier = engine->tier;
	enum spool_quota_ram ram = SPOOL_RAM_ELASTIC;

	/* under the lock, so that who comes last has seen all */
	spool_mutex_lock(&tier->lock, SPOOL_RANK_TIER);
	if (atomic_load(&tier->failing))
		ram = SPOOL_RAM_NO_DISK;
	else if (atomic_load(&tier->stuck))
		ram = SPOOL_RAM_FIRM;
	spool_quota_set_ram(engine->quota, ram);
	spool_mutex_unlock(&tier->lock);
}

void engine_tier_set_stuck(struct spool_engine *engine, bool stuck)
{
	if (atomic_exchange(&engine->tier->stuck, stuck) != stuck)
		engine_tier_set_ram(engine);
}

void engine_tier_again(struct spool_engine *engine, struct spool_file *file)
{
	struct engine_tier *tier = engine->tier;

	spool_mutex_lock(&tier->lock, SPOOL_RANK_TIER);
	file->tier_round = tier->round - 1;
	spool_mutex_unlock(&tier->lock);
}

/* What the file has in RAM is data of its payer's; the rest of what he is charged cannot leave. */
static void note_data(struct spool_node *node, uint64_t ram)
{
	int64_t delta = (int64_t)(ram - node->file->tier_ram);

	node->file->tier_ram = ram;
	if (delta != 0)
		spool_quota_note_data(node->user, delta);
}

void engine_tier_move(struct spool_engine *engine, struct spool_node *node,
		      struct spool_quota_user *to)
{
	int64_t ram = (int64_t)node->file->tier_ram;

	if (!engine->tier || ram == 0)
		return;
	spool_quota_note_data(node->user, -ram);
	spool_quota_note_data(to, ram);
}

void engine_tier_update(struct spool_engine *engine, struct spool_node *node)
{
	struct engine_tier *tier = engine->tier;
	struct spool_file *file = node->file;
	struct spool_file_list *list;
	bool over = false, fresh = false;

	if (!tier)
		return;
	note_data(node, spool_object_ram(file->object));
	spool_mutex_lock(&engine->tier->lock, SPOOL_RANK_TIER);
	list = list_locked(engine, spool_quota_user_uid(node->user), spool_object_ram(file->object),
			   spool_object_data(file->object));
	if (file->tier != list) {
		remove_locked(engine->tier, file);
		file->tier_ino = node->ino;
		if (list) {
			file->tier = list;
			TAILQ_INSERT_TAIL(list, file, tier_link);
			tier->n_files++;
			fresh = true;
		}
		over = list == &tier->over;
	}
	spool_mutex_unlock(&engine->tier->lock);
	if (fresh && tier->stuck)
		engine_tier_set_stuck(engine, false);
	if (over)
		engine_tier_wake(tier);
}

void engine_tier_remove(struct spool_engine *engine, struct spool_node *node)
{
	struct engine_tier *tier = engine->tier;

	if (!tier)
		return;
	note_data(node, 0);
	spool_mutex_lock(&tier->lock, SPOOL_RANK_TIER);
	remove_locked(tier, node->file);
	spool_mutex_unlock(&tier->lock);
}

/* The head of the list goes to its end, as visited. */
static uint64_t visit_locked(struct engine_tier *tier, struct spool_file_list *list)
	SPOOL_REQUIRES(tier->lock)
{
	struct spool_file *file = TAILQ_FIRST(list);

	TAILQ_REMOVE(list, file, tier_link);
	TAILQ_INSERT_TAIL(list, file, tier_link);
	file->tier_round = tier->round;
	return file->tier_ino;
}

/* The list of a user's largest files that were not visited in this round, or NULL. */
static struct spool_file_list *largest_locked(const struct engine_tier *tier,
					      struct engine_tier_user *user, unsigned int *ret_size)
	SPOOL_REQUIRES(tier->lock)
{
	for (unsigned int i = TIER_SIZES; i-- > 0;) {
		struct spool_file *file = TAILQ_FIRST(&user->sizes[i]);

		if (file && file->tier_round != tier->round) {
			*ret_size = i;
			return &user->sizes[i];
		}
	}
	return NULL;
}

/* Of @uid, or of all users. */
static struct spool_file_list *victim_locked(struct engine_tier *tier, const uid_t *uid)
	SPOOL_REQUIRES(tier->lock)
{
	struct spool_file_list *best = NULL;
	struct engine_tier_user *user;
	unsigned int best_size = 0;

	RB_FOREACH (user, engine_tier_users, &tier->users) {
		struct spool_file_list *list;
		unsigned int size = 0;

		if (uid && user->uid != *uid)
			continue;
		list = largest_locked(tier, user, &size);
		if (list && (!best || size > best_size)) {
			best = list;
			best_size = size;
		}
	}
	return best;
}

/* Whether the mount's RAM is to be emptied: from SPOOL_RAM_HIGH percent on, down to RAM_LOW. */
static bool is_short(struct spool_engine *engine)
{
	struct engine_tier *tier = engine->tier;
	uint64_t room, data = spool_quota_data(engine->quota, &room);

	if (data > room / 100 * SPOOL_RAM_HIGH)
		tier->evicting = true;
	else if (data <= room / 100 * RAM_LOW)
		tier->evicting = false;
	return tier->evicting;
}

bool engine_tier_pick(struct spool_engine *engine, struct engine_pick *ret)
{
	struct engine_tier *tier = engine->tier;
	struct spool_file_list *list = NULL;
	struct spool_file *file;
	uid_t uid = 0;
	bool user_short;

	*ret = (struct engine_pick){.is_short = is_short(engine)};
	user_short = spool_quota_over(engine->quota, SPOOL_RAM_HIGH, &uid);
	ret->is_short |= user_short;
	spool_mutex_lock(&tier->lock, SPOOL_RANK_TIER);
	file = TAILQ_FIRST(&tier->over);
	ret->any = tier->n_files > 0;
	if (file && file->tier_round != tier->round)
		list = &tier->over;
	else if (user_short)
		list = victim_locked(tier, &uid);
	if (!list && tier->evicting)
		list = victim_locked(tier, NULL);
	if (list) {
		ret->ino = visit_locked(tier, list);
	} else {
		ret->over = file;
		tier->round++;
	}
	spool_mutex_unlock(&tier->lock);
	return list;
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

void spool_engine_set_limits(struct spool_engine *engine, const struct spool_limits *limits)
{
	spool_quota_set_limits(engine->quota, limits);
	engine_keep_memory(engine, limits);
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
