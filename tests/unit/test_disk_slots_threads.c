/* SPDX-License-Identifier: MIT */

/*
 * Slots on the backing store, used by several threads at once, and with a disk that stands still.
 */

#include "spill/disk_slots.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "disk_slots_rig.h"
#include "unit.h"
#include "util/macros.h"

#define N_THREADS 4
#define N_KEPT 48

struct worker {
	pthread_t thread;
	unsigned int seed, bad;
	int segment;
};

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct {
		spool_disk_slot_t first;
		unsigned int n, salt;
	} kept[N_KEPT] = {0};

	for (unsigned int i = 0; i < 6000; i++) {
		unsigned int at = (unsigned int)rand_r(&worker->seed) % N_KEPT;
		unsigned int page = at % 16;
		int n;

		if (kept[at].n == 0) {
			n = spool_disk_slots_take(slots, i % 3 ? worker->segment : 0, 1 + i % 5,
						  &kept[at].first);
			worker->bad += n <= 0;
			kept[at].n = n > 0 ? (unsigned int)n : 0;
			kept[at].salt = i;
			for (unsigned int k = 0; k < kept[at].n; k++)
				worker->bad += put(kept[at].first + k, page, i) != 0;
			continue;
		}
		for (unsigned int k = 0; k < kept[at].n; k++)
			worker->bad += look(kept[at].first + k, page, kept[at].salt) != 0;
		give(kept[at].first, kept[at].n);
		kept[at].n = 0;
		if (i % 1000 == 0) { /* another file; what is kept of this one keeps it open */
			spool_disk_slots_disown(slots, worker->segment);
			worker->segment = spool_disk_slots_own(slots);
			worker->bad += worker->segment <= 0;
		}
	}
	spool_disk_slots_disown(slots, worker->segment);
	for (unsigned int at = 0; at < N_KEPT; at++)
		give(kept[at].first, kept[at].n);
	return NULL;
}

static void *reclaim_until(void *arg)
{
	_Atomic bool *stop = arg;

	while (!*stop)
		spool_disk_slots_reclaim(slots);
	return NULL;
}

static void test_threads(void)
{
	struct worker workers[N_THREADS];
	pthread_t reclaimers[2];
	_Atomic bool stop = false;

	set_up(MAX_FILES);
	for (unsigned int i = 0; i < 2; i++)
		CU_ASSERT_EQUAL(pthread_create(&reclaimers[i], NULL, reclaim_until, &stop), 0);
	for (unsigned int i = 0; i < N_THREADS; i++) {
		workers[i] = (struct worker){.seed = i + 1, .segment = own()};
		CU_ASSERT_EQUAL(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned int i = 0; i < N_THREADS; i++) {
		CU_ASSERT_EQUAL(pthread_join(workers[i].thread, NULL), 0);
		CU_ASSERT_EQUAL(workers[i].bad, 0);
	}
	stop = true;
	for (unsigned int i = 0; i < 2; i++)
		CU_ASSERT_EQUAL(pthread_join(reclaimers[i], NULL), 0);
	reclaim_all();
	CU_ASSERT_EQUAL(stat_now().used, 0);
	CU_ASSERT_EQUAL(stat_now().waiting, 0);
	CU_ASSERT_TRUE(stat_now().files <= 4);
	CU_ASSERT_EQUAL(disk.bytes, 0);
	tear_down();
}

static void *take_one(void *arg)
{
	spool_disk_slot_t *ret = arg;

	if (spool_disk_slots_take(slots, 0, 1, ret) != 1)
		*ret = 0;
	return NULL;
}

static void *write_one(void *arg)
{
	return (void *)(intptr_t)put(*(spool_disk_slot_t *)arg, 0, 5);
}

static void *reclaim_one(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)spool_disk_slots_reclaim(slots);
}

/* A disk that does not answer holds up who is in a call to it, and nobody else. */
static void test_frozen(void)
{
	spool_disk_slot_t first, opened = 0;
	pthread_t writer, opener, reclaimer;
	int segment;
	void *r;

	set_up(MAX_FILES);
	segment = own();
	first = take(segment, 64, 64);
	CU_ASSERT_EQUAL(put(first, 0, 4), 0);
	fault_backing_gate(&disk, FAULT_ALL);
	CU_ASSERT_EQUAL(pthread_create(&writer, NULL, write_one, &first), 0);
	fault_backing_wait_blocked(&disk, 1);
	CU_ASSERT_EQUAL(pthread_create(&opener, NULL, take_one, &opened), 0);
	fault_backing_wait_blocked(&disk, 2);
	give(first + 8, 8);
	CU_ASSERT_EQUAL(pthread_create(&reclaimer, NULL, reclaim_one, NULL), 0);
	fault_backing_wait_blocked(&disk, 3);
	/* the segment that is being written and punched */
	CU_ASSERT_EQUAL(take(segment, 2, 2), first + 64);
	give(first + 16, 8);
	CU_ASSERT_EQUAL(stat_now().waiting, 16);
	CU_ASSERT_FALSE(spool_disk_slots_reclaim(slots)); /* it is in the other's hand */
	give(first + 1, 7);
	give(first + 24, 42);
	spool_disk_slots_disown(slots, segment);
	CU_ASSERT_EQUAL(disk.live, 1);
	fault_backing_gate(&disk, 0);
	CU_ASSERT_EQUAL(pthread_join(writer, &r), 0);
	CU_ASSERT_PTR_NULL(r);
	CU_ASSERT_EQUAL(pthread_join(opener, NULL), 0);
	CU_ASSERT_NOT_EQUAL(opened, 0);
	CU_ASSERT_EQUAL(pthread_join(reclaimer, &r), 0);
	CU_ASSERT_PTR_NOT_NULL(r);
	CU_ASSERT_EQUAL(look(first, 0, 5), 0);
	give(first, 1);
	give(opened, 1);
	reclaim_all();
	CU_ASSERT_EQUAL(stat_now().waiting, 0);
	CU_ASSERT_EQUAL(stat_now().files, 1);
	tear_down();
}

