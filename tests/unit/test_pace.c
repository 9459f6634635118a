/* SPDX-License-Identifier: MIT */

/* Work in the background and its rests, by a clock of the test's own. */

#include "unit.h"
#include "util/pace.h"

#define US UINT64_C(1000)
#define MS (1000 * US)

static struct machine {
	uint64_t cpu, now, wait; /* @wait: until a thread that has slept gets a CPU */
	unsigned int rests;
} machine;

static uint64_t cpu_ns(void *ctx)
{
	(void)ctx;
	return machine.cpu;
}

static uint64_t now_ns(void *ctx)
{
	(void)ctx;
	return machine.now;
}

static void rest(void *ctx, uint64_t ns)
{
	(void)ctx;
	machine.rests++;
	machine.now += ns + machine.wait;
}

static const struct spool_pace_clock fake = {cpu_ns, now_ns, rest, NULL};

/* Works for @ns, in pieces of 10 us. Return: how often it has rested. */
static unsigned int work(struct spool_pace *pace, uint64_t ns)
{
	unsigned int before = machine.rests;

	for (; ns >= 10 * US; ns -= 10 * US) {
		machine.cpu += 10 * US;
		machine.now += 10 * US;
		spool_pace_rest(pace);
	}
	return machine.rests - before;
}

static void begin(struct spool_pace *pace, uint64_t wait)
{
	machine = (struct machine){.cpu = 5 * MS, .now = 7 * MS, .wait = wait};
	spool_pace_begin(pace, &fake);
}

static void little_work_needs_no_rest(void)
{
	struct spool_pace pace;

	begin(&pace, 0);
	CU_ASSERT_EQUAL(work(&pace, 90 * US), 0);
	CU_ASSERT_EQUAL(work(&pace, 10 * US), 1);
}

static void an_idle_machine(void)
{
	struct spool_pace pace;

	begin(&pace, 0);
	CU_ASSERT_EQUAL(work(&pace, 10 * MS), 100);
}

/* Who was kept waiting for long works for as long, but not longer than others can wait. */
static void a_busy_machine(void)
{
	struct spool_pace pace;

	begin(&pace, 450 * US);
	CU_ASSERT_EQUAL(work(&pace, 100 * US), 1);
	CU_ASSERT_EQUAL(work(&pace, 450 * US), 0);
	CU_ASSERT_EQUAL(work(&pace, 10 * US), 1);
	machine.wait = 300 * MS;
	CU_ASSERT_EQUAL(work(&pace, 500 * US), 1);
	CU_ASSERT_EQUAL(work(&pace, 10 * MS), 10);
}

/* It is the CPU that counts: who was off it meanwhile has let others go first already. */
static void time_off_the_cpu_is_no_work(void)
{
	struct spool_pace pace;

	begin(&pace, 0);
	for (unsigned int i = 0; i < 9; i++) {
		machine.now += 20 * MS;
		CU_ASSERT_EQUAL(work(&pace, 10 * US), 0);
	}
	CU_ASSERT_EQUAL(work(&pace, 10 * US), 1);
}

static void the_machine_s_own_clock(void)
{
	struct spool_pace pace;

	spool_pace_begin(&pace, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pace.clock);
	pace.since_ns = 0;
	pace.work_ns = 1;
	spool_pace_rest(&pace);
	CU_ASSERT_TRUE(pace.since_ns > 0 && pace.work_ns > 1);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"little work needs no rest", little_work_needs_no_rest},
		{"an idle machine", an_idle_machine},
		{"a busy machine", a_busy_machine},
		{"time off the CPU is no work", time_off_the_cpu_is_no_work},
		{"the machine's own clock", the_machine_s_own_clock},
	};

	return unit_run("pace", tests, sizeof(tests) / sizeof(tests[0]));
}
