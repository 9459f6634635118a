/* SPDX-License-Identifier: MIT */

/*
 * Slots on the backing store: who gets which and when again, what reaches the files, what is
 * punched and closed, and a disk that refuses or is full.
 */

#include "spill/disk_slots.h"

#include <errno.h>
#include <string.h>

#include "disk_slots_rig.h"
#include "spill/disk_slot_map.h"
#include "unit.h"
#include "util/macros.h"

static void test_lowest_first(void)
{
	spool_disk_slot_t first;
	int segment;

	set_up(MAX_FILES);
	segment = own();
	first = take(segment, 64, 64);
	CU_ASSERT_EQUAL(segment_of(first), (unsigned int)segment);
	CU_ASSERT_EQUAL(take(segment, 1, 1), first + 64);
	CU_ASSERT_EQUAL(take(segment, 7, 7), first + 65);
	CU_ASSERT_EQUAL(stat_now().used, 72);
	give(first + 10, 3); /* a hole of three, and one of one */
	give(first + 20, 1);
	CU_ASSERT_EQUAL(stat_now().used, 68);
	CU_ASSERT_EQUAL(stat_now().waiting, 4);
	CU_ASSERT_EQUAL(take(segment, 1, 1), first + 72); /* they are still on the disk */
	CU_ASSERT_TRUE(spool_disk_slots_reclaim(slots));
	CU_ASSERT_FALSE(spool_disk_slots_reclaim(slots));
	CU_ASSERT_EQUAL(disk.calls[FAULT_PUNCH], 2);
	CU_ASSERT_EQUAL(stat_now().waiting, 0);
	CU_ASSERT_EQUAL(take(segment, 2, 2), first + 10);
	CU_ASSERT_EQUAL(take(segment, 64, 1), first + 12);
	CU_ASSERT_EQUAL(take(segment, 64, 1), first + 20);
	CU_ASSERT_EQUAL(take(segment, 64, 64), first + 73);
	give(first, 73 + 64);
	spool_disk_slots_disown(slots, segment);
	reclaim_all();
	CU_ASSERT_EQUAL(stat_now().files, 0);
	tear_down();
}

static void test_round_trip(void)
{
	_Alignas(PAGE) static unsigned char data[40 * PAGE], back[40 * PAGE];
	struct iovec iov[2] = {{.iov_base = data, .iov_len = 3 * PAGE},
			       {.iov_base = data + 3 * PAGE, .iov_len = 37 * PAGE}};
	struct iovec whole = {.iov_base = back, .iov_len = sizeof(back)};
	spool_disk_slot_t a, b;

	set_up(MAX_FILES);
	a = take(0, 4, 4);
	b = take(0, 4, 4);
	for (unsigned int i = 0; i < 40; i++)
		fill(data + (size_t)i * PAGE, a, i, 1);
	CU_ASSERT_EQUAL(put(b, 0, 2), 0);
	CU_ASSERT_EQUAL(spool_disk_slots_write(slots, a, 5 * PAGE, iov, 2), 0);
	CU_ASSERT_EQUAL(disk.bytes, 41 * PAGE);
	CU_ASSERT_EQUAL(spool_disk_slots_read(slots, a, 5 * PAGE, &whole, 1), 0);
	CU_ASSERT_EQUAL(memcmp(data, back, sizeof(back)), 0);
	whole.iov_len = PAGE; /* page 20 is page 4 of the second slot */
	CU_ASSERT_EQUAL(spool_disk_slots_read(slots, a + 1, 4 * PAGE, &whole, 1), 0);
	CU_ASSERT_EQUAL(memcmp(data + 15 * PAGE, back, PAGE), 0);
	CU_ASSERT_EQUAL(spool_disk_slots_read(slots, a, 4 * PAGE, &whole, 1), -EIO);
	CU_ASSERT_EQUAL(look(b, 0, 2), 0);
	fault_backing_arm(&disk, FAULT_WRITE, 1, false, -EROFS);
	CU_ASSERT_EQUAL(put(b, 1, 2), -EROFS);
	fault_backing_arm(&disk, FAULT_READ, 1, false, -ETIMEDOUT);
	CU_ASSERT_EQUAL(look(b, 0, 2), -ETIMEDOUT);
	CU_ASSERT_EQUAL(look(b, 0, 2), 0);
	give(a, 4);
	reclaim_all();
	CU_ASSERT_EQUAL(disk.bytes, PAGE);
	CU_ASSERT_EQUAL(look(b, 0, 2), 0);
	give(b, 4);
	reclaim_all();
	CU_ASSERT_EQUAL(disk.bytes, 0);
	tear_down();
}

