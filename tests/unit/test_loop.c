/* SPDX-License-Identifier: MIT */

/* Threads that sleep until there is work: what wakes them, and how they end. */

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "host/clock.h"
#include "host/loop.h"
#include "host/thread.h"
#include "unit.h"

#define NS_PER_MS UINT64_C(1000000)

/* A thread that counts its events, and holds still in the first one where a test says so. */
struct worker {
	struct spool_loop loop;
	struct spool_mutex lock; /* of the following */
	struct spool_cond changed;
	unsigned int n_begun, n_done;
	bool held;
};

static void *count_main(void *arg)
{
	struct worker *worker = arg;
	uint64_t seen = 0;

	while (spool_loop_sleep(&worker->loop, &seen, SPOOL_FOREVER)) {
		spool_mutex_lock(&worker->lock, SPOOL_RANK_DIR);
		worker->n_begun++;
		spool_cond_wake_all(&worker->changed);
		while (worker->held)
			spool_cond_wait(&worker->changed, &worker->lock, SPOOL_FOREVER);
		worker->n_done++;
		spool_cond_wake_all(&worker->changed);
		spool_mutex_unlock(&worker->lock);
	}
	return NULL;
}

static void begin(struct worker *worker, bool held)
{
	*worker = (struct worker){.held = held};
	spool_loop_init(&worker->loop);
	spool_mutex_init(&worker->lock);
	spool_cond_init(&worker->changed);
}

static void end(struct worker *worker)
{
	spool_loop_stop(&worker->loop);
	spool_loop_fini(&worker->loop);
	spool_cond_fini(&worker->changed);
	spool_mutex_fini(&worker->lock);
}

/* Waits until the thread has come to its @n'th event (@what: begun or done with it). */
static void wait_for(struct worker *worker, const unsigned int *what, unsigned int n)
{
	spool_mutex_lock(&worker->lock, SPOOL_RANK_DIR);
	while (*what < n)
		spool_cond_wait(&worker->changed, &worker->lock, SPOOL_FOREVER);
	spool_mutex_unlock(&worker->lock);
}

static void let_go(struct worker *worker)
{
	spool_mutex_lock(&worker->lock, SPOOL_RANK_DIR);
	worker->held = false;
	spool_cond_wake_all(&worker->changed);
	spool_mutex_unlock(&worker->lock);
}

static void start(struct worker *worker)
{
	CU_ASSERT_EQUAL_FATAL(spool_loop_start(&worker->loop, "spoolfs-test", count_main, worker),
			      0);
}

/* Each event is one turn, also one from before the thread was there. */
static void events(void)
{
	struct worker worker;

	begin(&worker, false);
	spool_loop_wake(&worker.loop);
	start(&worker);
	wait_for(&worker, &worker.n_done, 1);
	spool_loop_wake(&worker.loop);
	wait_for(&worker, &worker.n_done, 2);
	end(&worker);
	CU_ASSERT_EQUAL(worker.n_done, 2);
}

/* Events while the thread works make one more turn together, neither none nor one each. */
static void events_while_busy(void)
{
	struct worker worker;

	begin(&worker, true);
	start(&worker);
	spool_loop_wake(&worker.loop);
	wait_for(&worker, &worker.n_begun, 1);
	for (int i = 0; i < 3; i++)
		spool_loop_wake(&worker.loop);
	let_go(&worker);
	wait_for(&worker, &worker.n_done, 2);
	end(&worker);
	CU_ASSERT_EQUAL(worker.n_done, 2);
}

static void *stop_main(void *arg)
{
	spool_loop_stop(arg);
	return NULL;
}

/* The stop waits for a thread that works, and nothing is begun after it. */
static void stop_while_busy(void)
{
	struct worker worker;
	pthread_t stopper;
	bool stop = false;

	begin(&worker, true);
	start(&worker);
	spool_loop_wake(&worker.loop);
	wait_for(&worker, &worker.n_begun, 1);
	spool_loop_wake(&worker.loop);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&stopper, NULL, stop_main, &worker.loop), 0);
	while (!stop) {
		spool_loop_lock(&worker.loop);
		stop = worker.loop.stop;
		spool_loop_unlock(&worker.loop);
	}
	CU_ASSERT_EQUAL(worker.n_done, 0);
	let_go(&worker);
	pthread_join(stopper, NULL);
	CU_ASSERT_EQUAL(worker.n_done, 1);
	CU_ASSERT_EQUAL(worker.n_begun, 1);
	end(&worker);
}

static void stop_before_start(void)
{
	struct worker worker;

	begin(&worker, false);
	spool_loop_stop(&worker.loop);
	CU_ASSERT_EQUAL(spool_loop_start(&worker.loop, "spoolfs-test", count_main, &worker),
			-ECANCELED);
	spool_loop_wake(&worker.loop);
	end(&worker);
	CU_ASSERT_EQUAL(worker.n_begun, 0);
}

/* All threads of a loop see an event, and the stop ends all of them. */
static void several_threads(void)
{
	struct worker worker;

	begin(&worker, true);
	for (int i = 0; i < 3; i++)
		start(&worker);
	spool_loop_wake(&worker.loop);
	wait_for(&worker, &worker.n_begun, 3);
	let_go(&worker);
	end(&worker);
	CU_ASSERT_EQUAL(worker.n_done, 3);
}

/* A time that has come wakes like an event; until then nothing does. */
static void time_comes(void)
{
	uint64_t seen = 0, until = spool_clock_ns() + 2 * NS_PER_MS;
	struct spool_loop loop;

	spool_loop_init(&loop);
	CU_ASSERT_TRUE(spool_loop_sleep(&loop, &seen, 0));
	CU_ASSERT_EQUAL(seen, 0);
	CU_ASSERT_TRUE(spool_loop_sleep(&loop, &seen, until));
	CU_ASSERT_TRUE(spool_clock_ns() >= until);
	spool_loop_lock(&loop);
	CU_ASSERT_FALSE(spool_loop_wait_locked(&loop, 0));
	spool_loop_unlock(&loop);
	/* an event that is there comes before any time, and so does the stop */
	spool_loop_wake(&loop);
	CU_ASSERT_TRUE(spool_loop_sleep(&loop, &seen, SPOOL_FOREVER));
	CU_ASSERT_EQUAL(seen, 1);
	spool_loop_stop(&loop);
	CU_ASSERT_FALSE(spool_loop_sleep(&loop, &seen, SPOOL_FOREVER));
	spool_loop_fini(&loop);
}

static int cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : -1;
}

static void *count_cpus(void *arg)
{
	*(int *)arg = cpus();
	return NULL;
}

/* A thread that is pinned, and starts another one. */
static void *start_pinned(void *arg)
{
	pthread_t thread;
	unsigned int cpu = (unsigned int)sched_getcpu();

	if (spool_thread_pin(cpu) && cpus() == 1 &&
	    spool_thread_start(&thread, "count", count_cpus, arg) == 0)
		pthread_join(thread, NULL);
	return NULL;
}

/* What a thread of one CPU starts runs on all that the process has. */
static void pinned_alone(void)
{
	pthread_t thread;
	int n = 0;

	CU_ASSERT_EQUAL_FATAL(spool_thread_start(&thread, "pinned", start_pinned, &n), 0);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(n, cpus());
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"events", events},
		{"events while busy", events_while_busy},
		{"stop while busy", stop_while_busy},
		{"stop before start", stop_before_start},
		{"several threads", several_threads},
		{"time comes", time_comes},
		{"pinned alone", pinned_alone},
	};

	return unit_run("loop", tests, sizeof(tests) / sizeof(tests[0]));
}
