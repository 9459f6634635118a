/* SPDX-License-Identifier: MIT */
#include "wait/for_disk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "transport/channel.h"
#include "fs.h"
#include "host/clock.h"
#include "host/loop.h"
#include "host/pulse.h"
#include "transport/waitq.h"
#include "wait/disk_near.h"
#include "util/macros.h"
#include "util/turn.h"

/* Requests of one payer that wait for the disk at the same time: enough to keep a queue of 8 to 32
 * requests of an SSD busy. A disk may hang for what some ask of it, so others find threads beside
 * those; when half of all are taken, each payer gets few. They cost a stack each. Guesses. */
#define DISK_THREADS_OF_PAYER 16u
#define DISK_THREADS 128u
#define DISK_THREADS_OF_MANY (DISK_THREADS / 2)
#define DISK_THREADS_FEW 2u

/* What an idle thread keeps for its answers, 1 MiB as a rule, goes after this: a reader that takes
 * breaks finds it still. A guess. */
#define KEEP_NS (5 * UINT64_C(1000000000))

struct spool_for_disk {
	struct spool_waitq waitq;
	struct spool_fs *fs;
	void (*serve)(struct spool_fs *fs, struct spool_request *request);
	struct spool_disk_near *near;
	struct spool_loop loop; /* its lock covers the following; nothing is called under it */
	struct spool_turns turns;
	unsigned int n_idle;
	unsigned int n_woken;       /* of the idle, those that are about to look */
	uid_t served[DISK_THREADS]; /* payers of what is being served */
	unsigned int n_served;
};

static struct spool_for_disk *queue_of(struct spool_waitq *waitq)
{
	return spool_container_of(waitq, struct spool_for_disk, waitq);
}

static bool wants(struct spool_waitq *waitq, struct spool_request *request, int error)
{
	(void)waitq;
	return error == SPOOL_WOULD_BLOCK && !request->may_wait;
}

static bool may_serve(const void *ctx, uid_t payer)
{
	const struct spool_for_disk *queue = ctx;
	unsigned int mine = 0;

	for (unsigned int i = 0; i < queue->n_served; i++)
		mine += queue->served[i] == payer;
	return mine <
	       (queue->n_served < DISK_THREADS_OF_MANY ? DISK_THREADS_OF_PAYER : DISK_THREADS_FEW);
}

/* Return: whether anything is to be done. */
static bool find_locked(struct spool_for_disk *queue) SPOOL_REQUIRES(queue->loop.lock)
{
	return spool_turns_find(&queue->turns, may_serve, queue);
}

static void *queue_main(void *arg);

/* One thread more looks for what is to be done, an idle one or a new one; and it wakes the next.
 * */
static void wake_locked(struct spool_for_disk *queue) SPOOL_REQUIRES(queue->loop.lock)
{
	if (queue->loop.stop || queue->n_woken > 0 || !find_locked(queue))
		return;
	if (queue->n_idle > 0) {
		queue->n_woken++;
		spool_loop_wake_locked(&queue->loop);
	} else if (queue->loop.n_threads < DISK_THREADS &&
		   spool_loop_start_locked(&queue->loop, "spoolfs-disk", queue_main, queue) == 0) {
		queue->n_idle++;
		queue->n_woken++;
	}
}

/* Return: NULL: nothing is to be done. */
static struct spool_request *begin_locked(struct spool_for_disk *queue)
	SPOOL_REQUIRES(queue->loop.lock)
{
	struct spool_request *request = NULL;

	if (find_locked(queue)) {
		request = spool_request_of(spool_turns_next(&queue->turns));
		assert(spool_request_waits_in(request, &queue->waitq));
		assert(queue->n_served < queue->loop.n_threads && queue->n_served < DISK_THREADS);
		queue->served[queue->n_served++] = request->payer;
	}
	return request;
}

static void end_locked(struct spool_for_disk *queue, uid_t payer) SPOOL_REQUIRES(queue->loop.lock)
{
	unsigned int i = 0;

	while (i < queue->n_served && queue->served[i] != payer)
		i++;
	assert(i < queue->n_served);
	queue->served[i] = queue->served[--queue->n_served];
}

/* A thread looks for what is to be done: one that was woken, or one that woke by itself. */
static void leave_idle_locked(struct spool_for_disk *queue) SPOOL_REQUIRES(queue->loop.lock)
{
	assert(queue->n_idle > 0 && queue->n_woken <= queue->n_idle);
	queue->n_idle--;
	queue->n_woken -= queue->n_woken > 0;
}

static void serve_one(const struct spool_for_disk *queue, struct spool_request *request)
{
	queue->serve(queue->fs, request);
}

