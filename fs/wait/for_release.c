/* SPDX-License-Identifier: MIT */
#include "wait/for_release.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "transport/channel.h"
#include "host/clock.h"
#include "fs.h"
#include "host/loop.h"
#include "transport/waitq.h"
#include "util/macros.h"
#include "util/turn.h"

/* A RELEASE or FORGET comes within tens of microseconds on an idle machine; this is for busy ones,
 * where 20 ms have been seen not to be enough for two runnable programs per processor. Where a
 * request has waited that long in vain and nothing has gone since, the next ones wait less: a
 * caller who really has no room is told so soon. Guesses. */
#define RELEASE_LIMIT_NS (250 * 1000 * 1000)
#define RELEASE_LIMIT_AGAIN_NS (20 * 1000 * 1000)

/* A request that counts what is free (statfs) waits until RELEASE and FORGET have come for the
 * orphans. It waits less than one that found no room, as an orphan may also be a file that somebody
 * keeps open. It waits least when as many orphans have been waited for in vain before. Guesses. */
#define COUNT_LIMIT_NS (50 * 1000 * 1000)
#define COUNT_LIMIT_AGAIN_NS (5 * 1000 * 1000)

/* A request that finds room come back is tried again so often before it is deferred: each time
 * somebody else may be faster. A guess. */
#define AGAIN_MAX 8u

/* Of one payer: no more than half of the smallest ring's entries; and of so many payers. Guesses.
 */
#define WAITING_MAX_PER_PAYER 8u
#define WAITING_MAX (32u * WAITING_MAX_PER_PAYER)

struct spool_for_release {
	struct spool_waitq waitq;
	struct spool_fs *fs;
	uint64_t patience;        /* the limits are multiplied by this */
	struct spool_loop loop;   /* its lock covers all down to @kicked */
	struct spool_cond wanted; /* a request waits for what other threads may be gathering */
	struct spool_request_list list;
	uid_t payers[WAITING_MAX]; /* whose places are taken */
	unsigned int n_taken;      /* places: on the list, on their way there, or being tried */
	bool kicked;
	atomic_uint n_waiting;   /* on the list, for a look without the lock */
	atomic_bool in_vain;     /* one has waited, and nothing has gone since */
	_Atomic uint64_t n_kept; /* orphans that somebody keeps open, as far as is known */
};

static struct spool_for_release *queue_of(struct spool_waitq *waitq)
{
	return spool_container_of(waitq, struct spool_for_release, waitq);
}

static bool has_place_locked(const struct spool_for_release *queue, uid_t payer)
	SPOOL_REQUIRES(queue->loop.lock)
{
	unsigned int mine = 0;

	for (unsigned int i = 0; i < queue->n_taken; i++)
		mine += queue->payers[i] == payer;
	return !queue->loop.stop && queue->n_taken < WAITING_MAX && mine < WAITING_MAX_PER_PAYER;
}

static bool has_place(struct spool_for_release *queue, uid_t payer)
{
	bool ok;

	spool_loop_lock(&queue->loop);
	ok = has_place_locked(queue, payer);
	spool_loop_unlock(&queue->loop);
	return ok;
}

static void give_place(struct spool_for_release *queue, uid_t payer)
{
	unsigned int i = 0;

	spool_loop_lock(&queue->loop);
	while (i < queue->n_taken && queue->payers[i] != payer)
		i++;
	assert(i < queue->n_taken);
	queue->payers[i] = queue->payers[--queue->n_taken];
	spool_loop_unlock(&queue->loop);
}

/* Whether room has come back since @request was refused, or while it was. */
static bool has_returned(struct spool_for_release *queue, const struct spool_request *request)
{
	return spool_engine_returned(queue->fs->engine) != request->release.returned;
}

/* Whether room may come by itself. Where the mount is full it may come from anybody's orphans;
 * where the payer's limit is reached only from his own. What others remove does not help him, and
 * while he waits the kernel may hold a directory of theirs locked. */
static bool has_orphans(struct spool_for_release *queue, const struct spool_request *request,
			int error)
{
	if (error == -EDQUOT)
		return spool_engine_orphans_of(queue->fs->engine, request->payer) > 0;
	return spool_engine_orphans(queue->fs->engine) > 0;
}

static void begin(struct spool_waitq *waitq, struct spool_request *request)
{
	request->release.again = false;
	request->release.returned = spool_engine_returned(queue_of(waitq)->fs->engine);
}

