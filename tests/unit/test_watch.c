/* SPDX-License-Identifier: MIT */

/* When a worker hangs and when it does not, with a clock of the test's own. */

#include <stdlib.h>

#include "unit.h"
#include "process/watch.h"

#define LIMIT 30000u
#define STEP (LIMIT / SPOOL_WATCH_LOOKS)

static struct spool_pulses *pulses;
static struct spool_watch *watch;
static struct spool_pulse *one, *two;
static uint64_t now;

static int set_up(void)
{
	now = 1000;
	watch = calloc(1, sizeof(*watch));
	if (!watch || spool_pulses_new(-1, &pulses) < 0)
		return -1;
	watch->limit_ms = LIMIT;
	one = spool_pulse_join(pulses);
	two = spool_pulse_join(pulses);
	return one && two ? 0 : -1;
}

static void tear_down(void)
{
	spool_pulses_free(pulses);
	free(watch);
}

/* Looks @n times, each @step ms after the one before. Return: the last verdict. */
static enum spool_verdict look(unsigned int n, uint64_t step, const struct spool_watch_look *how)
{
	enum spool_verdict verdict = SPOOL_WATCH_QUIET;

	for (unsigned int i = 0; i < n; i++) {
		struct spool_watch_look at = *how;

		now += step;
		at.now_ms = now;
		verdict = spool_watch_look(watch, pulses, &at);
		if (verdict == SPOOL_WATCH_HANGS)
			break;
	}
	return verdict;
}

static const struct spool_watch_look waited_for = {.waited_for = true};
static const struct spool_watch_look nobody_waits = {.waited_for = false};
static const struct spool_watch_look stopped = {.stopped = true, .waited_for = true};
static const struct spool_watch_look stopped_alone = {.stopped = true};
static const struct spool_watch_look traced = {.traced = true, .waited_for = true};

static void who_rests_is_left_alone(void)
{
	CU_ASSERT_EQUAL_FATAL(set_up(), 0);
	/* requests that the disk has: they wait, and no thread has one in hand */
	CU_ASSERT_EQUAL(look(1, STEP, &waited_for), SPOOL_WATCH_QUIET);
	CU_ASSERT_EQUAL(look(100, STEP, &waited_for), SPOOL_WATCH_QUIET);
	spool_pulse_work(one);
	spool_pulse_rest(one);
	CU_ASSERT_EQUAL(look(1, STEP, &waited_for), SPOOL_WATCH_BUSY);
	CU_ASSERT_EQUAL(look(1, STEP, &waited_for), SPOOL_WATCH_QUIET);
	tear_down();
}

static void one_stuck_thread_is_seen_among_busy_ones(void)
{
	CU_ASSERT_EQUAL_FATAL(set_up(), 0);
	spool_pulse_work(one);
	for (unsigned int i = 0; i < SPOOL_WATCH_LOOKS; i++) {
		spool_pulse_work(two);
		CU_ASSERT_EQUAL(look(1, STEP, &waited_for), SPOOL_WATCH_BUSY);
		if (i % 2)
			spool_pulse_rest(two);
	}
	CU_ASSERT_EQUAL(look(1, STEP, &waited_for), SPOOL_WATCH_HANGS);
	tear_down();
}

static void whoever_goes_on_does_not_hang(void)
{
	CU_ASSERT_EQUAL_FATAL(set_up(), 0);
	for (unsigned int i = 0; i < 10 * SPOOL_WATCH_LOOKS; i++) {
		spool_pulse_work(one); /* never rests */
		CU_ASSERT_EQUAL(look(SPOOL_WATCH_LOOKS / 2, STEP, &waited_for), SPOOL_WATCH_BUSY);
	}
	tear_down();
}

