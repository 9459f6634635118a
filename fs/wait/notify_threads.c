/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "host/clock.h"
#include "host/thread.h"
#include "wait/notify_internal.h"

static void *notify_main(void *arg);

/* The one that was begun first of those that come on; NULL: there is none. */
static struct notify_job *first_locked(struct spool_notify *notify) SPOOL_REQUIRES(notify->lock)
{
	struct notify_job *job;

	TAILQ_FOREACH (job, &notify->running, link) {
		if (!job->held)
			break;
	}
	return job;
}

static bool is_full_locked(const struct spool_notify *notify) SPOOL_REQUIRES(notify->lock)
{
	return notify->n_threads - notify->n_held >= NOTIFY_THREADS_MAX;
}

/* All threads are busy: the clock looks whether they are held. */
static void watch_locked(struct spool_notify *notify) SPOOL_REQUIRES(notify->lock)
{
	const struct notify_job *job = first_locked(notify);

	if (!job ||
	    (notify->next_ms > 0 && notify->next_ms <= job->begin_ms + notify->config.held_ms))
		return;
	notify->next_ms = job->begin_ms + notify->config.held_ms;
	spool_cond_wake(&notify->time);
}

/* One thread more where all are busy. Return: false when there is none at all. */
static bool widen_locked(struct spool_notify *notify) SPOOL_REQUIRES(notify->lock)
{
	pthread_t thread;

	assert(notify->n_held <= NOTIFY_HELD_MAX);
	assert(notify->n_idle + notify->n_held <= notify->n_threads);
	if (notify->n_idle > 0)
		return true;
	if (is_full_locked(notify)) {
		watch_locked(notify);
		return true;
	}
	if (spool_thread_start(&thread, "spoolfs-notify", notify_main, notify) == 0) {
		pthread_detach(thread); /* it may never end */
		notify->n_threads++;
	}
	return notify->n_threads > 0;
}

uint64_t notify_replace_locked(struct spool_notify *notify)
{
	uint64_t now = spool_clock_ms();
	struct notify_job *job;

	if (notify->n_idle > 0 || !notify_has_next_locked(notify))
		return 0;
	while (notify->n_held < NOTIFY_HELD_MAX && (job = first_locked(notify)) &&
	       job->begin_ms + notify->config.held_ms <= now) {
		job->held = true;
		notify->n_held++;
	}
	widen_locked(notify);
	job = notify->n_held < NOTIFY_HELD_MAX ? first_locked(notify) : NULL;
	return job ? job->begin_ms + notify->config.held_ms : 0;
}

static void *notify_main(void *arg)
{
	struct spool_notify *notify = arg;
	struct notify_payer *payer;
	struct notify_job *job;

	spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	/* there are too many once those that were held come back */
	while (!notify->stop && notify->n_threads - notify->n_held <= NOTIFY_THREADS_MAX) {
		job = notify_next_locked(notify, &payer);
		if (!job) {
			notify->n_idle++;
			spool_cond_wait(&notify->work, &notify->lock, SPOOL_FOREVER);
			notify->n_idle--;
			continue;
		}
		/* several jobs may have found this one idle, and this one may not come back */
		if (notify_has_next_locked(notify))
			widen_locked(notify);
		spool_mutex_unlock(&notify->lock);
		notify->config.tell(notify->config.ctx, job->ino, job->what, job->off, job->len);
		spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
		notify_done_locked(notify, payer, job);
		spool_cond_wake_all(&notify->done);
		spool_mutex_unlock(&notify->lock);
		notify_answer_all(notify, &job->waiting, SPOOL_TOLD);
		free(job);
		spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	}
	assert(notify->n_threads > 0);
	notify->n_threads--;
	spool_cond_wake(&notify->work); /* for what this one leaves */
	spool_cond_wake_all(&notify->done);
	spool_mutex_unlock(&notify->lock);
	return NULL;
}

struct notify_job *notify_add_locked(struct spool_notify *notify, struct notify_payer *payer,
				     const struct notify_job *wanted)
{
	struct notify_job *job;

	TAILQ_FOREACH (job, &payer->jobs, link) {
		if (job->ino == wanted->ino && job->what == wanted->what &&
		    job->off == wanted->off && job->len == wanted->len)
			return job;
	}
	job = widen_locked(notify) ? notify_queue_locked(notify, payer, wanted) : NULL;
	if (job)
		spool_cond_wake(&notify->work);
	return job;
}