/* Also of one that has given its place back since, as it had to go to the disk. */
static bool is_over(const struct spool_request *request)
{
	uint64_t end = request->release.deadline ?: request->release.ends;

	return request->last_try || (end && spool_clock_ns() >= end);
}

/* Whether orphans are to go before what is free is counted. Frees the data of those that nobody has
 * open. */
static bool wants_count(struct spool_for_release *queue, struct spool_request *request)
{
	struct spool_release_part *part = &request->release;
	uint64_t orphans, kept;

	spool_engine_drop_orphans(queue->fs->engine);
	orphans = spool_engine_orphans(queue->fs->engine);
	kept = atomic_load(&queue->n_kept);
	if (orphans < kept || is_over(request)) {
		atomic_store(&queue->n_kept, orphans);
		return false;
	}
	if (orphans == 0)
		return false;
	if (part->deadline)
		return orphans > kept || part->kept;
	part->counts = true;
	part->kept = orphans == kept;
	return has_place(queue, request->payer);
}

static bool wants(struct spool_waitq *waitq, struct spool_request *request, int error)
{
	struct spool_for_release *queue = queue_of(waitq);
	struct spool_release_part *part = &request->release;
	bool orphans, returned;

	if (error == SPOOL_COUNT_FIRST)
		return wants_count(queue, request);
	if (error != -ENOSPC && error != -EDQUOT)
		return false;
	if (is_over(request)) {
		atomic_store(&queue->in_vain, true);
		return false;
	}
	orphans = has_orphans(queue, request, error); /* and then what has returned */
	if (orphans)
		spool_engine_drop_orphans(queue->fs->engine);
	returned = has_returned(queue, request);
	part->again = returned && part->n_again++ < AGAIN_MAX;
	if (part->again || part->deadline)
		return true;
	if (!orphans && (!returned || error == -EDQUOT))
		return false;
	return has_place(queue, request->payer);
}

static bool retry(struct spool_waitq *waitq, struct spool_request *request)
{
	(void)waitq;
	return request->release.again;
}

/* Too many wait: it is answered as it stands, or waits for the disk. */
static bool refuse(struct spool_waitq *waitq, struct spool_request *request)
{
	(void)waitq;
	(void)request;
	return true;
}

static void set_deadline(struct spool_for_release *queue, struct spool_release_part *part)
{
	uint64_t now = spool_clock_ns();

	if (part->counts) {
		part->deadline = now + queue->patience *
					       (part->kept ? COUNT_LIMIT_AGAIN_NS : COUNT_LIMIT_NS);
		return;
	}
	if (part->ends == 0)
		part->ends = now + queue->patience * (atomic_load(&queue->in_vain)
							      ? RELEASE_LIMIT_AGAIN_NS
							      : RELEASE_LIMIT_NS);
	part->deadline = part->ends;
}

/* It has a place. */
static void add_locked(struct spool_for_release *queue, struct spool_request *request)
	SPOOL_REQUIRES(queue->loop.lock)
{
	assert(request->release.deadline && atomic_load(&queue->n_waiting) < queue->n_taken);
	TAILQ_INSERT_TAIL(&queue->list, request, link);
	atomic_fetch_add(&queue->n_waiting, 1);
	/* from here on a kick is not missed; one may have been before */
	queue->kicked |= has_returned(queue, request);
	spool_loop_wake_locked(&queue->loop);
	spool_cond_wake_all(&queue->wanted);
}

static void take(struct spool_waitq *waitq, struct spool_request *request)
{
	struct spool_for_release *queue = queue_of(waitq);
	bool ok, stopped;

	assert(spool_request_waits_in(request, waitq));
	spool_loop_lock(&queue->loop);
	stopped = queue->loop.stop;
	ok = has_place_locked(queue, request->payer);
	if (ok) {
		queue->payers[queue->n_taken++] = request->payer;
		set_deadline(queue, &request->release);
		add_locked(queue, request);
	}
	spool_loop_unlock(&queue->loop);
	if (stopped)
		spool_channel_end(queue->fs, request);
	else if (!ok) /* others were faster */
		spool_channel_go_on(queue->fs, request, SPOOL_TRY_LAST);
}

void spool_for_release_kick(struct spool_for_release *queue)
{
	if (!queue)
		return;
	if (atomic_load(&queue->in_vain))
		atomic_store(&queue->in_vain, false);
	if (atomic_load(&queue->n_waiting) == 0)
		return;
	spool_loop_lock(&queue->loop);
	queue->kicked = true;
	spool_loop_wake_locked(&queue->loop);
	spool_loop_unlock(&queue->loop);
}

