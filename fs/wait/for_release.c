/* SPDX-License-Identifier: MIT */
#include "wait/for_release.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "transport/channel.h"
#include "host/clock.h"
#include "fs.h"
#include "host/thread.h"
#include "transport/turn.h"

/* A RELEASE or FORGET comes within tens of microseconds on an idle machine; this is for busy ones,
 * where 20 ms have been seen not to be enough for two runnable programs per processor. Where a
 * request has waited that long in vain and nothing has gone since, the next ones wait less: a
 * caller who really has no room is told so soon. Guesses. */
#define PARK_LIMIT_NS (250 * 1000 * 1000)
#define PARK_LIMIT_AGAIN_NS (20 * 1000 * 1000)

/* Who counts what is free does so when RELEASE and FORGET have come for what has no name: it waits
 * less, as it may also be a file that somebody keeps open; and least where as many have been waited
 * for in vain before. Guesses. */
#define COUNT_LIMIT_NS (50 * 1000 * 1000)
#define COUNT_LIMIT_AGAIN_NS (5 * 1000 * 1000)

/* A request that finds room come back is tried again so often before it is put aside: each time
 * somebody else may be faster. A guess. */
#define AGAIN_MAX 8u

/* Of one payer: no more than half of the smallest ring's entries; and of so many payers. Guesses.
 */
#define PARKED_MAX_PER_PAYER 8u
#define PARKED_MAX (32u * PARKED_MAX_PER_PAYER)

struct spool_for_release {
	struct spool_fs *fs;
	pthread_t thread;
	pthread_mutex_t lock; /* of the following; nothing is called under it */
	pthread_cond_t changed;
	pthread_cond_t wanted; /* somebody waits for what others may be gathering */
	struct spool_request_list list;
	uid_t payers[PARKED_MAX]; /* whose places are taken */
	unsigned int n_taken;     /* places: on the list, on their way there, or being tried */
	bool kicked;
	bool stop;
	atomic_uint n_parked;    /* on the list, for a look without the lock */
	atomic_bool in_vain;     /* one has waited, and nothing has gone since */
	_Atomic uint64_t n_kept; /* files without a name that somebody keeps, as far as is known */
};

static bool take_place(struct spool_for_release *queue, uid_t payer)
{
	unsigned int mine = 0;
	bool ok;

	pthread_mutex_lock(&queue->lock);
	for (unsigned int i = 0; i < queue->n_taken; i++)
		mine += queue->payers[i] == payer;
	ok = !queue->stop && queue->n_taken < PARKED_MAX && mine < PARKED_MAX_PER_PAYER;
	if (ok)
		queue->payers[queue->n_taken++] = payer;
	pthread_mutex_unlock(&queue->lock);
	return ok;
}

static void give_place(struct spool_for_release *queue, uid_t payer)
{
	pthread_mutex_lock(&queue->lock);
	for (unsigned int i = 0; i < queue->n_taken; i++) {
		if (queue->payers[i] == payer) {
			queue->payers[i] = queue->payers[--queue->n_taken];
			break;
		}
	}
	pthread_mutex_unlock(&queue->lock);
}

/* Whether room has come back since @request was refused, or while it was. */
static bool has_returned(struct spool_for_release *queue, const struct spool_request *request)
{
	return spool_engine_returned(queue->fs->engine) != request->release.returned;
}

/* Whether room may come by itself: of anybody's files where the mount is full, of the payer's own
 * where his limit is reached. What others remove does not help him, and while he waits the kernel
 * may hold a directory of theirs locked. */
static bool has_nameless(struct spool_for_release *queue, const struct spool_request *request,
			 int error)
{
	if (error == -EDQUOT)
		return spool_engine_orphans_of(queue->fs->engine, request->payer) > 0;
	return spool_engine_orphans(queue->fs->engine) > 0;
}

/* Also of one that has given its place back since, as it had to go to the disk. */
static bool is_over(const struct spool_request *request)
{
	uint64_t end = request->release.deadline ?: request->release.ends;

	return end && spool_clock_ns() >= end;
}

bool spool_for_release_wants(struct spool_for_release *queue, struct spool_request *request,
			     int error)
{
	bool nameless, returned;

	if ((error != -ENOSPC && error != -EDQUOT) || !queue)
		return false;
	if (is_over(request)) {
		atomic_store(&queue->in_vain, true);
		return false;
	}
	nameless = has_nameless(queue, request, error); /* and then what has returned */
	if (nameless)
		spool_engine_drop_orphans(queue->fs->engine);
	returned = has_returned(queue, request);
	request->release.again = returned && request->release.n_again++ < AGAIN_MAX;
	if (request->release.again || request->release.deadline)
		return true;
	if (!nameless && (!returned || error == -EDQUOT))
		return false;
	if (!take_place(queue, request->payer))
		return false;
	if (request->release.ends == 0)
		request->release.ends =
			spool_clock_ns() +
			(atomic_load(&queue->in_vain) ? PARK_LIMIT_AGAIN_NS : PARK_LIMIT_NS);
	request->release.deadline = request->release.ends;
	return true;
}

