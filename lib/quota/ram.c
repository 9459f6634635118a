/* SPDX-License-Identifier: MIT */
#include "quota/quota_internal.h"

#include <assert.h>

#include "util/macros.h"
#include "util/units.h"

/*
 * How much of the RAM data may take: what metadata, names, and pressure on the machine leave of the
 * limits.
 */

/* What is kept of a limit of RAM for names: so many percent of it in whole pages, at most 1 MiB,
 * which is some 2,000 files. Guesses: enough for the files that programs are about to write. */
#define NAMES_PERCENT 4u
#define NAMES_MAX ((uint64_t)1 << 20)

SPOOL_RB_GENERATE(spool_quota_tree, spool_quota_user, by_uid, quota_compare_users)

bool quota_fits(uint64_t used, uint64_t amount, uint64_t limit, uint64_t extra)
{
	uint64_t sum, top;

	if (amount == 0)
		return true;
	if (spool_add_overflows(used, amount, &sum))
		return false;
	if (spool_add_overflows(limit, extra, &top))
		top = UINT64_MAX;
	return sum <= top;
}

uint64_t quota_kept_for_names(const struct spool_quota *quota, uint64_t limit)
{
	if (quota->ram == SPOOL_RAM_FIRM || limit == UINT64_MAX)
		return 0;
	return spool_min_u64(limit / 100 * NAMES_PERCENT, NAMES_MAX) &
	       ~(uint64_t)(SPOOL_PAGE_SIZE - 1);
}

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return spool_add_overflows(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t subtract(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* Data are noted after they are charged, and taken back before or after that, so for a moment
 * user->data may be more than what is used. */
static uint64_t metadata_of(const struct spool_quota_user *user)
{
	return subtract(user->used[SPOOL_RES_RAM], user->data);
}

void quota_refloor_locked(struct spool_quota *quota, struct spool_quota_user *user)
	SPOOL_REQUIRES(quota->lock)
{
	quota->floors -= user->floor;
	user->floor = spool_max_u64(metadata_of(user),
				    spool_min_u64(user->used[SPOOL_RES_RAM], quota->share));
	quota->floors += user->floor;
}

/* What memory pressure leaves of the mount's RAM limit. */
static uint64_t budget_locked(const struct spool_quota *quota) SPOOL_REQUIRES(quota->lock)
{
	uint64_t least = add(quota->floors, quota->share);

	return spool_min_u64(quota->limits.mount[SPOOL_RES_RAM],
			     spool_max_u64(quota->squeeze, least));
}

/* How much of that data and the present metadata may fill together. */
static uint64_t data_budget_locked(const struct spool_quota *quota) SPOOL_REQUIRES(quota->lock)
{
	uint64_t limit = quota->limits.mount[SPOOL_RES_RAM];

	return spool_min_u64(budget_locked(quota), limit - quota_kept_for_names(quota, limit));
}

/* Are @data more than @percent of what everything else in @used leaves of @limit? */
static bool is_above(uint64_t data, uint64_t used, uint64_t limit, unsigned int percent)
{
	return data > subtract(limit, subtract(used, data)) / 100 * percent;
}

static bool user_above_locked(const struct spool_quota *quota, const struct spool_quota_user *user,
			      unsigned int percent) SPOOL_REQUIRES(quota->lock)
{
	uint64_t limit = quota->limits.user[SPOOL_RES_RAM];

	return is_above(user->data, user->used[SPOOL_RES_RAM],
			limit - quota_kept_for_names(quota, limit), percent);
}

bool quota_is_high_locked(const struct spool_quota *quota, const struct spool_quota_user *user)
	SPOOL_REQUIRES(quota->lock)
{
	return is_above(quota->data, quota->used[SPOOL_RES_RAM], data_budget_locked(quota),
			SPOOL_RAM_HIGH) ||
	       user_above_locked(quota, user, SPOOL_RAM_HIGH);
}

bool quota_fits_budget_locked(const struct spool_quota *quota, const struct spool_quota_user *user,
			      uint64_t amount, uint64_t extra) SPOOL_REQUIRES(quota->lock)
{
	return quota_fits(quota->used[SPOOL_RES_RAM], amount, budget_locked(quota), extra) ||
	       quota_fits(user->used[SPOOL_RES_RAM], amount, quota->share, 0);
}

bool quota_may_have_room_locked(struct spool_quota *quota) SPOOL_REQUIRES(quota->lock)
{
	bool room = quota->starved && quota->watch.room;

	if (room)
		quota->starved = false;
	return room;
}

void spool_quota_note_data(struct spool_quota_user *user, int64_t delta)
{
	struct spool_quota *quota = user->quota;
	bool high;

	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	assert(delta >= 0 || user->data >= (uint64_t)-delta);
	user->data += (uint64_t)delta;
	quota->data += (uint64_t)delta;
	quota_refloor_locked(quota, user);
	high = delta > 0 && quota->watch.high && quota_is_high_locked(quota, user);
	spool_mutex_unlock(&quota->lock);
	if (high)
		quota->watch.high(quota->watch.ctx);
}

uint64_t spool_quota_data(struct spool_quota *quota, uint64_t *ret_room)
{
	uint64_t data;

	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	data = quota->data;
	*ret_room = subtract(data_budget_locked(quota),
			     subtract(quota->used[SPOOL_RES_RAM], quota->data));
	spool_mutex_unlock(&quota->lock);
	return data;
}

uint64_t spool_quota_budget(struct spool_quota *quota)
{
	uint64_t budget;

	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	budget = budget_locked(quota);
	spool_mutex_unlock(&quota->lock);
	return budget;
}

void spool_quota_squeeze(struct spool_quota *quota, uint64_t bytes, uint64_t share)
{
	struct spool_quota_user *user;
	uint64_t before;
	bool room;

	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	before = budget_locked(quota);
	quota->squeeze = bytes;
	quota->share = share;
	RB_FOREACH (user, spool_quota_tree, &quota->users)
		quota_refloor_locked(quota, user);
	room = budget_locked(quota) > before && quota->starved && quota->watch.room;
	if (room)
		quota->starved = false;
	spool_mutex_unlock(&quota->lock);
	if (room)
		quota->watch.room(quota->watch.ctx);
}

void spool_quota_set_ram(struct spool_quota *quota, enum spool_quota_ram ram)
{
	bool room;

	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	room = ram != SPOOL_RAM_ELASTIC && quota->starved && quota->watch.room;
	if (room)
		quota->starved = false;
	quota->ram = ram;
	spool_mutex_unlock(&quota->lock);
	if (room) /* so that those who wait are told that no RAM will come free */
		quota->watch.room(quota->watch.ctx);
}

bool spool_quota_over(struct spool_quota *quota, unsigned int percent, uid_t *ret_uid)
{
	struct spool_quota_user *user;
	bool found = false;

	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	RB_FOREACH (user, spool_quota_tree, &quota->users) {
		found = user_above_locked(quota, user, percent);
		if (found) {
			*ret_uid = user->uid;
			break;
		}
	}
	spool_mutex_unlock(&quota->lock);
	return found;
}
