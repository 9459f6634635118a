/* SPDX-License-Identifier: MIT */

/*
 * The RAM pool: size classes at their exact edges, slots that never overlap, recycling in
 * last-in first-out order, give-back that keeps its books when the system refuses, and threads.
 */

#include "store/pool.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "fault_host.h"
#include "unit.h"
#include "util/macros.h"

#define MIB ((uint64_t)1 << 20)

static struct fault_host host;
static struct spool_pool *pool;

static void set_up(void)
{
	fault_host_init(&host);
	CU_ASSERT_EQUAL(spool_pool_new(&host.host, &pool), 0);
}

static void tear_down(void)
{
	spool_pool_free(pool);
	pool = NULL;
	CU_ASSERT_EQUAL(host.live, 0);
}

static spool_pool_slot_t take(size_t size)
{
	spool_pool_slot_t slot = UINT64_MAX;

	CU_ASSERT_EQUAL(spool_pool_alloc(pool, size, &slot), 0);
	CU_ASSERT_TRUE(spool_pool_size(slot) >= size);
	return slot;
}

static struct spool_pool_stat stat_now(void)
{
	struct spool_pool_stat stat;

	spool_pool_stat(pool, &stat);
	return stat;
}

/* Whatever keeps the process: what was in the files is gone. */
static void test_abandon(void)
{
	static spool_pool_slot_t slots[2000]; /* in more than one area */
	const size_t n = SPOOL_ARRAY_SIZE(slots);

	set_up();
	for (size_t i = 0; i < n; i++) {
		slots[i] = take(SPOOL_BLOCK_SIZE);
		memset(spool_pool_ptr(pool, slots[i]), 'x', SPOOL_BLOCK_SIZE);
	}
	spool_pool_abandon(pool);
	for (size_t i = 0; i < n; i++) {
		CU_ASSERT_EQUAL(*(const char *)spool_pool_ptr(pool, slots[i]), 0);
		spool_pool_release(pool, slots[i]);
	}
	tear_down();
}

static void test_classes(void)
{
	static const size_t sizes[] = {64,   96,    128,   192,   256,   384,   512,
				       768,  1024,  1536,  2048,  3072,  4096,  6144,
				       8192, 12288, 16384, 24576, 32768, 49152, 65536};

	CU_ASSERT_EQUAL(spool_pool_slot_size(1), 64);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(sizes); i++) {
		CU_ASSERT_EQUAL(spool_pool_slot_size(sizes[i]), sizes[i]);
		if (i > 0)
			CU_ASSERT_EQUAL(spool_pool_slot_size(sizes[i - 1] + 1), sizes[i]);
	}
}

/* Fills three chunks of every class with a mark per slot; overlapping slots would spoil a mark. */
static void test_no_overlap(void)
{
	enum { MAX = 3 * 1024 };
	static spool_pool_slot_t slots[MAX];

	set_up();
	for (size_t size = 64; size <= SPOOL_BLOCK_SIZE; size = spool_pool_slot_size(size + 1)) {
		size_t n = 3 * (SPOOL_BLOCK_SIZE / size), bad = 0;

		for (size_t i = 0; i < n; i++) {
			slots[i] = take(size);
			memset(spool_pool_ptr(pool, slots[i]), (int)(i % 251), size);
		}
		CU_ASSERT_EQUAL(stat_now().used, n * size);
		for (size_t i = 0; i < n; i++) {
			const unsigned char *at = spool_pool_ptr(pool, slots[i]);

			bad += at[0] != i % 251 || memcmp(at, at + 1, size - 1) != 0;
		}
		CU_ASSERT_EQUAL(bad, 0);
		CU_ASSERT_TRUE(stat_now().held <= 3 * SPOOL_BLOCK_SIZE);
		for (size_t i = n; i-- > 0;)
			spool_pool_release(pool, slots[i]);
		CU_ASSERT_EQUAL(stat_now().used, 0);
		if (size == SPOOL_BLOCK_SIZE)
			break;
	}
	tear_down();
}

