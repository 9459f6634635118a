/* SPDX-License-Identifier: MIT */
#include "wait/notify.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "host/clock.h"
#include "util/macros.h"
#include "wait/notify_internal.h"

/* Longer than an invalidation takes on a busy machine, short enough for who waits for one that
 * hangs. A guess. */
#define LIMIT_MS 5000u

/* The kernel takes some 10 us for what nobody holds up. A guess. */
#define HELD_MS 100u

/* Drops of pages that wait for one payer. A guess. */
#define DROPS_MAX 256u

static bool take_locked(struct spool_notify *notify, struct spool_request *request)
	SPOOL_REQUIRES(notify->lock)
{
	struct notify_payer *payer =
		notify->stop ? NULL : notify_find_locked(notify, request->payer);
	const struct notify_job wanted = {.ino = request->first.ino,
					  .off = request->first.off,
					  .len = request->first.len,
					  .what = request->first.tell};
	struct notify_job *job = NULL;

	if (payer) {
		job = notify_add_locked(notify, payer, &wanted);
		notify_put_locked(notify, payer);
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

	assert(spool_request_waits_in(request, waitq));
	assert(request->first.told == SPOOL_TOLD_NOT);
	spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	taken = take_locked(notify, request);
	spool_mutex_unlock(&notify->lock);
	if (taken)
		return;
	request->first.told = SPOOL_TOLD_LATE;
	notify->config.answer(notify->config.ctx, request);
}

/* Until there is room for another drop. Return: false when that does not come. */
static bool wait_for_room_locked(struct spool_notify *notify, struct notify_payer *payer,
				 unsigned int wait_ms) SPOOL_REQUIRES(notify->lock)
{
	uint64_t until = spool_clock_ms() + wait_ms;

	payer->n_waiting++;
	while (!notify->stop && !payer->stalled && payer->n_jobs >= DROPS_MAX) {
		if (!notify_wait_locked(notify, &notify->done, until))
			payer->stalled = payer->n_jobs >= DROPS_MAX;
	}
	payer->n_waiting--;
	return !notify->stop && payer->n_jobs < DROPS_MAX;
}

bool spool_notify_drop(struct spool_notify *notify, uint64_t ino, enum spool_tell what, uid_t uid,
		       unsigned int wait_ms)
{
	const struct notify_job wanted = {.ino = ino, .what = what};
	struct notify_payer *payer;
	bool ok = false;

	spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	payer = notify->stop ? NULL : notify_find_locked(notify, uid);
	if (payer) {
		ok = wait_for_room_locked(notify, payer, wait_ms) &&
		     notify_add_locked(notify, payer, &wanted);
		notify_put_locked(notify, payer);
	}
	spool_mutex_unlock(&notify->lock);
	return ok;
}

bool spool_notify_drain(struct spool_notify *notify, unsigned int still_ms, uint64_t until_ms)
{
	bool in_time = true, drained;
	uint64_t seen;

	spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	while (in_time && !notify->stop && !RB_EMPTY(&notify->payers)) {
		seen = notify->n_told;
		in_time =
			notify_wait_locked(notify, &notify->done,
					   spool_min_u64(spool_clock_ms() + still_ms, until_ms)) ||
			(notify->n_told != seen && spool_clock_ms() < until_ms);
	}
	drained = RB_EMPTY(&notify->payers);
	spool_mutex_unlock(&notify->lock);
	return drained;
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
	int r;

	if (!notify)
		return -ENOMEM;
	notify->waitq.ops = &ops;
	notify->config = *config;
	if (notify->config.limit_ms == 0)
		notify->config.limit_ms = LIMIT_MS;
	if (notify->config.held_ms == 0)
		notify->config.held_ms = HELD_MS;
	RB_INIT(&notify->payers);
	spool_turns_init(&notify->turns);
	TAILQ_INIT(&notify->running);
	spool_mutex_init(&notify->lock);
	spool_cond_init(&notify->work);
	spool_cond_init(&notify->time);
	spool_cond_init(&notify->done);
	r = notify_clock_start(notify);
	if (r < 0) {
		spool_notify_free(notify);
		return r;
	}
	*ret = notify;
	return 0;
}

void spool_notify_stop(struct spool_notify *notify)
{
	struct spool_request_list list = TAILQ_HEAD_INITIALIZER(list);

	if (!notify)
		return;
	spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	notify->stop = true;
	notify_expire_locked(notify, true, &list);
	notify_forget_locked(notify);
	spool_cond_wake_all(&notify->work);
	spool_cond_wake_all(&notify->done);
	spool_cond_wake(&notify->time);
	spool_mutex_unlock(&notify->lock);
	notify_answer_all(notify, &list, SPOOL_TOLD_LATE);
}

bool spool_notify_end(struct spool_notify *notify, unsigned int wait_ms)
{
	uint64_t until = spool_clock_ms() + wait_ms;
	bool ended;

	if (!notify)
		return true;
	spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	while ((notify->n_threads > 0 || !notify->clock_ended) &&
	       notify_wait_locked(notify, &notify->done, until))
		;
	ended = notify->n_threads == 0 && notify->clock_ended;
	spool_mutex_unlock(&notify->lock);
	return ended;
}

void spool_notify_free(struct spool_notify *notify)
{
	if (!notify)
		return;
	assert(RB_EMPTY(&notify->payers) && TAILQ_EMPTY(&notify->running));
	assert(notify->n_threads == 0);
	spool_cond_fini(&notify->work);
	spool_cond_fini(&notify->time);
	spool_cond_fini(&notify->done);
	spool_mutex_fini(&notify->lock);
	free(notify);
}

void spool_notify_stat(struct spool_notify *notify, struct spool_notify_stat *ret)
{
	struct notify_payer *payer;

	spool_mutex_lock(&notify->lock, SPOOL_RANK_QUEUE);
	*ret = (struct spool_notify_stat){.threads = notify->n_threads};
	for (payer = payers_from(&notify->payers, 0); payer; payer = payers_after(&payer->entry)) {
		ret->running += payer->n_running;
		ret->queued += payer->n_jobs;
	}
	spool_mutex_unlock(&notify->lock);
}