static void nobody_waits_nothing_hangs(void)
{
	CU_ASSERT_EQUAL_FATAL(set_up(), 0);
	spool_pulse_work(one);
	CU_ASSERT_EQUAL(look(100, STEP, &nobody_waits), SPOOL_WATCH_BUSY);
	CU_ASSERT_EQUAL(look(SPOOL_WATCH_LOOKS - 1, STEP, &waited_for), SPOOL_WATCH_BUSY);
	CU_ASSERT_EQUAL(look(1, STEP, &waited_for), SPOOL_WATCH_HANGS);
	tear_down();
}

static void a_stopped_process_hangs_when_waited_for(void)
{
	CU_ASSERT_EQUAL_FATAL(set_up(), 0);
	CU_ASSERT_EQUAL(look(100, STEP, &stopped_alone), SPOOL_WATCH_BUSY);
	CU_ASSERT_EQUAL(look(SPOOL_WATCH_LOOKS - 1, STEP, &stopped), SPOOL_WATCH_BUSY);
	CU_ASSERT_EQUAL(look(1, STEP, &stopped_alone),
			SPOOL_WATCH_BUSY); /* nobody waits any more */
	CU_ASSERT_EQUAL(look(SPOOL_WATCH_LOOKS - 1, STEP, &stopped), SPOOL_WATCH_BUSY);
	CU_ASSERT_EQUAL(look(1, STEP, &stopped), SPOOL_WATCH_HANGS);
	tear_down();
}

static void time_that_we_did_not_run_does_not_count(void)
{
	CU_ASSERT_EQUAL_FATAL(set_up(), 0);
	spool_pulse_work(one);
	CU_ASSERT_EQUAL(look(100, 2 * STEP + 1, &waited_for), SPOOL_WATCH_BUSY);
	CU_ASSERT_EQUAL(look(1, 3600 * 1000, &waited_for), SPOOL_WATCH_BUSY); /* suspended */
	CU_ASSERT_EQUAL(look(SPOOL_WATCH_LOOKS - 1, STEP, &waited_for), SPOOL_WATCH_BUSY);
	CU_ASSERT_EQUAL(look(1, STEP, &waited_for), SPOOL_WATCH_HANGS);
	tear_down();
}

static void a_debugger_is_no_hang(void)
{
	CU_ASSERT_EQUAL_FATAL(set_up(), 0);
	spool_pulse_work(one);
	CU_ASSERT_EQUAL(look(100, STEP, &traced), SPOOL_WATCH_BUSY);
	CU_ASSERT_EQUAL(look(SPOOL_WATCH_LOOKS - 1, STEP, &waited_for), SPOOL_WATCH_BUSY);
	tear_down();
}

static void there_are_only_so_many(void)
{
	CU_ASSERT_EQUAL_FATAL(set_up(), 0);
	for (unsigned int i = 2; i < SPOOL_PULSES; i++)
		CU_ASSERT_PTR_NOT_NULL(spool_pulse_join(pulses));
	CU_ASSERT_PTR_NULL(spool_pulse_join(pulses));
	CU_ASSERT_PTR_NULL(spool_pulse_join(NULL));
	spool_pulse_work(NULL);
	spool_pulse_rest(NULL);
	CU_ASSERT_EQUAL(look(1, STEP, &waited_for), SPOOL_WATCH_QUIET);
	tear_down();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"who rests is left alone", who_rests_is_left_alone},
		{"one stuck thread is seen among busy ones",
		 one_stuck_thread_is_seen_among_busy_ones},
		{"whoever goes on does not hang", whoever_goes_on_does_not_hang},
		{"nobody waits, nothing hangs", nobody_waits_nothing_hangs},
		{"a stopped process hangs when waited for",
		 a_stopped_process_hangs_when_waited_for},
		{"time that we did not run does not count",
		 time_that_we_did_not_run_does_not_count},
		{"a debugger is no hang", a_debugger_is_no_hang},
		{"there are only so many", there_are_only_so_many},
	};

	return unit_run("watch", tests, sizeof(tests) / sizeof(tests[0]));
}
