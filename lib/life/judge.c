/* SPDX-License-Identifier: MIT */
#include "life/judge.h"

#include <errno.h>
#include <stdio.h>

#include "life/scan.h"

/* Between the two looks that find nobody: long enough for a process that the first one has passed
 * by to be found where it is now. A guess. */
#define AGAIN_MS 100u

/* After the first look that failed, and then twice as long each time, up to: nothing tells when
 * there will be descriptors or memory. Guesses. */
#define RETRY_MS 1000u
#define RETRY_MAX_MS 64000u

/* Sessions that are judged before others get the lock, which whoever makes a file takes: each takes
 * about 1 us. A guess. */
#define BATCH 32u

/* Somebody who lives, to be watched without the lock. @cgroup: "": watch the process. */
struct member {
	uint64_t id;
	pid_t pid;
	uint64_t start;
	bool may_watch;
	char cgroup[SPOOL_PROCESS_TEXT];
};

int judge_watch(const struct spool_sessions *sessions, uint64_t id, pid_t pid, uint64_t start)
{
	const struct spool_life_system *system = sessions->system;
	struct spool_process process;
	int watch, r;

	watch = system->watch_process(system->ctx, pid, id);
	if (watch < 0)
		return watch;
	/* the number still is that process's, so what is watched is that one */
	r = spool_process_read(system, pid, SPOOL_PROCESS_STAT, NULL, &process);
	if (r == 0 && process.start == start && !process.dead)
		return watch;
	system->close(system->ctx, watch);
	return r < 0 ? r : -ESRCH;
}

static void wait_locked(struct spool_sessions *sessions, struct session *session,
			enum spool_session_state state, uint64_t after_ms)
	SPOOL_REQUIRES(sessions->lock)
{
	session_wait_locked(sessions, session, state,
			    sessions->system->now_ms(sessions->system->ctx) + after_ms);
}

static void nobody_locked(struct spool_sessions *sessions, struct session *session,
			  const struct judge_look *look) SPOOL_REQUIRES(sessions->lock)
{
	bool again = session->state == SPOOL_SESSION_LEAVING && session->noted == session->requests;

	session->members = 0;
	if (session_is_unused(session)) {
		session_over_locked(sessions, session);
	} else if (session->holds > 0 || session->before != session->requests ||
		   session->vanished) {
		wait_locked(sessions, session, SPOOL_SESSION_SOUGHT, AGAIN_MS);
	} else if (!again) {
		session->noted = session->before;
		wait_locked(sessions, session, SPOOL_SESSION_LEAVING,
			    session->key.kind == SPOOL_SESSION_UID ? sessions->config.grace_ms
								   : AGAIN_MS);
	} else if (session->due_ms <= look->begin_ms) {
		session_over_locked(sessions, session);
	} /* else it was a look for others, too early for this one */
}

/* A holder that nothing tells us of. What cannot be read may be there. */
static void holder_locked(struct spool_sessions *sessions, struct session *session)
	SPOOL_REQUIRES(sessions->lock)
{
	struct spool_process process;
	int r = spool_process_read(sessions->system, session->member, SPOOL_PROCESS_STAT, NULL,
				   &process);

	if (r == -ESRCH || (r == 0 && (process.dead || process.start != session->start)))
		session_over_locked(sessions, session);
	else
		wait_locked(sessions, session, SPOOL_SESSION_UNWATCHED, JUDGE_UNWATCHED_MS);
}

/* A cgroup's own file tells best, unless it has just said that nobody is there: then the one that
 * we can open is another's. */
static void living_locked(struct spool_sessions *sessions, struct session *session,
			  struct member *ret) SPOOL_REQUIRES(sessions->lock)
{
	bool is_cgroup = session->key.cgroup[0] == '/' && session->watch < 0;

	session_unwatch_locked(sessions, session);
	ret->id = session->id;
	ret->pid = session->oldest;
	ret->start = session->oldest_start;
	ret->may_watch = sessions->n_watches < sessions->config.max_watches;
	snprintf(ret->cgroup, sizeof(ret->cgroup), "%s", is_cgroup ? session->key.cgroup : "");
}

/* A member may have been overlooked, or somebody taken for one who is none any more. */
static bool is_unsure(const struct session *session, const struct judge_look *look)
{
	if (session->key.kind == SPOOL_SESSION_UID && look->payers < 0)
		return true;
	return session->found == 0 && (look->result < 0 || session->populated < 0);
}

/* As nothing is known for sure nothing changes; but who was found was there, also if he has ended
 * meanwhile, so that the looks that find nobody begin anew. */