static void gather(struct spool_waitq *waitq, uint64_t ns)
{
	struct spool_for_release *queue = queue_of(waitq);
	uint64_t until = spool_clock_ns() + ns;

	spool_loop_lock(&queue->loop);
	while (!queue->loop.stop && atomic_load(&queue->n_waiting) == 0 &&
	       spool_cond_wait(&queue->wanted, &queue->loop.lock, until))
		;
	spool_loop_unlock(&queue->loop);
}

/* It was tried in vain, and has its place still. */
static void keep(struct spool_for_release *queue, struct spool_request *request)
{
	spool_channel_keep(request);
	spool_loop_lock(&queue->loop);
	add_locked(queue, request);
	spool_loop_unlock(&queue->loop);
}

/* @how: enum spool_try */
static void try_again(struct spool_for_release *queue, struct spool_request_list *list,
		      unsigned int how)
{
	struct spool_request *request;
	struct spool_turns turns;

	spool_turns_init(&turns);
	while ((request = TAILQ_FIRST(list))) {
		assert(spool_request_waits_in(request, &queue->waitq));
		TAILQ_REMOVE(list, request, link);
		spool_turns_add(&turns, &request->turn, request->payer);
	}
	while ((request = spool_request_of(spool_turns_next(&turns)))) {
		uid_t payer = request->payer;

		spool_channel_retry(queue->fs, request, how);
		if (request->waitq == &queue->waitq) {
			keep(queue, request);
			continue;
		}
		request->release.deadline = 0; /* it gives its place back, and may want one again */
		spool_channel_hand_on(request);
		give_place(queue, payer);
	}
}

/* Until something has gone, or the first one's time is over. */
static void wait_locked(struct spool_for_release *queue) SPOOL_REQUIRES(queue->loop.lock)
{
	struct spool_request *first;

	while (!queue->loop.stop && !queue->kicked) {
		uint64_t until;

		first = TAILQ_FIRST(&queue->list);
		until = first ? first->release.deadline : SPOOL_FOREVER;
		if (!spool_loop_wait_locked(&queue->loop, until))
			return;
	}
}

static void *queue_main(void *arg)
{
	struct spool_for_release *queue = arg;
	bool stop = false;

	while (!stop) {
		struct spool_request_list list = TAILQ_HEAD_INITIALIZER(list);

		spool_loop_lock(&queue->loop);
		wait_locked(queue);
		queue->kicked = false;
		stop = queue->loop.stop;
		TAILQ_CONCAT(&list, &queue->list, link);
		atomic_store(&queue->n_waiting, 0);
		spool_loop_unlock(&queue->loop);
		try_again(queue, &list, stop ? SPOOL_TRY_LAST | SPOOL_TRY_BLOCK : SPOOL_TRY);
	}
	return NULL;
}

struct spool_waitq *spool_for_release_waitq(struct spool_for_release *queue)
{
	return &queue->waitq;
}

int spool_for_release_new(struct spool_fs *fs, struct spool_for_release **ret)
{
	static const struct spool_waitq_ops ops = {.number = SPOOL_CTL_WAITING_RELEASE,
						   .own_bound = true,
						   .begin = begin,
						   .wants = wants,
						   .retry = retry,
						   .take = take,
						   .refuse = refuse,
						   .gather = gather};
	struct spool_for_release *queue = calloc(1, sizeof(*queue));
	int r;

	if (!queue)
		return -ENOMEM;
	queue->waitq.ops = &ops;
	queue->fs = fs;
	queue->patience = fs->options ? (uint64_t)fs->options->patience : 1;
	TAILQ_INIT(&queue->list);
	spool_loop_init(&queue->loop);
	spool_cond_init(&queue->wanted);
	r = spool_loop_start(&queue->loop, "spoolfs-release", queue_main, queue);
	if (r < 0) {
		spool_for_release_free(queue);
		return r;
	}
	*ret = queue;
	return 0;
}

void spool_for_release_stop(struct spool_for_release *queue)
{
	if (!queue)
		return;
	spool_loop_stop(&queue->loop);
	spool_loop_lock(&queue->loop);
	spool_cond_wake_all(&queue->wanted);
	spool_loop_unlock(&queue->loop);
}

void spool_for_release_free(struct spool_for_release *queue)
{
	if (!queue)
		return;
	assert(TAILQ_EMPTY(&queue->list) && queue->n_taken == 0);
	spool_cond_fini(&queue->wanted);
	spool_loop_fini(&queue->loop);
	free(queue);
}
