/* SPDX-License-Identifier: MIT */
#include "wait/for_spill.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "transport/channel.h"
#include "transport/waitq.h"
#include "host/clock.h"
#include "fs.h"
#include "host/loop.h"
#include "util/macros.h"

/* Long enough for 1 GB on a slow disk. Guesses, both. */
#define SPILL_LIMIT_S 30u
#define SPILL_MAX_PER_PAYER 8u

#define NS_PER_MS UINT64_C(1000000)
#define MS_PER_S 1000u

struct spool_for_spill {
	struct spool_waitq waitq;
	struct spool_fs *fs;
	struct spool_loop loop;            /* its lock covers the following */
	struct spool_request_list waiting; /* those who wait longest first */
	struct spool_request_list ended;   /* to be answered */
	uint64_t last_id;
};

static struct spool_for_spill *queue_of(struct spool_waitq *waitq)
{
	return spool_container_of(waitq, struct spool_for_spill, waitq);
}

static bool wants(struct spool_waitq *waitq, struct spool_request *request, int error)
{
	(void)waitq;
	(void)request;
	return error == SPOOL_SPILL_FIRST;
}

static void end_locked(struct spool_for_spill *queue, struct spool_request *request, int result)
	SPOOL_REQUIRES(queue->loop.lock)
{
	assert(spool_request_waits_in(request, &queue->waitq));
	assert(request->first.told == SPOOL_TOLD_NOT && result <= 0);
	TAILQ_REMOVE(&queue->waiting, request, link);
	request->first.told = SPOOL_TOLD;
	request->first.result = result;
	TAILQ_INSERT_TAIL(&queue->ended, request, link);
	spool_loop_wake_locked(&queue->loop);
}

/* Nobody waits for @request here any more. */
static void answer(struct spool_for_spill *queue, struct spool_request *request)
{
	spool_engine_forget_ask(queue->fs->engine, request->spill.id);
	spool_channel_go_on(queue->fs, request, SPOOL_TRY);
}

/* Until a request is to be answered, or the time of the first one is over. At the end all are to be
 * answered. Return: false: the thread is to end. */
static bool wait_locked(struct spool_for_spill *queue) SPOOL_REQUIRES(queue->loop.lock)
{
	struct spool_request *first;

	while (TAILQ_EMPTY(&queue->ended) && !queue->loop.stop) {
		uint64_t until;

		first = TAILQ_FIRST(&queue->waiting);
		until = first ? first->spill.until_ms * NS_PER_MS : SPOOL_FOREVER;
		spool_loop_wait_locked(&queue->loop, until);
		first = TAILQ_FIRST(&queue->waiting); /* may be another one */
		if (first && spool_clock_ms() >= first->spill.until_ms)
			end_locked(queue, first, -ETIMEDOUT);
	}
	while (queue->loop.stop && (first = TAILQ_FIRST(&queue->waiting)))
		end_locked(queue, first, -EINTR);
	return !TAILQ_EMPTY(&queue->ended);
}

static void *queue_main(void *arg)
{
	struct spool_for_spill *queue = arg;
	struct spool_request *request;

	spool_loop_lock(&queue->loop);
	while (wait_locked(queue)) {
		request = TAILQ_FIRST(&queue->ended);
		TAILQ_REMOVE(&queue->ended, request, link);
		spool_loop_unlock(&queue->loop);
		answer(queue, request);
		spool_loop_lock(&queue->loop);
	}
	spool_loop_unlock(&queue->loop);
	return NULL;
}

/* Return: 0: it waits; -EINTR at the end; -EBUSY; -errno without a thread. */
static int add_locked(struct spool_for_spill *queue, struct spool_request *request)
	SPOOL_REQUIRES(queue->loop.lock)
{
	struct spool_request *other;
	unsigned int n = 0;
	int r = 0;

	TAILQ_FOREACH (other, &queue->waiting, link)
		n += other->payer == request->payer;
	if (queue->loop.stop)
		return -EINTR;
	if (n >= SPILL_MAX_PER_PAYER)
		return -EBUSY;
	if (queue->loop.n_threads == 0)
		r = spool_loop_start_locked(&queue->loop, "spoolfs-ask", queue_main, queue);
	if (r < 0)
		return r;
	request->spill.id = ++queue->last_id;
	request->spill.until_ms = spool_clock_ms() + SPILL_LIMIT_S * MS_PER_S;
	TAILQ_INSERT_TAIL(&queue->waiting, request, link);
	spool_loop_wake_locked(&queue->loop);
	return 0;
}

static void take(struct spool_waitq *waitq, struct spool_request *request)
{
	struct spool_for_spill *queue = queue_of(waitq);
	uint64_t ino = request->first.ino, id;
	int r;

	assert(spool_request_waits_in(request, waitq) && ino != 0);
	spool_loop_lock(&queue->loop);
	r = add_locked(queue, request);
	id = request->spill.id;
	spool_loop_unlock(&queue->loop);
	if (r < 0) {
		request->first.told = SPOOL_TOLD;
		request->first.result = r;
		answer(queue, request);
		return;
	}
	/* from here on @request may be gone */
	r = spool_engine_ask_spill(queue->fs->engine, ino, id);
	if (r < 0)
		spool_for_spill_done(queue, id, r);
}

void spool_for_spill_done(struct spool_for_spill *queue, uint64_t id, int result)
{
	struct spool_request *request;

	spool_loop_lock(&queue->loop);
	TAILQ_FOREACH (request, &queue->waiting, link) {
		if (request->spill.id == id)
			break;
	}
	if (request)
		end_locked(queue, request, result);
	spool_loop_unlock(&queue->loop);
}

static void interrupt(struct spool_waitq *waitq, uint64_t unique)
{
	struct spool_for_spill *queue = queue_of(waitq);
	struct spool_request *request;

	spool_loop_lock(&queue->loop);
	TAILQ_FOREACH (request, &queue->waiting, link) {
		if (request->unique == unique)
			break;
	}
	if (request)
		end_locked(queue, request, -EINTR);
	spool_loop_unlock(&queue->loop);
}

struct spool_waitq *spool_for_spill_waitq(struct spool_for_spill *queue)
{
	return &queue->waitq;
}

int spool_for_spill_new(struct spool_fs *fs, struct spool_for_spill **ret)
{
	static const struct spool_waitq_ops ops = {.number = SPOOL_CTL_WAITING_SPILL,
						   .wants = wants,
						   .take = take,
						   .interrupt = interrupt};
	struct spool_for_spill *queue = calloc(1, sizeof(*queue));

	if (!queue)
		return -ENOMEM;
	queue->waitq.ops = &ops;
	queue->fs = fs;
	TAILQ_INIT(&queue->waiting);
	TAILQ_INIT(&queue->ended);
	spool_loop_init(&queue->loop);
	*ret = queue;
	return 0;
}

void spool_for_spill_stop(struct spool_for_spill *queue)
{
	if (queue)
		spool_loop_stop(&queue->loop);
}

void spool_for_spill_free(struct spool_for_spill *queue)
{
	if (!queue)
		return;
	assert(TAILQ_EMPTY(&queue->waiting) && TAILQ_EMPTY(&queue->ended));
	spool_loop_fini(&queue->loop);
	free(queue);
}