static void test_recycled_first(void)
{
	spool_pool_slot_t a, b, c;
	void *at;

	set_up();
	a = take(SPOOL_BLOCK_SIZE);
	b = take(SPOOL_BLOCK_SIZE);
	at = spool_pool_ptr(pool, a);
	spool_pool_release(pool, b);
	spool_pool_release(pool, a);
	c = take(1);
	CU_ASSERT_PTR_EQUAL(spool_pool_ptr(pool, c), at); /* the chunk that was freed last */
	CU_ASSERT_EQUAL(stat_now().held, 2 * SPOOL_BLOCK_SIZE);
	spool_pool_release(pool, c);
	tear_down();
}

/* More than one area; every slot keeps its place and its content while the arena grows. */
static void test_growth(void)
{
	enum { N = 2500 };
	static spool_pool_slot_t slots[N];
	static char *places[N];
	size_t bad = 0;

	set_up();
	for (size_t i = 0; i < N; i++) {
		slots[i] = take(SPOOL_BLOCK_SIZE);
		places[i] = spool_pool_ptr(pool, slots[i]);
		memcpy(places[i], &i, sizeof(i));
	}
	for (size_t i = 0; i < N; i++)
		bad += spool_pool_ptr(pool, slots[i]) != (void *)places[i] ||
		       memcmp(places[i], &i, sizeof(i)) != 0;
	CU_ASSERT_EQUAL(bad, 0);
	for (size_t i = 0; i < N; i++)
		spool_pool_release(pool, slots[i]);
	tear_down();
}

static void test_give_back(void)
{
	enum { N = 2048 };
	static spool_pool_slot_t slots[N];
	static const char zeros[SPOOL_BLOCK_SIZE];
	unsigned int dirty = 0;

	set_up();
	for (size_t i = 0; i < N; i++) {
		slots[i] = take(SPOOL_BLOCK_SIZE);
		memset(spool_pool_ptr(pool, slots[i]), 0xaa, SPOOL_BLOCK_SIZE);
	}
	CU_ASSERT_EQUAL(stat_now().held, N * (uint64_t)SPOOL_BLOCK_SIZE);
	for (size_t i = 0; i < N; i++)
		spool_pool_release(pool, slots[i]);
	CU_ASSERT_TRUE(stat_now().held >= 16 * MIB); /* the slack stays for reuse */
	CU_ASSERT_TRUE(stat_now().held <= 18 * MIB); /* and a batch of 2 MiB at most beyond */
	spool_pool_trim(pool, 4 * MIB);
	CU_ASSERT_EQUAL(stat_now().held, 4 * MIB);
	spool_pool_trim(pool, 4 * MIB);
	CU_ASSERT_EQUAL(stat_now().held, 4 * MIB);
	spool_pool_trim(pool, 0);
	CU_ASSERT_EQUAL(stat_now().held, 0);
	for (size_t i = 0; i < N; i++) { /* what was given back is gone, and comes back as zeros */
		slots[i] = take(SPOOL_BLOCK_SIZE);
		dirty += memcmp(spool_pool_ptr(pool, slots[i]), zeros, sizeof(zeros)) != 0;
	}
	CU_ASSERT_EQUAL(dirty, 0);
	for (size_t i = 0; i < N; i++)
		spool_pool_release(pool, slots[i]);
	tear_down();
}

static void take_and_release(spool_pool_slot_t *slots, size_t n)
{
	for (size_t i = 0; i < n; i++)
		slots[i] = take(SPOOL_BLOCK_SIZE);
	for (size_t i = 0; i < n; i++)
		spool_pool_release(pool, slots[i]);
}

