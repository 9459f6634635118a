/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the supervisor sees of the worker's threads that take requests: memory of both. Each thread
 * has a count of its own, odd while it has something in hand and even while it waits for the
 * kernel; none of them may wait for the disk or for other requests, so a count that stays odd is a
 * thread that hangs. Threads that may wait (for_disk.h) have none: a disk that hangs is no fault of
 * ours.
 *
 * Nobody looks while nothing happens. The first thread with something in hand wakes the supervisor,
 * which then looks every few seconds until nothing has happened between two looks.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Threads beyond these are not watched: as many CPUs as the largest machines have. A guess. */
#define SPOOL_PULSES 1024u

struct spool_pulse {
	_Alignas(64) _Atomic uint64_t count; /* written by its thread only */
	struct spool_pulses *all;
};

struct spool_pulses {
	int wake;              /* eventfd: somebody is to look; -1: nobody will */
	atomic_bool is_looked; /* somebody does; cleared by whoever looks, set by who wakes him */
	atomic_uint n;         /* in use */
	struct spool_pulse pulses[SPOOL_PULSES];
};

/** spool_pulses_new() - memory that stays shared across fork(2). Return: 0; -errno. */
int spool_pulses_new(struct spool_pulses **ret);

/** spool_pulses_free() - of this process. NULL is allowed. */
void spool_pulses_free(struct spool_pulses *pulses);

/** spool_pulse_join() - one for the calling thread, for good. @pulses may be NULL. Return: NULL
 * when there is none, which is allowed below. */
struct spool_pulse *spool_pulse_join(struct spool_pulses *pulses);

/** spool_pulse_wake() - makes whoever looks begin. */
void spool_pulse_wake(struct spool_pulses *pulses);

/** spool_pulse_work() - the thread has something in hand, or goes on with the next. */
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
