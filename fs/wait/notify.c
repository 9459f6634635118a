/* SPDX-License-Identifier: MIT */
#include "wait/notify.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "host/clock.h"
#include "host/thread.h"
#include "transport/waitq.h"
#include "util/lock.h"
#include "util/macros.h"
#include "util/turn.h"

/* Threads in all, and for one payer: four can hang the kernel on something before others are
 * answered late. Guesses. */
#define THREADS_MAX 8u
#define THREADS_PER_PAYER 2u

/* Longer than an invalidation takes on a busy machine, short enough for who waits for one that
 * hangs. A guess. */
#define LIMIT_MS 5000u

/* Drops of pages that wait for one payer. A guess. */
#define DROPS_MAX 256u

#define NS_PER_MS UINT64_C(1000000)

/* Something to tell, and who waits for it. Until it is begun, others may join. */
struct job {
	struct spool_turn turn; /* until it is begun */
	TAILQ_ENTRY(job) link;  /* of its payer's, or of those that are begun */
	uint64_t ino, off, len;
	enum spool_tell what;
	struct spool_request_list waiting;
};

TAILQ_HEAD(job_list, job);

/* There as long as there is anything to do for it */
struct payer {
	TAILQ_ENTRY(payer) link;
	uid_t uid;
	unsigned int n_running, n_jobs, n_waiting; /* n_waiting: in spool_notify_drop() */
	bool stalled;                              /* nothing was done since one waited in vain */
	struct job_list jobs;
};

TAILQ_HEAD(payer_list, payer);

struct spool_notify {
	struct spool_waitq waitq;
	struct spool_notify_config config;
	struct spool_mutex lock; /* of the following; nothing is called under it */
	struct spool_cond work;  /* for the threads */
	struct spool_cond time;  /* for the clock thread */
	struct spool_cond done;  /* for those who wait for room, or for the end */
	struct payer_list payers;
	struct spool_turns turns; /* of all jobs that are not begun */
	struct job_list running;
	unsigned int n_threads, n_idle; /* n_threads: those that have not ended */
	uint64_t n_told;
	uint64_t next_ms; /* when the clock thread looks; 0: it sleeps */
	bool stop;
	bool clock_ended;
};

/* Return: false when the time is over. */
static bool wait_locked(struct spool_notify *notify, struct spool_cond *cond, uint64_t until_ms)
	SPOOL_REQUIRES(notify->lock)
{
	return spool_cond_wait(cond, &notify->lock, until_ms * NS_PER_MS);
}

/* No lock is held. */
static void answer_all(struct spool_notify *notify, struct spool_request_list *list,
		       enum spool_told told)
{
	struct spool_request *request;

	while ((request = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, request, link);
		request->first.told = told;
		notify->config.answer(notify->config.ctx, request);
	}
}

/* Return: NULL: there is nothing to do for it. */
static struct payer *look_up_locked(const struct spool_notify *notify, uid_t uid)
	SPOOL_REQUIRES(notify->lock)
{
	struct payer *payer;

	TAILQ_FOREACH (payer, &notify->payers, link) {
		if (payer->uid == uid)
			break;
	}
	return payer;
}

/* Return: NULL without memory. */
static struct payer *find_locked(struct spool_notify *notify, uid_t uid)
	SPOOL_REQUIRES(notify->lock)
{
	struct payer *payer = look_up_locked(notify, uid);

	if (payer)
		return payer;
	payer = calloc(1, sizeof(*payer));
	if (!payer)
		return NULL;
	payer->uid = uid;
	TAILQ_INIT(&payer->jobs);
	TAILQ_INSERT_TAIL(&notify->payers, payer, link);
	return payer;
}

static void put_locked(struct spool_notify *notify, struct payer *payer)
	SPOOL_REQUIRES(notify->lock)
{
	if (payer->n_running + payer->n_jobs + payer->n_waiting > 0)
		return;
	TAILQ_REMOVE(&notify->payers, payer, link);
	free(payer);
}