/* What was free all the time between two calls is given back, and what was needed is not. */
static void test_age(void)
{
	enum { N = 1024 };
	static spool_pool_slot_t slots[N];

	set_up();
	spool_pool_set_keep(pool, 32 * MIB);
	take_and_release(slots, N);
	CU_ASSERT_TRUE(stat_now().held >= 32 * MIB && stat_now().held <= 34 * MIB);
	CU_ASSERT_TRUE(spool_pool_age(pool)); /* all of it was needed */
	CU_ASSERT_TRUE(stat_now().held >= 32 * MIB);
	take_and_release(slots, 8 * MIB / SPOOL_BLOCK_SIZE);
	CU_ASSERT_TRUE(spool_pool_age(pool));
	CU_ASSERT_EQUAL(stat_now().held, 8 * MIB);
	CU_ASSERT_FALSE(spool_pool_age(pool));
	CU_ASSERT_EQUAL(stat_now().held, 0);
	CU_ASSERT_FALSE(spool_pool_age(pool));
	spool_pool_set_keep(pool, 0);
	take_and_release(slots, N);
	CU_ASSERT_TRUE(stat_now().held <= 18 * MIB);
	tear_down();
}

/* Fills @len bytes at @at of @slot. Return: how many calls of arena_write that took. */
static long fill(spool_pool_slot_t slot, size_t at, size_t len, char byte)
{
	static char bytes[SPOOL_BLOCK_SIZE];
	long before = host.written;

	memset(bytes, byte, len);
	spool_pool_fill(pool, slot, at, bytes, len);
	CU_ASSERT_EQUAL(memcmp((char *)spool_pool_ptr(pool, slot) + at, bytes, len), 0);
	return host.written - before;
}

/* Memory that is not there yet is written as a whole, by one call, whatever had it before. */
static void test_fill(void)
{
	spool_pool_slot_t slot, small;

	set_up();
	slot = take(SPOOL_BLOCK_SIZE);
	CU_ASSERT_EQUAL(fill(slot, 0, SPOOL_BLOCK_SIZE, 'a'), 1);
	CU_ASSERT_EQUAL(fill(slot, 4096, 4096, 'b'), 0);
	CU_ASSERT_EQUAL(*(char *)spool_pool_ptr(pool, slot), 'a');
	CU_ASSERT_EQUAL(fill(slot, 0, SPOOL_BLOCK_SIZE, 'c'), 0);
	spool_pool_release(pool, slot);
	slot = take(SPOOL_BLOCK_SIZE); /* the same memory */
	CU_ASSERT_EQUAL(fill(slot, 0, SPOOL_BLOCK_SIZE, 'd'), 0);
	spool_pool_release(pool, slot);
	spool_pool_trim(pool, 0);
	slot = take(SPOOL_BLOCK_SIZE); /* is not there any more */
	CU_ASSERT_EQUAL(fill(slot, 8192, 4096, 'e'), 0);
	CU_ASSERT_EQUAL(fill(slot, 0, SPOOL_BLOCK_SIZE, 'f'), 1);
	small = take(SPOOL_PAGE_SIZE);
	CU_ASSERT_EQUAL(fill(small, 0, SPOOL_PAGE_SIZE, 'g'), 0);
	spool_pool_release(pool, small);
	spool_pool_release(pool, slot);
	tear_down();
}

/* Where the call fails, or is not to be used, bytes are stored. */
static void test_fill_refused(void)
{
	spool_pool_slot_t slots[2];

	set_up();
	slots[0] = take(SPOOL_BLOCK_SIZE);
	slots[1] = take(SPOOL_BLOCK_SIZE);
	fault_host_arm(&host, 1, false);
	CU_ASSERT_EQUAL(fill(slots[0], 0, SPOOL_BLOCK_SIZE, 'a'), 0);
	CU_ASSERT_TRUE(host.fired);
	CU_ASSERT_EQUAL(fill(slots[0], 0, SPOOL_BLOCK_SIZE, 'b'), 0);
	host.host.arena_write = NULL;
	CU_ASSERT_EQUAL(fill(slots[1], 0, SPOOL_BLOCK_SIZE, 'c'), 0);
	spool_pool_release(pool, slots[0]);
	spool_pool_release(pool, slots[1]);
	tear_down();
}