/* The last slot is given back while a thread punches: the file stays until that is done. */
static void test_last_one(void)
{
	spool_disk_slot_t first;
	pthread_t reclaimer;
	int segment;

	set_up(MAX_FILES);
	segment = own();
	first = take(segment, 2, 2);
	give(first, 1);
	fault_backing_gate(&disk, 1u << FAULT_PUNCH);
	CU_ASSERT_EQUAL(pthread_create(&reclaimer, NULL, reclaim_one, NULL), 0);
	fault_backing_wait_blocked(&disk, 1);
	spool_disk_slots_disown(slots, segment);
	give(first + 1, 1);
	CU_ASSERT_FALSE(spool_disk_slots_reclaim(slots));
	CU_ASSERT_EQUAL(disk.live, 1);
	fault_backing_gate(&disk, 0);
	CU_ASSERT_EQUAL(pthread_join(reclaimer, NULL), 0);
	reclaim_all();
	CU_ASSERT_EQUAL(disk.live, 0);
	CU_ASSERT_EQUAL(stat_now().waiting, 0);
	tear_down();
}

/* More takers than files that can be opened: they wait for those that are being opened. */
static void test_open_waits(void)
{
	spool_disk_slot_t taken[6] = {0};
	pthread_t threads[6];

	for (int round = 0; round < 40; round++) {
		int fails = round % 2;
		unsigned int opening = round % 4 < 2 ? 1 : 4;

		set_up(opening == 1 ? 2 : MAX_FILES);
		own();
		fault_backing_gate(&disk, 1u << FAULT_OPEN);
		fault_backing_arm(&disk, FAULT_OPEN, fails, true, -EIO);
		for (unsigned int i = 0; i < 6; i++)
			CU_ASSERT_EQUAL(pthread_create(&threads[i], NULL, take_one, &taken[i]), 0);
		fault_backing_wait_blocked(&disk, opening);
		fault_backing_gate(&disk, 0);
		for (unsigned int i = 0; i < 6; i++) {
			CU_ASSERT_EQUAL(pthread_join(threads[i], NULL), 0);
			CU_ASSERT_EQUAL(taken[i] == 0, fails);
			if (taken[i])
				give(taken[i], 1);
		}
		CU_ASSERT_EQUAL(stat_now().files, fails ? 1 : 1 + opening);
		reclaim_all();
		tear_down();
	}
}

/* Two takers whose opens fail meet in every slot, but never wait for one who has left. */
static void test_open_crossed(void)
{
	/* who goes on: the first or the second of those that wait */
	static const unsigned int steps[] = {1, 0, 0, 0};
	spool_disk_slot_t a = 1, b = 1;
	pthread_t threads[2];

	set_up(MAX_FILES);
	fault_backing_arm(&disk, FAULT_OPEN, 1, true, -EIO);
	fault_backing_gate(&disk, 1u << FAULT_OPEN);
	CU_ASSERT_EQUAL(pthread_create(&threads[0], NULL, take_one, &a), 0);
	fault_backing_wait_blocked(&disk, 1); /* a in slot 0 */
	fault_backing_pass(&disk, 0);
	fault_backing_wait_blocked(&disk, 1); /* a in 1 */
	CU_ASSERT_EQUAL(pthread_create(&threads[1], NULL, take_one, &b), 0);
	fault_backing_wait_blocked(&disk, 2); /* b in 2, as it found a in 1 */
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(steps); i++) {
		fault_backing_pass(&disk, steps[i]);
		fault_backing_wait_blocked(&disk, 2);
	}
	fault_backing_pass(&disk, 1); /* b in 0, a in 3, which is its last */
	CU_ASSERT_EQUAL(pthread_join(threads[0], NULL), 0);
	fault_backing_gate(&disk, 0);
	CU_ASSERT_EQUAL(pthread_join(threads[1], NULL), 0);
	CU_ASSERT_EQUAL(a, 0);
	CU_ASSERT_EQUAL(b, 0);
	CU_ASSERT_EQUAL(disk.calls[FAULT_OPEN], 4 + 3 + 4);
	tear_down();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"threads", test_threads},           {"a frozen disk", test_frozen},
		{"the last one", test_last_one},     {"takers wait for an open", test_open_waits},
		{"takers cross", test_open_crossed},
	};

	return unit_run("disk_slots_threads", tests, SPOOL_ARRAY_SIZE(tests));
}
