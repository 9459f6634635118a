/* SPDX-License-Identifier: MIT */

/*
 * Every allocation of every operation fails once, then from there on; and every limit from "as
 * much as is used" upwards is tried. After a failure nothing may have changed: size, blocks,
 * charges, content. A write may be short, and then what it says it wrote is there.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "object_rig.h"
#include "util/macros.h"

#define FILE_SIZE (200000u)

/* Pages between two limits that are tried. The sanitizers make every try five times as slow. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LIMIT_STEP 5u
#else
#define LIMIT_STEP 1u
#endif

static struct rig rig;
static struct spool_object *object;
static unsigned char before[4 << 20];
static unsigned char after[4 << 20];
static unsigned char pattern[1 << 20];

/* One operation under test. Return: as the operation; bytes or 0, or -errno. */
typedef ssize_t (*scenario_fn)(void);

/* What there is before: data, holes, a lone page, a reserved block, a reserved part of a block. */
static void set_up(void)
{
	rig_init(&rig);
	object = rig_object(&rig);
	memset(pattern, 'x', sizeof(pattern));
	spool_object_write(object, rig.user, pattern, FILE_SIZE / 2, 1000, 0, NULL);
	spool_object_write(object, rig.user, pattern, 50, FILE_SIZE - 50, 0, NULL);
	spool_object_write(object, rig.user, pattern, 4096, 1 * MIB, 0, NULL);
	spool_object_fallocate(object, rig.user, 0, 2 * MIB, 70000, NULL);
	spool_object_write(object, rig.user, pattern, 10, 2 * MIB + 20000, 0, NULL);
	memset(pattern, 'y', sizeof(pattern));
}

static void tear_down(void)
{
	CU_ASSERT_EQUAL(rig_audit(&rig, &object, 1), 0);
	spool_object_free(object, rig.user);
	rig_fini(&rig);
}

struct snapshot {
	uint64_t size;
	uint64_t blocks;
	uint64_t used[SPOOL_RES_N];
	uint64_t slots;
	long live;
};

static struct snapshot take_snapshot(unsigned char *content)
{
	struct snapshot shot;
	struct spool_pool_stat stat;

	memset(&shot, 0, sizeof(shot));
	shot.size = spool_object_size(object);
	shot.blocks = spool_object_blocks(object);
	for (int i = 0; i < SPOOL_RES_N; i++)
		shot.used[i] = rig_used(&rig, (enum spool_resource)i);
	spool_pool_stat(rig.pool, &stat);
	shot.slots = stat.used;
	shot.live = rig.host.live;
	memset(content, 0, sizeof(before));
	spool_object_read(object, content, sizeof(before), 0, NULL, NULL);
	return shot;
}

/* A segment that the pool has mapped stays mapped: @live may have grown by it (2: map, books). */
static void check_unchanged(const struct snapshot *old)
{
	struct snapshot now = take_snapshot(after);

	CU_ASSERT_EQUAL(now.size, old->size);
	CU_ASSERT_EQUAL(now.blocks, old->blocks);
	CU_ASSERT_EQUAL(memcmp(now.used, old->used, sizeof(now.used)), 0);
	CU_ASSERT_EQUAL(now.slots, old->slots);
	CU_ASSERT_TRUE(now.live == old->live || now.live == old->live + 2);
	CU_ASSERT_EQUAL(memcmp(before, after, sizeof(before)), 0);
	CU_ASSERT_EQUAL(rig_audit(&rig, &object, 1), 0);
}

/* Takes all free memory of the pool's mapped areas, so that the next slot needs a new one. */
static size_t exhaust(spool_pool_slot_t *slots, size_t room)
{
	size_t n = 0;

	fault_host_arm(&rig.host, 1, true);
	while (n < room && spool_pool_alloc(rig.pool, SPOOL_BLOCK_SIZE, &slots[n]) == 0)
		n++;
	fault_host_arm(&rig.host, 0, false);
	return n;
}

static void sweep_one(scenario_fn scenario, bool persistent, bool exhausted)
{
	static spool_pool_slot_t slots[2048];
	bool fired = true;

	for (long nth = 1; fired; nth++) {
		struct snapshot old;
		size_t n = 0;
		ssize_t r;

		set_up();
		if (exhausted)
			n = exhaust(slots, SPOOL_ARRAY_SIZE(slots));
		rig.outside = n * (uint64_t)SPOOL_BLOCK_SIZE;
		old = take_snapshot(before);
		fault_host_arm(&rig.host, nth, persistent);
		r = scenario();
		fired = rig.host.fired;
		fault_host_arm(&rig.host, 0, false);
		if (!fired)
			CU_ASSERT_TRUE(r >= 0);
		if (r < 0) {
			CU_ASSERT_TRUE(r == -ENOMEM || r == -ENOSPC);
			check_unchanged(&old);
			CU_ASSERT_TRUE(scenario() >= 0); /* and it works when there is memory */
		}
		while (n > 0)
			spool_pool_release(rig.pool, slots[--n]);
		rig.outside = 0;
		tear_down();
		CU_ASSERT_TRUE_FATAL(nth < 1000);
	}
}

/*
 * Limits from what is used on, both resources, one at a time, until the operation gets as far as it
 * does without a limit. The step is a little over whole pages, so that it meets all residues.
 */