/* Called by spool_turns_find() only, with the lock held. */
static bool may_run(const void *ctx, uid_t uid) SPOOL_UNCHECKED
{
	return look_up_locked(ctx, uid)->n_running < THREADS_PER_PAYER;
}

static bool has_next_locked(struct spool_notify *notify) SPOOL_REQUIRES(notify->lock)
{
	return spool_turns_find(&notify->turns, may_run, notify);
}

/* The next of a payer who may have one more thread. */
static struct job *next_locked(struct spool_notify *notify, struct payer **ret_payer)
	SPOOL_REQUIRES(notify->lock)
{
	struct payer *payer;
	struct job *job;

	if (!has_next_locked(notify))
		return NULL;
	job = spool_container_of(spool_turns_next(&notify->turns), struct job, turn);
	payer = look_up_locked(notify, job->turn.payer);
	TAILQ_REMOVE(&payer->jobs, job, link);
	TAILQ_INSERT_TAIL(&notify->running, job, link);
	payer->n_jobs--;
	payer->n_running++;
	*ret_payer = payer;
	return job;
}

static void *notify_main(void *arg);

/* One thread more where all are busy. Return: false when there is none at all. */
static bool widen_locked(struct spool_notify *notify) SPOOL_REQUIRES(notify->lock)
{
	pthread_t thread;

	if (notify->n_idle == 0 && notify->n_threads < THREADS_MAX &&
	    spool_thread_start(&thread, "spoolfs-notify", notify_main, notify) == 0) {
		pthread_detach(thread); /* it may never end */
		notify->n_threads++;
	}
	return notify->n_threads > 0;
}

static void *notify_main(void *arg)
{
	struct spool_notify *notify = arg;
	struct payer *payer;
	struct job *job;

	spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	while (!notify->stop) {
		job = next_locked(notify, &payer);
		if (!job) {
			notify->n_idle++;
			spool_cond_wait(&notify->work, &notify->lock, SPOOL_FOREVER);
			notify->n_idle--;
			continue;
		}
		/* several jobs may have found this one idle, and this one may not come back */
		if (has_next_locked(notify))
			widen_locked(notify);
		spool_mutex_unlock(&notify->lock);
		notify->config.tell(notify->config.ctx, job->ino, job->what, job->off, job->len);
		spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
		TAILQ_REMOVE(&notify->running, job, link);
		payer->n_running--;
		notify->n_told++;
		payer->stalled = false;
		put_locked(notify, payer);
		spool_cond_wake_all(&notify->done);
		spool_mutex_unlock(&notify->lock);
		answer_all(notify, &job->waiting, SPOOL_TOLD);
		free(job);
		spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	}
	notify->n_threads--;
	spool_cond_wake_all(&notify->done);
	spool_mutex_unlock(&notify->lock);
	return NULL;
}

/* A job for the same that was not begun, or a new one. Return: NULL without memory or threads. */
static struct job *add_locked(struct spool_notify *notify, struct payer *payer,
			      const struct job *wanted) SPOOL_REQUIRES(notify->lock)
{
	struct job *job;

	TAILQ_FOREACH (job, &payer->jobs, link) {
		if (job->ino == wanted->ino && job->what == wanted->what &&
		    job->off == wanted->off && job->len == wanted->len)
			return job;
	}
	job = widen_locked(notify) ? calloc(1, sizeof(*job)) : NULL;
	if (!job)
		return NULL;
	*job = *wanted;
	TAILQ_INIT(&job->waiting);
	TAILQ_INSERT_TAIL(&payer->jobs, job, link);
	spool_turns_add(&notify->turns, &job->turn, payer->uid);
	payer->n_jobs++;
	spool_cond_wake(&notify->work);
	return job;
}

static bool take_locked(struct spool_notify *notify, struct spool_request *request)
	SPOOL_REQUIRES(notify->lock)
{
	struct payer *payer = notify->stop ? NULL : find_locked(notify, request->payer);
	const struct job wanted = {.ino = request->first.ino,
				   .off = request->first.off,
				   .len = request->first.len,
				   .what = request->first.tell};
	struct job *job = NULL;

	if (payer) {
		job = add_locked(notify, payer, &wanted);
		put_locked(notify, payer);
	}
	if (!job)
		return false;
	request->notify.until_ms = spool_clock_ms() + notify->config.limit_ms;
	TAILQ_INSERT_TAIL(&job->waiting, request, link);
	if (notify->next_ms == 0) {
		notify->next_ms = request->notify.until_ms;
		spool_cond_wake(&notify->time);
	}
	return true;
}

