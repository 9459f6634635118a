/* SPDX-License-Identifier: MIT */
#pragma once

/* The table of sessions: by what they are, by id, and by what they wait for. */

#include "life/callers.h"
#include "life/sessions.h"
#include "util/lock.h"
#include "util/rbtree.h"

#include <bsd/sys/queue.h>

/** struct session_key - what a session is found by. @is_explicit and owner last: a look at
 * processes finds all that have the rest */
struct session_key {
	enum spool_session_kind kind;
	uint64_t value;
	const char *cgroup; /* "" but for cgroups; begins with "v1:" if it is not of cgroup2 */
	bool is_explicit;
	uid_t owner;
};

/**
 * struct session - one of them; all under the table's lock
 * @key: cgroup is the session's own; value of a directory's is its id
 * @entries: of the engine, which give it back; @holds: that are being made
 * @requests: counts spool_sessions_of(); @noted: before the look that found nobody
 * @watch: a handle, -1: none; @member, @start: what is watched
 * @look: the number of the look that it takes part in, 0: none; @before: @requests when that began
 * @found, @oldest, @oldest_start: what it has told; @is_late: of a thread, or one that began during
 *	it; @counted: the last process that counts; @vanished: who was found ended during it;
 *	@populated: by the cgroup's own file; -errno
 * @due_ms: when it is to be looked for, in SOUGHT, UNWATCHED and LEAVING
 * @makers: uids that have made something in it, see makers.h
 * @told: the end was taken, or is nobody's matter
 */
struct session {
	RB_ENTRY(session) by_key, by_id;
	TAILQ_ENTRY(session) in_list;
	SLIST_HEAD(, session_maker) makers;
	struct session_key key;
	uint64_t id;
	enum spool_session_state state;
	bool told;
	uint64_t entries, holds, requests, noted;
	int64_t since;
	int watch;
	pid_t member;
	uint64_t start;
	uint64_t look, before, counted;
	int populated;
	bool vanished, is_late;
	unsigned int found, members;
	pid_t oldest;
	uint64_t oldest_start;
	uint64_t due_ms;
	char cgroup[]; /* of the key */
};

/** struct session_owner - who has begun explicit sessions: @n of them are not over, @n_by_audit and
 * @n_by_cgroup of these cover by that */
struct session_owner {
	RB_ENTRY(session_owner) by_uid;
	uid_t uid;
	unsigned int n, n_by_audit, n_by_cgroup;
};

RB_HEAD(session_owners, session_owner);
RB_HEAD(session_keys, session);
RB_HEAD(session_ids, session);
RB_HEAD(session_makers, session_maker);
TAILQ_HEAD(session_list, session);

/** struct session_lists - a session is in at most one: SOUGHT, UNWATCHED and LEAVING wait; OVER is
 * to be taken */
struct session_lists {
	struct session_list waiting, over;
};

/** Words of the filter: of 10,000 keys it lets 7% of all others pass. */
#define SESSION_FILTER 1024u

/**
 * struct spool_sessions
 * @n_watches: handles in use
 * @filter: of the keys that take part in the look that is on (scan.c); for who looks alone
 * @due_ms: nobody of those that wait is due before; who was may have left
 * @look: counts looks; @next_look_ms: not before; @retry_ms: after one that failed, else 0
 */
struct spool_sessions {
	const struct spool_host *host;
	const struct spool_life_system *system;
	struct spool_session_config config;
	struct spool_callers *callers;
	struct spool_mutex lock;
	struct session_keys keys;
	struct session_ids ids;
	struct session_makers makers;
	struct session_owners owners;
	struct session_lists lists;
	uint64_t filter[SESSION_FILTER];
	uint64_t last_id;
	unsigned int n_watches;
	uint64_t look, due_ms, next_look_ms, retry_ms;
};

/** session_compare() - the order of keys. */
int session_compare(const struct session_key *a, const struct session_key *b);