static void sweep_limits(scenario_fn scenario, enum spool_resource resource)
{
	ssize_t r = -1, full;

	set_up();
	full = scenario();
	tear_down();
	CU_ASSERT_TRUE(full >= 0);
	for (uint64_t more = 0; r < full; more += LIMIT_STEP * SPOOL_PAGE_SIZE + 40) {
		struct snapshot old;
		uint64_t limit;

		set_up();
		old = take_snapshot(before);
		limit = rig_used(&rig, resource) + more;
		rig_limit(&rig, resource == SPOOL_RES_SIZE ? limit : UINT64_MAX,
			  resource == SPOOL_RES_RAM ? limit : UINT64_MAX);
		r = scenario();
		CU_ASSERT_TRUE(rig_used(&rig, resource) <= limit);
		if (r < 0) {
			CU_ASSERT_EQUAL(r, -ENOSPC);
			check_unchanged(&old);
		}
		tear_down();
		CU_ASSERT_TRUE_FATAL(more < 8 * MIB);
	}
}

static void sweep(scenario_fn scenario)
{
	for (int persistent = 0; persistent < 2; persistent++) {
		sweep_one(scenario, persistent, false);
		sweep_one(scenario, persistent, true);
	}
	sweep_limits(scenario, SPOOL_RES_SIZE);
	sweep_limits(scenario, SPOOL_RES_RAM);
}

static bool has_pattern(uint64_t off, ssize_t len)
{
	return len <= 0 || rig_is(object, off, (uint64_t)len, 'y');
}

static ssize_t write_some(uint64_t off, size_t len)
{
	ssize_t r = spool_object_write(object, rig.user, pattern, len, off, 0, NULL);

	CU_ASSERT_TRUE(has_pattern(off, r));
	if (r > 0 && (size_t)r < len)
		CU_ASSERT_EQUAL((off + (uint64_t)r) % SPOOL_BLOCK_SIZE, 0);
	return r;
}

static ssize_t write_over(void)
{
	return write_some(500, 3 * SPOOL_BLOCK_SIZE);
}

static ssize_t write_far(void)
{
	return write_some((uint64_t)1 << 45, 100);
}

static ssize_t write_before_page(void)
{
	return write_some(1 * MIB - 5000, 5000);
}

static ssize_t write_reserved(void)
{
	return write_some(2 * MIB + 60000, 9000);
}

static ssize_t append(void)
{
	return write_some(spool_object_size(object), 300000);
}

static ssize_t shrink(void)
{
	CU_ASSERT_EQUAL(spool_object_truncate(object, rig.user, 2000), 0); /* cannot fail */
	CU_ASSERT_TRUE(rig_is(object, 1000, 1000, 'x'));
	return 0;
}

static ssize_t punch(void)
{
	CU_ASSERT_EQUAL(spool_object_fallocate(object, rig.user,
					       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3000,
					       3 * MIB, NULL),
			0); /* cannot fail */
	CU_ASSERT_TRUE(rig_is(object, 1000, 2000, 'x'));
	CU_ASSERT_TRUE(rig_is(object, 3000, 2 * MIB, 0));
	return 0;
}

static ssize_t reserve(void)
{
	return spool_object_fallocate(object, rig.user, 0, 0, 3 * MIB, NULL);
}

static ssize_t reserve_far(void)
{
	return spool_object_fallocate(object, rig.user, FALLOC_FL_KEEP_SIZE,
				      ((uint64_t)1 << 40) - 100, 20 * SPOOL_BLOCK_SIZE, NULL);
}

static ssize_t zero_range(void)
{
	return spool_object_fallocate(object, rig.user, FALLOC_FL_ZERO_RANGE, 100, 3 * MIB, NULL);
}

static ssize_t copy_within(void)
{
	return spool_object_copy(object, 0, object, rig.user, 3 * MIB + 777, FILE_SIZE);
}

static ssize_t copy_into_itself(void)
{
	return spool_object_copy(object, 1000, object, rig.user, 1 * MIB + 20000, 10000);
}

static void test_write(void)
{
	sweep(write_over);
	sweep(write_far);
	sweep(write_before_page);
	sweep(write_reserved);
	sweep(append);
}

static void test_shrink(void)
{
	sweep(shrink);
	sweep(punch);
}

static void test_reserve(void)
{
	sweep(reserve);
	sweep(reserve_far);
	sweep(zero_range);
}

static void test_copy(void)
{
	sweep(copy_within);
	sweep(copy_into_itself);
}

static void test_new(void)
{
	struct spool_object *none = NULL;

	set_up();
	fault_host_arm(&rig.host, 1, false);
	CU_ASSERT_EQUAL(spool_object_new(&rig.host.host, rig.pool, NULL, &none), -ENOMEM);
	CU_ASSERT_PTR_NULL(none);
	fault_host_arm(&rig.host, 0, false);
	spool_object_free(NULL, rig.user);
	tear_down();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"write", test_write},     {"truncate and punch", test_shrink},
		{"reserve", test_reserve}, {"copy", test_copy},
		{"new", test_new},
	};

	return unit_run("object_fault", tests, SPOOL_ARRAY_SIZE(tests));
}
