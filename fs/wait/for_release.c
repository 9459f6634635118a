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

struct spool_park {
	struct spool_fs *fs;
	pthread_t thread;
	pthread_mutex_t lock; /* of the following; nothing is called under it */
	pthread_cond_t changed;
	pthread_cond_t wanted; /* somebody waits for what others may be gathering */
	struct spool_message_list list;
	uid_t payers[PARKED_MAX]; /* whose places are taken */
	unsigned int n_taken;     /* places: on the list, on their way there, or being tried */
	bool kicked;
	bool stop;
	atomic_uint n_parked;    /* on the list, for a look without the lock */
	atomic_bool in_vain;     /* one has waited, and nothing has gone since */
	_Atomic uint64_t n_kept; /* files without a name that somebody keeps, as far as is known */
};

static bool take_place(struct spool_park *park, uid_t payer)
{
	unsigned int mine = 0;
	bool ok;

	pthread_mutex_lock(&park->lock);
	for (unsigned int i = 0; i < park->n_taken; i++)
		mine += park->payers[i] == payer;
	ok = !park->stop && park->n_taken < PARKED_MAX && mine < PARKED_MAX_PER_PAYER;
	if (ok)
		park->payers[park->n_taken++] = payer;
	pthread_mutex_unlock(&park->lock);
	return ok;
}

static void give_place(struct spool_park *park, uid_t payer)
{
	pthread_mutex_lock(&park->lock);
	for (unsigned int i = 0; i < park->n_taken; i++) {
		if (park->payers[i] == payer) {
			park->payers[i] = park->payers[--park->n_taken];
			break;
		}
	}
	pthread_mutex_unlock(&park->lock);
}

/* Whether room has come back since @message was refused, or while it was. */
static bool has_returned(struct spool_park *park, const struct spool_message *message)
{
	return spool_engine_returned(park->fs->engine) != message->returned;
}

/* Whether room may come by itself: of anybody's files where the mount is full, of the payer's own
 * where his limit is reached. What others remove does not help him, and while he waits the kernel
 * may hold a directory of theirs locked. */
static bool has_nameless(struct spool_park *park, const struct spool_message *message, int error)
{
	if (error == -EDQUOT)
		return spool_engine_nameless_of(park->fs->engine, message->payer) > 0;
	return spool_engine_nameless(park->fs->engine) > 0;
}

/* Also of one that has given its place back since, as it had to go to the disk. */
static bool is_over(const struct spool_message *message)
{
	uint64_t end = message->deadline ?: message->ends;

	return end && spool_clock_ns() >= end;
}

bool spool_park_wants(struct spool_park *park, struct spool_message *message, int error)
{
	bool nameless, returned;

	if ((error != -ENOSPC && error != -EDQUOT) || !park)
		return false;
	if (is_over(message)) {
		atomic_store(&park->in_vain, true);
		return false;
	}
	nameless = has_nameless(park, message, error); /* and then what has returned */
	if (nameless)
		spool_engine_drop_leaving(park->fs->engine);
	returned = has_returned(park, message);
	message->again = returned && message->n_again++ < AGAIN_MAX;
	if (message->again || message->deadline)
		return true;
	if (!nameless && (!returned || error == -EDQUOT))
		return false;
	if (!take_place(park, message->payer))
		return false;
	if (message->ends == 0)
		message->ends = spool_clock_ns() +
				(atomic_load(&park->in_vain) ? PARK_LIMIT_AGAIN_NS : PARK_LIMIT_NS);
	message->deadline = message->ends;
	return true;
}

bool spool_park_wants_count(struct spool_park *park, struct spool_message *message)
{
	uint64_t nameless, kept;

	spool_engine_drop_leaving(park->fs->engine);
	nameless = spool_engine_nameless(park->fs->engine);
	kept = atomic_load(&park->n_kept);
	if (nameless < kept || (message->deadline && spool_clock_ns() >= message->deadline)) {
		atomic_store(&park->n_kept, nameless);
		return false;
	}
	if (nameless == 0)
		return false;
	if (message->deadline)
		return nameless > kept || message->kept;
	if (!take_place(park, message->payer))
		return false;
	message->kept = nameless == kept;
	message->deadline =
		spool_clock_ns() + (message->kept ? COUNT_LIMIT_AGAIN_NS : COUNT_LIMIT_NS);
	return true;
}

