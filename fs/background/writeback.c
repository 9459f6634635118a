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
	struct spool_writeback *writeback;
	struct spool_stage *stage;
	pthread_t thread;
};

struct spool_writeback {
	struct spool_fs *fs;
	pthread_mutex_t lock; /* of the following; nothing is called under it */
	pthread_cond_t changed;
	uint64_t n_wakes, n_hurries;
	atomic_bool stop; /* read without the lock, too */
	unsigned int n;
	struct spill_thread threads[SPILL_THREADS];
};

/* Until there is more to do, at most AGAIN_S when @again. Return: false at the end. */
static bool wait_for_work(struct spool_writeback *writeback, uint64_t *seen, bool again)
{
	struct timespec until;
	bool stop;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += AGAIN_S;
	pthread_mutex_lock(&writeback->lock);
	while (!writeback->stop && writeback->n_wakes == *seen && r != ETIMEDOUT) {
		if (again)
			r = pthread_cond_timedwait(&writeback->changed, &writeback->lock, &until);
		else
			pthread_cond_wait(&writeback->changed, &writeback->lock);
	}
	*seen = writeback->n_wakes;
	stop = writeback->stop;
	pthread_mutex_unlock(&writeback->lock);
	return !stop;
}

static uint64_t hurries(struct spool_writeback *writeback)
{
	uint64_t n;

	pthread_mutex_lock(&writeback->lock);
	n = writeback->n_hurries;
	pthread_mutex_unlock(&writeback->lock);
	return n;
}

/* A disk that fails is not asked again before its time, however often we are woken, unless somebody
 * has hurried us since there were @hurries. */
static bool wait_out(struct spool_writeback *writeback, uint64_t hurries)
{
	struct timespec until;
	bool stop;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += AGAIN_S;
	pthread_mutex_lock(&writeback->lock);
	while (!writeback->stop && writeback->n_hurries == hurries &&
	       pthread_cond_timedwait(&writeback->changed, &writeback->lock, &until) != ETIMEDOUT)
		;
	stop = writeback->stop;
	pthread_mutex_unlock(&writeback->lock);
	return !stop;
}

static void *spill_main(void *arg)
{
	struct spill_thread *self = arg;
	struct spool_writeback *writeback = self->writeback;
	uint64_t seen = 0;
	bool on = true;

	while (on) {
		uint64_t before = hurries(writeback);
		int r = spool_engine_spill(writeback->fs->engine, self->stage);

		if (r < 0)
			on = wait_out(writeback, before);
		else if (r != SPOOL_SPILL_MORE)
			on = wait_for_work(writeback, &seen, r == SPOOL_SPILL_LATER);
		else
			on = !atomic_load(&writeback->stop);
	}
	return NULL;
}

void spool_writeback_wake(struct spool_writeback *writeback)
{
	if (!writeback)
		return;
	pthread_mutex_lock(&writeback->lock);
	writeback->n_wakes++;
	pthread_cond_broadcast(&writeback->changed);
	pthread_mutex_unlock(&writeback->lock);
}

void spool_writeback_hurry(struct spool_writeback *writeback)
{
	if (!writeback)
		return;
	pthread_mutex_lock(&writeback->lock);
	writeback->n_wakes++;
	writeback->n_hurries++;
	pthread_cond_broadcast(&writeback->changed);
	pthread_mutex_unlock(&writeback->lock);
}

int spool_writeback_new(struct spool_fs *fs, struct spool_writeback **ret)
{
	struct spool_writeback *writeback = calloc(1, sizeof(*writeback));
	int r = 0;

	if (!writeback)
		return -ENOMEM;
	writeback->fs = fs;
	pthread_mutex_init(&writeback->lock, NULL);
	spool_thread_cond_init(&writeback->changed);
	while (writeback->n < SPILL_THREADS && r == 0) {
		struct spill_thread *thread = &writeback->threads[writeback->n];

		thread->writeback = writeback;
		r = spool_engine_new_stage(fs->engine, &thread->stage);
		if (r == 0)
			r = spool_thread_start(&thread->thread, "spoolfs-spill", spill_main,
					       thread);
		if (r == 0)
			writeback->n++;
		else
			spool_engine_free_stage(thread->stage);
	}
	if (r < 0) {
		spool_writeback_free(writeback);
		return r;
	}
	*ret = writeback;
	return 0;
}

void spool_writeback_free(struct spool_writeback *writeback)
{
	if (!writeback)
		return;
	pthread_mutex_lock(&writeback->lock);
	atomic_store(&writeback->stop, true);
	pthread_cond_broadcast(&writeback->changed);
	pthread_mutex_unlock(&writeback->lock);
	for (unsigned int i = 0; i < writeback->n; i++) {
		pthread_join(writeback->threads[i].thread, NULL);
		spool_engine_free_stage(writeback->threads[i].stage);
	}
	pthread_cond_destroy(&writeback->changed);
	pthread_mutex_destroy(&writeback->lock);
	free(writeback);
}
