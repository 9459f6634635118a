/* SPDX-License-Identifier: MIT */

/* When the thread of a ring gives way, by a clock that the test sets. */

#include "transport/way_rule.h"
#include "unit.h"

static struct spool_way_rule rule;
static uint64_t now, taken;

static void set_up(void)
{
	rule = (struct spool_way_rule){0};
	now = UINT64_C(1000000000);
	taken = 0;
}

/* One look later, after @n more requests. */
static enum spool_way look(uint64_t n, bool pending)
{
	now += SPOOL_WAY_LOOK_NS;
	taken += n;
	return spool_way_look(&rule, taken, pending, now);
}

/* Starves at once. Return: looks that were spent with that. */
static unsigned int starve(void)
{
	unsigned int n = 2;

	CU_ASSERT_EQUAL(look(SPOOL_WAY_FAST, true), SPOOL_WAY_GIVES);
	while (look(0, true) == SPOOL_WAY_STAYS)
		n++;
	return n;
}

static void test_slow_never_gives(void)
{
	set_up();
	for (unsigned int i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(look(SPOOL_WAY_FAST - 1, i % 2), SPOOL_WAY_STAYS);
	CU_ASSERT_TRUE(spool_way_may_rest(&rule));
}

static void test_fast_gives(void)
{
	set_up();
	CU_ASSERT_EQUAL(look(SPOOL_WAY_FAST, false), SPOOL_WAY_GIVES);
	for (unsigned int i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(look(SPOOL_WAY_FAST, i % 2), SPOOL_WAY_STAYS);
	CU_ASSERT_FALSE(spool_way_may_rest(&rule));
}

/* A pause in the work ends nothing; then nobody looks any more. */
static void test_work_ends(void)
{
	set_up();
	look(SPOOL_WAY_FAST, false);
	for (unsigned int i = 1; i < SPOOL_WAY_SLOW; i++)
		CU_ASSERT_EQUAL(look(0, false), SPOOL_WAY_STAYS);
	CU_ASSERT_EQUAL(look(SPOOL_WAY_FAST, false), SPOOL_WAY_STAYS);
	for (unsigned int i = 1; i < SPOOL_WAY_SLOW; i++)
		CU_ASSERT_EQUAL(look(1, false), SPOOL_WAY_STAYS);
	CU_ASSERT_FALSE(spool_way_may_rest(&rule));
	CU_ASSERT_EQUAL(look(0, false), SPOOL_WAY_ENDS);
	CU_ASSERT_TRUE(spool_way_may_rest(&rule));
	CU_ASSERT_EQUAL(look(SPOOL_WAY_FAST, false), SPOOL_WAY_GIVES);
}

/* Something to do at two looks, and nothing done between them. */
static void test_starves(void)
{
	set_up();
	look(SPOOL_WAY_FAST, false);
	CU_ASSERT_EQUAL(look(0, true), SPOOL_WAY_STAYS);
	CU_ASSERT_EQUAL(look(1, true), SPOOL_WAY_STAYS);
	CU_ASSERT_EQUAL(look(0, false), SPOOL_WAY_STAYS);
	CU_ASSERT_EQUAL(look(0, true), SPOOL_WAY_STAYS);
	CU_ASSERT_EQUAL(look(0, true), SPOOL_WAY_ENDS);
	CU_ASSERT_EQUAL(look(0, true), SPOOL_WAY_STAYS);
}

/* While others need the CPU it is tried ever more seldom, and then as often as that. */
static void test_pauses(void)
{
	uint64_t pause = SPOOL_WAY_PAUSE_MIN_NS;

	set_up();
	for (unsigned int i = 0; i < 12; i++) {
		uint64_t until;

		CU_ASSERT_EQUAL(starve(), 2);
		for (until = now + pause; now + SPOOL_WAY_LOOK_NS < until;)
			CU_ASSERT_EQUAL(look(SPOOL_WAY_FAST, true), SPOOL_WAY_STAYS);
		pause = pause < SPOOL_WAY_PAUSE_MAX_NS ? 2 * pause : pause;
	}
	CU_ASSERT_EQUAL(pause, SPOOL_WAY_PAUSE_MAX_NS);
	CU_ASSERT_EQUAL(rule.pause_ns, SPOOL_WAY_PAUSE_MAX_NS);
}

static void test_calm_again(void)
{
	set_up();
	for (unsigned int i = 0; i < 3; i++) {
		now += SPOOL_WAY_PAUSE_MAX_NS;
		starve();
	}
	CU_ASSERT_EQUAL(rule.pause_ns, 4 * SPOOL_WAY_PAUSE_MIN_NS);
	now += SPOOL_WAY_PAUSE_MAX_NS;
	CU_ASSERT_EQUAL(look(SPOOL_WAY_FAST, true), SPOOL_WAY_GIVES);
	for (unsigned int i = 1; i < SPOOL_WAY_CALM; i++)
		look(SPOOL_WAY_FAST, true);
	CU_ASSERT_EQUAL(rule.pause_ns, 4 * SPOOL_WAY_PAUSE_MIN_NS);
	look(SPOOL_WAY_FAST, true);
	CU_ASSERT_EQUAL(rule.pause_ns, 0);
}

static const struct unit_test tests[] = {
	{"slow", test_slow_never_gives}, {"fast", test_fast_gives}, {"work_ends", test_work_ends},
	{"starves", test_starves},       {"pauses", test_pauses},   {"calm_again", test_calm_again},
};

int main(void)
{
	return unit_run("way_rule", tests, sizeof(tests) / sizeof(tests[0]));
}