bool spool_for_release_wants_count(struct spool_for_release *queue, struct spool_request *request)
{
	uint64_t nameless, kept;

	spool_engine_drop_orphans(queue->fs->engine);
	nameless = spool_engine_orphans(queue->fs->engine);
	kept = atomic_load(&queue->n_kept);
	if (nameless < kept ||
	    (request->release.deadline && spool_clock_ns() >= request->release.deadline)) {
		atomic_store(&queue->n_kept, nameless);
		return false;
	}
	if (nameless == 0)
		return false;
	if (request->release.deadline)
		return nameless > kept || request->release.kept;
	if (!take_place(queue, request->payer))
		return false;
	request->release.kept = nameless == kept;
	request->release.deadline =
		spool_clock_ns() + (request->release.kept ? COUNT_LIMIT_AGAIN_NS : COUNT_LIMIT_NS);
	return true;
}

void spool_for_release_take(struct spool_for_release *queue, struct spool_request *request)
{
	bool stopped;

	pthread_mutex_lock(&queue->lock);
	stopped = queue->stop;
	if (!stopped) {
		TAILQ_INSERT_TAIL(&queue->list, request, link);
		atomic_fetch_add(&queue->n_parked, 1);
		/* from here on a kick is not missed; one may have been before */
		queue->kicked |= has_returned(queue, request);
		pthread_cond_signal(&queue->changed);
		pthread_cond_broadcast(&queue->wanted);
	}
	pthread_mutex_unlock(&queue->lock);
	if (stopped) {
		spool_channel_process_last(queue->fs, request);
		request->finish(request);
	}
}

void spool_for_release_refuse(struct spool_for_release *queue, struct spool_request *request)
{
	spool_channel_process_firm(queue->fs, request);
	give_place(queue, request->payer);
}

void spool_for_release_kick(struct spool_for_release *queue)
{
	if (!queue)
		return;
	if (atomic_load(&queue->in_vain))
		atomic_store(&queue->in_vain, false);
	if (atomic_load(&queue->n_parked) == 0)
		return;
	pthread_mutex_lock(&queue->lock);
	queue->kicked = true;
	pthread_cond_signal(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
}

void spool_for_release_gather(struct spool_for_release *queue, uint64_t ns)
{
	const struct timespec until = spool_clock_time(spool_clock_ns() + ns);

	pthread_mutex_lock(&queue->lock);
	while (!queue->stop && atomic_load(&queue->n_parked) == 0 &&
	       pthread_cond_timedwait(&queue->wanted, &queue->lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&queue->lock);
}

static void try_again(struct spool_for_release *queue, struct spool_request_list *list)
{
	struct spool_request *request;
	struct spool_turns turns;

	spool_turns_init(&turns);
	while ((request = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, request, link);
		spool_turns_add(&turns, request);
	}
	while ((request = spool_turns_next(&turns))) {
		uid_t payer = request->payer;

		spool_channel_process(queue->fs, request);
		if (request->deferred && request->waits_for == SPOOL_WAIT_RELEASE) {
			spool_for_release_take(queue, request);
			continue;
		}
		if (request->deferred) {
			request->release.deadline =
				0; /* it gives its place back, and may want one again */
			spool_channel_defer(queue->fs, request);
		} else {
			request->finish(request);
		}
		give_place(queue, payer);
	}
}

/* Until something has gone, or the first one's time is over. The lock is held. */
static void wait_locked(struct spool_for_release *queue)
{
	struct spool_request *first;

	while (!queue->stop && !queue->kicked) {
		struct timespec until;

		first = TAILQ_FIRST(&queue->list);
		if (!first) {
			pthread_cond_wait(&queue->changed, &queue->lock);
			continue;
		}
		until = spool_clock_time(first->release.deadline);
		if (pthread_cond_timedwait(&queue->changed, &queue->lock, &until) == ETIMEDOUT)
			return;
	}
}

static void *queue_main(void *arg)
{
	struct spool_for_release *queue = arg;
	bool stop = false;

	while (!stop) {
		struct spool_request_list list = TAILQ_HEAD_INITIALIZER(list);

		pthread_mutex_lock(&queue->lock);
		wait_locked(queue);
		queue->kicked = false;
		stop = queue->stop;
		TAILQ_CONCAT(&list, &queue->list, link);
		atomic_store(&queue->n_parked, 0);
		pthread_mutex_unlock(&queue->lock);
		if (stop) {
			struct spool_request *request;

			TAILQ_FOREACH (request, &list, link) {
				request->release.deadline = 1; /* long ago */
				request->last_try = true;
				request->may_wait = true;
			}
		}
		try_again(queue, &list);
	}
	return NULL;
}

int spool_for_release_new(struct spool_fs *fs, struct spool_for_release **ret)
{
	struct spool_for_release *queue = calloc(1, sizeof(*queue));
	int r;

	if (!queue)
		return -ENOMEM;
	queue->fs = fs;
	TAILQ_INIT(&queue->list);
	pthread_mutex_init(&queue->lock, NULL);
	spool_thread_cond_init(&queue->changed);
	spool_thread_cond_init(&queue->wanted);
	r = spool_thread_start(&queue->thread, "spoolfs-release", queue_main, queue);
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
	pthread_mutex_lock(&queue->lock);
	queue->stop = true;
	pthread_cond_signal(&queue->changed);
	pthread_cond_broadcast(&queue->wanted);
	pthread_mutex_unlock(&queue->lock);
	pthread_join(queue->thread, NULL);
}

void spool_for_release_free(struct spool_for_release *queue)
{
	if (!queue)
		return;
	pthread_cond_destroy(&queue->wanted);
	pthread_cond_destroy(&queue->changed);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}
