/* SPDX-License-Identifier: MIT */
#include "host/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "host/thread.h"

void spool_loop_init(struct spool_loop *loop)
{
	*loop = (struct spool_loop){0};
	spool_mutex_init(&loop->lock);
	spool_cond_init(&loop->changed);
}

void spool_loop_fini(struct spool_loop *loop)
{
	assert(loop->n_threads == 0);
	free(loop->threads);
	spool_cond_fini(&loop->changed);
	spool_mutex_fini(&loop->lock);
}

int spool_loop_start_locked(struct spool_loop *loop, const char *name, void *(*run)(void *arg),
			    void *arg)
{
	pthread_t *threads;
	int r;

	if (loop->stop)
		return -ECANCELED;
	threads = realloc(loop->threads, (loop->n_threads + 1) * sizeof(*threads));
	if (!threads)
		return -ENOMEM;
	loop->threads = threads;
	r = spool_thread_start(&threads[loop->n_threads], name, run, arg);
	if (r == 0)
		loop->n_threads++;
	return r;
}

int spool_loop_start(struct spool_loop *loop, const char *name, void *(*run)(void *arg), void *arg)
{
	int r;

	spool_loop_lock(loop);
	r = spool_loop_start_locked(loop, name, run, arg);
	spool_loop_unlock(loop);
	return r;
}

void spool_loop_stop(struct spool_loop *loop)
{
	unsigned int n;

	spool_loop_lock(loop);
	loop->stop = true;
	spool_cond_wake_all(&loop->changed);
	n = loop->n_threads;
	spool_loop_unlock(loop);
	/* none is started any more, so the list stays as it is */
	for (unsigned int i = 0; i < n; i++) {
		assert(!pthread_equal(loop->threads[i], pthread_self()));
		pthread_join(loop->threads[i], NULL);
	}
	spool_loop_lock(loop);
	loop->n_threads = 0;
	spool_loop_unlock(loop);
}

void spool_loop_lock(struct spool_loop *loop)
{
	spool_mutex_lock(&loop->lock, SPOOL_RANK_QUEUE);
}

void spool_loop_unlock(struct spool_loop *loop)
{
	spool_mutex_unlock(&loop->lock);
}

bool spool_loop_wait_locked(struct spool_loop *loop, uint64_t until_ns)
{
	return spool_cond_wait(&loop->changed, &loop->lock, until_ns);
}

void spool_loop_wake_locked(struct spool_loop *loop)
{
	loop->n_events++;
	spool_cond_wake(&loop->changed);
}

void spool_loop_wake_all_locked(struct spool_loop *loop)
{
	loop->n_events++;
	spool_cond_wake_all(&loop->changed);
}

void spool_loop_unlock_waking(struct spool_loop *loop)
{
	loop->n_events++;
	spool_loop_unlock(loop);
	spool_cond_wake(&loop->changed);
}

void spool_loop_wake(struct spool_loop *loop)
{
	spool_loop_lock(loop);
	spool_loop_wake_all_locked(loop);
	spool_loop_unlock(loop);
}

bool spool_loop_sleep(struct spool_loop *loop, uint64_t *seen, uint64_t until_ns)
{
	bool stop;

	spool_loop_lock(loop);
	assert(*seen <= loop->n_events);
	while (!loop->stop && loop->n_events == *seen && spool_loop_wait_locked(loop, until_ns))
		;
	*seen = loop->n_events;
	stop = loop->stop;
	spool_loop_unlock(loop);
	return !stop;
}