/* The system refuses to take memory back: nothing is lost, and it is asked again later. */
static void test_give_back_refused(void)
{
	enum { N = 1024 };
	static spool_pool_slot_t slots[N];

	set_up();
	for (size_t i = 0; i < N; i++)
		slots[i] = take(SPOOL_BLOCK_SIZE);
	fault_host_arm(&host, 1, true);
	for (size_t i = 0; i < N; i++)
		spool_pool_release(pool, slots[i]);
	CU_ASSERT_TRUE(host.fired);
	CU_ASSERT_EQUAL(stat_now().used, 0);
	CU_ASSERT_EQUAL(stat_now().held, N * (uint64_t)SPOOL_BLOCK_SIZE);
	for (size_t i = 0; i < N; i++) /* all of it can still be used without the system's help */
		slots[i] = take(SPOOL_BLOCK_SIZE);
	CU_ASSERT_EQUAL(stat_now().held, N * (uint64_t)SPOOL_BLOCK_SIZE);
	for (size_t i = 0; i < N; i++)
		spool_pool_release(pool, slots[i]);
	fault_host_arm(&host, 0, false);
	spool_pool_trim(pool, 0);
	CU_ASSERT_EQUAL(stat_now().held, 0);
	tear_down();
}

static void test_no_memory(void)
{
	spool_pool_slot_t slot = 12345;

	set_up();
	for (int persistent = 0; persistent < 2; persistent++) {
		for (long nth = 1; nth <= 2; nth++) {
			fault_host_arm(&host, nth, persistent);
			CU_ASSERT_EQUAL(spool_pool_alloc(pool, 100, &slot), -ENOSPC);
			CU_ASSERT_TRUE(host.fired);
			CU_ASSERT_EQUAL(slot, 12345);
			CU_ASSERT_EQUAL(stat_now().used, 0);
			CU_ASSERT_EQUAL(stat_now().held, 0);
		}
	}
	fault_host_arm(&host, 0, false);
	slot = take(100);
	spool_pool_release(pool, slot);
	tear_down();
	spool_pool_free(NULL);
	fault_host_arm(&host, 1, false);
	CU_ASSERT_EQUAL(spool_pool_new(&host.host, &pool), -ENOMEM);
	CU_ASSERT_EQUAL(host.live, 0);
	fault_host_arm(&host, 0, false);
}

#define N_THREADS 4
#define N_ROUNDS 20000
#define N_KEPT 64

/* Marks the ends of a slot, every second time by filling all of it. */
static void mark_ends(spool_pool_slot_t slot, size_t size, unsigned char mark)
{
	unsigned char *p = spool_pool_ptr(pool, slot), bytes[SPOOL_BLOCK_SIZE];

	if (mark % 2) {
		memset(bytes, mark, size);
		spool_pool_fill(pool, slot, 0, bytes, size);
	} else {
		p[0] = p[size - 1] = mark;
	}
}

static void *churn(void *arg)
{
	unsigned int seed = *(unsigned int *)arg;
	spool_pool_slot_t slots[N_KEPT];
	size_t sizes[N_KEPT] = {0};
	uintptr_t bad = 0;

	for (unsigned int i = 0; i < N_ROUNDS; i++) {
		unsigned int at = (unsigned int)rand_r(&seed) % N_KEPT;
		unsigned char mark = (unsigned char)(at + seed % 7 * 31);
		unsigned char *p;

		if (sizes[at]) {
			p = spool_pool_ptr(pool, slots[at]);
			bad += p[0] != p[sizes[at] - 1];
			spool_pool_release(pool, slots[at]);
			sizes[at] = 0;
			continue;
		}
		sizes[at] =
			1 + (size_t)rand_r(&seed) % (1u << (6 + (unsigned int)rand_r(&seed) % 11));
		if (at % 8 == 0) /* these are written through the arena's file at first */
			sizes[at] = SPOOL_BLOCK_SIZE;
		if (spool_pool_alloc(pool, sizes[at], &slots[at]) < 0)
			return (void *)(uintptr_t)1;
		mark_ends(slots[at], sizes[at], mark);
		if (i % 1000 == 0)
			spool_pool_trim(pool, 1 * MIB);
	}
	for (unsigned int at = 0; at < N_KEPT; at++) {
		if (sizes[at])
			spool_pool_release(pool, slots[at]);
	}
	return (void *)bad;
}

