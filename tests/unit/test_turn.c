/* SPDX-License-Identifier: MIT */

/* Who is next: payers in turn, each payer's requests in their order. */

#include "transport/request.h"
#include "unit.h"
#include "util/turn.h"

#define N 8u

static struct spool_request requests[N];

/* Adds one of @payer. */
static void add(struct spool_turns *turns, unsigned int i, uid_t payer)
{
	requests[i] = (struct spool_request){.unique = i, .payer = payer};
	spool_turns_add(turns, &requests[i].turn, payer);
}

/* Takes all. @want: their numbers in order, -1 behind the last. */
static void expect(struct spool_turns *turns, const int *want)
{
	for (; *want >= 0; want++) {
		struct spool_request *request = spool_request_of(spool_turns_next(turns));

		CU_ASSERT_PTR_EQUAL(request, &requests[*want]);
	}
	CU_ASSERT_PTR_NULL(spool_turns_next(turns));
	CU_ASSERT_TRUE(spool_turns_is_empty(turns));
	CU_ASSERT_EQUAL(turns->n_payers, 0);
}

static void nobody(void)
{
	struct spool_turns turns;

	spool_turns_init(&turns);
	expect(&turns, (const int[]){-1});
}

static void one_keeps_its_order(void)
{
	struct spool_turns turns;

	spool_turns_init(&turns);
	for (unsigned int i = 0; i < N; i++)
		add(&turns, i, 1000);
	CU_ASSERT_EQUAL(turns.n_payers, 1);
	expect(&turns, (const int[]){0, 1, 2, 3, 4, 5, 6, 7, -1});
}

/* Two with three requests each: the third, who came last, waits for one of each. */
static void two_cannot_starve_a_third(void)
{
	struct spool_turns turns;

	spool_turns_init(&turns);
	for (unsigned int i = 0; i < 6; i++)
		add(&turns, i, 1000 + i % 2);
	add(&turns, 6, 1002);
	CU_ASSERT_EQUAL(turns.n_payers, 3);
	expect(&turns, (const int[]){0, 1, 6, 2, 3, 4, 5, -1});
}

static bool may(const void *ctx, uid_t payer)
{
	const uid_t *not = ctx;

	return payer != *not ;
}

/* Whose turn it is, but for one who may not: the others keep their order, and he comes later. */
static void one_may_not(void)
{
	const uid_t payers[] = {1000, 1001, 1002};
	struct spool_turns turns;

	spool_turns_init(&turns);
	CU_ASSERT_PTR_NULL(spool_turns_find(&turns, may, &payers[0]));
	add(&turns, 0, payers[0]);
	CU_ASSERT_PTR_NULL(spool_turns_find(&turns, may, &payers[0]));
	add(&turns, 1, payers[1]);
	add(&turns, 2, payers[2]);
	CU_ASSERT_PTR_EQUAL(spool_request_of(spool_turns_find(&turns, may, &payers[0])),
			    &requests[1]);
	CU_ASSERT_EQUAL(turns.n_payers, 3);
	expect(&turns, (const int[]){1, 2, 0, -1});
}

/* Who was served is behind those who wait, also with what he sends now. */
static void the_served_come_last(void)
{
	struct spool_turns turns;

	spool_turns_init(&turns);
	add(&turns, 0, 1000);
	add(&turns, 1, 1000);
	add(&turns, 2, 1001);
	CU_ASSERT_PTR_EQUAL(spool_request_of(spool_turns_next(&turns)), &requests[0]);
	add(&turns, 3, 1001);
	add(&turns, 4, 1000);
	expect(&turns, (const int[]){2, 1, 3, 4, -1});
}

static void put_back(void)
{
	struct spool_turns turns;

	spool_turns_init(&turns);
	add(&turns, 0, 1000);
	add(&turns, 1, 1000);
	add(&turns, 2, 1000);
	add(&turns, 3, 1001);
	spool_turns_put_back(&turns, spool_turns_next(&turns));
	CU_ASSERT_EQUAL(turns.n_payers, 2);
	spool_turns_put_back(&turns, spool_turns_next(&turns));
	CU_ASSERT_EQUAL(turns.n_payers, 2);
	expect(&turns, (const int[]){0, 3, 1, 2, -1});
}

/* The first of a payer, whose next takes its place; one behind; the only one. */
static void remove_some(void)
{
	struct spool_turns turns;

	spool_turns_init(&turns);
	for (unsigned int i = 0; i < 6; i++)
		add(&turns, i, 1000 + i % 2);
	add(&turns, 6, 1002);
	spool_turns_remove(&turns, &requests[0].turn);
	spool_turns_remove(&turns, &requests[3].turn);
	spool_turns_remove(&turns, &requests[6].turn);
	CU_ASSERT_EQUAL(turns.n_payers, 2);
	add(&turns, 7, 1000);
	expect(&turns, (const int[]){2, 1, 4, 5, 7, -1});
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"nobody", nobody},
		{"one keeps its order", one_keeps_its_order},
		{"two cannot starve a third", two_cannot_starve_a_third},
		{"the served come last", the_served_come_last},
		{"put back", put_back},
		{"remove", remove_some},
		{"one may not", one_may_not},
	};

	return unit_run("turn", tests, sizeof(tests) / sizeof(tests[0]));
}
