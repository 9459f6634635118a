/* SPDX-License-Identifier: MIT */

/*
 * The block map: against a sorted list of what was set, at the edges of every height, with the
 * memory it says it will need and the memory it takes compared at every step.
 */

#include "store/blockmap.h"

#include <errno.h>
#include <string.h>

#include "fault_host.h"
#include "unit.h"
#include "util/macros.h"

static struct fault_host host;
static struct spool_blockmap map;

static void set_up(void)
{
	fault_host_init(&host);
	spool_blockmap_init(&map);
}

static void tear_down(void)
{
	spool_blockmap_fini(&map, &host.host);
	CU_ASSERT_EQUAL(host.live, 0);
}

static void put(uint64_t index, uint64_t word)
{
	size_t before = spool_blockmap_bytes(&map);
	size_t missing = spool_blockmap_missing(&map, index);

	CU_ASSERT_EQUAL(spool_blockmap_grow(&map, &host.host, index), 0);
	CU_ASSERT_EQUAL(spool_blockmap_bytes(&map), before + missing);
	CU_ASSERT_EQUAL(spool_blockmap_missing(&map, index), 0);
	spool_blockmap_set(&map, &host.host, index, word);
	CU_ASSERT_EQUAL(spool_blockmap_get(&map, index), word);
}

static void test_one_block(void)
{
	uint64_t index, word;

	set_up();
	CU_ASSERT_EQUAL(spool_blockmap_get(&map, 0), 0);
	CU_ASSERT_EQUAL(spool_blockmap_get(&map, SPOOL_BLOCKMAP_MAX), 0);
	CU_ASSERT_FALSE(spool_blockmap_next(&map, 0, &index, &word));
	put(0, 7);
	CU_ASSERT_EQUAL(spool_blockmap_bytes(&map), 0); /* a small file costs no node */
	CU_ASSERT_TRUE(spool_blockmap_next(&map, 0, &index, &word));
	CU_ASSERT_EQUAL(index, 0);
	CU_ASSERT_EQUAL(word, 7);
	CU_ASSERT_FALSE(spool_blockmap_next(&map, 1, &index, &word));
	spool_blockmap_set(&map, &host.host, 0, 0);
	CU_ASSERT_FALSE(spool_blockmap_next(&map, 0, &index, &word));
	tear_down();
}

/* The first and last index of every height, in both orders, alone and together with index 0. */
static void test_heights(void)
{
	for (unsigned int bits = 6; bits <= 48; bits += 6) {
		uint64_t last = ((uint64_t)1 << bits) - 1, index, word;
		uint64_t edge[] = {last, last + 1 > SPOOL_BLOCKMAP_MAX ? last - 1 : last + 1};

		set_up();
		put(0, 1);
		for (unsigned int i = 0; i < 2; i++)
			put(edge[i], 2 + i);
		CU_ASSERT_EQUAL(spool_blockmap_get(&map, 0), 1);
		CU_ASSERT_TRUE(spool_blockmap_next(&map, 1, &index, &word));
		CU_ASSERT_EQUAL(index, edge[0] < edge[1] ? edge[0] : edge[1]);
		spool_blockmap_set(&map, &host.host, edge[0], 0);
		CU_ASSERT_TRUE(spool_blockmap_next(&map, 1, &index, &word));
		CU_ASSERT_EQUAL(index, edge[1]);
		CU_ASSERT_EQUAL(word, 3);
		spool_blockmap_set(&map, &host.host, edge[1], 0);
		CU_ASSERT_FALSE(spool_blockmap_next(&map, 1, &index, &word));
		spool_blockmap_set(&map, &host.host, 0, 0);
		CU_ASSERT_EQUAL(spool_blockmap_bytes(&map), 0);
		CU_ASSERT_EQUAL(host.live, 0);
		put(edge[1], 4);
		put(0, 5);
		CU_ASSERT_EQUAL(spool_blockmap_get(&map, edge[1]), 4);
		tear_down();
	}
}

/* Memory depends on what the map holds now, not on what it held before. */
static void test_memory_is_canonical(void)
{
	for (unsigned int bits = 0; bits <= 48; bits++) {
		uint64_t high = ((uint64_t)1 << bits) - 1;
		size_t bytes;

		set_up();
		put(0, 1);
		put(high >> 3, 2);
		bytes = spool_blockmap_bytes(&map);
		put(high, 3);
		if (high != high >> 3)
			spool_blockmap_set(&map, &host.host, high, 0);
		CU_ASSERT_EQUAL(spool_blockmap_bytes(&map), bytes);
		spool_blockmap_set(&map, &host.host, high >> 3, 0);
		if (high >> 3 > 0)
			CU_ASSERT_EQUAL(spool_blockmap_get(&map, 0), 1);
		CU_ASSERT_EQUAL(spool_blockmap_bytes(&map), 0);
		tear_down();
	}
}

