/* SPDX-License-Identifier: MIT */
#include "background/writeback.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "fs.h"
#include "host/thread.h"

/* One seals while the other one's data are written. A guess. */
#define SPILL_THREADS 2u

/* What was written just now, and a disk that does not take data, are looked at again after this. A
 * guess. */
#define AGAIN_S 1

struct spill_thread {
	struct spool_spiller *spiller;
	struct spool_stage *stage;
	pthread_t thread;
};

struct spool_spiller {
	struct spool_fs *fs;
	pthread_mutex_t lock; /* of the following; nothing is called under it */
	pthread_cond_t changed;
	uint64_t n_wakes, n_hurries;
	atomic_bool stop; /* read without the lock, too */
	unsigned int n;
	struct spill_thread threads[SPILL_THREADS];
};

/* Until there is more to do, at most AGAIN_S when @again. Return: false at the end. */
static bool wait_for_work(struct spool_spiller *spiller, uint64_t *seen, bool again)
{
	struct timespec until;
	bool stop;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += AGAIN_S;
	pthread_mutex_lock(&spiller->lock);
	while (!spiller->stop && spiller->n_wakes == *seen && r != ETIMEDOUT) {
		if (again)
			r = pthread_cond_timedwait(&spiller->changed, &spiller->lock, &until);
		else
			pthread_cond_wait(&spiller->changed, &spiller->lock);
	}
	*seen = spiller->n_wakes;
	stop = spiller->stop;
	pthread_mutex_unlock(&spiller->lock);
	return !stop;
}

static uint64_t hurries(struct spool_spiller *spiller)
{
	uint64_t n;

	pthread_mutex_lock(&spiller->lock);
	n = spiller->n_hurries;
	pthread_mutex_unlock(&spiller->lock);
	return n;
}

/* A disk that fails is not asked again before its time, however often we are woken, unless somebody
 * has hurried us since there were @hurries. */
static bool wait_out(struct spool_spiller *spiller, uint64_t hurries)
{
	struct timespec until;
	bool stop;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += AGAIN_S;
	pthread_mutex_lock(&spiller->lock);
	while (!spiller->stop && spiller->n_hurries == hurries &&
	       pthread_cond_timedwait(&spiller->changed, &spiller->lock, &until) != ETIMEDOUT)
		;
	stop = spiller->stop;
	pthread_mutex_unlock(&spiller->lock);
	return !stop;
}

static void *spill_main(void *arg)
{
	struct spill_thread *self = arg;
	struct spool_spiller *spiller = self->spiller;
	uint64_t seen = 0;
	bool on = true;

	while (on) {
		uint64_t before = hurries(spiller);
		int r = spool_engine_spill(spiller->fs->engine, self->stage);

		if (r < 0)
			on = wait_out(spiller, before);
		else if (r != SPOOL_SPILL_MORE)
			on = wait_for_work(spiller, &seen, r == SPOOL_SPILL_LATER);
		else
			on = !atomic_load(&spiller->stop);
	}
	return NULL;
}

void spool_spiller_wake(struct spool_spiller *spiller)
{
	if (!spiller)
		return;
	pthread_mutex_lock(&spiller->lock);
	spiller->n_wakes++;
	pthread_cond_broadcast(&spiller->changed);
	pthread_mutex_unlock(&spiller->lock);
}

void spool_spiller_hurry(struct spool_spiller *spiller)
{
	if (!spiller)
		return;
	pthread_mutex_lock(&spiller->lock);
	spiller->n_wakes++;
	spiller->n_hurries++;
	pthread_cond_broadcast(&spiller->changed);
	pthread_mutex_unlock(&spiller->lock);
}

int spool_spiller_new(struct spool_fs *fs, struct spool_spiller **ret)
{
	struct spool_spiller *spiller = calloc(1, sizeof(*spiller));
	int r = 0;

	if (!spiller)
		return -ENOMEM;
	spiller->fs = fs;
	pthread_mutex_init(&spiller->lock, NULL);
	spool_thread_cond_init(&spiller->changed);
	while (spiller->n < SPILL_THREADS && r == 0) {
		struct spill_thread *thread = &spiller->threads[spiller->n];

		thread->spiller = spiller;
		r = spool_engine_new_stage(fs->engine, &thread->stage);
		if (r == 0)
			r = spool_thread_start(&thread->thread, "spoolfs-spill", spill_main,
					       thread);
		if (r == 0)
			spiller->n++;
		else
			spool_engine_free_stage(thread->stage);
	}
	if (r < 0) {
		spool_spiller_free(spiller);
		return r;
	}
	*ret = spiller;
	return 0;
}

void spool_spiller_free(struct spool_spiller *spiller)
{
	if (!spiller)
		return;
	pthread_mutex_lock(&spiller->lock);
	atomic_store(&spiller->stop, true);
	pthread_cond_broadcast(&spiller->changed);
	pthread_mutex_unlock(&spiller->lock);
	for (unsigned int i = 0; i < spiller->n; i++) {
		pthread_join(spiller->threads[i].thread, NULL);
		spool_engine_free_stage(spiller->threads[i].stage);
	}
	pthread_cond_destroy(&spiller->changed);
	pthread_mutex_destroy(&spiller->lock);
	free(spiller);
}