/* One call for what lies side by side, also across the words and groups of the map. */
static void test_neighbours(void)
{
	enum { N = 3 * 4096 };
	spool_disk_slot_t first;
	int segment;

	set_up(MAX_FILES);
	segment = own();
	first = take(segment, 64, 64);
	for (unsigned int n = 64; n < N; n += 64)
		CU_ASSERT_EQUAL(take(segment, 64, 64), first + n);
	for (unsigned int i = 0; i < N; i += 512)
		CU_ASSERT_EQUAL(put(first + i, 0, 0), 0);
	for (unsigned int i = 0; i < 1000; i++) /* out of order: 3600 to 4600 */
		spool_disk_slots_give(slots, first + 3600 + i * 7 % 1000);
	reclaim_all();
	CU_ASSERT_EQUAL(disk.calls[FAULT_PUNCH], 1);
	CU_ASSERT_EQUAL(disk.bytes, (N / 512 - 1) * PAGE); /* page 4096 has gone */
	CU_ASSERT_EQUAL(look(first + 3584, 0, 0), 0);
	CU_ASSERT_EQUAL(look(first + 4608, 0, 0), 0);
	for (unsigned int i = 0; i < 400; i += 2) /* 200 holes, more than a batch */
		spool_disk_slots_give(slots, first + i);
	reclaim_all();
	CU_ASSERT_EQUAL(disk.calls[FAULT_PUNCH], 201);
	CU_ASSERT_EQUAL(take(segment, 64, 1), first);
	CU_ASSERT_EQUAL(stat_now().used, N - 1000 - 200 + 1);
	for (unsigned int i = 0; i < N; i++) {
		if (i != 0 && ((i < 400 && i % 2 == 0) || (i >= 3600 && i < 4600)))
			continue;
		spool_disk_slots_give(slots, first + i);
	}
	spool_disk_slots_disown(slots, segment);
	reclaim_all();
	CU_ASSERT_EQUAL(stat_now().files, 0);
	CU_ASSERT_EQUAL(disk.calls[FAULT_PUNCH], 201); /* the file went as a whole */
	tear_down();
}

static void test_shared_in_turn(void)
{
	spool_disk_slot_t taken[12];
	unsigned int seen = 0;

	set_up(MAX_FILES);
	for (unsigned int i = 0; i < SPOOL_ARRAY_SIZE(taken); i++) {
		taken[i] = take(0, 1, 1);
		seen |= 1u << segment_of(taken[i]);
		if (i >= 4) {
			CU_ASSERT_EQUAL(taken[i], taken[i - 4] + 1);
		}
	}
	CU_ASSERT_EQUAL(__builtin_popcount(seen), 4);
	CU_ASSERT_EQUAL(stat_now().files, 4);
	for (unsigned int i = 0; i < SPOOL_ARRAY_SIZE(taken); i++)
		give(taken[i], 1);
	CU_ASSERT_EQUAL(stat_now().waiting, SPOOL_ARRAY_SIZE(taken));
	reclaim_all();
	CU_ASSERT_EQUAL(stat_now().waiting, 0);
	CU_ASSERT_EQUAL(stat_now().files, 4); /* they stay for the next */
	CU_ASSERT_EQUAL(disk.calls[FAULT_PUNCH], 4);
	tear_down();
}

static void test_own_limits(void)
{
	static const struct {
		unsigned int max_files, own;
	} cases[] = {{2, 1}, {3, 2}, {4, 3}, {5, 3}, {64, 48}, {65535, 49151}};

	for (size_t c = 0; c < SPOOL_ARRAY_SIZE(cases); c++) {
		unsigned int n = cases[c].max_files > 1000 ? 1000 : cases[c].own;
		spool_disk_slot_t shared;
		int last = 0;

		set_up(cases[c].max_files);
		for (unsigned int i = 0; i < n; i++)
			last = own();
		CU_ASSERT_TRUE(n < cases[c].own || spool_disk_slots_own(slots) == -EMFILE);
		CU_ASSERT_EQUAL(stat_now().files, n);
		shared = take(0, 1, 1); /* there is always one for these */
		CU_ASSERT_EQUAL(stat_now().files, n + 1);
		spool_disk_slots_disown(slots, last);
		/* until it is closed */
		CU_ASSERT_TRUE(n < cases[c].own || spool_disk_slots_own(slots) == -EMFILE);
		reclaim_all();
		CU_ASSERT_EQUAL(stat_now().files, n);
		last = own();
		spool_disk_slots_disown(slots, 0);
		give(shared, 1);
		reclaim_all();
		tear_down(); /* with files that are still owned */
	}
}

