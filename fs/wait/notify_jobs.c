/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdlib.h>

#include "host/clock.h"
#include "util/macros.h"
#include "wait/notify_internal.h"

#define NS_PER_MS UINT64_C(1000000)

bool notify_wait_locked(struct spool_notify *notify, struct spool_cond *cond, uint64_t until_ms)
{
	return spool_cond_wait(cond, &notify->lock, until_ms * NS_PER_MS);
}

void notify_answer_all(struct spool_notify *notify, struct spool_request_list *list,
		       enum spool_told told)
{
	struct spool_request *request;

	while ((request = TAILQ_FIRST(list))) {
		assert(spool_request_waits_in(request, &notify->waitq));
		TAILQ_REMOVE(list, request, link);
		request->first.told = told;
		notify->config.answer(notify->config.ctx, request);
	}
}

struct notify_payer *notify_find_locked(struct spool_notify *notify, uid_t uid)
{
	struct notify_payer *payer;
	bool is_new;

	payer = payers_get(&notify->payers, uid, sizeof(*payer), &is_new);
	if (payer && is_new)
		TAILQ_INIT(&payer->jobs);
	return payer;
}

void notify_put_locked(struct spool_notify *notify, struct notify_payer *payer)
{
	if (payer->n_running + payer->n_jobs + payer->n_waiting > 0)
		return;
	assert(TAILQ_EMPTY(&payer->jobs));
	payers_remove(&notify->payers, &payer->entry);
}

/* Called by spool_turns_find() only, with the lock held. */
static bool may_run(const void *ctx, uid_t uid) SPOOL_UNCHECKED
{
	const struct spool_notify *notify = ctx;
	const struct notify_payer *payer = payers_find(&notify->payers, uid);

	assert(payer && payer->n_running <= NOTIFY_THREADS_PER_PAYER);
	return payer->n_running <
	       (notify->n_held < NOTIFY_HELD_MAX / 2 ? NOTIFY_THREADS_PER_PAYER : 1);
}

bool notify_has_next_locked(struct spool_notify *notify)
{
	return spool_turns_find(&notify->turns, may_run, notify);
}

struct notify_job *notify_next_locked(struct spool_notify *notify, struct notify_payer **ret_payer)
{
	struct notify_payer *payer;
	struct notify_job *job;

	if (!notify_has_next_locked(notify))
		return NULL;
	job = spool_container_of(spool_turns_next(&notify->turns), struct notify_job, turn);
	payer = payers_find(&notify->payers, job->turn.payer);
	assert(payer->n_jobs > 0 && payer->n_running < notify->n_threads);
	TAILQ_REMOVE(&payer->jobs, job, link);
	TAILQ_INSERT_TAIL(&notify->running, job, link);
	job->begin_ms = spool_clock_ms();
	payer->n_jobs--;
	payer->n_running++;
	*ret_payer = payer;
	return job;
}

struct notify_job *notify_queue_locked(struct spool_notify *notify, struct notify_payer *payer,
				       const struct notify_job *wanted)
{
	struct notify_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	*job = *wanted;
	TAILQ_INIT(&job->waiting);
	TAILQ_INSERT_TAIL(&payer->jobs, job, link);
	spool_turns_add(&notify->turns, &job->turn, payer->entry.uid);
	payer->n_jobs++;
	return job;
}

void notify_done_locked(struct spool_notify *notify, struct notify_payer *payer,
			struct notify_job *job)
{
	assert(payer->n_running > 0);
	TAILQ_REMOVE(&notify->running, job, link);
	payer->n_running--;
	notify->n_held -= job->held;
	notify->n_told++;
	payer->stalled = false;
	notify_put_locked(notify, payer);
}

void notify_forget_locked(struct spool_notify *notify)
{
	struct notify_payer *payer, *next;
	struct notify_job *job;

	spool_turns_init(&notify->turns);
	for (payer = payers_from(&notify->payers, 0); payer; payer = next) {
		next = payers_after(&payer->entry);
		while ((job = TAILQ_FIRST(&payer->jobs))) {
			TAILQ_REMOVE(&payer->jobs, job, link);
			assert(TAILQ_EMPTY(&job->waiting));
			free(job);
		}
		payer->n_jobs = 0;
		notify_put_locked(notify, payer);
	}
}
