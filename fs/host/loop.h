/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Threads that sleep until there is work: a lock, a condition, and the order to stop.
 *
 * A module has a struct spool_loop in its own structure, and one or more threads in it. They share
 * what the module keeps under the lock of the loop. Two ways to use it:
 *
 * - There is nothing to share but that something has happened: the thread calls spool_loop_sleep()
 *   and works whenever that returns true; anybody calls spool_loop_wake().
 * - The module has a list or flags under the lock: it takes the lock, changes them, and calls
 *   spool_loop_wake_locked(). The thread looks at them and at @stop before each
 *   spool_loop_wait_locked().
 *
 * The rank of the lock is SPOOL_RANK_QUEUE: a thread with any lock of the engine may take it, and
 * none may be taken under it.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/lock.h"

/** struct spool_loop - @lock covers all the others; a module reads @stop only */
struct spool_loop {
	struct spool_mutex lock;
	struct spool_cond changed;
	uint64_t n_events; /* calls of spool_loop_wake() and _wake_locked() */
	pthread_t *threads;
	unsigned int n_threads;
	bool stop; /* threads are to end; none is started any more */
};

/** spool_loop_init() - without a thread. */
void spool_loop_init(struct spool_loop *loop);

/** spool_loop_fini() - after spool_loop_stop(), or when no thread has been started. */
void spool_loop_fini(struct spool_loop *loop);

/**
 * spool_loop_start(), spool_loop_start_locked() - start a thread, which is joined by the stop
 * @name: for ps(1), at most 15 bytes; @run: is called with @arg, and returns once @stop is set
 * Return: 0; -ENOMEM; -EAGAIN no thread can be had; -ECANCELED the loop was stopped.
 */
int spool_loop_start(struct spool_loop *loop, const char *name, void *(*run)(void *arg), void *arg);
int spool_loop_start_locked(struct spool_loop *loop, const char *name, void *(*run)(void *arg),
			    void *arg) SPOOL_REQUIRES(loop->lock);

/**
 * spool_loop_stop() - set @stop, wake all threads, and wait until they have ended
 * May be called again, and when no thread was started. Not by one of the threads.
 */
void spool_loop_stop(struct spool_loop *loop);

/** spool_loop_lock(), spool_loop_unlock() - the lock of the loop. */
void spool_loop_lock(struct spool_loop *loop) SPOOL_ACQUIRE(loop->lock);
void spool_loop_unlock(struct spool_loop *loop) SPOOL_RELEASE(loop->lock);

/**
 * spool_loop_wait_locked() - sleep until the loop is woken or stopped; may return without that
 * @until_ns: in ns of CLOCK_MONOTONIC (spool_clock_ns()); SPOOL_FOREVER: no limit
 * Return: false when @until_ns has come.
 */
bool spool_loop_wait_locked(struct spool_loop *loop, uint64_t until_ns) SPOOL_REQUIRES(loop->lock);

/** spool_loop_wake_locked() - wake one thread; spool_loop_wake_all_locked() - all of them. */
void spool_loop_wake_locked(struct spool_loop *loop) SPOOL_REQUIRES(loop->lock);
void spool_loop_wake_all_locked(struct spool_loop *loop) SPOOL_REQUIRES(loop->lock);

/**
 * spool_loop_unlock_waking() - spool_loop_unlock(), then wake one thread
 * For one that sleeps on the CPU of the caller: it begins at once there, and would only wait for
 * the lock. It must be certain that the loop stays until this returns.
 */
void spool_loop_unlock_waking(struct spool_loop *loop) SPOOL_RELEASE(loop->lock);

/** spool_loop_wake() - something has happened: all threads are to look. */
void spool_loop_wake(struct spool_loop *loop);

/**
 * spool_loop_sleep() - sleep until something has happened that this thread has not yet seen
 * @seen: the thread's own, 0 at first: how many events it knows. Events that come while the thread
 * works are not lost: the next call returns at once, once for all of them.
 * @until_ns: as for spool_loop_wait_locked()
 * Return: false: the thread is to end; true: something has happened, or the time has come.
 */
bool spool_loop_sleep(struct spool_loop *loop, uint64_t *seen, uint64_t until_ns);