static void unsure_locked(struct spool_sessions *sessions, struct session *session)
	SPOOL_REQUIRES(sessions->lock)
{
	enum spool_session_state state = session->state;

	if ((session->found > 0 || session->vanished) && state == SPOOL_SESSION_LEAVING)
		state = SPOOL_SESSION_SOUGHT;
	wait_locked(sessions, session, state, sessions->retry_ms ?: RETRY_MS);
}

/* Return: true: somebody lives, and is in *@ret, to be watched. */
static bool judge_locked(struct spool_sessions *sessions, struct session *session,
			 const struct judge_look *look, struct member *ret)
	SPOOL_REQUIRES(sessions->lock)
{
	if (session->key.is_explicit) {
		holder_locked(sessions, session);
	} else if (session->populated > 0) {
		session_settle_locked(sessions, session);
	} else if (is_unsure(session, look)) {
		unsure_locked(sessions, session);
	} else if (session->found > 0) {
		session->members = session->found;
		living_locked(sessions, session, ret);
		return true;
	} else {
		nobody_locked(sessions, session, look);
	}
	return false;
}

/* Return: a handle; -errno. @member: its pid is 0 when the cgroup tells. */
static int watch(const struct spool_sessions *sessions, struct member *member)
{
	const struct spool_life_system *system = sessions->system;
	int handle = -EMFILE;

	if (!member->may_watch)
		return handle;
	if (*member->cgroup)
		handle = system->watch_cgroup(system->ctx, member->cgroup, member->id);
	if (*member->cgroup && handle >= 0 && system->is_populated(system->ctx, handle) == 1) {
		member->pid = 0;
		return handle;
	}
	if (*member->cgroup)
		system->close(system->ctx, handle);
	return judge_watch(sessions, member->id, member->pid, member->start);
}

static void watch_member(struct spool_sessions *sessions, struct member *member)
{
	int handle = watch(sessions, member);
	struct session *session;

	spool_mutex_lock(&sessions->lock, SPOOL_RANK_LIFE);
	session = session_find_locked(sessions, member->id);
	if (!session || session->state == SPOOL_SESSION_OVER) {
		sessions->system->close(sessions->system->ctx, handle);
	} else if (handle >= 0) {
		session_watch_locked(sessions, session, handle, member->pid, member->start);
	} else if (handle == -ESRCH) {
		wait_locked(sessions, session, SPOOL_SESSION_SOUGHT, AGAIN_MS);
	} else {
		session->member = member->pid;
		wait_locked(sessions, session, SPOOL_SESSION_UNWATCHED, JUDGE_UNWATCHED_MS);
	}
	spool_mutex_unlock(&sessions->lock);
}

/* Those that have taken part stand before all that wait since the look began; who is taken goes
 * behind them. So a look costs nothing for those that do not wait. */
static struct session *next_locked(struct spool_sessions *sessions) SPOOL_REQUIRES(sessions->lock)
{
	struct session *session = TAILQ_FIRST(&sessions->lists.waiting);

	if (!session || !scan_takes_part(sessions, session))
		return NULL;
	session_wait_locked(sessions, session, session->state, session->due_ms);
	session->look = 0;
	return session;
}

static void set_retry_locked(struct spool_sessions *sessions, int result)
	SPOOL_REQUIRES(sessions->lock)
{
	if (result == 0)
		sessions->retry_ms = 0;
	else if (sessions->retry_ms == 0)
		sessions->retry_ms = RETRY_MS;
	else if (sessions->retry_ms < RETRY_MAX_MS)
		sessions->retry_ms *= 2;
}

/* A few of them, until one is to be watched. Return: false: that was all. *@ret_lives: somebody
 * does, *@ret. */
static bool judge_some(struct spool_sessions *sessions, const struct judge_look *look,
		       bool *ret_lives, struct member *ret)
{
	struct session *session = NULL;

	*ret_lives = false;
	spool_mutex_lock(&sessions->lock, SPOOL_RANK_LIFE);
	for (unsigned int i = 0; i < BATCH && !*ret_lives; i++) {
		session = next_locked(sessions);
		if (!session)
			break;
		*ret_lives = judge_locked(sessions, session, look, ret);
	}
	spool_mutex_unlock(&sessions->lock);
	return session;
}

void judge_all(struct spool_sessions *sessions, const struct judge_look *look)
{
	const struct spool_life_system *system = sessions->system;
	struct member member;
	bool lives;

	spool_mutex_lock(&sessions->lock, SPOOL_RANK_LIFE);
	set_retry_locked(sessions, look->result ?: look->payers);
	spool_mutex_unlock(&sessions->lock);
	while (judge_some(sessions, look, &lives, &member)) {
		if (lives)
			watch_member(sessions, &member);
		system->rest(system->ctx);
	}
}
