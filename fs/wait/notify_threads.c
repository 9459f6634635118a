/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "host/thread.h"
#include "wait/notify_internal.h"

static void *notify_main(void *arg);

/* One thread more where all are busy. Return: false when there is none at all. */
static bool widen_locked(struct spool_notify *notify) SPOOL_REQUIRES(notify->lock)
{
	pthread_t thread;

	assert(notify->n_threads <= NOTIFY_THREADS_MAX && notify->n_idle <= notify->n_threads);
	if (notify->n_idle == 0 && notify->n_threads < NOTIFY_THREADS_MAX &&
	    spool_thread_start(&thread, "spoolfs-notify", notify_main, notify) == 0) {
		pthread_detach(thread); /* it may never end */
		notify->n_threads++;
	}
	return notify->n_threads > 0;
}

static void *notify_main(void *arg)
{
	struct spool_notify *notify = arg;
	struct notify_payer *payer;
	struct notify_job *job;

	spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	while (!notify->stop) {
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
