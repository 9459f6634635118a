/* SPDX-License-Identifier: MIT */
#include "life/makers.h"

#include <errno.h>
#include <string.h>

#include "util/macros.h"

static int order(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

int session_compare(const struct session_key *a, const struct session_key *b)
{
	int r = order(a->kind, b->kind);

	if (r == 0)
		r = order(a->value, b->value);
	if (r == 0)
		r = strcmp(a->cgroup, b->cgroup);
	if (r == 0)
		r = order(a->is_explicit, b->is_explicit);
	return r ? r : order(a->owner, b->owner);
}

static int compare_keys(const struct session *a, const struct session *b)
{
	return session_compare(&a->key, &b->key);
}

static int compare_ids(const struct session *a, const struct session *b)
{
	return order(a->id, b->id);
}

SPOOL_RB_GENERATE(session_keys, session, by_key, compare_keys)
SPOOL_RB_GENERATE(session_ids, session, by_id, compare_ids)

static int compare_owners(const struct session_owner *a, const struct session_owner *b)
{
	return order(a->uid, b->uid);
}

SPOOL_RB_GENERATE(session_owners, session_owner, by_uid, compare_owners)

struct session_owner *session_owner_find_locked(struct spool_sessions *sessions, uid_t uid)
{
	struct session_owner wanted = {.uid = uid};

	return RB_FIND(session_owners, &sessions->owners, &wanted);
}

int session_owner_add_locked(struct spool_sessions *sessions, uid_t uid)
{
	struct session_owner *owner = session_owner_find_locked(sessions, uid);

	if (owner && owner->n >= SPOOL_SESSION_EXPLICIT_MAX)
		return -EDQUOT;
	if (!owner) {
		owner = spool_alloc(sessions->host, sizeof(*owner));
		if (!owner)
			return -ENOMEM;
		owner->uid = uid;
		RB_INSERT(session_owners, &sessions->owners, owner);
	}
	owner->n++;
	return 0;
}

void session_owner_remove_locked(struct spool_sessions *sessions, uid_t uid)
{
	struct session_owner *owner = session_owner_find_locked(sessions, uid);

	if (!owner || --owner->n > 0)
		return;
	RB_REMOVE(session_owners, &sessions->owners, owner);
	spool_free(sessions->host, owner);
}

struct session *session_find_locked(struct spool_sessions *sessions, uint64_t id)
{
	struct session wanted = {.id = id};

	return RB_FIND(session_ids, &sessions->ids, &wanted);
}

struct session *session_find_key_locked(struct spool_sessions *sessions,
					const struct session_key *key)
{
	struct session wanted = {.key = *key};

	return RB_FIND(session_keys, &sessions->keys, &wanted);
}

struct session *session_from_locked(struct spool_sessions *sessions, const struct session_key *key)
{
	struct session wanted = {.key = *key};

	return RB_NFIND(session_keys, &sessions->keys, &wanted);
}

struct session *session_after_locked(struct session *session)
{
	return RB_NEXT(session_keys, NULL, session);
}

struct session *session_next_id_locked(struct spool_sessions *sessions, uint64_t after)
{
	struct session wanted = {.id = after + 1};

	return RB_NFIND(session_ids, &sessions->ids, &wanted);
}

/* The owner's count of those like @session, which is explicit; NULL: none is kept of such. */
static unsigned int *cover_count(struct spool_sessions *sessions, const struct session *session)
	SPOOL_REQUIRES(sessions->lock)
{
	struct session_owner *owner =
		session->key.is_explicit ? session_owner_find_locked(sessions, session->key.owner)
					 : NULL;

	if (owner && session->key.kind == SPOOL_SESSION_LOGIN)
		return &owner->n_by_audit;
	if (owner && session->key.kind == SPOOL_SESSION_CGROUP)
		return &owner->n_by_cgroup;
	return NULL;
}

struct session *session_add_locked(struct spool_sessions *sessions, const struct session_key *key)
{
	size_t len = strlen(key->cgroup) + 1;
	struct session *session = spool_alloc(sessions->host, sizeof(*session) + len);
	unsigned int *count;
	struct timespec now;

	if (!session)
		return NULL;
	sessions->host->now(sessions->host->ctx, &now);
	memcpy(session->cgroup, key->cgroup, len);
	session->key = *key;
	session->key.cgroup = session->cgroup;
	session->id = ++sessions->last_id;
	if (key->kind == SPOOL_SESSION_DIRECTORY)
		session->key.value = session->id;
	session->state = SPOOL_SESSION_WATCHED;
	session->watch = -1;
	session->since = now.tv_sec;
	RB_INSERT(session_keys, &sessions->keys, session);
	RB_INSERT(session_ids, &sessions->ids, session);
	count = cover_count(sessions, session);
	if (count)
		++*count;
	return session;
}

static bool is_waiting(const struct session *session)
{
	return session->state == SPOOL_SESSION_SOUGHT ||
	       session->state == SPOOL_SESSION_UNWATCHED || session->state == SPOOL_SESSION_LEAVING;
}

static void leave_list(struct spool_sessions *sessions, struct session *session)
{
	if (is_waiting(session))
		TAILQ_REMOVE(&sessions->lists.waiting, session, in_list);
}

void session_wait_locked(struct spool_sessions *sessions, struct session *session,
			 enum spool_session_state state, uint64_t due_ms)
{
	leave_list(sessions, session);
	session->state = state;
	session->due_ms = due_ms;
	sessions->due_ms = spool_min_u64(sessions->due_ms, due_ms);
	TAILQ_INSERT_TAIL(&sessions->lists.waiting, session, in_list);
}

void session_settle_locked(struct spool_sessions *sessions, struct session *session)
{
	leave_list(sessions, session);
	session->state = SPOOL_SESSION_WATCHED;
}

void session_watch_locked(struct spool_sessions *sessions, struct session *session, int watch,
			  pid_t member, uint64_t start)
{
	session_settle_locked(sessions, session);
	session_unwatch_locked(sessions, session);
	session->watch = watch;
	session->member = member;
	session->start = start;
	sessions->n_watches++;
}

void session_unwatch_locked(struct spool_sessions *sessions, struct session *session)
{
	if (session->watch < 0)
		return;
	sessions->system->close(sessions->system->ctx, session->watch);
	session->watch = -1;
	sessions->n_watches--;
}

static void end_locked(struct spool_sessions *sessions, struct session *session)
	SPOOL_REQUIRES(sessions->lock)
{
	unsigned int *count = cover_count(sessions, session);

	leave_list(sessions, session);
	session_unwatch_locked(sessions, session);
	maker_forget_locked(sessions, session);
	session->state = SPOOL_SESSION_OVER;
	session->member = 0;
	RB_REMOVE(session_keys, &sessions->keys, session);
	if (count)
		--*count;
	if (session->key.is_explicit)
		session_owner_remove_locked(sessions, session->key.owner);
}

void session_over_locked(struct spool_sessions *sessions, struct session *session)
{
	end_locked(sessions, session);
	session->told = session_is_unused(session);
	if (session->told)
		session_forget_locked(sessions, session);
	else
		TAILQ_INSERT_TAIL(&sessions->lists.over, session, in_list);
}

void session_drop_locked(struct spool_sessions *sessions, struct session *session)
{
	if (session->state != SPOOL_SESSION_OVER)
		end_locked(sessions, session);
	else if (!session->told)
		TAILQ_REMOVE(&sessions->lists.over, session, in_list);
	session->entries = session->holds = 0;
	session->told = true;
	session_forget_locked(sessions, session);
}

void session_forget_locked(struct spool_sessions *sessions, struct session *session)
{
	if (session->state != SPOOL_SESSION_OVER || !session->told || session->entries > 0 ||
	    session->holds > 0)
		return;
	RB_REMOVE(session_ids, &sessions->ids, session);
	spool_free(sessions->host, session);
}