static struct spool_notify *notify_of(struct spool_waitq *waitq)
{
	return spool_container_of(waitq, struct spool_notify, waitq);
}

static bool wants(struct spool_waitq *waitq, struct spool_request *request, int error)
{
	(void)waitq;
	(void)request;
	return error == SPOOL_TELL_FIRST;
}

static bool refuse(struct spool_waitq *waitq, struct spool_request *request)
{
	(void)waitq;
	if (request->first.done)
		request->first.told = SPOOL_TOLD_LATE;
	return request->first.done;
}

static void take(struct spool_waitq *waitq, struct spool_request *request)
{
	struct spool_notify *notify = notify_of(waitq);
	bool taken;

	spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	taken = take_locked(notify, request);
	spool_mutex_unlock(&notify->lock);
	if (taken)
		return;
	request->first.told = SPOOL_TOLD_LATE;
	notify->config.answer(notify->config.ctx, request);
}

/* Until there is room for another drop. Return: false when that does not come. */
static bool wait_for_room_locked(struct spool_notify *notify, struct payer *payer,
				 unsigned int wait_ms) SPOOL_REQUIRES(notify->lock)
{
	uint64_t until = spool_clock_ms() + wait_ms;

	payer->n_waiting++;
	while (!notify->stop && !payer->stalled && payer->n_jobs >= DROPS_MAX) {
		if (!wait_locked(notify, &notify->done, until))
			payer->stalled = payer->n_jobs >= DROPS_MAX;
	}
	payer->n_waiting--;
	return !notify->stop && payer->n_jobs < DROPS_MAX;
}

bool spool_notify_drop(struct spool_notify *notify, uint64_t ino, enum spool_tell what, uid_t uid,
		       unsigned int wait_ms)
{
	const struct job wanted = {.ino = ino, .what = what};
	struct payer *payer;
	bool ok = false;

	spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	payer = notify->stop ? NULL : find_locked(notify, uid);
	if (payer) {
		ok = wait_for_room_locked(notify, payer, wait_ms) &&
		     add_locked(notify, payer, &wanted);
		put_locked(notify, payer);
	}
	spool_mutex_unlock(&notify->lock);
	return ok;
}

bool spool_notify_drain(struct spool_notify *notify, unsigned int still_ms, uint64_t until_ms)
{
	bool in_time = true, drained;
	uint64_t seen;

	spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	while (in_time && !notify->stop && !TAILQ_EMPTY(&notify->payers)) {
		seen = notify->n_told;
		in_time = wait_locked(notify, &notify->done,
				      spool_min_u64(spool_clock_ms() + still_ms, until_ms)) ||
			  (notify->n_told != seen && spool_clock_ms() < until_ms);
	}
	drained = TAILQ_EMPTY(&notify->payers);
	spool_mutex_unlock(&notify->lock);
	return drained;
}

/* Moves those of @job whose time has come (all: at the end) to @list. Return: when the next one's
 * does, at most @next_ms. */
static uint64_t expire(struct job *job, uint64_t now, uint64_t next_ms, bool all,
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

/* Jobs stay, whoever waited for them: what was changed must be told. */
static void expire_locked(struct spool_notify *notify, bool all, struct spool_request_list *list)
	SPOOL_REQUIRES(notify->lock)
{
	uint64_t now = spool_clock_ms(), next_ms = 0;
	struct payer *payer;
	struct job *job;

	TAILQ_FOREACH (job, &notify->running, link)
		next_ms = expire(job, now, next_ms, all, list);
	TAILQ_FOREACH (payer, &notify->payers, link) {
		TAILQ_FOREACH (job, &payer->jobs, link)
			next_ms = expire(job, now, next_ms, all, list);
	}
	notify->next_ms = next_ms;
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
		if (wait_locked(notify, &notify->time, notify->next_ms))
			continue;
		expire_locked(notify, false, &list);
		spool_mutex_unlock(&notify->lock);
		answer_all(notify, &list, SPOOL_TOLD_LATE);
		spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	}
	notify->clock_ended = true;
	spool_cond_wake_all(&notify->done);
	spool_mutex_unlock(&notify->lock);
	return NULL;
}

