/* SPDX-License-Identifier: MIT */
#include "life/identify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "life/look.h"
#include "life/makers.h"

int spool_sessions_new(const struct spool_host *host, const struct spool_life_system *system,
		       const struct spool_session_config *config, struct spool_sessions **ret)
{
	struct spool_sessions *sessions = spool_alloc(host, sizeof(*sessions));

	if (!sessions)
		return -ENOMEM;
	sessions->host = host;
	sessions->system = system;
	sessions->config = *config;
	RB_INIT(&sessions->keys);
	RB_INIT(&sessions->ids);
	RB_INIT(&sessions->makers);
	RB_INIT(&sessions->owners);
	TAILQ_INIT(&sessions->lists.waiting);
	TAILQ_INIT(&sessions->lists.over);
	sessions->due_ms = UINT64_MAX;
	if (spool_callers_new(host, system, config, &sessions->callers) < 0) {
		spool_free(host, sessions);
		return -ENOMEM;
	}
	spool_mutex_init(&sessions->lock);
	*ret = sessions;
	return 0;
}

void spool_sessions_free(struct spool_sessions *sessions) SPOOL_UNCHECKED
{
	struct session *session;

	if (!sessions)
		return;
	while ((session = session_next_id_locked(sessions, 0)) != NULL)
		session_drop_locked(sessions, session);
	spool_callers_free(sessions->callers);
	spool_mutex_fini(&sessions->lock);
	spool_free(sessions->host, sessions);
}

void spool_sessions_set(struct spool_sessions *sessions, enum spool_session_mode mode,
			uint64_t grace_ms)
{
	spool_mutex_lock(&sessions->lock, SPOOL_RANK_LIFE);
	sessions->config.mode = mode;
	sessions->config.grace_ms = grace_ms;
	spool_mutex_unlock(&sessions->lock);
}

/* In which session is what @creator makes? The lock is held from here on. */
static void identify(struct spool_sessions *sessions, const struct spool_creator *creator,
		     struct identity *ret) SPOOL_ACQUIRE(sessions->lock)
{
	struct spool_caller caller;
	unsigned int want;
	int r = -ESRCH;

	spool_mutex_lock(&sessions->lock, SPOOL_RANK_LIFE);
	if (identity_by_directory_locked(sessions, creator, ret))
		return;
	want = identity_wants_locked(sessions, creator);
	spool_mutex_unlock(&sessions->lock);
	if (creator->tid > 0)
		r = spool_callers_look(sessions->callers, creator->tid, creator->uid, want,
				       &caller);
	spool_mutex_lock(&sessions->lock, SPOOL_RANK_LIFE);
	identity_locked(sessions, creator, r < 0 ? NULL : &caller, ret);
}

uint64_t spool_sessions_of(struct spool_sessions *sessions, const struct spool_creator *creator)
{
	uint64_t id = SPOOL_SESSION_NONE;
	struct identity identity;
	bool is_new = false;

	identify(sessions, creator, &identity);
	if (!identity.session && identity.why == SPOOL_WHY_KIND) {
		identity.session = session_add_locked(sessions, &identity.key);
		is_new = identity.session;
	}
	if (identity.why == SPOOL_WHY_ACTS)
		id = SPOOL_SESSION_STAYS;
	if (is_new)
		look_for_locked(sessions, identity.session);
	/* who cannot be identified is no member: of root's processes there are always some */
	if (identity.session && identity.why == SPOOL_WHY_KIND &&
	    maker_note_locked(sessions, identity.session, creator->uid) < 0) {
		id = SPOOL_SESSION_STAYS;
	} else if (identity.session) {
		identity.session->holds++;
		identity.session->requests++;
		id = identity.session->id;
	}
	spool_mutex_unlock(&sessions->lock);
	if (is_new)
		sessions->config.wake(sessions->config.ctx);
	return id;
}

/* @holds are given back, @more entries have come, and up to @fewer have gone. */
static void count(struct spool_sessions *sessions, uint64_t id, unsigned int holds, uint64_t more,
		  uint64_t fewer)
{
	struct session *session;

	if (id == SPOOL_SESSION_NONE)
		return;
	spool_mutex_lock(&sessions->lock, SPOOL_RANK_LIFE);
	session = session_find_locked(sessions, id);
	if (session) {
		session->holds -= holds;
		session->entries += more;
		session->entries -= fewer < session->entries ? fewer : session->entries;
		session_forget_locked(sessions, session);
	}
	spool_mutex_unlock(&sessions->lock);
}

void spool_sessions_done(struct spool_sessions *sessions, uint64_t id, bool made)
{
	count(sessions, id, 1, made, 0);
}

void spool_sessions_add(struct spool_sessions *sessions, uint64_t id, uint64_t n)
{
	count(sessions, id, 0, n, 0);
}

void spool_sessions_put(struct spool_sessions *sessions, uint64_t id, uint64_t n)
{
	count(sessions, id, 0, 0, n);
}

size_t spool_sessions_take(struct spool_sessions *sessions, uint64_t *ret_ids, size_t max)
{
	struct session *session;
	size_t n = 0;

	spool_mutex_lock(&sessions->lock, SPOOL_RANK_LIFE);
	while (n < max && (session = TAILQ_FIRST(&sessions->lists.over)) != NULL) {
		TAILQ_REMOVE(&sessions->lists.over, session, in_list);
		session->told = true;
		ret_ids[n++] = session->id;
		session_forget_locked(sessions, session);
	}
	spool_mutex_unlock(&sessions->lock);
	return n;
}

static void tell_key(const struct session_key *key, struct spool_session_info *ret)
{
	ret->kind = key->kind;
	ret->is_explicit = key->is_explicit;
	ret->value = key->value;
	ret->owner = key->owner;
	snprintf(ret->cgroup, sizeof(ret->cgroup), "%s", key->cgroup);
}

static void tell(const struct session *session, struct spool_session_info *ret)
{
	*ret = (struct spool_session_info){
		.id = session->id,
		.state = session->state,
		.member = session->member,
		.members = session->members,
		.entries = session->entries,
		.since = session->since,
	};
	tell_key(&session->key, ret);
}

int spool_sessions_next(struct spool_sessions *sessions, uint64_t after,
			struct spool_session_info *ret)
{
	struct session *session;

	spool_mutex_lock(&sessions->lock, SPOOL_RANK_LIFE);
	session = session_next_id_locked(sessions, after);
	if (session)
		tell(session, ret);
	spool_mutex_unlock(&sessions->lock);
	return session ? 0 : -ENOENT;
}

int spool_sessions_info(struct spool_sessions *sessions, uint64_t id,
			struct spool_session_info *ret)
{
	struct session *session;

	spool_mutex_lock(&sessions->lock, SPOOL_RANK_LIFE);
	session = session_find_locked(sessions, id);
	if (session)
		tell(session, ret);
	spool_mutex_unlock(&sessions->lock);
	return session ? 0 : -ENOENT;
}

void spool_sessions_why(struct spool_sessions *sessions, const struct spool_creator *creator,
			struct spool_session_info *ret, enum spool_session_why *ret_why)
{
	struct identity identity;

	*ret = (struct spool_session_info){.owner = creator->owner};
	identify(sessions, creator, &identity);
	*ret_why = identity.why;
	if (identity.session)
		tell(identity.session, ret);
	else if (identity.why == SPOOL_WHY_KIND)
		tell_key(&identity.key, ret);
	spool_mutex_unlock(&sessions->lock);
}
