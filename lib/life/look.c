/* SPDX-License-Identifier: MIT */
#include "life/look.h"

#include <errno.h>
#include <limits.h>

#include "life/judge.h"
#include "life/scan.h"
#include "util/macros.h"

/* What ends at the same time is looked for at once. A guess. */
#define SETTLE_MS 20u

/* Looks take a fifth of a CPU at most: after one comes a pause of so many times as long. But where
 * there are so many processes that this would keep ends waiting it is no longer than that. A guess.
 */
#define PAUSE 4u
#define PAUSE_MAX_MS 300u

static uint64_t now_ms(const struct spool_sessions *sessions)
{
	return sessions->system->now_ms(sessions->system->ctx);
}

void look_for_locked(struct spool_sessions *sessions, struct session *session)
{
	session_wait_locked(sessions, session, SPOOL_SESSION_SOUGHT, now_ms(sessions) + SETTLE_MS);
}

int look_hold_locked(struct spool_sessions *sessions, struct session *session, pid_t pid)
{
	struct spool_process process;
	int watch, r;

	r = spool_process_read(sessions->system, pid, SPOOL_PROCESS_STAT, NULL, &process);
	if (r < 0 || process.dead)
		return r < 0 ? r : -ESRCH;
	watch = sessions->n_watches < sessions->config.max_watches
			? judge_watch(sessions, session->id, pid, process.start)
			: -EMFILE;
	if (watch == -ESRCH)
		return watch;
	if (watch >= 0) {
		session_watch_locked(sessions, session, watch, pid, process.start);
		return 0;
	}
	session->member = pid;
	session->start = process.start;
	session_wait_locked(sessions, session, SPOOL_SESSION_UNWATCHED,
			    now_ms(sessions) + JUDGE_UNWATCHED_MS);
	return 0;
}

void spool_sessions_event(struct spool_sessions *sessions, uint64_t token)
{
	struct session *session;

	spool_mutex_lock(&sessions->lock, SPOOL_RANK_LIFE);
	session = session_find_locked(sessions, token);
	if (!session || session->watch < 0)
		goto out;
	if (session->key.is_explicit) {
		session_over_locked(sessions, session); /* its holder */
		goto out;
	}
	if (session->member != 0)
		session_unwatch_locked(sessions, session);
	session->member = 0;
	if (session->watch < 0 && session_is_unused(session))
		session_over_locked(sessions, session);
	else if (session->state == SPOOL_SESSION_WATCHED)
		look_for_locked(sessions, session);
out:
	spool_mutex_unlock(&sessions->lock);
}

/* Asks all that wait. */
static void find_due_locked(struct spool_sessions *sessions) SPOOL_REQUIRES(sessions->lock)
{
	const struct session *session;

	sessions->due_ms = UINT64_MAX;
	TAILQ_FOREACH (session, &sessions->lists.waiting, in_list)
		sessions->due_ms = spool_min_u64(sessions->due_ms, session->due_ms);
}

/* Return: after how many milliseconds somebody may be due, 0: is due now, -1: nobody waits. They
 * are asked only when a look could begin: there may be thousands, and each event calls this. */
static int due_locked(struct spool_sessions *sessions, uint64_t now) SPOOL_REQUIRES(sessions->lock)
{
	uint64_t due;

	if (spool_max_u64(sessions->due_ms, sessions->next_look_ms) <= now)
		find_due_locked(sessions);
	if (sessions->due_ms == UINT64_MAX)
		return -1;
	due = spool_max_u64(sessions->due_ms, sessions->next_look_ms);
	return due <= now ? 0 : due - now > INT_MAX ? INT_MAX : (int)(due - now);
}

static int look_at_payers(const struct spool_sessions *sessions, unsigned int needs)
{
	const struct spool_session_config *config = &sessions->config;

	return config->payers_known && (needs & SCAN_NEEDS(SPOOL_SESSION_UID))
		       ? config->payers_known(config->ctx)
		       : 0;
}

int spool_sessions_run(struct spool_sessions *sessions)
{
	uint64_t begin = now_ms(sessions), end;
	struct judge_look look = {.begin_ms = begin};
	int timeout;

	spool_mutex_lock(&sessions->lock, SPOOL_RANK_LIFE);
	timeout = due_locked(sessions, begin);
	if (timeout == 0)
		scan_begin_locked(sessions, begin, &look.needs);
	spool_mutex_unlock(&sessions->lock);
	if (timeout != 0)
		return timeout;
	look.payers = look_at_payers(sessions, look.needs);
	look.result = look.needs ? scan_processes(sessions, look.needs) : 0;
	judge_all(sessions, &look);
	end = now_ms(sessions);
	spool_mutex_lock(&sessions->lock, SPOOL_RANK_LIFE);
	sessions->next_look_ms = end + spool_min_u64(PAUSE * (end - begin), PAUSE_MAX_MS);
	timeout = due_locked(sessions, end);
	spool_mutex_unlock(&sessions->lock);
	return timeout == 0 ? 1 : timeout;
}