static void drop_buffer(const struct spool_fs *fs)
{
	void *buffer = pthread_getspecific(fs->buffer);

	pthread_setspecific(fs->buffer, NULL);
	free(buffer);
}

/* Waits for something to do, at first for a while only. *@bare: this thread keeps no buffer. */
static void rest_locked(struct spool_for_disk *queue, bool *bare) SPOOL_REQUIRES(queue->loop.lock)
{
	uint64_t until = *bare ? SPOOL_FOREVER : spool_clock_ns() + KEEP_NS;
	bool woken;

	queue->n_idle++;
	woken = spool_loop_wait_locked(&queue->loop, until);
	leave_idle_locked(queue);
	if (woken || *bare)
		return;
	spool_loop_unlock(&queue->loop);
	drop_buffer(queue->fs);
	*bare = true;
	spool_loop_lock(&queue->loop);
}

static void *queue_main(void *arg)
{
	struct spool_for_disk *queue = arg;
	struct spool_request *request;
	bool bare = true;
	uid_t payer;

	spool_loop_lock(&queue->loop);
	leave_idle_locked(queue);
	for (;;) {
		request = begin_locked(queue);
		if (!request && queue->loop.stop)
			break;
		if (!request) {
			rest_locked(queue, &bare);
			continue;
		}
		bare = false;
		payer = request->payer;
		wake_locked(queue);
		spool_loop_unlock(&queue->loop);
		serve_one(queue, request);
		spool_loop_lock(&queue->loop);
		end_locked(queue, payer);
	}
	spool_loop_unlock(&queue->loop);
	return NULL;
}

/* Return: false when there is nobody to take it. */
static bool put(struct spool_for_disk *queue, struct spool_request *request)
{
	bool ok = false;

	spool_loop_lock(&queue->loop);
	if (!queue->loop.stop) {
		spool_turns_add(&queue->turns, &request->turn, request->payer);
		wake_locked(queue);
		ok = queue->loop.n_threads > 0;
		if (!ok)
			spool_turns_next(&queue->turns);
	}
	spool_loop_unlock(&queue->loop);
	return ok;
}

static void take(struct spool_waitq *waitq, struct spool_request *request)
{
	struct spool_for_disk *queue = queue_of(waitq);
	struct spool_pulse *pulse;

	assert(spool_request_waits_in(request, waitq));
	if (spool_disk_near_take(queue->near, request) || put(queue, request))
		return;
	pulse = spool_pulse_pause(queue->fs->pulses);
	serve_one(queue, request);
	spool_pulse_work(pulse);
}

static void serve_here(struct spool_fs *fs, struct spool_request *request)
{
	spool_channel_go_on(fs, request, SPOOL_TRY_BLOCK);
}

struct spool_waitq *spool_for_disk_waitq(struct spool_for_disk *queue)
{
	return &queue->waitq;
}

int spool_for_disk_new(struct spool_fs *fs,
		       void (*serve)(struct spool_fs *fs, struct spool_request *request),
		       struct spool_for_disk **ret)
{
	static const struct spool_waitq_ops ops = {
		.number = SPOOL_CTL_WAITING_DISK, .wants = wants, .take = take};
	struct spool_for_disk *queue = calloc(1, sizeof(*queue));

	if (!queue)
		return -ENOMEM;
	queue->waitq.ops = &ops;
	queue->fs = fs;
	queue->serve = serve ? serve : serve_here;
	queue->near = spool_disk_near_new(fs, queue->serve);
	if (!queue->near) {
		free(queue);
		return -ENOMEM;
	}
	spool_turns_init(&queue->turns);
	spool_loop_init(&queue->loop);
	*ret = queue;
	return 0;
}

void spool_for_disk_stop(struct spool_for_disk *queue)
{
	if (!queue)
		return;
	spool_disk_near_stop(queue->near);
	spool_loop_stop(&queue->loop);
}

void spool_for_disk_free(struct spool_for_disk *queue)
{
	if (!queue)
		return;
	assert(spool_turns_is_empty(&queue->turns) && queue->n_served == 0);
	spool_loop_fini(&queue->loop);
	spool_disk_near_free(queue->near);
	free(queue);
}

unsigned int spool_for_disk_threads(struct spool_for_disk *queue, unsigned int *ret_busy)
{
	unsigned int n = spool_disk_near_threads(queue->near, ret_busy);

	spool_loop_lock(&queue->loop);
	n += queue->loop.n_threads;
	*ret_busy += queue->n_served;
	spool_loop_unlock(&queue->loop);
	return n;
}
