/* SPDX-License-Identifier: MIT */
#include "quota/quota.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "quota/refusal.h"
#include "util/host.h"
#include "util/lock.h"
#include "util/macros.h"
#include "util/probe.h"
#include "util/tree.h"
#include "util/units.h"

/*
 * One mutex covers a mount's counters. It is held for a few additions at a time; a charge must see
 * all resources of the mount and the uid at once, which separate atomics could only do by
 * charging and taking back, and then two charges that fit could refuse each other.
 */

/* What is kept of a limit of RAM for names: so much of it, at most 1 MiB, which is some 2,000
 * files; in whole pages. Guesses: enough for all who are about to write and must not wait before
 * they do.
 */
#define NAMES_PERCENT 4u
#define NAMES_MAX ((uint64_t)1 << 20)

struct spool_quota_user {
	RB_ENTRY(spool_quota_user) by_uid; /* lock: quota->lock */
	struct spool_quota *quota;
	uid_t uid;
	uint64_t refs;              /* lock: quota->lock; held by nodes and by callers of get */
	uint64_t used[SPOOL_RES_N]; /* lock: quota->lock */
	uint64_t data;              /* lock: quota->lock; of used RAM, what can leave it */
	uint64_t floor;             /* lock: quota->lock; RAM that no squeeze takes */
	struct spool_refusal_note refused[SPOOL_RES_N]; /* lock: quota->lock */
	_Atomic uint64_t n_orphans;
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
	uint64_t floors;               /* lock; the sum of the users' */
	uint64_t squeeze;              /* lock; bytes of RAM, UINT64_MAX = no limit */
	uint64_t share;                /* lock; bytes that the squeeze leaves each user */
	bool starved;                  /* lock; a charge was refused for want of RAM */
	struct spool_refusal_note refused[SPOOL_RES_N]; /* lock */
	atomic_bool has_refused;        /* a note may be pending; for a look without the lock */
	struct spool_quota_watch watch; /* constant after the start */
};

static int compare_users(const struct spool_quota_user *a, const struct spool_quota_user *b)
{
	return a->uid < b->uid ? -1 : a->uid > b->uid;
}

SPOOL_RB_GENERATE(spool_quota_tree, spool_quota_user, by_uid, compare_users)

int spool_quota_new(const struct spool_host *host, const struct spool_limits *limits,
		    struct spool_quota **ret_quota)
{
	struct spool_quota *quota = spool_alloc(host, sizeof(*quota));

	if (!quota)
		return -ENOMEM;
	quota->host = host;
	quota->limits = *limits;
	quota->squeeze = UINT64_MAX;
	RB_INIT(&quota->users);
	spool_mutex_init(&quota->lock);
	*ret_quota = quota;
	return 0;
}

bool spool_quota_free(struct spool_quota *quota)
{
	bool clean = true;

	if (!quota)
		return true;
	for (int i = 0; i < SPOOL_RES_N; i++)
		clean &= quota->used[i] == 0;
	clean &= RB_EMPTY(&quota->users);
	spool_mutex_fini(&quota->lock);
	spool_free(quota->host, quota);
	return clean;
}

static struct spool_quota_user *find_locked(struct spool_quota *quota, uid_t uid)
	SPOOL_REQUIRES(quota->lock)
{
	struct spool_quota_user key = {.uid = uid};

	return RB_FIND(spool_quota_tree, &quota->users, &key);
}

int spool_quota_user_get(struct spool_quota *quota, uid_t uid, struct spool_quota_user **ret_user)
{
	struct spool_quota_user *user;
	int r = 0;

	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	user = find_locked(quota, uid);
	if (!user) {
		user = spool_alloc(quota->host, sizeof(*user));
		if (!user) {
			r = -ENOMEM;
			goto out;
		}
		user->quota = quota;
		user->uid = uid;
		RB_INSERT(spool_quota_tree, &quota->users, user);
	}
	user->refs++;
	*ret_user = user;
out:
	spool_mutex_unlock(&quota->lock);
	return r;
}

struct spool_quota_user *spool_quota_user_ref(struct spool_quota_user *user)
{
	spool_mutex_lock(&user->quota->lock, SPOOL_RANK_QUOTA);
	user->refs++;
	spool_mutex_unlock(&user->quota->lock);
	return user;
}

void spool_quota_user_put(struct spool_quota_user *user)
{
	struct spool_quota *quota;
	bool last;

	if (!user)
		return;
	quota = user->quota;
	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	assert(user->refs > 0);
	last = --user->refs == 0;
	if (last) {
		for (int i = 0; i < SPOOL_RES_N; i++)
			assert(user->used[i] == 0);
		RB_REMOVE(spool_quota_tree, &quota->users, user);
	}
	spool_mutex_unlock(&quota->lock);
	if (last)
		spool_free(quota->host, user);
}

