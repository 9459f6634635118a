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

/* How many data are too many beside everything else in @used. Where a tenth of what that leaves of
 * @limit is less than one charge may want, a charge would be refused before data are to leave: so
 * the mark is lower then. */
static uint64_t mark(const struct spool_quota *quota, uint64_t data, uint64_t used, uint64_t limit)
{
	uint64_t room = subtract(limit, subtract(used, data));

	return spool_min_u64(room / 100 * SPOOL_RAM_HIGH, subtract(room, quota->watch.step));
}

/* A charge wants @want more. Nobody says when it has got it, or has given up: so it counts until
 * there is room for it; who still waits then, as another was faster, has it noted again. */
static bool is_wanted(uint64_t want, uint64_t used, uint64_t limit)
{
	return want > 0 && !quota_fits(used, want, limit, 0);
}

static bool user_high_locked(const struct spool_quota *quota, const struct spool_quota_user *user)
	SPOOL_REQUIRES(quota->lock)
{
	uint64_t limit = quota->limits.user[SPOOL_RES_RAM], used = user->used[SPOOL_RES_RAM];

	limit -= quota_kept_for_names(quota, limit);
	return user->data > mark(quota, user->data, used, limit) ||
	       is_wanted(user->want, used, limit);
}

static bool mount_high_locked(const struct spool_quota *quota, bool was) SPOOL_REQUIRES(quota->lock)
{
	uint64_t limit = data_budget_locked(quota), used = quota->used[SPOOL_RES_RAM];
	uint64_t top = mark(quota, quota->data, used, limit);

	if (was)
		top = top / 100 * SPOOL_RAM_LOW;
	return quota->data > top || is_wanted(quota->want, used, limit);
}

bool quota_is_high_locked(const struct spool_quota *quota, const struct spool_quota_user *user)
	SPOOL_REQUIRES(quota->lock)
{
	return mount_high_locked(quota, false) || user_high_locked(quota, user);
}

void quota_met_want_locked(struct spool_quota *quota, struct spool_quota_user *user)
	SPOOL_REQUIRES(quota->lock)
{
	uint64_t limit = quota->limits.user[SPOOL_RES_RAM];

	if (!is_wanted(quota->want, quota->used[SPOOL_RES_RAM], data_budget_locked(quota)))
		quota->want = 0;
	if (!is_wanted(user->want, user->used[SPOOL_RES_RAM],
		       limit - quota_kept_for_names(quota, limit)))
		user->want = 0;
}

/* Nobody makes room: those who wait are told so. */
static void end_wants_locked(struct spool_quota *quota) SPOOL_REQUIRES(quota->lock)
{
	struct spool_quota_user *user;

	quota->want = 0;
	RB_FOREACH (user, spool_quota_tree, &quota->users)
		user->want = 0;
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
	if (ram != SPOOL_RAM_ELASTIC)
		end_wants_locked(quota);
	spool_mutex_unlock(&quota->lock);
	if (room) /* so that those who wait are told that no RAM will come free */
		quota->watch.room(quota->watch.ctx);
}

bool spool_quota_is_high(struct spool_quota *quota, bool was)
{
	bool high;

	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	high = mount_high_locked(quota, was);
	spool_mutex_unlock(&quota->lock);
	return high;
}

static bool is_plenty(uint64_t data, uint64_t used, uint64_t limit)
{
	return data <= subtract(limit, subtract(used, data)) / 100 * SPOOL_RAM_PLENTY;
}

bool spool_quota_is_plenty(const struct spool_quota_user *user)
{
	struct spool_quota *quota = user->quota;
	uint64_t limit;
	bool plenty;

	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	limit = quota->limits.user[SPOOL_RES_RAM];
	plenty = quota->want == 0 && user->want == 0 &&
		 is_plenty(user->data, user->used[SPOOL_RES_RAM],
			   limit - quota_kept_for_names(quota, limit)) &&
		 is_plenty(quota->data, quota->used[SPOOL_RES_RAM], data_budget_locked(quota));
	spool_mutex_unlock(&quota->lock);
	return plenty;
}

bool spool_quota_next_high(struct spool_quota *quota, uint64_t from, uid_t *ret_uid)
{
	struct spool_quota_user key = {.uid = (uid_t)from};
	struct spool_quota_user *user;

	if (from > UINT32_MAX)
		return false;
	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	user = RB_NFIND(spool_quota_tree, &quota->users, &key);
	while (user && !user_high_locked(quota, user))
		user = RB_NEXT(spool_quota_tree, &quota->users, user);
	if (user)
		*ret_uid = user->uid;
	spool_mutex_unlock(&quota->lock);
	return user;
}
