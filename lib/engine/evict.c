/* SPDX-License-Identifier: MIT */
#include "engine/evict.h"

#include "engine/budget.h"
#include "engine/rest.h"
#include "engine/space.h"
#include "store/object.h"
#include "util/host.h"
#include "util/macros.h"

/*
 * Which file goes next. A file with data in RAM is on one list of its user: of those past the
 * threshold, or for its size in RAM, by powers of two. New files and files that
 * have been visited go to the end of their list, so its head is the one that was left alone the
 * longest.
 *
 * Past the threshold, files go one after the other. When RAM runs short, of the mount or of a uid,
 * the largest go first, and of those the coldest.
 */

static int compare_users(const struct engine_tier_user *a, const struct engine_tier_user *b)
{
	return a->uid < b->uid ? -1 : a->uid > b->uid;
}

SPOOL_RB_GENERATE(engine_tier_users, engine_tier_user, by_uid, compare_users)

void engine_evict_free(struct spool_engine *engine)
{
	struct engine_tier *tier = engine->tier;
	struct engine_tier_user *user;

	while ((user = RB_ROOT(&tier->users))) {
		RB_REMOVE(engine_tier_users, &tier->users, user);
		spool_free(engine->host, user);
	}
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
	TAILQ_INIT(&user->over);
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
					   uint64_t data, bool *ret_over)
	SPOOL_REQUIRES(engine->tier->lock)
{
	struct engine_tier_user *user;

	*ret_over = false;
	if (ram == 0)
		return NULL;
	user = user_locked(engine, uid);
	if (!user)
		return NULL;
	*ret_over = data > engine->tier->threshold;
	return *ret_over ? &user->over : &user->sizes[63 - __builtin_clzll(ram)];
}

void engine_evict_again(struct spool_engine *engine, struct spool_file *file)
{
	struct engine_tier *tier = engine->tier;

	spool_mutex_lock(&tier->lock, SPOOL_RANK_TIER);
	file->tier_round = tier->round - 1;
	spool_mutex_unlock(&tier->lock);
}

/* What the file has in RAM is data of its payer's; the rest of what he is charged cannot leave. */
static void note_data(struct spool_node *node, uint64_t ram, uint64_t disk)
{
	int64_t delta = (int64_t)(ram - node->file->tier_ram);
	int64_t disk_delta = (int64_t)(disk - node->file->tier_disk);

	node->file->tier_ram = ram;
	node->file->tier_disk = disk;
	if (delta != 0)
		spool_quota_note_data(node->user, delta);
	if (disk_delta != 0)
		spool_quota_note_disk(node->user, disk_delta);
}

void engine_evict_move(struct spool_engine *engine, struct spool_node *node,
		       struct spool_quota_user *to)
{
	int64_t ram = (int64_t)node->file->tier_ram, disk = (int64_t)node->file->tier_disk;

	if (!engine->tier)
		return;
	spool_quota_note_disk(node->user, -disk);
	spool_quota_note_disk(to, disk);
	if (ram == 0)
		return;
	spool_quota_note_data(node->user, -ram);
	spool_quota_note_data(to, ram);
}

/* Puts the file of @node on its list, or on none. Return: has it just got past the threshold? */
static bool list_file(struct spool_engine *engine, const struct spool_node *node)
{
	struct engine_tier *tier = engine->tier;
	struct spool_file *file = node->file;
	struct spool_file_list *list;
	bool over;

	spool_mutex_lock(&engine->tier->lock, SPOOL_RANK_TIER);
	list = list_locked(engine, spool_quota_user_uid(node->user), spool_object_ram(file->object),
			   spool_object_data(file->object), &over);
	over &= file->tier != list;
	if (file->tier != list) {
		remove_locked(engine->tier, file);
		file->tier_ino = node->ino;
		if (list) {
			file->tier = list;
			TAILQ_INSERT_TAIL(list, file, tier_link);
			tier->n_files++;
		}
	}
	spool_mutex_unlock(&engine->tier->lock);
	return over;
}

/* Data are noted only while their file is on a list: else RAM would seem to be used up by what
 * cannot leave it. */
void engine_evict_update(struct spool_engine *engine, struct spool_node *node)
{
	struct engine_tier *tier = engine->tier;
	struct spool_file *file = node->file;
	uint64_t ram, disk, before = file->tier_ram;
	bool over;

	if (!tier)
		return;
	ram = spool_object_ram(file->object);
	disk = spool_object_stored(file->object);
	if (ram < before)
		note_data(node, ram, disk);
	over = list_file(engine, node);
	if (ram != before)
		atomic_fetch_add(&tier->n_changes, 1);
	if (ram > before && tier->stuck)
		engine_budget_set_stuck(engine, false);
	note_data(node, ram, disk);
	if (over)
		engine_tier_wake(tier);
	else if (ram > before && engine_rest_ends(engine, node))
		engine_tier_high(tier);
}

void engine_evict_begin(struct spool_engine *engine)
{
	if (engine->tier)
		atomic_fetch_add(&engine->tier->n_coming, 1);
}