void spool_park_take(struct spool_park *park, struct spool_message *message)
{
	bool stopped;

	pthread_mutex_lock(&park->lock);
	stopped = park->stop;
	if (!stopped) {
		TAILQ_INSERT_TAIL(&park->list, message, link);
		atomic_fetch_add(&park->n_parked, 1);
		/* from here on a kick is not missed; one may have been before */
		park->kicked |= has_returned(park, message);
		pthread_cond_signal(&park->changed);
		pthread_cond_broadcast(&park->wanted);
	}
	pthread_mutex_unlock(&park->lock);
	if (stopped) {
		spool_channel_process_last(park->fs, message);
		message->finish(message);
	}
}

void spool_park_refuse(struct spool_park *park, struct spool_message *message)
{
	spool_channel_process_firm(park->fs, message);
	give_place(park, message->payer);
}

void spool_park_kick(struct spool_park *park)
{
	if (!park)
		return;
	if (atomic_load(&park->in_vain))
		atomic_store(&park->in_vain, false);
	if (atomic_load(&park->n_parked) == 0)
		return;
	pthread_mutex_lock(&park->lock);
	park->kicked = true;
	pthread_cond_signal(&park->changed);
	pthread_mutex_unlock(&park->lock);
}

void spool_park_gather(struct spool_park *park, uint64_t ns)
{
	const struct timespec until = spool_clock_time(spool_clock_ns() + ns);

	pthread_mutex_lock(&park->lock);
	while (!park->stop && atomic_load(&park->n_parked) == 0 &&
	       pthread_cond_timedwait(&park->wanted, &park->lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&park->lock);
}

static void try_again(struct spool_park *park, struct spool_message_list *list)
{
	struct spool_message *message;
	struct spool_turns turns;

	spool_turns_init(&turns);
	while ((message = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, message, link);
		spool_turns_add(&turns, message);
	}
	while ((message = spool_turns_next(&turns))) {
		uid_t payer = message->payer;

		spool_channel_process(park->fs, message);
		if (message->parked && message->waits_for == SPOOL_WAIT_RELEASE) {
			spool_park_take(park, message);
			continue;
		}
		if (message->parked) {
			message->deadline = 0; /* it gives its place back, and may want one again */
			spool_channel_park(park->fs, message);
		} else {
			message->finish(message);
		}
		give_place(park, payer);
	}
}

/* Until something has gone, or the first one's time is over. The lock is held. */
static void wait_locked(struct spool_park *park)
{
	struct spool_message *first;

	while (!park->stop && !park->kicked) {
		struct timespec until;

		first = TAILQ_FIRST(&park->list);
		if (!first) {
			pthread_cond_wait(&park->changed, &park->lock);
			continue;
		}
		until = spool_clock_time(first->deadline);
		if (pthread_cond_timedwait(&park->changed, &park->lock, &until) == ETIMEDOUT)
			return;
	}
}

static void *park_main(void *arg)
{
	struct spool_park *park = arg;
	bool stop = false;

	while (!stop) {
		struct spool_message_list list = TAILQ_HEAD_INITIALIZER(list);

		pthread_mutex_lock(&park->lock);
		wait_locked(park);
		park->kicked = false;
		stop = park->stop;
		TAILQ_CONCAT(&list, &park->list, link);
		atomic_store(&park->n_parked, 0);
		pthread_mutex_unlock(&park->lock);
		if (stop) {
			struct spool_message *message;

			TAILQ_FOREACH (message, &list, link) {
				message->deadline = 1; /* long ago */
				message->last_try = true;
				message->may_wait = true;
			}
		}
		try_again(park, &list);
	}
	return NULL;
}

int spool_park_new(struct spool_fs *fs, struct spool_park **ret)
{
	struct spool_park *park = calloc(1, sizeof(*park));
	int r;

	if (!park)
		return -ENOMEM;
	park->fs = fs;
	TAILQ_INIT(&park->list);
	pthread_mutex_init(&park->lock, NULL);
	spool_thread_cond_init(&park->changed);
	spool_thread_cond_init(&park->wanted);
	r = spool_thread_start(&park->thread, "spoolfs-park", park_main, park);
	if (r < 0) {
		spool_park_free(park);
		return r;
	}
	*ret = park;
	return 0;
}

void spool_park_stop(struct spool_park *park)
{
	if (!park)
		return;
	pthread_mutex_lock(&park->lock);
	park->stop = true;
	pthread_cond_signal(&park->changed);
	pthread_cond_broadcast(&park->wanted);
	pthread_mutex_unlock(&park->lock);
	pthread_join(park->thread, NULL);
}

void spool_park_free(struct spool_park *park)
{
	if (!park)
		return;
	pthread_cond_destroy(&park->wanted);
	pthread_cond_destroy(&park->changed);
	pthread_mutex_destroy(&park->lock);
	free(park);
}
