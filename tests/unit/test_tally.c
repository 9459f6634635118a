/* SPDX-License-Identifier: MIT */

/* Requests counted by payer, also by several threads and beyond the room for payers. */

#include <pthread.h>

#include "transport/tally.h"
#include "unit.h"

static struct spool_tally *tally;

static void set_up(void)
{
	CU_ASSERT_EQUAL_FATAL(spool_tally_new(&tally), 0);
}

static void tear_down(void)
{
	spool_tally_free(tally);
}

static uint64_t count_of(uid_t payer)
{
	uint64_t n = 77;

	CU_ASSERT_TRUE(spool_tally_get(tally, payer, &n));
	return n;
}

static void test_counts(void)
{
	set_up();
	CU_ASSERT_EQUAL(count_of(0), 0);
	spool_tally_add(tally, 0);
	spool_tally_add(tally, (uid_t)-1);
	for (int i = 0; i < 3; i++) {
		spool_tally_add(tally, 1000);
		spool_tally_add(tally, 1000 + SPOOL_TALLY_CELLS); /* the same cell first */
	}
	spool_tally_add(tally, 1000);
	CU_ASSERT_EQUAL(count_of(0), 1);
	CU_ASSERT_EQUAL(count_of((uid_t)-1), 1);
	CU_ASSERT_EQUAL(count_of(1000), 4);
	CU_ASSERT_EQUAL(count_of(1000 + SPOOL_TALLY_CELLS), 3);
	CU_ASSERT_EQUAL(count_of(1001), 0);
	spool_tally_add(NULL, 0);
	tear_down();
}

static void test_no_room(void)
{
	uint64_t n = 77;

	set_up();
	for (uid_t i = 0; i <= SPOOL_TALLY_PROBES; i++)
		spool_tally_add(tally, 5 + i * SPOOL_TALLY_CELLS);
	CU_ASSERT_EQUAL(count_of(5 + (SPOOL_TALLY_PROBES - 1) * SPOOL_TALLY_CELLS), 1);
	CU_ASSERT_FALSE(spool_tally_get(tally, 5 + SPOOL_TALLY_PROBES * SPOOL_TALLY_CELLS, &n));
	CU_ASSERT_EQUAL(n, 77);
	tear_down();
}

#define ROUNDS 20000u

static void *add_many(void *arg)
{
	(void)arg;
	for (uid_t i = 0; i < ROUNDS; i++)
		spool_tally_add(tally, i % 8 * SPOOL_TALLY_CELLS);
	return NULL;
}

static void test_threads(void)
{
	pthread_t threads[4];

	set_up();
	for (int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, add_many, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (uid_t i = 0; i < 8; i++)
		CU_ASSERT_EQUAL(count_of(i * SPOOL_TALLY_CELLS), 4 * ROUNDS / 8);
	tear_down();
}

static const struct unit_test tests[] = {
	{"counts", test_counts},
	{"no_room", test_no_room},
	{"threads", test_threads},
};

int main(void)
{
	return unit_run("tally", tests, sizeof(tests) / sizeof(tests[0]));
}
