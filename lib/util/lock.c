/* SPDX-License-Identifier: MIT */
#include "util/lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NS_PER_S 1000000000u

/* A lock with default attributes that is used correctly cannot fail. */
static void must(int r)
{
	if (r != 0)
		abort();
}

#ifdef SPOOL_LOCK_CHECK

/* A rename holds the rename lock, four nodes, an object, and what is below. */
#define HELD_MAX 16

static _Thread_local struct {
	const void *lock;
	enum spool_rank rank;
} held[HELD_MAX];
static _Thread_local unsigned int n_held;

static void check_push(const void *lock, enum spool_rank rank)
{
	for (unsigned int i = 0; i < n_held; i++) {
		if (held[i].rank >= rank) {
			fprintf(stderr, "spoolfs: lock order: rank %d taken while %d is held\n",
				(int)rank, (int)held[i].rank);
			abort();
		}
	}
	if (n_held == HELD_MAX) {
		fprintf(stderr, "spoolfs: lock order: more than %d locks held\n", HELD_MAX);
		abort();
	}
	held[n_held].lock = lock;
	held[n_held].rank = rank;
	n_held++;
}

static void check_pop(const void *lock)
{
	for (unsigned int i = n_held; i-- > 0;) {
		if (held[i].lock != lock)
			continue;
		held[i] = held[--n_held];
		return;
	}
	fprintf(stderr, "spoolfs: lock order: unlock of a lock that is not held\n");
	abort();
}

static void check_only(const void *lock)
{
	if (n_held == 1 && held[0].lock == lock)
		return;
	fprintf(stderr, "spoolfs: lock order: %u locks held by a thread that is to sleep\n",
		n_held);
	abort();
}

void spool_lock_assert_none(void)
{
	if (n_held == 0)
		return;
	fprintf(stderr, "spoolfs: lock order: rank %d is held where none may be\n",
		(int)held[0].rank);
	abort();
}

#else

static inline void check_push(const void *lock, enum spool_rank rank)
{
	(void)lock;
	(void)rank;
}

static inline void check_pop(const void *lock)
{
	(void)lock;
}

static inline void check_only(const void *lock)
{
	(void)lock;
}

void spool_lock_assert_none(void)
{
}

#endif

void spool_mutex_init(struct spool_mutex *lock)
{
	must(pthread_mutex_init(&lock->mutex, NULL));
}

void spool_mutex_fini(struct spool_mutex *lock)
{
	must(pthread_mutex_destroy(&lock->mutex));
}

void spool_mutex_lock(struct spool_mutex *lock, enum spool_rank rank) SPOOL_UNCHECKED
{
	check_push(lock, rank);
	must(pthread_mutex_lock(&lock->mutex));
}

void spool_mutex_unlock(struct spool_mutex *lock) SPOOL_UNCHECKED
{
	check_pop(lock);
	must(pthread_mutex_unlock(&lock->mutex));
}

void spool_rwlock_init(struct spool_rwlock *lock)
{
	must(pthread_rwlock_init(&lock->rwlock, NULL));
}

void spool_rwlock_fini(struct spool_rwlock *lock)
{
	must(pthread_rwlock_destroy(&lock->rwlock));
}

void spool_rwlock_rdlock(struct spool_rwlock *lock, enum spool_rank rank) SPOOL_UNCHECKED
{
	check_push(lock, rank);
	must(pthread_rwlock_rdlock(&lock->rwlock));
}

void spool_rwlock_wrlock(struct spool_rwlock *lock, enum spool_rank rank) SPOOL_UNCHECKED
{
	check_push(lock, rank);
	must(pthread_rwlock_wrlock(&lock->rwlock));
}

void spool_rwlock_unlock(struct spool_rwlock *lock) SPOOL_UNCHECKED
{
	check_pop(lock);
	must(pthread_rwlock_unlock(&lock->rwlock));
}

void spool_cond_init(struct spool_cond *cond)
{
	pthread_condattr_t attr;

	must(pthread_condattr_init(&attr));
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
	must(pthread_cond_init(&cond->cond, &attr));
	must(pthread_condattr_destroy(&attr));
}

void spool_cond_fini(struct spool_cond *cond)
{
	must(pthread_cond_destroy(&cond->cond));
}

void spool_cond_wake(struct spool_cond *cond)
{
	must(pthread_cond_signal(&cond->cond));
}

void spool_cond_wake_all(struct spool_cond *cond)
{
	must(pthread_cond_broadcast(&cond->cond));
}

bool spool_cond_wait(struct spool_cond *cond, struct spool_mutex *lock, uint64_t until_ns)
{
	const struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
				       .tv_nsec = (long)(until_ns % NS_PER_S)};
	int r;

	check_only(lock);
	if (until_ns == SPOOL_FOREVER) {
		must(pthread_cond_wait(&cond->cond, &lock->mutex));
		return true;
	}
	r = pthread_cond_timedwait(&cond->cond, &lock->mutex, &until);
	must(r == ETIMEDOUT ? 0 : r);
	return r == 0;
}
