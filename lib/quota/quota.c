/* SPDX-License-Identifier: MIT */
#include "quota/quota_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "util/host.h"

SPOOL_RB_GENERATE(spool_quota_tree, spool_quota_user, by_uid, quota_compare_users)

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
		assert(atomic_load(&user->disk) == 0 && user->names == 0);
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

void spool_quota_note_disk(struct spool_quota_user *user, int64_t delta)
{
	atomic_fetch_add(&user->disk, (uint64_t)delta);
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

void spool_quota_usage(struct spool_quota *quota, struct spool_usage *ret)
{
	spool_mutex_lock(&quota->lock, SPOOL_RANK_QUOTA);
	memcpy(ret->used, quota->used, sizeof(ret->used));
	memcpy(ret->limit, quota->limits.mount, sizeof(ret->limit));
	for (int i = 0; i < SPOOL_RES_N; i++)
		ret->refused[i] = quota->refused[i].n;
	memcpy(ret->users_refused, quota->users_refused, sizeof(ret->users_refused));
	ret->disk = 0;
	spool_mutex_unlock(&quota->lock);
}

static void user_usage_locked(const struct spool_quota *quota, const struct spool_quota_user *user,
			      struct spool_usage *ret) SPOOL_REQUIRES(quota->lock)
{
	memset(ret->used, 0, sizeof(ret->used));
	memset(ret->refused, 0, sizeof(ret->refused));
	memset(ret->users_refused, 0, sizeof(ret->users_refused));
	if (user)
		memcpy(ret->used, user->used, sizeof(ret->used));
	ret->disk = user ? atomic_load(&user->disk) : 0;
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
	room = quota_may_have_room_locked(quota);
	spool_mutex_unlock(&quota->lock);
	if (room)
		quota->watch.room(quota->watch.ctx);
}

void spool_quota_set_watch(struct spool_quota *quota, const struct spool_quota_watch *watch)
{
	quota->watch = *watch;
}
