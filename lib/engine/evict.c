/* SPDX-License-Identifier: MIT */
#include "engine/evict.h"

#include "engine/budget.h"
#include "engine/space.h"
#include "store/object.h"
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

/* Percent of what metadata leave of the ram limit, down to which data leave RAM once they do. A
 * guess: a tenth between the two is enough for a burst. */
#define RAM_LOW 80u

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
	bool over = false;

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
		}
		over = list == &tier->over;
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

bool engine_evict_pick(struct spool_engine *engine, struct engine_pick *ret)
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
		ret->round = tier->began;
		tier->round++;
		engine_space_round(tier, &tier->began);
	}
	spool_mutex_unlock(&tier->lock);
	return list;
}