struct spool_waitq *spool_notify_waitq(struct spool_notify *notify)
{
	return &notify->waitq;
}

int spool_notify_new(const struct spool_notify_config *config, struct spool_notify **ret)
{
	static const struct spool_waitq_ops ops = {
		.number = SPOOL_CTL_WAITING_NOTIFY, .wants = wants, .take = take, .refuse = refuse};
	struct spool_notify *notify = calloc(1, sizeof(*notify));
	pthread_t clock;
	int r;

	if (!notify)
		return -ENOMEM;
	notify->waitq.ops = &ops;
	notify->config = *config;
	if (notify->config.limit_ms == 0)
		notify->config.limit_ms = LIMIT_MS;
	TAILQ_INIT(&notify->payers);
	spool_turns_init(&notify->turns);
	TAILQ_INIT(&notify->running);
	spool_mutex_init(&notify->lock);
	spool_cond_init(&notify->work);
	spool_cond_init(&notify->time);
	spool_cond_init(&notify->done);
	r = spool_thread_start(&clock, "spoolfs-late", clock_main, notify);
	if (r < 0) {
		spool_notify_free(notify);
		return r;
	}
	pthread_detach(clock);
	*ret = notify;
	return 0;
}

static void forget_locked(struct spool_notify *notify) SPOOL_REQUIRES(notify->lock)
{
	struct payer *payer, *next;
	struct job *job;

	spool_turns_init(&notify->turns);
	for (payer = TAILQ_FIRST(&notify->payers); payer; payer = next) {
		next = TAILQ_NEXT(payer, link);
		while ((job = TAILQ_FIRST(&payer->jobs))) {
			TAILQ_REMOVE(&payer->jobs, job, link);
			free(job);
		}
		payer->n_jobs = 0;
		put_locked(notify, payer);
	}
}

void spool_notify_stop(struct spool_notify *notify)
{
	struct spool_request_list list = TAILQ_HEAD_INITIALIZER(list);

	if (!notify)
		return;
	spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	notify->stop = true;
	expire_locked(notify, true, &list);
	forget_locked(notify);
	spool_cond_wake_all(&notify->work);
	spool_cond_wake_all(&notify->done);
	spool_cond_wake(&notify->time);
	spool_mutex_unlock(&notify->lock);
	answer_all(notify, &list, SPOOL_TOLD_LATE);
}

bool spool_notify_end(struct spool_notify *notify, unsigned int wait_ms)
{
	uint64_t until = spool_clock_ms() + wait_ms;
	bool ended;

	if (!notify)
		return true;
	spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	while ((notify->n_threads > 0 || !notify->clock_ended) &&
	       wait_locked(notify, &notify->done, until))
		;
	ended = notify->n_threads == 0 && notify->clock_ended;
	spool_mutex_unlock(&notify->lock);
	return ended;
}

void spool_notify_free(struct spool_notify *notify)
{
	if (!notify)
		return;
	spool_cond_fini(&notify->work);
	spool_cond_fini(&notify->time);
	spool_cond_fini(&notify->done);
	spool_mutex_fini(&notify->lock);
	free(notify);
}

void spool_notify_stat(struct spool_notify *notify, struct spool_notify_stat *ret)
{
	const struct payer *payer;

	spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	*ret = (struct spool_notify_stat){.threads = notify->n_threads};
	TAILQ_FOREACH (payer, &notify->payers, link) {
		ret->running += payer->n_running;
		ret->queued += payer->n_jobs;
	}
	spool_mutex_unlock(&notify->lock);
}
