/* SPDX-License-Identifier: MIT */

/* Has the threads of rings give way, and looks after those that do (way_rule.h). Nobody looks while
 * requests come slowly: the first ring to which they come fast wakes the one who does. */

#include "transport/ring_internal.h"

#include <sched.h>
#include <stdlib.h>

#include "host/clock.h"
#include "host/loop.h"
#include "host/thread.h"
#include "transport/way_rule.h"

/* A ring looks at the clock each time that it has taken so many requests. */
#define NOTE_EVERY 32u
#define NOTE_NS (NOTE_EVERY * SPOOL_WAY_LOOK_NS / SPOOL_WAY_FAST)

struct ring_guard {
	struct spool_rings *rings;
	struct spool_loop loop; /* woken when requests come fast */
	int policy;             /* of those that give way; < 0: none does */
	atomic_bool looks;
	/* Of the following. A thread that gives way must never have a lock that is needed to take
	 * it back, so it takes this one at its beginning and its end alone. */
	struct spool_mutex lock;
	struct {
		pid_t tid; /* of a ring's thread while it serves, else 0 */
		struct spool_way_rule rule;
	} ways[];
};

static void set_tid(struct spool_ring *ring, pid_t tid)
{
	struct ring_guard *guard = ring->rings->guard;

	spool_mutex_lock(&guard->lock, SPOOL_RANK_QUEUE);
	guard->ways[ring->cpu].tid = tid;
	spool_mutex_unlock(&guard->lock);
}

void ring_way_begin(struct spool_ring *ring)
{
	set_tid(ring, gettid());
}

void ring_way_end(struct spool_ring *ring)
{
	set_tid(ring, 0);
}

void ring_way_note(struct spool_ring *ring)
{
	struct ring_guard *guard = ring->rings->guard;
	uint64_t n = atomic_load_explicit(&ring->taken, memory_order_relaxed) + 1, now_ns;
	bool fast;

	atomic_store_explicit(&ring->taken, n, memory_order_relaxed);
	if (n % NOTE_EVERY != 0 || guard->policy < 0 ||
	    atomic_load_explicit(&guard->looks, memory_order_relaxed))
		return;
	now_ns = spool_clock_ns();
	fast = now_ns - ring->noted_ns < NOTE_NS;
	ring->noted_ns = now_ns;
	if (fast && !atomic_exchange(&guard->looks, true))
		spool_loop_wake(&guard->loop);
}

/* The kernel says in shared memory when it has something for the thread. */
static bool is_pending(const struct spool_ring *ring)
{
	return atomic_load_explicit(&ring->works, memory_order_relaxed) ||
	       (IO_URING_READ_ONCE(*ring->uring.sq.kflags) & IORING_SQ_TASKRUN) ||
	       io_uring_cq_ready(&ring->uring) > 0;
}

/* Return: whether somebody has to look again. */
static bool look_locked(struct ring_guard *guard, unsigned int i) SPOOL_REQUIRES(guard->lock)
{
	const struct spool_ring *ring = &guard->rings->rings[i];
	struct spool_way_rule *rule = &guard->ways[i].rule;
	uint64_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
	enum spool_way way = spool_way_look(rule, taken, is_pending(ring), spool_clock_ns());

	if (way != SPOOL_WAY_STAYS)
		spool_thread_set_policy(guard->ways[i].tid,
					way == SPOOL_WAY_GIVES ? guard->policy : SCHED_OTHER);
	return !spool_way_may_rest(rule);
}

static bool look_at_all(struct ring_guard *guard)
{
	bool again = false;

	spool_mutex_lock(&guard->lock, SPOOL_RANK_QUEUE);
	for (unsigned int i = 0; i < guard->rings->n; i++)
		again |= guard->ways[i].tid && look_locked(guard, i);
	spool_mutex_unlock(&guard->lock);
	return again;
}

static void *guard_main(void *arg)
{
	struct ring_guard *guard = arg;
	uint64_t seen = 0, until_ns = SPOOL_FOREVER;

	while (spool_loop_sleep(&guard->loop, &seen, until_ns)) {
		bool again = look_at_all(guard);

		until_ns = again ? spool_clock_ns() + SPOOL_WAY_LOOK_NS : SPOOL_FOREVER;
		atomic_store_explicit(&guard->looks, again, memory_order_relaxed);
	}
	return NULL;
}

int ring_guard_new(struct spool_rings *rings, struct ring_guard **ret)
{
	struct ring_guard *guard = calloc(1, sizeof(*guard) + rings->n * sizeof(guard->ways[0]));
	int r;

	if (!guard)
		return -ENOMEM;
	guard->rings = rings;
	guard->policy = spool_thread_policy_behind();
	spool_mutex_init(&guard->lock);
	spool_loop_init(&guard->loop);
	r = spool_loop_start(&guard->loop, "spoolfs-way", guard_main, guard);
	if (r < 0) {
		ring_guard_free(guard);
		return r;
	}
	*ret = guard;
	return 0;
}

void ring_guard_free(struct ring_guard *guard)
{
	if (!guard)
		return;
	spool_loop_stop(&guard->loop);
	spool_loop_fini(&guard->loop);
	spool_mutex_fini(&guard->lock);
	free(guard);
}
