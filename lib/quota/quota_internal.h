/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What quota.c (users and figures), charge.c and ram.c share.
 *
 * One mutex covers a mount's counters. It is held for a few additions at a time. A charge must see
 * all resources of the mount and the uid at once. Separate atomics could do that only by charging
 * and taking back, and then two charges that fit could refuse each other.
 */

#include <stdatomic.h>

#include "quota/quota.h"
#include "quota/refusal.h"
#include "util/lock.h"
#include "util/rbtree.h"

struct spool_quota_user {
	RB_ENTRY(spool_quota_user) by_uid; /* lock: quota->lock */
	struct spool_quota *quota;
	uid_t uid;
	uint64_t refs;              /* lock: quota->lock; held by nodes and by callers of get */
	uint64_t used[SPOOL_RES_N]; /* lock: quota->lock */
	uint64_t data;              /* lock: quota->lock; of used RAM, what can leave it */
	uint64_t names; /* lock: quota->lock; of it, what SPOOL_CHARGE_NAME has charged */
	uint64_t floor; /* lock: quota->lock; RAM that no squeeze takes */
	uint64_t want;  /* lock: quota->lock; as the mount's, of its own limit */
	struct spool_refusal_note refused[SPOOL_RES_N]; /* lock: quota->lock */
	_Atomic uint64_t n_orphans;
	_Atomic uint64_t disk; /* bytes of its data that are on the disk */
};

RB_HEAD(spool_quota_tree, spool_quota_user);

struct spool_quota {
	const struct spool_host *host;
	struct spool_mutex lock;
	struct spool_limits limits;    /* lock */
	uint64_t used[SPOOL_RES_N];    /* lock */
	struct spool_quota_tree users; /* lock */
	enum spool_quota_ram ram;      /* lock */
	uint64_t data;                 /* lock; the sum of the users' */
	uint64_t names;                /* lock; the sum of the users' */
	uint64_t floors;               /* lock; the sum of the users' */
	uint64_t squeeze;              /* lock; bytes of RAM, UINT64_MAX = no limit */
	uint64_t share;                /* lock; bytes that the squeeze leaves each user */
	bool starved;                  /* lock; a charge was refused for want of RAM */
	uint64_t want; /* lock; bytes beside those used that such a charge wants, at most; or 0 */
	struct spool_refusal_note refused[SPOOL_RES_N]; /* lock */
	uint64_t users_refused[SPOOL_RES_N];            /* lock; the sum, as uids come and go */
	atomic_bool has_refused;        /* a note may be pending; for a look without the lock */
	struct spool_quota_watch watch; /* constant after the start */
};

/** quota_compare_users() - the order of the tree: by uid */
static inline int quota_compare_users(const struct spool_quota_user *a,
				      const struct spool_quota_user *b)
{
	return a->uid < b->uid ? -1 : a->uid > b->uid;
}

/** quota_fits() - does @used + @amount stay within @limit (+ @extra)? What overflows does not. */
bool quota_fits(uint64_t used, uint64_t amount, uint64_t limit, uint64_t extra);

/** quota_kept_for_names() - bytes of @limit, one of RAM, that only names may use while data can be
 * told to wait. */
uint64_t quota_kept_for_names(const struct spool_quota *quota, uint64_t limit);

/** quota_refloor_locked() - what @user has in RAM, or is noted to have, has changed. */
void quota_refloor_locked(struct spool_quota *quota, struct spool_quota_user *user)
	SPOOL_REQUIRES(quota->lock);

/** quota_fits_budget_locked() - has the squeezed budget room for @amount more of @user's bytes?
 * @extra: bytes beyond the budget that may be used */
bool quota_fits_budget_locked(const struct spool_quota *quota, const struct spool_quota_user *user,
			      uint64_t amount, uint64_t extra) SPOOL_REQUIRES(quota->lock);

/** quota_is_high_locked() - are data of the mount or of @user to leave RAM? */
bool quota_is_high_locked(const struct spool_quota *quota, const struct spool_quota_user *user)
	SPOOL_REQUIRES(quota->lock);

/** quota_met_want_locked() - there is more room: what was wanted, and fits now, is wanted no more.
 */
void quota_met_want_locked(struct spool_quota *quota, struct spool_quota_user *user)
	SPOOL_REQUIRES(quota->lock);

/** quota_may_have_room_locked() - there may be RAM for a charge that was refused for want of it
 * Return: whether watch.room() is to be called, without the lock. */
bool quota_may_have_room_locked(struct spool_quota *quota) SPOOL_REQUIRES(quota->lock);
