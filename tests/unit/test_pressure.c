/* SPDX-License-Identifier: MIT */

/* When the machine is short of memory, and when it has calmed down: with readings of every kind. */

#include <errno.h>

#include "background/pressure_rule.h"
#include "unit.h"
#include "util/macros.h"

#define GIB ((uint64_t)1 << 30)
#define CALM_MS 10000u

static bool is_short(bool some, bool full, uint64_t available)
{
	const struct spool_pressure_reading reading = {
		.some = some, .full = full, .available = available, .total = 100 * GIB};

	return spool_pressure_is_short(&reading);
}

/* Who thrashes in a control group makes tasks wait, however much the machine has. */
static void test_short(void)
{
	CU_ASSERT_FALSE(is_short(false, false, 0));
	CU_ASSERT_FALSE(is_short(true, false, 80 * GIB));
	CU_ASSERT_FALSE(is_short(true, false, 15 * GIB + 1));
	CU_ASSERT_TRUE(is_short(true, false, 15 * GIB));
	CU_ASSERT_TRUE(is_short(true, false, 0));
	CU_ASSERT_FALSE(is_short(true, true, 50 * GIB + 1));
	CU_ASSERT_FALSE(is_short(false, true, 80 * GIB));
	CU_ASSERT_TRUE(is_short(false, true, 50 * GIB));
	CU_ASSERT_TRUE(is_short(true, true, 50 * GIB));
}

static void test_not_known(void)
{
	struct spool_pressure_reading reading = {.some = true};

	CU_ASSERT_FALSE(spool_pressure_is_short(&reading));
	reading.full = true;
	CU_ASSERT_TRUE(spool_pressure_is_short(&reading));
}

/* Stalls that are not the machine's neither squeeze nor keep it from relaxing. */
static void test_calm(void)
{
	const struct spool_pressure_reading none = {.available = GIB, .total = 100 * GIB};
	const struct spool_pressure_reading thrash = {
		.some = true, .full = true, .available = 90 * GIB, .total = 100 * GIB};
	const struct spool_pressure_reading want = {
		.some = true, .available = GIB, .total = 100 * GIB};
	struct spool_pressure_rule rule = {0};
	uint64_t now = 1000;

	CU_ASSERT_EQUAL(spool_pressure_wait_ms(&rule, now), -1);
	CU_ASSERT_EQUAL(spool_pressure_decide(&rule, &none, now), SPOOL_PRESSURE_NOTHING);
	CU_ASSERT_EQUAL(spool_pressure_decide(&rule, &thrash, now), SPOOL_PRESSURE_NOTHING);
	CU_ASSERT_EQUAL(spool_pressure_wait_ms(&rule, now), -1);
	CU_ASSERT_EQUAL(spool_pressure_decide(&rule, &want, now), SPOOL_PRESSURE_SQUEEZE);
	CU_ASSERT_TRUE(rule.squeezed);
	CU_ASSERT_EQUAL(spool_pressure_wait_ms(&rule, now), CALM_MS);
	CU_ASSERT_EQUAL(spool_pressure_wait_ms(&rule, now + 1), CALM_MS - 1);
	CU_ASSERT_EQUAL(spool_pressure_decide(&rule, &none, now + CALM_MS - 1),
			SPOOL_PRESSURE_NOTHING);
	CU_ASSERT_EQUAL(spool_pressure_decide(&rule, &want, now + 5000), SPOOL_PRESSURE_SQUEEZE);
	now += 5000 + CALM_MS;
	CU_ASSERT_EQUAL(spool_pressure_decide(&rule, &thrash, now - 1), SPOOL_PRESSURE_NOTHING);
	CU_ASSERT_EQUAL(spool_pressure_wait_ms(&rule, now + 5), 0);
	CU_ASSERT_EQUAL(spool_pressure_decide(&rule, &thrash, now), SPOOL_PRESSURE_RELAX);
	CU_ASSERT_EQUAL(spool_pressure_decide(&rule, &none, now), SPOOL_PRESSURE_NOTHING);
	CU_ASSERT_EQUAL(spool_pressure_decide(&rule, &none, now + CALM_MS), SPOOL_PRESSURE_RELAX);
	rule.squeezed = false; /* there was no more */
	CU_ASSERT_EQUAL(spool_pressure_wait_ms(&rule, now), -1);
	CU_ASSERT_EQUAL(spool_pressure_decide(&rule, &none, now + 9 * CALM_MS),
			SPOOL_PRESSURE_NOTHING);
}

static void test_parse(void)
{
	static const char *const bad[] = {
		"",
		"MemTotal: 100 kB\n",
		"MemAvailable: 100 kB\n",
		"MemTotal: 100 kB\nMemFree: 1 kB\nXMemAvailable: 100 kB\n",
		"MemTotal: 100 kB\nMemAvailable: many\n",
		"MemTotal: 100 kB\nMemAvailable",
	};
	struct spool_pressure_reading reading = {.some = true};

	CU_ASSERT_EQUAL(spool_pressure_parse("MemTotal:       24656416 kB\n"
					     "MemFree:        18236492 kB\n"
					     "MemAvailable:   20981188 kB\n"
					     "Buffers:          205",
					     &reading),
			0);
	CU_ASSERT_EQUAL(reading.total, (uint64_t)24656416 << 10);
	CU_ASSERT_EQUAL(reading.available, (uint64_t)20981188 << 10);
	CU_ASSERT_TRUE(reading.some);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(bad); i++) {
		reading = (struct spool_pressure_reading){.total = 1, .available = 2};
		CU_ASSERT_EQUAL(spool_pressure_parse(bad[i], &reading), -EINVAL);
		CU_ASSERT_EQUAL(reading.total, 1);
		CU_ASSERT_EQUAL(reading.available, 2);
	}
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"short", test_short},
		{"not known", test_not_known},
		{"calm", test_calm},
		{"parse", test_parse},
	};

	return unit_run("pressure", tests, SPOOL_ARRAY_SIZE(tests));
}
