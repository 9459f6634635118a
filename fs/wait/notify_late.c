/* SPDX-License-Identifier: MIT */
#include <pthread.h>

#include "host/clock.h"
#include "host/thread.h"
#include "wait/notify_internal.h"

/* Moves those of @job whose time has come (all: at the end) to @list. Return: when the next one's
 * does, at most @next_ms. */
static uint64_t expire(struct notify_job *job, uint64_t now, uint64_t next_ms, bool all,
		       struct spool_request_list *list)
{
	struct spool_request *request, *next;

	for (request = TAILQ_FIRST(&job->waiting); request; request = next) {
		next = TAILQ_NEXT(request, link);
		if (all || request->notify.until_ms <= now) {
			TAILQ_REMOVE(&job->waiting, request, link);
			TAILQ_INSERT_TAIL(list, request, link);
		} else if (next_ms == 0 || request->notify.until_ms < next_ms) {
			next_ms = request->notify.until_ms;
		}
	}
	return next_ms;
}

void notify_expire_locked(struct spool_notify *notify, bool all, struct spool_request_list *list)
{
	uint64_t now = spool_clock_ms(), next_ms = 0;
	struct notify_payer *payer;
	struct notify_job *job;

	TAILQ_FOREACH (job, &notify->running, link)
		next_ms = expire(job, now, next_ms, all, list);
	for (payer = payers_from(&notify->payers, 0); payer; payer = payers_after(&payer->entry)) {
		TAILQ_FOREACH (job, &payer->jobs, link)
			next_ms = expire(job, now, next_ms, all, list);
	}
	notify->next_ms = next_ms;
}

/* Return: the earlier one of two times; 0: never. */
static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a == 0 || (b > 0 && b < a) ? b : a;
}

static void *clock_main(void *arg)
{
	struct spool_notify *notify = arg;
	struct spool_request_list list = TAILQ_HEAD_INITIALIZER(list);

	spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	while (!notify->stop) {
		if (notify->next_ms == 0) {
			spool_cond_wait(&notify->time, &notify->lock, SPOOL_FOREVER);
			continue;
		}
		if (notify_wait_locked(notify, &notify->time, notify->next_ms))
			continue;
		notify_expire_locked(notify, false, &list);
		notify->next_ms = earlier(notify->next_ms, notify_replace_locked(notify));
		spool_mutex_unlock(&notify->lock);
		notify_answer_all(notify, &list, SPOOL_TOLD_LATE);
		spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	}
	notify->clock_ended = true;
	spool_cond_wake_all(&notify->done);
	spool_mutex_unlock(&notify->lock);
	return NULL;
}

int notify_clock_start(struct spool_notify *notify)
{
	pthread_t clock;
	int r = spool_thread_start(&clock, "spoolfs-late", clock_main, notify);

	if (r == 0)
		pthread_detach(clock);
	return r;
}