uid_t spool_quota_user_uid(const struct spool_quota_user *user)
{
	return user->uid;
}

void spool_quota_add_orphans(struct spool_quota_user *user, int n)
{
	atomic_fetch_add(&user->n_orphans, (uint64_t)(int64_t)n);
}

uint64_t spool_quota_orphans(struct spool_quota *quota, uid_t uid)
{
	const struct spool_quota_user *user;
	uint64_t n = 0;

	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	user = find_locked(quota, uid);
	if (user)
		n = atomic_load(&user->n_orphans);
	spool_mutex_unlock(&quota->lock);
	return n;
}

/* Whether @used + @amount stays within @limit (+ @extra); overflow = refuse. */
static bool fits(uint64_t used, uint64_t amount, uint64_t limit, uint64_t extra)
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

static uint64_t reserve_for(const struct spool_quota *quota, int resource, unsigned int flags)
{
	if (!(flags & SPOOL_CHARGE_PAGEOUT) || resource == SPOOL_RES_INODES)
		return 0;
	return quota->limits.pageout_reserve;
}

/* What of a limit of RAM is left to names, while data can be told to wait. */
static uint64_t kept_for_names(const struct spool_quota *quota, uint64_t limit)
{
	if (quota->ram == SPOOL_RAM_FIRM || limit == UINT64_MAX)
		return 0;
	return spool_min_u64(limit / 100 * NAMES_PERCENT, NAMES_MAX) &
	       ~(uint64_t)(SPOOL_PAGE_SIZE - 1);
}