static void test_disown(void)
{
	spool_disk_slot_t first;
	int segment;

	set_up(MAX_FILES);
	segment = own();
	first = take(segment, 64, 64);
	for (unsigned int i = 0; i < 64; i++)
		CU_ASSERT_EQUAL(put(first + i, 15, 0), 0);
	give(first, 30);
	spool_disk_slots_disown(slots, segment); /* before the last slots are given back */
	CU_ASSERT_FALSE(spool_disk_slots_reclaim(slots));
	CU_ASSERT_EQUAL(look(first + 30, 15, 0), 0);
	give(first + 30, 33);
	CU_ASSERT_FALSE(spool_disk_slots_reclaim(slots));
	CU_ASSERT_EQUAL(stat_now().waiting, 63);
	CU_ASSERT_EQUAL(disk.live, 1);
	give(first + 63, 1);
	CU_ASSERT_TRUE(spool_disk_slots_reclaim(slots));
	CU_ASSERT_FALSE(spool_disk_slots_reclaim(slots));
	CU_ASSERT_EQUAL(disk.live, 0);
	CU_ASSERT_EQUAL(disk.bytes, 0);
	CU_ASSERT_EQUAL(disk.calls[FAULT_PUNCH], 0);
	CU_ASSERT_EQUAL(disk.calls[FAULT_CLOSE], 1);
	CU_ASSERT_EQUAL(stat_now().waiting, 0);
	segment = own(); /* a number that is used again has no memory of its past */
	CU_ASSERT_EQUAL(take(segment, 1, 1), (spool_disk_slot_t)segment << 48);
	give((spool_disk_slot_t)segment << 48, 1);
	tear_down();
}

/* The disk does not punch: slots are used again as they are, and empty segments are closed. */
static void test_unpunched(void)
{
	spool_disk_slot_t first, second, other;
	int segment;

	set_up(2);
	segment = own();
	fault_backing_arm(&disk, FAULT_PUNCH, 1, true, -EOPNOTSUPP);
	first = take(0, 8, 8);
	second = take(segment, 8, 8);
	for (unsigned int i = 0; i < 8; i++) {
		CU_ASSERT_EQUAL(put(first + i, 0, 0), 0);
		CU_ASSERT_EQUAL(put(second + i, 0, 0), 0);
	}
	for (unsigned int round = 0; round < 3; round++) {
		give(first + 2, 1);
		give(first + 4, 2);
		give(second, 7);
		reclaim_all();
		CU_ASSERT_EQUAL(stat_now().waiting, 0);
		CU_ASSERT_EQUAL(disk.calls[FAULT_PUNCH], 2); /* once for each, and never again */
		CU_ASSERT_EQUAL(disk.bytes, 16 * PAGE);
		CU_ASSERT_EQUAL(take(0, 64, 1), first + 2);
		CU_ASSERT_EQUAL(take(0, 64, 2), first + 4);
		CU_ASSERT_EQUAL(take(segment, 64, 7), second);
	}
	give(first, 8);
	give(second, 8);
	reclaim_all();
	CU_ASSERT_EQUAL(disk.live, 1); /* the shared one is closed, to get the space back */
	CU_ASSERT_EQUAL(disk.bytes, 8 * PAGE);
	other = take(0, 1, 1);
	for (unsigned int i = 1; i < 4; i++) /* every slot has forgotten it */
		CU_ASSERT_EQUAL(take(0, 1, 1), other + i);
	CU_ASSERT_EQUAL(put(other, 0, 0), 0);
	fault_backing_arm(&disk, FAULT_PUNCH, 0, false, 0);
	give(other, 4);
	reclaim_all();
	CU_ASSERT_EQUAL(disk.live, 2); /* the new one can be punched: it stays */
	CU_ASSERT_EQUAL(disk.bytes, 8 * PAGE);
	spool_disk_slots_disown(slots, segment);
	reclaim_all();
	CU_ASSERT_EQUAL(disk.bytes, 0);
	tear_down();
}

