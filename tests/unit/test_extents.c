/* SPDX-License-Identifier: MIT */

/* Sets of pages, against a plain map of them; when there is no more room; without memory. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fault_host.h"
#include "store/extents.h"
#include "unit.h"

#define PAGES 200u

static struct fault_host host;
static struct spool_extents *set;
static bool plain[PAGES];

static int add(uint64_t from, uint64_t to, bool widen)
{
	return spool_extents_add(&host.host, &set, from, to, widen);
}

static void cut(uint64_t from, uint64_t to, bool keep)
{
	spool_extents_remove(&host.host, &set, from, to, keep);
}

static bool has(uint64_t page)
{
	uint64_t from, to;

	return spool_extents_find(set, page, page + 1, &from, &to) && from == page &&
	       to == page + 1;
}

/* What find() says from each page on is what the plain map says. */
static bool is_right(void)
{
	for (unsigned int at = 0; at < PAGES; at++) {
		uint64_t from = PAGES, to = PAGES;
		unsigned int first = at, end;

		while (first < PAGES && !plain[first])
			first++;
		for (end = first; end < PAGES && plain[end]; end++)
			;
		if (spool_extents_find(set, at, PAGES, &from, &to) != (first < PAGES) ||
		    (first < PAGES && (from != first || to != end)))
			return false;
	}
	return true;
}

static void against_a_map(void)
{
	unsigned int seed = 1;

	fault_host_init(&host);
	memset(plain, 0, sizeof(plain));
	for (unsigned int i = 0; i < 20000; i++) {
		uint64_t from = (unsigned int)rand_r(&seed) % PAGES;
		uint64_t to = from + 1 + (unsigned int)rand_r(&seed) % 12;
		bool in = rand_r(&seed) % 2;

		to = to < PAGES ? to : PAGES;
		if (!in)
			cut(from, to, i % 2);
		else if (add(from, to, i % 2) != 0)
			CU_FAIL("there is room, and memory");
		for (uint64_t page = from; page < to; page++)
			plain[page] = in;
		if (!is_right()) {
			CU_FAIL("the set and the map differ");
			printf("step %u, %s %u to %u\n", i, in ? "add" : "remove",
			       (unsigned int)from, (unsigned int)to);
			break;
		}
	}
	cut(0, PAGES, false);
	CU_ASSERT_PTR_NULL(set);
}

/* One more than there is room for: refused, or the next one reaches over; never forgotten. */
static void full(void)
{
	fault_host_init(&host);
	for (uint64_t i = 0; i < SPOOL_EXTENTS_MAX; i++)
		CU_ASSERT_EQUAL(add(10 * i, 10 * i + 4, false), 0);
	CU_ASSERT_EQUAL(add(100000, 100001, false), -ENOSPC);
	CU_ASSERT_FALSE(has(100000));
	CU_ASSERT_EQUAL(add(4, 5, false), 0); /* this needs none */
	CU_ASSERT_EQUAL(add(16, 17, true), 0);
	CU_ASSERT_TRUE(has(16));
	CU_ASSERT_EQUAL(add(100000, 100001, true), 0);
	CU_ASSERT_TRUE(has(100000));
	for (uint64_t i = 0; i < SPOOL_EXTENTS_MAX; i++)
		CU_ASSERT_TRUE(has(10 * i) && has(10 * i + 3));
	spool_extents_free(&host.host, &set);
	/* a split */
	for (uint64_t i = 0; i < SPOOL_EXTENTS_MAX; i++)
		add(10 * i, 10 * i + 4, false);
	cut(1, 2, true);
	CU_ASSERT_TRUE(has(0) && has(1) && has(3));
	cut(1, 2, false);
	CU_ASSERT_TRUE(has(0) && !has(1) && !has(3) && has(10));
	spool_extents_free(&host.host, &set);
}

static void no_memory(void)
{
	fault_host_init(&host);
	fault_host_arm(&host, 1, true);
	CU_ASSERT_EQUAL(add(0, 1, true), -ENOMEM);
	CU_ASSERT_PTR_NULL(set);
	fault_host_arm(&host, 0, false);
	for (uint64_t i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(add(2 * i, 2 * i + 1, false), 0);
	fault_host_arm(&host, 1, true);
	CU_ASSERT_EQUAL(add(20, 21, false), -ENOMEM);
	CU_ASSERT_FALSE(has(20));
	CU_ASSERT_EQUAL(add(20, 21, true), 0);
	CU_ASSERT_TRUE(has(20) && has(0) && has(6));
	fault_host_arm(&host, 0, false);
	spool_extents_free(&host.host, &set);
	CU_ASSERT_FALSE(spool_extents_find(NULL, 0, UINT64_MAX, &(uint64_t){0}, &(uint64_t){0}));
	cut(0, 5, false);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"against a map", against_a_map},
		{"full", full},
		{"no memory", no_memory},
	};

	return unit_run("extents", tests, sizeof(tests) / sizeof(tests[0]));
}
