/* SPDX-License-Identifier: MIT */
#include "quota/quota_internal.h"

#include <assert.h>
#include <errno.h>

#include "util/macros.h"
#include "util/probe.h"

static uint64_t reserve_for(const struct spool_quota *quota, int resource, unsigned int flags)
{
	if (!(flags & SPOOL_CHARGE_PAGEOUT) || resource == SPOOL_RES_INODES)
		return 0;
	return quota->limits.pageout_reserve;
}

/* The RAM of @limit that a charge may use. */
static uint64_t most_ram(const struct spool_quota *quota, uint64_t limit, unsigned int flags)
{
	if (flags & (SPOOL_CHARGE_NAME | SPOOL_CHARGE_PAGEOUT))
		return limit;
	return limit - quota_kept_for_names(quota, limit);
}

/* Finds the resources that do not fit. Return: one bit for each. */
static unsigned int short_of(const struct spool_quota *quota, const uint64_t *used,
			     const uint64_t *limit, const struct spool_charge *charge,
			     unsigned int flags)
{
	unsigned int missing = 0;

	for (int i = 0; i < SPOOL_RES_N; i++) {
		uint64_t most = i == SPOOL_RES_RAM ? most_ram(quota, limit[i], flags) : limit[i];

		if (!quota_fits(used[i], charge->amount[i], most, reserve_for(quota, i, flags)))
			missing |= 1u << i;
	}
	return missing;
}

/* What of @wait may be waited for: not RAM that would not be there if all data had left it but
 * those that are needed as well. @stays: what these take, and names. */
static unsigned int wait_beside(const struct spool_quota *quota, uint64_t stays, uint64_t limit,
				const struct spool_charge *charge, unsigned int flags,
				unsigned int wait)
{
	bool ever = quota_fits(stays, charge->amount[SPOOL_RES_RAM], most_ram(quota, limit, flags),
			       reserve_for(quota, SPOOL_RES_RAM, flags));

	return ever ? wait : 0;
}

static void note_all(struct spool_refusal_note *notes, uid_t uid, unsigned int missing,
		     const uint64_t *used, const uint64_t *limit, const struct spool_charge *charge)
{
	for (int i = 0; i < SPOOL_RES_N; i++) {
		if (!(missing & 1u << i))
			continue;
		spool_refusal_add(&notes[i], used[i], limit[i], charge->amount[i]);
		spool_probe_charge_refused(uid, i, charge->amount[i], limit[i]);
	}
}

/* Notes that a charge was refused: by limits of the mount (bits @mount), else of the user (@mine).
 */
static void refuse_locked(struct spool_quota *quota, struct spool_quota_user *user,
			  unsigned int mount, unsigned int mine, const struct spool_charge *charge)
	SPOOL_REQUIRES(quota->lock)
{
	if (mount)
		note_all(quota->refused, user->uid, mount, quota->used, quota->limits.mount,
			 charge);
	else
		note_all(user->refused, user->uid, mine, user->used, quota->limits.user, charge);
	for (int i = 0; i < SPOOL_RES_N && !mount; i++)
		quota->users_refused[i] += mine >> i & 1;
	atomic_store(&quota->has_refused, true);
}

/* What a charge wants of @limit beside what is used: as if it were of data, which may use least. At
 * least 1, also where all that is missing is what data use too much. */
static uint64_t wanted(const struct spool_quota *quota, uint64_t limit,
		       const struct spool_charge *charge, unsigned int flags)
{
	uint64_t amount = charge->amount[SPOOL_RES_RAM];
	uint64_t extra = most_ram(quota, limit, flags) - most_ram(quota, limit, 0) +
			 reserve_for(quota, SPOOL_RES_RAM, flags);

	return amount > extra ? amount - extra : 1;
}

/* A charge is to wait for room: in the mount's RAM, in @user's (@mount, @mine: bits). */
static void want_locked(struct spool_quota *quota, struct spool_quota_user *user,
			unsigned int mount, unsigned int mine, const struct spool_charge *charge,
			unsigned int flags) SPOOL_REQUIRES(quota->lock)
{
	const struct spool_limits *limits = &quota->limits;

	quota->starved = true;
	if (mount & 1u << SPOOL_RES_RAM)
		quota->want = spool_max_u64(
			quota->want, wanted(quota, limits->mount[SPOOL_RES_RAM], charge, flags));
	if (mine & 1u << SPOOL_RES_RAM)
		user->want = spool_max_u64(
			user->want, wanted(quota, limits->user[SPOOL_RES_RAM], charge, flags));
}

/* @user has @bytes of RAM more (or less) for names. */
static void add_names_locked(struct spool_quota *quota, struct spool_quota_user *user,
			     int64_t bytes) SPOOL_REQUIRES(quota->lock)
{
	assert(bytes >= 0 || user->names >= (uint64_t)-bytes);
	user->names += (uint64_t)bytes;
	quota->names += (uint64_t)bytes;
}