static void test_open_fails(void)
{
	spool_disk_slot_t taken[9], none = 77;

	set_up(MAX_FILES);
	fault_backing_arm(&disk, FAULT_OPEN, 1, true, -EROFS);
	CU_ASSERT_EQUAL(spool_disk_slots_own(slots), -EROFS);
	CU_ASSERT_EQUAL(spool_disk_slots_take(slots, 0, 1, &none), -EROFS);
	for (unsigned int i = 0; i < 2 * MAX_FILES; i++) { /* no number is lost by it */
		CU_ASSERT_EQUAL(spool_disk_slots_own(slots), -EROFS);
		CU_ASSERT_EQUAL(spool_disk_slots_take(slots, 0, 1, &none), -EROFS);
	}
	CU_ASSERT_EQUAL(none, 77);
	CU_ASSERT_EQUAL(stat_now().files, 0);
	fault_backing_arm(&disk, FAULT_OPEN, 2, true, -EMFILE);
	for (unsigned int i = 0; i < SPOOL_ARRAY_SIZE(taken); i++) /* one must do for all */
		taken[i] = take(0, 1, 1);
	CU_ASSERT_TRUE(disk.fired[FAULT_OPEN]);
	CU_ASSERT_EQUAL(stat_now().files, 1);
	for (unsigned int i = 0; i < SPOOL_ARRAY_SIZE(taken); i++) {
		CU_ASSERT_EQUAL(taken[i], taken[0] + i);
		give(taken[i], 1);
	}
	fault_backing_arm(&disk, FAULT_OPEN, 0, false, 0);
	for (unsigned int i = 0; i < SPOOL_ARRAY_SIZE(taken); i++)
		taken[i] = take(0, 1, 1);
	CU_ASSERT_EQUAL(stat_now().files, 4);
	for (unsigned int i = 0; i < SPOOL_ARRAY_SIZE(taken); i++)
		give(taken[i], 1);
	reclaim_all();
	tear_down();
}

/* What a test of memory does: makes slots, takes, and gives back. Return: 0; -ENOMEM. */
static int use_all(void)
{
	enum { N = 70 };
	spool_disk_slot_t first[N];
	int n[N] = {0}, r, segment = 0, done = 0;

	r = spool_disk_slots_new(&host.host, &disk.backing, 8, &slots);
	if (r < 0)
		return r;
	segment = spool_disk_slots_own(slots);
	for (; done < N && segment > 0; done++) { /* 70 * 64 slots: two groups */
		n[done] = spool_disk_slots_take(slots, segment, 64, &first[done]);
		if (n[done] < 0)
			break;
	}
	r = segment < 0 ? segment : done < N ? n[done] : 0;
	if (r == 0) {
		spool_disk_slot_t shared;

		r = spool_disk_slots_take(slots, 0, 1, &shared);
		if (r > 0)
			give(shared, 1);
	}
	while (done-- > 0)
		give(first[done], (unsigned int)n[done]);
	spool_disk_slots_disown(slots, segment > 0 ? segment : 0);
	reclaim_all(); /* needs no memory */
	CU_ASSERT_EQUAL(stat_now().waiting, 0);
	spool_disk_slots_free(slots);
	return r < 0 ? r : 0;
}

static void test_no_memory(void)
{
	long nth;
	int r;

	fault_host_init(&host);
	fault_backing_init(&disk);
	spool_disk_slots_free(NULL);
	for (int persistent = 0; persistent < 2; persistent++) {
		for (nth = 1; nth < 100; nth++) {
			fault_host_arm(&host, nth, persistent);
			r = use_all();
			CU_ASSERT_EQUAL(host.live, 0);
			CU_ASSERT_EQUAL(disk.live, 0);
			if (!host.fired)
				break;
			/* once, a shared slot may be passed over, as another can be used */
			CU_ASSERT_TRUE(r == -ENOMEM || (r == 0 && !persistent));
		}
		CU_ASSERT_EQUAL(r, 0);
		CU_ASSERT_TRUE(nth > 8);
	}
	fault_host_arm(&host, 0, false);
	fault_backing_fini(&disk);
}

/* A million slots, a file of 1 TiB; less where it is slow and would find nothing. */
#ifdef __SANITIZE_THREAD__
#define MANY (1u << 18)
#define TIB ((uint64_t)1 << 32)
#else
#define MANY (1u << 20)
#define TIB ((uint64_t)1 << 40)
#endif