static void test_threads(void)
{
	pthread_t threads[N_THREADS];
	unsigned int seeds[N_THREADS];

	set_up();
	for (unsigned int i = 0; i < N_THREADS; i++) {
		seeds[i] = i + 1;
		CU_ASSERT_EQUAL(pthread_create(&threads[i], NULL, churn, &seeds[i]), 0);
	}
	for (unsigned int i = 0; i < N_THREADS; i++) {
		void *bad;

		CU_ASSERT_EQUAL(pthread_join(threads[i], &bad), 0);
		CU_ASSERT_PTR_NULL(bad);
	}
	CU_ASSERT_EQUAL(stat_now().used, 0);
	tear_down();
}

#define N_PIECES 4800u /* of 16 KiB: 75 MiB */

/* One slot that stays in each chunk does not hold the rest of it. */
static void test_pieces_of_chunks(void)
{
	static spool_pool_slot_t slots[N_PIECES];
	uint64_t full;

	set_up();
	for (unsigned int i = 0; i < N_PIECES; i++) {
		slots[i] = take(16384);
		memset(spool_pool_ptr(pool, slots[i]), (int)(i & 0x7f), 16384);
	}
	full = stat_now().held;
	CU_ASSERT_EQUAL(full, (uint64_t)N_PIECES * 16384);
	for (unsigned int i = 0; i < N_PIECES; i++) {
		if (i % 4 != 1)
			spool_pool_release(pool, slots[i]);
	}
	CU_ASSERT_TRUE(stat_now().held > stat_now().used); /* some is kept for reuse */
	spool_pool_trim(pool, 0);
	CU_ASSERT_TRUE(stat_now().held <= stat_now().used * 5 / 4 + 17 * MIB);
	for (unsigned int i = 1; i < N_PIECES; i += 4) {
		const char *bytes = spool_pool_ptr(pool, slots[i]);

		CU_ASSERT_EQUAL_FATAL(bytes[0], (char)(i & 0x7f));
		CU_ASSERT_EQUAL_FATAL(bytes[16383], (char)(i & 0x7f));
	}
	for (unsigned int i = 0; i < N_PIECES; i++) {
		if (i % 4 != 1)
			slots[i] = take(16384);
	}
	CU_ASSERT_EQUAL(stat_now().held, full);
	/* what the system does not take back is still held, and still good */
	fault_host_arm(&host, 1, true);
	for (unsigned int i = 0; i < N_PIECES; i++) {
		if (i % 4 != 1)
			spool_pool_release(pool, slots[i]);
	}
	CU_ASSERT_EQUAL(stat_now().held, full);
	fault_host_arm(&host, 0, false);
	spool_pool_trim(pool, 0);
	CU_ASSERT_TRUE(stat_now().held <= stat_now().used * 5 / 4 + 17 * MIB);
	for (unsigned int i = 1; i < N_PIECES; i += 4)
		spool_pool_release(pool, slots[i]);
	spool_pool_trim(pool, 0);
	CU_ASSERT_EQUAL(stat_now().held, 0);
	tear_down();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"pieces of chunks", test_pieces_of_chunks},
		{"size classes", test_classes},
		{"abandon", test_abandon},
		{"slots do not overlap", test_no_overlap},
		{"recycled first", test_recycled_first},
		{"growth over areas", test_growth},
		{"give back", test_give_back},
		{"age", test_age},
		{"fill", test_fill},
		{"fill refused", test_fill_refused},
		{"give back refused", test_give_back_refused},
		{"no memory", test_no_memory},
		{"threads", test_threads},
	};

	return unit_run("pool", tests, SPOOL_ARRAY_SIZE(tests));
}