/** session_find_locked() - Return: that session; NULL. */
struct session *session_find_locked(struct spool_sessions *sessions, uint64_t id)
	SPOOL_REQUIRES(sessions->lock);

/** session_find_key_locked() - Return: the session that is not over; NULL. */
struct session *session_find_key_locked(struct spool_sessions *sessions,
					const struct session_key *key)
	SPOOL_REQUIRES(sessions->lock);

/** session_from_locked() - Return: the first session that is not over, at or behind @key; NULL. */
struct session *session_from_locked(struct spool_sessions *sessions, const struct session_key *key)
	SPOOL_REQUIRES(sessions->lock);

/** session_after_locked() - Return: the one behind it in the order of keys; NULL. */
struct session *session_after_locked(struct session *session);

/** session_next_id_locked() - Return: the session with the lowest id above @after; NULL. */
struct session *session_next_id_locked(struct spool_sessions *sessions, uint64_t after)
	SPOOL_REQUIRES(sessions->lock);

/** session_add_locked() - a new one, WATCHED by nobody and in no list. Return: NULL: no memory. */
struct session *session_add_locked(struct spool_sessions *sessions, const struct session_key *key)
	SPOOL_REQUIRES(sessions->lock);

/** session_owner_find_locked() - Return: NULL: he has begun none that is not over. */
struct session_owner *session_owner_find_locked(struct spool_sessions *sessions, uid_t uid)
	SPOOL_REQUIRES(sessions->lock);

/** session_owner_add_locked() - one more explicit session of @uid; session_over_locked() takes it
 * back. Return: 0; -EDQUOT he has SPOOL_SESSION_EXPLICIT_MAX; -ENOMEM. */
int session_owner_add_locked(struct spool_sessions *sessions, uid_t uid)
	SPOOL_REQUIRES(sessions->lock);

/** session_owner_remove_locked() - one less. */
void session_owner_remove_locked(struct spool_sessions *sessions, uid_t uid)
	SPOOL_REQUIRES(sessions->lock);

/** session_wait_locked() - into the list of those that wait, as @state, until @due_ms. */
void session_wait_locked(struct spool_sessions *sessions, struct session *session,
			 enum spool_session_state state, uint64_t due_ms)
	SPOOL_REQUIRES(sessions->lock);

/** session_settle_locked() - it waits no more: what it watches, if anything, will tell. */
void session_settle_locked(struct spool_sessions *sessions, struct session *session)
	SPOOL_REQUIRES(sessions->lock);

/** session_watch_locked() - it is watched from now on: @watch is its own, @member may be 0. */
void session_watch_locked(struct spool_sessions *sessions, struct session *session, int watch,
			  pid_t member, uint64_t start) SPOOL_REQUIRES(sessions->lock);

/** session_unwatch_locked() - lets go of what it watches, if anything. */
void session_unwatch_locked(struct spool_sessions *sessions, struct session *session)
	SPOOL_REQUIRES(sessions->lock);

/** session_over_locked() - it is over, and to be told if anything carries it; else it is freed. */
void session_over_locked(struct spool_sessions *sessions, struct session *session)
	SPOOL_REQUIRES(sessions->lock);

/** session_forget_locked() - frees one that is over and told and that nobody carries; does nothing
 * to others. */
void session_forget_locked(struct spool_sessions *sessions, struct session *session)
	SPOOL_REQUIRES(sessions->lock);

/** session_drop_locked() - frees one that nobody knows of any more, whatever its state. */
void session_drop_locked(struct spool_sessions *sessions, struct session *session)
	SPOOL_REQUIRES(sessions->lock);

/** sessions_payer() - who pays for what @uid has. */
static inline uid_t sessions_payer(const struct spool_sessions *sessions, uid_t uid)
{
	return sessions->config.payer ? sessions->config.payer(sessions->config.ctx, uid) : uid;
}

/** session_is_unused() - has nobody any use for its end? */
static inline bool session_is_unused(const struct session *session)
{
	return !session->key.is_explicit && session->entries == 0 && session->holds == 0;
}