/* Many slots, given back in a scattered order; all come again, each once. */
static void test_million(void)
{
	enum { N = MANY };
	static spool_disk_slot_t taken[N];
	static unsigned char seen[4][N];
	size_t twice = 0;

	set_up(MAX_FILES);
	for (int round = 0; round < 2; round++) {
		memset(seen, 0, sizeof(seen));
		for (unsigned int i = 0; i < N; i++) {
			uint64_t index;

			if (spool_disk_slots_take(slots, 0, 1, &taken[i]) != 1)
				break;
			index = taken[i] & (((uint64_t)1 << 48) - 1);
			if (index >= N / 4 || seen[segment_of(taken[i]) - 1][index]++)
				twice++;
		}
		CU_ASSERT_EQUAL(twice, 0);
		CU_ASSERT_EQUAL(stat_now().used, N);
		for (uint64_t i = 0; i < N; i++)
			spool_disk_slots_give(slots, taken[i * 786433 % N]);
		reclaim_all();
		CU_ASSERT_EQUAL(stat_now().used, 0);
		CU_ASSERT_EQUAL(stat_now().waiting, 0);
	}
	CU_ASSERT_TRUE(disk.calls[FAULT_PUNCH] <= 2 * N / 4096 + 8);
	tear_down();
}

/* A file's own segment is full, and it goes on in shared ones, until they are full, too. */
static void fill_up(uint64_t max_file)
{
	uint64_t all = max_file / SPOOL_BLOCK_SIZE / SPOOL_DISK_SLOT_GROUP * SPOOL_DISK_SLOT_GROUP;
	uint64_t total = 0, index = 1;
	spool_disk_slot_t first, more[3];
	int segment;

	set_up_with(2, max_file);
	segment = own();
	for (uint64_t i = 0; i < all / 64; i++) {
		total += (unsigned int)spool_disk_slots_take(slots, segment, 64, &first);
		index &= first == ((spool_disk_slot_t)segment << 48 | i * 64);
	}
	CU_ASSERT_EQUAL(total, all);
	CU_ASSERT_TRUE(index);
	more[0] = take(segment, 3, 3);
	CU_ASSERT_NOT_EQUAL(segment_of(more[0]), (unsigned int)segment);
	spool_disk_slots_give(slots, first);
	reclaim_all();
	CU_ASSERT_EQUAL(take(segment, 3, 1), first);
	CU_ASSERT_EQUAL(put(first + 63, 15, 9), 0); /* the last page of all */
	CU_ASSERT_EQUAL(look(first + 63, 15, 9), 0);
	for (uint64_t i = 0; i < (all - 3) / 64; i++) /* now the shared one */
		total += (unsigned int)spool_disk_slots_take(slots, 0, 64, &first);
	total += (unsigned int)spool_disk_slots_take(slots, 0, 64, &first);
	CU_ASSERT_EQUAL(total, 2 * all - 3);
	CU_ASSERT_EQUAL(spool_disk_slots_take(slots, 0, 1, &more[1]), -ENOSPC);
	CU_ASSERT_EQUAL(spool_disk_slots_take(slots, segment, 1, &more[1]), -ENOSPC);
	CU_ASSERT_EQUAL(stat_now().files, 2);
	give(more[0] + 1, 2); /* a segment that was full is used again */
	reclaim_all();
	more[1] = take(0, 5, 2);
	CU_ASSERT_EQUAL(more[1], more[0] + 1);
	CU_ASSERT_EQUAL(spool_disk_slots_take(slots, 0, 1, &more[2]), -ENOSPC);
	give(more[0] + 1, 1);
	reclaim_all(); /* it has room when it goes */
	for (uint64_t i = 0; i < all; i++) {
		spool_disk_slots_give(slots, (spool_disk_slot_t)segment << 48 | i);
		if (i != 1)
			spool_disk_slots_give(slots, more[0] + i);
	}
	CU_ASSERT_EQUAL(stat_now().waiting, 2 * all - 1);
	spool_disk_slots_disown(slots, segment);
	reclaim_all();
	CU_ASSERT_EQUAL(stat_now().waiting, 0);
	CU_ASSERT_EQUAL(disk.calls[FAULT_CLOSE], 2); /* also the shared one, which left its slot */
	first = take(0, 1, 1);
	CU_ASSERT_EQUAL(first % SPOOL_DISK_SLOT_MAP_MAX, 0);
	give(first, 1);
	tear_down();
}

static void test_full(void)
{
	fill_up(SPOOL_BACKING_FILE_MIN);
	fill_up(3 * SPOOL_BACKING_FILE_MIN - 1);
	fill_up(TIB);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"lowest first", test_lowest_first},
		{"round trip", test_round_trip},
		{"neighbours are punched together", test_neighbours},
		{"shared ones in turn", test_shared_in_turn},
		{"limits of own ones", test_own_limits},
		{"disowned", test_disown},
		{"cannot be punched", test_unpunched},
		{"cannot be opened", test_open_fails},
		{"no memory", test_no_memory},
		{"a million", test_million},
		{"full", test_full},
	};

	return unit_run("slots", tests, SPOOL_ARRAY_SIZE(tests));
}
