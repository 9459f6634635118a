/* SPDX-License-Identifier: MIT */
#include "util/pace.h"

#include <stddef.h>
#include <time.h>

#include "util/macros.h"

/* At least so much before a rest, and at most after one that took as long: whoever is woken
 * meanwhile waits for that. A request takes 10 to 50 us. Guesses. */
#define WORK_NS UINT64_C(100000)
#define WORK_MAX_NS UINT64_C(1000000)

/* As short as can be: who waits runs as soon as we sleep, and the machine may have nothing else to
 * do. The kernel makes up to 50 us of it (prctl(2), PR_SET_TIMERSLACK). */
#define REST_NS UINT64_C(1)

#define NS_PER_S UINT64_C(1000000000)

static uint64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint64_t cpu_ns(void *ctx)
{
	(void)ctx;
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static uint64_t now_ns(void *ctx)
{
	(void)ctx;
	return read_clock(CLOCK_MONOTONIC);
}

static void sleep_ns(void *ctx, uint64_t ns)
{
	const struct timespec rest = {.tv_nsec = (long)ns};

	(void)ctx;
	nanosleep(&rest, NULL);
}

void spool_pace_begin(struct spool_pace *pace, const struct spool_pace_clock *clock)
{
	static const struct spool_pace_clock machine = {cpu_ns, now_ns, sleep_ns, NULL};

	pace->clock = clock ? clock : &machine;
	pace->since_ns = pace->clock->cpu_ns(pace->clock->ctx);
	pace->work_ns = WORK_NS;
}

void spool_pace_rest(struct spool_pace *pace)
{
	const struct spool_pace_clock *clock = pace->clock;
	uint64_t begin;

	if (clock->cpu_ns(clock->ctx) - pace->since_ns < pace->work_ns)
		return;
	begin = clock->now_ns(clock->ctx);
	clock->sleep(clock->ctx, REST_NS);
	pace->work_ns = spool_min_u64(spool_max_u64(clock->now_ns(clock->ctx) - begin, WORK_NS),
				      WORK_MAX_NS);
	pace->since_ns = clock->cpu_ns(clock->ctx);
}