void engine_evict_end(struct spool_engine *engine, struct spool_node *node)
{
	engine_evict_update(engine, node);
	if (engine->tier)
		atomic_fetch_sub(&engine->tier->n_coming, 1);
}

void engine_evict_remove(struct spool_engine *engine, struct spool_node *node)
{
	struct engine_tier *tier = engine->tier;

	if (!tier)
		return;
	note_data(node, 0, 0);
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

/* Of all users. */
static struct spool_file_list *largest_of_all_locked(struct engine_tier *tier)
	SPOOL_REQUIRES(tier->lock)
{
	struct spool_file_list *best = NULL;
	struct engine_tier_user *user;
	unsigned int best_size = 0;

	RB_FOREACH (user, engine_tier_users, &tier->users) {
		struct spool_file_list *list;
		unsigned int size = 0;

		list = largest_locked(tier, user, &size);
		if (list && (!best || size > best_size)) {
			best = list;
			best_size = size;
		}
	}
	return best;
}

/* Of the users >= @from with files past the threshold (@ret_over: there is one), the first who has
 * one that was not visited. */
static struct engine_tier_user *over_locked(struct engine_tier *tier, uint64_t from, bool *ret_over)
	SPOOL_REQUIRES(tier->lock)
{
	struct engine_tier_user key = {.uid = (uid_t)from}, *user = NULL;

	if (from <= UINT32_MAX)
		user = RB_NFIND(engine_tier_users, &tier->users, &key);
	for (; user; user = RB_NEXT(engine_tier_users, &tier->users, user)) {
		struct spool_file *file = TAILQ_FIRST(&user->over);

		*ret_over |= file != NULL;
		if (file && file->tier_round != tier->round)
			break;
	}
	return user;
}

/* Of the users >= @from whose own RAM is short (@ret_short: there is one), the first who has a file
 * to go. */
static struct engine_tier_user *short_locked(struct engine_tier *tier, struct spool_quota *quota,
					     uint64_t from, bool *ret_short,
					     struct spool_file_list **ret_list)
	SPOOL_REQUIRES(tier->lock)
{
	struct engine_tier_user key = {0}, *user;
	unsigned int size;

	for (; spool_quota_next_high(quota, from, &key.uid); from = (uint64_t)key.uid + 1) {
		*ret_short = true;
		user = RB_FIND(engine_tier_users, &tier->users, &key);
		*ret_list = user ? largest_locked(tier, user, &size) : NULL;
		if (*ret_list)
			return user;
	}
	return NULL;
}

/* A file past the threshold. The users who have some take turns. */
static struct spool_file_list *pick_over_locked(struct engine_tier *tier, bool *ret_over)
	SPOOL_REQUIRES(tier->lock)
{
	struct engine_tier_user *user = over_locked(tier, (uint64_t)tier->last_over + 1, ret_over);

	if (!user)
		user = over_locked(tier, 0, ret_over);
	if (!user)
		return NULL;
	tier->last_over = user->uid;
	return &user->over;
}

/* A file of a user whose own RAM is short. They take turns, so that none waits until another has no
 * more that could go. */
static struct spool_file_list *pick_short_locked(struct engine_tier *tier,
						 struct spool_quota *quota, bool *ret_short)
	SPOOL_REQUIRES(tier->lock)
{
	struct spool_file_list *list = NULL;
	struct engine_tier_user *user;

	user = short_locked(tier, quota, (uint64_t)tier->last_short + 1, ret_short, &list);
	if (!user)
		user = short_locked(tier, quota, 0, ret_short, &list);
	if (user)
		tier->last_short = user->uid;
	return list;
}

/* These two take turns as well. What is short of the mount comes with both of them, and else from
 * the largest files. */
static struct spool_file_list *pick_locked(struct engine_tier *tier, struct spool_quota *quota,
					   struct engine_pick *ret) SPOOL_REQUIRES(tier->lock)
{
	struct spool_file_list *list = NULL;

	if (!tier->over_next)
		list = pick_short_locked(tier, quota, &ret->is_short);
	tier->over_next = list;
	if (!list)
		list = pick_over_locked(tier, &ret->over);
	if (!list)
		list = pick_short_locked(tier, quota, &ret->is_short);
	tier->evicting = spool_quota_is_high(quota, tier->evicting);
	ret->is_short |= tier->evicting;
	if (!list && tier->evicting)
		list = largest_of_all_locked(tier);
	return list;
}

bool engine_evict_pick(struct spool_engine *engine, struct engine_pick *ret)
{
	struct engine_tier *tier = engine->tier;
	struct spool_file_list *list;

	*ret = (struct engine_pick){0};
	spool_mutex_lock(&tier->lock, SPOOL_RANK_TIER);
	ret->any = tier->n_files > 0;
	list = pick_locked(tier, engine->quota, ret);
	if (list) {
		ret->ino = visit_locked(tier, list);
	} else {
		ret->round = tier->began;
		tier->round++;
		engine_space_round(tier, &tier->began);
	}
	spool_mutex_unlock(&tier->lock);
	return list;
}
