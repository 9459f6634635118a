/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Shared memory by which the supervisor watches the worker's threads that take requests. Each
 * thread has a count: odd while it works on a request, even while it waits for the kernel. None of
 * them may wait for the disk or for other requests, so when a count stays odd the thread hangs.
 * Threads that may wait (for_disk.h) have no count, as a hanging disk is not our fault. One that
 * takes requests and has to wait all the same pauses.
 *
 * The supervisor does not look while nothing happens. The first thread that begins a request wakes
 * it; then it looks every few seconds until nothing has happened between two looks.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Threads beyond these are not watched. The largest machines have so many CPUs. A guess. */
#define SPOOL_PULSES 1024u

struct spool_pulse {
	_Alignas(64) _Atomic uint64_t count; /* only its own thread writes it */
	struct spool_pulses *all;
	atomic_int tid; /* whose it is; 0: nobody's yet */
};

/** struct spool_pulses - the worker, which may have been taken over, can write all of it: the
 * supervisor reads counts and @n, and uses nothing else that stands here */
struct spool_pulses {
	int wake;              /* eventfd of the supervisor, for the worker; -1: nobody looks */
	atomic_bool is_looked; /* a thread sets it, the supervisor clears it */
	atomic_uint n;         /* in use */
	struct spool_pulse pulses[SPOOL_PULSES];
};

/** spool_pulses_new() - memory that stays shared across fork(2). @wake: stays the caller's; -1:
 * there is none. Return: 0; -errno. */
int spool_pulses_new(int wake, struct spool_pulses **ret);

/** spool_pulses_free() - unmap it in this process. NULL is allowed. */
void spool_pulses_free(struct spool_pulses *pulses);

/** spool_pulse_join() - take a count for the calling thread, for good. @pulses may be NULL. Return:
 * NULL when there is none, which the functions below allow. */
struct spool_pulse *spool_pulse_join(struct spool_pulses *pulses);

/**
 * spool_pulse_pause() - the calling thread may wait for the disk from now on
 * Looks at the counts of all threads: not for each request. @pulses may be NULL. Return: what
 * spool_pulse_work() is to be called with afterwards; NULL when it has no request in hand, or no
 * count.
 */
struct spool_pulse *spool_pulse_pause(struct spool_pulses *pulses);

/** spool_pulse_wake() - have the supervisor look from now on. */
void spool_pulse_wake(struct spool_pulses *pulses);

/** spool_pulse_work() - the thread begins a request, also right after another one. */
static inline void spool_pulse_work(struct spool_pulse *pulse)
{
	uint64_t count;

	if (!pulse)
		return;
	count = atomic_load_explicit(&pulse->count, memory_order_relaxed);
	/* ordered before the load below, as the other side clears before it looks */
	atomic_store(&pulse->count, count % 2 ? count + 2 : count + 1);
	if (!atomic_load(&pulse->all->is_looked))
		spool_pulse_wake(pulse->all);
}

/** spool_pulse_rest() - the thread waits for the kernel. */
static inline void spool_pulse_rest(struct spool_pulse *pulse)
{
	uint64_t count;

	if (!pulse)
		return;
	count = atomic_load_explicit(&pulse->count, memory_order_relaxed);
	if (count % 2)
		atomic_store_explicit(&pulse->count, count + 1, memory_order_relaxed);
}