/* Which resources do not fit, one bit each. */
static unsigned int short_of(const struct spool_quota *quota, const uint64_t *used,
			     const uint64_t *limit, const struct spool_charge *charge,
			     unsigned int flags)
{
	unsigned int missing = 0;

	for (int i = 0; i < SPOOL_RES_N; i++) {
		uint64_t most = limit[i];

		if (i == SPOOL_RES_RAM && !(flags & (SPOOL_CHARGE_NAME | SPOOL_CHARGE_PAGEOUT)))
			most -= kept_for_names(quota, most);
		if (!fits(used[i], charge->amount[i], most, reserve_for(quota, i, flags)))
			missing |= 1u << i;
	}
	return missing;
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

/* Data are noted after they are charged, and taken back before or after. */
static uint64_t metadata_of(const struct spool_quota_user *user)
{
	return subtract(user->used[SPOOL_RES_RAM], user->data);
}

/* What a user has in RAM, or is noted to have, has changed. */
static void refloor_locked(struct spool_quota *quota, struct spool_quota_user *user)
	SPOOL_REQUIRES(quota->lock)
{
	quota->floors -= user->floor;
	user->floor = spool_max_u64(metadata_of(user),
				    spool_min_u64(user->used[SPOOL_RES_RAM], quota->share));
	quota->floors += user->floor;
}

/* What of the mount's RAM limit pressure leaves. */
static uint64_t budget_locked(const struct spool_quota *quota) SPOOL_REQUIRES(quota->lock)
{
	uint64_t least = add(quota->floors, quota->share);

	return spool_min_u64(quota->limits.mount[SPOOL_RES_RAM],
			     spool_max_u64(quota->squeeze, least));
}

/* What data may fill of it, together with the metadata that there are. */
static uint64_t data_budget_locked(const struct spool_quota *quota) SPOOL_REQUIRES(quota->lock)
{
	uint64_t limit = quota->limits.mount[SPOOL_RES_RAM];

	return spool_min_u64(budget_locked(quota), limit - kept_for_names(quota, limit));
}

/* Whether @data are more than @percent of what is left of @limit beside what else is @used. */
static bool is_above(uint64_t data, uint64_t used, uint64_t limit, unsigned int percent)
{
	return data > subtract(limit, subtract(used, data)) / 100 * percent;
}

static bool user_above_locked(const struct spool_quota *quota, const struct spool_quota_user *user,
			      unsigned int percent) SPOOL_REQUIRES(quota->lock)
{
	uint64_t limit = quota->limits.user[SPOOL_RES_RAM];

	return is_above(user->data, user->used[SPOOL_RES_RAM], limit - kept_for_names(quota, limit),
			percent);
}

static bool is_high_locked(const struct spool_quota *quota, const struct spool_quota_user *user)
	SPOOL_REQUIRES(quota->lock)
{
	return is_above(quota->data, quota->used[SPOOL_RES_RAM], data_budget_locked(quota),
			SPOOL_RAM_HIGH) ||
	       user_above_locked(quota, user, SPOOL_RAM_HIGH);
}

/* Whether the squeezed budget has room for @amount more of @user's. */
static bool fits_budget_locked(const struct spool_quota *quota, const struct spool_quota_user *user,
			       uint64_t amount, uint64_t extra) SPOOL_REQUIRES(quota->lock)
{
	return fits(quota->used[SPOOL_RES_RAM], amount, budget_locked(quota), extra) ||
	       fits(user->used[SPOOL_RES_RAM], amount, quota->share, 0);
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

/* A charge found no room: of the mount, else of the user. */
static void refuse_locked(struct spool_quota *quota, struct spool_quota_user *user,
			  unsigned int mount, unsigned int mine, const struct spool_charge *charge)
	SPOOL_REQUIRES(quota->lock)
{
	if (mount)
		note_all(quota->refused, user->uid, mount, quota->used, quota->limits.mount,
			 charge);
	else
		note_all(user->refused, user->uid, mine, user->used, quota->limits.user, charge);
	atomic_store(&quota->has_refused, true);
}

static bool take_note(struct spool_refusal_note *notes, int64_t now_ns, struct spool_refusal *ret)
{
	for (int i = 0; i < SPOOL_RES_N; i++) {
		if (!spool_refusal_take(&notes[i], now_ns))
			continue;
		*ret = (struct spool_refusal){.resource = (enum spool_resource)i,
					      .used = notes[i].used,
					      .limit = notes[i].limit,
					      .amount = notes[i].amount};
		return true;
	}
	return false;
}

bool spool_quota_next_refusal(struct spool_quota *quota, int64_t now_ns, struct spool_refusal *ret)
{
	struct spool_quota_user *user;
	bool found;

	if (!atomic_load(&quota->has_refused))
		return false;
	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	found = take_note(quota->refused, now_ns, ret);
	if (found)
		ret->mount = true;
	RB_FOREACH (user, spool_quota_tree, &quota->users) {
		if (found)
			break;
		found = take_note(user->refused, now_ns, ret);
		if (found)
			ret->uid = user->uid;
	}
	if (!found)
		atomic_store(&quota->has_refused, false);
	spool_mutex_unlock(&quota->lock);
	return found;
}

int spool_quota_charge(struct spool_quota_user *user, const struct spool_charge *charge,
		       unsigned int flags)
{
	struct spool_quota *quota = user->quota;
	const struct spool_limits *limits = &quota->limits;
	unsigned int mount, mine, elastic = 0, own;
	bool high = false, no_disk;
	int r = 0;

	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	no_disk = quota->ram == SPOOL_RAM_NO_DISK;
	if (quota->ram == SPOOL_RAM_ELASTIC && !(flags & SPOOL_CHARGE_FIRM))
		elastic = 1u << SPOOL_RES_RAM;
	mount = short_of(quota, quota->used, limits->mount, charge, flags);
	if (elastic && !fits_budget_locked(quota, user, charge->amount[SPOOL_RES_RAM],
					   reserve_for(quota, SPOOL_RES_RAM, flags)))
		mount |= elastic;
	mine = short_of(quota, user->used, limits->user, charge, flags);
	own = flags & SPOOL_CHARGE_NAME ? 0 : elastic;
	if (mount & ~elastic)
		r = -ENOSPC;
	else if (mine & ~own)
		r = (no_disk || mount) && mine == 1u << SPOOL_RES_RAM ? -ENOSPC : -EDQUOT;
	else if (mount | mine)
		r = -EAGAIN;
	/* for want of a disk alone: it may have space again, and who waits is told in the end */
	no_disk &= r < 0 && (mount | mine) == 1u << SPOOL_RES_RAM && !(flags & SPOOL_CHARGE_FIRM) &&
		   !(mine && flags & SPOOL_CHARGE_NAME);
	quota->starved |= r == -EAGAIN || no_disk;
	if (r == -ENOSPC || r == -EDQUOT)
		refuse_locked(quota, user, mount, mine, charge);
	for (int i = 0; i < SPOOL_RES_N && r == 0; i++) {
		quota->used[i] += charge->amount[i];
		user->used[i] += charge->amount[i];
	}
	refloor_locked(quota, user);
	if (quota->watch.high && charge->amount[SPOOL_RES_RAM] > 0)
		high = r == -EAGAIN || is_high_locked(quota, user);
	spool_mutex_unlock(&quota->lock);
	if (high)
		quota->watch.high(quota->watch.ctx);
	if (no_disk && quota->watch.full &&
	    quota->watch.full(quota->watch.ctx, flags & SPOOL_CHARGE_ASK))
		r = -EAGAIN;
	return r;
}

void spool_quota_uncharge(struct spool_quota_user *user, const struct spool_charge *charge)
{
	struct spool_quota *quota = user->quota;
	bool room = false;

	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	for (int i = 0; i < SPOOL_RES_N; i++) {
		assert(quota->used[i] >= charge->amount[i]);
		assert(user->used[i] >= charge->amount[i]);
		quota->used[i] -= charge->amount[i];
		user->used[i] -= charge->amount[i];
	}
	refloor_locked(quota, user);
	if (quota->starved && charge->amount[SPOOL_RES_RAM] > 0) {
		quota->starved = false;
		room = quota->watch.room;
	}
	spool_mutex_unlock(&quota->lock);
	if (room)
		quota->watch.room(quota->watch.ctx);
}

/* There may be RAM for who was refused it. Return: whether watch.room() is to be called, unlocked.
 */
static bool may_have_room_locked(struct spool_quota *quota) SPOOL_REQUIRES(quota->lock)
{
	bool room = quota->starved && quota->watch.room;

	if (room)
		quota->starved = false;
	return room;
}

int spool_quota_move(struct spool_quota_user *from, struct spool_quota_user *to,
		     const struct spool_charge *charge)
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
	refloor_locked(quota, from);
	refloor_locked(quota, to);
	room = may_have_room_locked(quota);
out:
	spool_mutex_unlock(&quota->lock);
	if (room)
		quota->watch.room(quota->watch.ctx);
	return r;
}

void spool_quota_note_data(struct spool_quota_user *user, int64_t delta)
{
	struct spool_quota *quota = user->quota;
	bool high;

	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	assert(delta >= 0 || user->data >= (uint64_t)-delta);
	user->data += (uint64_t)delta;
	quota->data += (uint64_t)delta;
	refloor_locked(quota, user);
	high = delta > 0 && quota->watch.high && is_high_locked(quota, user);
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

void spool_quota_usage(struct spool_quota *quota, struct spool_usage *ret)
{
	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	memcpy(ret->used, quota->used, sizeof(ret->used));
	memcpy(ret->limit, quota->limits.mount, sizeof(ret->limit));
	for (int i = 0; i < SPOOL_RES_N; i++)
		ret->refused[i] = quota->refused[i].n;
	spool_mutex_unlock(&quota->lock);
}

static void user_usage_locked(const struct spool_quota *quota, const struct spool_quota_user *user,
			      struct spool_usage *ret) SPOOL_REQUIRES(quota->lock)
{
	memset(ret->used, 0, sizeof(ret->used));
	memset(ret->refused, 0, sizeof(ret->refused));
	if (user)
		memcpy(ret->used, user->used, sizeof(ret->used));
	for (int i = 0; i < SPOOL_RES_N && user; i++)
		ret->refused[i] = user->refused[i].n;
	memcpy(ret->limit, quota->limits.user, sizeof(ret->limit));
}

void spool_quota_user_usage(struct spool_quota *quota, uid_t uid, struct spool_usage *ret)
{
	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	user_usage_locked(quota, find_locked(quota, uid), ret);
	spool_mutex_unlock(&quota->lock);
}

bool spool_quota_next_user(struct spool_quota *quota, uint64_t from, uid_t *ret_uid,
			   struct spool_usage *ret)
{
	struct spool_quota_user *user;
	struct spool_quota_user key = {.uid = (uid_t)from};

	if (from > UINT32_MAX)
		return false;
	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	user = RB_NFIND(spool_quota_tree, &quota->users, &key);
	if (user) {
		*ret_uid = user->uid;
		user_usage_locked(quota, user, ret);
	}
	spool_mutex_unlock(&quota->lock);
	return user != NULL;
}

void spool_quota_set_limits(struct spool_quota *quota, const struct spool_limits *limits)
{
	bool room;

	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	quota->limits = *limits;
	room = may_have_room_locked(quota);
	spool_mutex_unlock(&quota->lock);
	if (room)
		quota->watch.room(quota->watch.ctx);
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
		refloor_locked(quota, user);
	room = budget_locked(quota) > before && quota->starved && quota->watch.room;
	if (room)
		quota->starved = false;
	spool_mutex_unlock(&quota->lock);
	if (room)
		quota->watch.room(quota->watch.ctx);
}

void spool_quota_set_watch(struct spool_quota *quota, const struct spool_quota_watch *watch)
{
	quota->watch = *watch;
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
	if (room) /* they are to hear that they wait in vain */
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