int spool_quota_charge_beside(struct spool_quota_user *user, const struct spool_charge *charge,
			      uint64_t beside, unsigned int flags)
{
	struct spool_quota *quota = user->quota;
	const struct spool_limits *limits = &quota->limits;
	unsigned int mount, mine, elastic = 0, common, own;
	bool high = false, no_disk, name = flags & SPOOL_CHARGE_NAME;
	int r = 0;

	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	no_disk = quota->ram == SPOOL_RAM_NO_DISK;
	if (quota->ram == SPOOL_RAM_ELASTIC && !(flags & SPOOL_CHARGE_FIRM))
		elastic = 1u << SPOOL_RES_RAM;
	mount = short_of(quota, quota->used, limits->mount, charge, flags);
	if (elastic && !quota_fits_budget_locked(quota, user, charge->amount[SPOOL_RES_RAM],
						 reserve_for(quota, SPOOL_RES_RAM, flags)))
		mount |= elastic;
	mine = short_of(quota, user->used, limits->user, charge, flags);
	common = wait_beside(quota, quota->names + beside, limits->mount[SPOOL_RES_RAM], charge,
			     flags, elastic);
	own = wait_beside(quota, user->names + beside, limits->user[SPOOL_RES_RAM], charge, flags,
			  name ? 0 : elastic);
	if (mount & ~common)
		r = -ENOSPC;
	else if (mine & ~own)
		r = (no_disk || (mount && name)) && mine == 1u << SPOOL_RES_RAM ? -ENOSPC : -EDQUOT;
	else if (mount | mine)
		r = -EAGAIN;
	/* Only the disk is full, and may have space again: watch.room() tells those who wait. */
	no_disk &= r < 0 && (mount | mine) == 1u << SPOOL_RES_RAM && !(flags & SPOOL_CHARGE_FIRM) &&
		   !(mine && name);
	if (r == -EAGAIN || no_disk)
		want_locked(quota, user, mount, mine, charge, flags);
	if (r == -ENOSPC || r == -EDQUOT)
		refuse_locked(quota, user, mount, mine, charge);
	for (int i = 0; i < SPOOL_RES_N && r == 0; i++) {
		quota->used[i] += charge->amount[i];
		user->used[i] += charge->amount[i];
	}
	if (r == 0 && name)
		add_names_locked(quota, user, (int64_t)charge->amount[SPOOL_RES_RAM]);
	quota_refloor_locked(quota, user);
	if (quota->watch.high && charge->amount[SPOOL_RES_RAM] > 0)
		high = r == -EAGAIN || quota_is_high_locked(quota, user);
	spool_mutex_unlock(&quota->lock);
	if (high)
		quota->watch.high(quota->watch.ctx);
	if (no_disk && quota->watch.full &&
	    quota->watch.full(quota->watch.ctx, flags & SPOOL_CHARGE_ASK))
		r = -EAGAIN;
	return r;
}

int spool_quota_charge(struct spool_quota_user *user, const struct spool_charge *charge,
		       unsigned int flags)
{
	return spool_quota_charge_beside(user, charge, 0, flags);
}

static void uncharge(struct spool_quota_user *user, const struct spool_charge *charge, bool names)
{
	struct spool_quota *quota = user->quota;
	bool room = false;

	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	if (names)
		add_names_locked(quota, user, -(int64_t)charge->amount[SPOOL_RES_RAM]);
	for (int i = 0; i < SPOOL_RES_N; i++) {
		assert(quota->used[i] >= charge->amount[i]);
		assert(user->used[i] >= charge->amount[i]);
		quota->used[i] -= charge->amount[i];
		user->used[i] -= charge->amount[i];
	}
	quota_refloor_locked(quota, user);
	quota_met_want_locked(quota, user);
	if (quota->starved && charge->amount[SPOOL_RES_RAM] > 0) {
		quota->starved = false;
		room = quota->watch.room;
	}
	spool_mutex_unlock(&quota->lock);
	if (room)
		quota->watch.room(quota->watch.ctx);
}

void spool_quota_uncharge(struct spool_quota_user *user, const struct spool_charge *charge)
{
	uncharge(user, charge, false);
}

void spool_quota_uncharge_names(struct spool_quota_user *user, const struct spool_charge *charge)
{
	uncharge(user, charge, true);
}

int spool_quota_move(struct spool_quota_user *from, struct spool_quota_user *to,
		     const struct spool_charge *charge, uint64_t names)
{
	struct spool_quota *quota = from->quota;
	unsigned int missing;
	bool room = false;
	int r = 0;

	if (from == to)
		return 0;
	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	missing = short_of(quota, to->used, quota->limits.user, charge, 0);
	if (missing) {
		refuse_locked(quota, to, 0, missing, charge);
		r = -EDQUOT;
		goto out;
	}
	for (int i = 0; i < SPOOL_RES_N; i++) {
		assert(from->used[i] >= charge->amount[i]);
		from->used[i] -= charge->amount[i];
		to->used[i] += charge->amount[i];
	}
	add_names_locked(quota, from, -(int64_t)names);
	add_names_locked(quota, to, (int64_t)names);
	quota_refloor_locked(quota, from);
	quota_refloor_locked(quota, to);
	quota_met_want_locked(quota, from);
	room = quota_may_have_room_locked(quota);
out:
	spool_mutex_unlock(&quota->lock);
	if (room)
		quota->watch.room(quota->watch.ctx);
	return r;
}