/* A grow that is given up must leave no node behind. */
static void test_grow_given_up(void)
{
	set_up();
	CU_ASSERT_EQUAL(spool_blockmap_grow(&map, &host.host, SPOOL_BLOCKMAP_MAX), 0);
	spool_blockmap_set(&map, &host.host, SPOOL_BLOCKMAP_MAX, 0);
	CU_ASSERT_EQUAL(spool_blockmap_bytes(&map), 0);
	CU_ASSERT_EQUAL(host.live, 0);
	put(0, 9);
	CU_ASSERT_EQUAL(spool_blockmap_grow(&map, &host.host, 1000000), 0);
	spool_blockmap_set(&map, &host.host, 1000000, 0);
	CU_ASSERT_EQUAL(spool_blockmap_get(&map, 0), 9);
	spool_blockmap_set(&map, &host.host, 0, 0);
	CU_ASSERT_EQUAL(spool_blockmap_bytes(&map), 0);
	CU_ASSERT_EQUAL(host.live, 0);
	tear_down();
}

static void test_no_memory(void)
{
	for (int persistent = 0; persistent < 2; persistent++) {
		long nth = 1;
		int r;

		do {
			set_up();
			put(0, 1);
			put(70, 2);
			long live = host.live;
			size_t bytes = spool_blockmap_bytes(&map);

			fault_host_arm(&host, nth++, persistent);
			r = spool_blockmap_grow(&map, &host.host, (uint64_t)1 << 40);
			if (r < 0) {
				CU_ASSERT_EQUAL(r, -ENOMEM);
				CU_ASSERT_EQUAL(host.live, live);
				CU_ASSERT_EQUAL(spool_blockmap_bytes(&map), bytes);
				CU_ASSERT_EQUAL(spool_blockmap_get(&map, 0), 1);
				CU_ASSERT_EQUAL(spool_blockmap_get(&map, 70), 2);
			}
			fault_host_arm(&host, 0, false);
			tear_down();
		} while (r < 0);
		CU_ASSERT_TRUE(nth > 5);
	}
}

#define N_RANDOM 400

static uint64_t random_index(unsigned int *seed)
{
	uint64_t index = (uint64_t)rand_r(seed) << 31 ^ (uint64_t)rand_r(seed);

	return index & (((uint64_t)1 << (unsigned int)rand_r(seed) % 49) - 1);
}

static int compare_indices(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static size_t walk_differs(const uint64_t *sorted, size_t n)
{
	uint64_t index = 0, word;
	size_t seen = 0, bad = 0;

	for (; spool_blockmap_next(&map, index, &index, &word); index++) {
		bad += seen >= n || sorted[seen] != index || word != ~index;
		seen++;
	}
	return bad + (seen != n);
}

static void test_random(void)
{
	const char *text = getenv("SPOOL_SEED");
	unsigned int seed = text ? (unsigned int)strtoul(text, NULL, 0) : 1;
	uint64_t set[N_RANDOM], word, index;
	size_t n;

	for (unsigned int round = 0; round < 20; round++) {
		printf("(SPOOL_SEED=%u) ", seed);
		set_up();
		for (n = 0; n < N_RANDOM; n++) {
			set[n] = random_index(&seed);
			put(set[n], ~set[n]);
		}
		qsort(set, n, sizeof(*set), compare_indices);
		n = 1;
		for (size_t i = 1; i < N_RANDOM; i++) {
			if (set[i] != set[n - 1])
				set[n++] = set[i];
		}
		CU_ASSERT_EQUAL(walk_differs(set, n), 0);
		while (n > 0) {
			size_t at = (size_t)rand_r(&seed) % n;

			spool_blockmap_set(&map, &host.host, set[at], 0);
			memmove(set + at, set + at + 1, (--n - at) * sizeof(*set));
			if (n % 16 == 0)
				CU_ASSERT_EQUAL(walk_differs(set, n), 0);
			index = random_index(&seed);
			word = bsearch(&index, set, n, sizeof(*set), compare_indices) ? ~index : 0;
			CU_ASSERT_EQUAL(spool_blockmap_get(&map, index), word);
		}
		CU_ASSERT_EQUAL(spool_blockmap_bytes(&map), 0);
		tear_down();
	}
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"one block needs no node", test_one_block},
		{"edges of every height", test_heights},
		{"memory is canonical", test_memory_is_canonical},
		{"grow given up", test_grow_given_up},
		{"no memory", test_no_memory},
		{"random against a sorted list", test_random},
	};

	return unit_run("blockmap", tests, SPOOL_ARRAY_SIZE(tests));
}
