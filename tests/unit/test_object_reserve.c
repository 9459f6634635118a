/* SPDX-License-Identifier: MIT */

/* What fallocate(2) reserves in a file: its charge, its holes, and writes, which never fail. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "object_rig.h"
#include "util/macros.h"

#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

static struct object_rig file;

/* Reserved pages read as zeros, also next to written ones, and when a write cuts into them. */
static void test_nothing_stale_reserved(void)
{
	object_rig_init(&file);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, 0, 0, 3 * SPOOL_BLOCK_SIZE), 0);
	CU_ASSERT_TRUE(rig_is(file.object, 0, 3 * SPOOL_BLOCK_SIZE, 0));
	rig_poison(&file.rig, 1 * MIB);
	CU_ASSERT_EQUAL(object_rig_put(&file, 70000, 10), 10);
	CU_ASSERT_TRUE(rig_is(file.object, 0, 70000, 0));
	CU_ASSERT_TRUE(rig_is(file.object, 70010, 3 * SPOOL_BLOCK_SIZE - 70010, 0));
	CU_ASSERT_EQUAL(object_rig_truncate(&file, 0), 0);
	rig_poison(&file.rig, 1 * MIB);
	CU_ASSERT_EQUAL(object_rig_put(&file, 20000, 100), 100);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, 0, 0, 40000), 0);
	CU_ASSERT_TRUE(rig_is(file.object, 0, 20000, 0));
	CU_ASSERT_TRUE(rig_is(file.object, 20100, 19900, 0));
	CU_ASSERT_EQUAL(object_rig_allocate(&file, FALLOC_FL_ZERO_RANGE, 20010, 50), 0);
	CU_ASSERT_TRUE(rig_is(file.object, 20000, 10, 'x'));
	CU_ASSERT_TRUE(rig_is(file.object, 20010, 50, 0));
	CU_ASSERT_TRUE(rig_is(file.object, 20060, 40, 'x'));
	object_rig_fini(&file);
}

/* Reserved pages are charged, cost no memory, and are holes for seek until they are written. */
static void test_reserve(void)
{
	struct spool_pool_stat stat;

	object_rig_init(&file);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, FALLOC_FL_KEEP_SIZE, 0, 100000), 0);
	CU_ASSERT_EQUAL(spool_object_size(file.object), 0);
	CU_ASSERT_EQUAL(spool_object_blocks(file.object), 25 * 8);
	spool_pool_stat(file.rig.pool, &stat);
	CU_ASSERT_EQUAL(stat.used, 0);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, 0, 0, 100000), 0);
	CU_ASSERT_EQUAL(spool_object_size(file.object), 100000);
	CU_ASSERT_EQUAL(spool_object_seek(file.object, 0, SEEK_DATA), -ENXIO);
	CU_ASSERT_EQUAL(spool_object_seek(file.object, 0, SEEK_HOLE), 0);
	rig_limit(&file.rig, rig_used(&file.rig, SPOOL_RES_SIZE),
		  rig_used(&file.rig, SPOOL_RES_RAM));
	for (uint64_t off = 0; off < 100000; off += 5000) /* full, and yet no write fails */
		CU_ASSERT_EQUAL(object_rig_put(&file, off, 5000), 5000);
	CU_ASSERT_TRUE(rig_is(file.object, 0, 100000, 'x'));
	CU_ASSERT_EQUAL(object_rig_put(&file, SPOOL_BLOCK_SIZE * 2, 1), -ENOSPC);
	CU_ASSERT_EQUAL(object_rig_truncate(&file, 100000), 0);
	object_rig_fini(&file);
}

/* To the page, as on tmpfs, whatever else is in the block; zeros that somebody wrote are data. */
static void test_reserved_are_holes(void)
{
	const int64_t page = SPOOL_PAGE_SIZE;

	object_rig_init(&file);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, 0, 0, MIB), 0);
	CU_ASSERT_EQUAL(object_rig_put(&file, 0, 4096), 4096);
	CU_ASSERT_EQUAL(spool_object_seek(file.object, 0, SEEK_HOLE), page);
	CU_ASSERT_EQUAL(spool_object_seek(file.object, 4096, SEEK_DATA), -ENXIO);
	CU_ASSERT_EQUAL(object_rig_put(&file, 100 * 4096 + 1, 1), 1);
	CU_ASSERT_EQUAL(spool_object_seek(file.object, 4096, SEEK_DATA), 100 * page);
	CU_ASSERT_EQUAL(spool_object_seek(file.object, 100 * 4096, SEEK_HOLE), 101 * page);
	/* reserved beside data that are there, and what was data stays so */
	CU_ASSERT_EQUAL(object_rig_truncate(&file, 0), 0);
	CU_ASSERT_EQUAL(object_rig_put(&file, 4096, 8192), 8192);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, 0, 0, 65536), 0);
	CU_ASSERT_EQUAL(spool_object_seek(file.object, 0, SEEK_DATA), page);
	CU_ASSERT_EQUAL(spool_object_seek(file.object, 4096, SEEK_HOLE), 3 * page);
	CU_ASSERT_EQUAL(object_rig_put(&file, 3 * 4096, 4096), 4096);
	CU_ASSERT_EQUAL(spool_object_seek(file.object, 4096, SEEK_HOLE), 4 * page);
	CU_ASSERT_TRUE(rig_is(file.object, 4 * 4096, 65536 - 4 * 4096, 0));
	/* so many stretches that they cannot all be noted: what was written stays data */
	CU_ASSERT_EQUAL(object_rig_truncate(&file, 0), 0);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, 0, 0, 8 * MIB), 0);
	for (uint64_t at = 0; at < 8 * MIB; at += 12288)
		CU_ASSERT_EQUAL(object_rig_put(&file, at, 4096), 4096);
	for (uint64_t at = 0; at < 8 * MIB; at += 12288)
		CU_ASSERT_EQUAL(spool_object_seek(file.object, at, SEEK_DATA), (int64_t)at);
	object_rig_fini(&file);
}

/* Each page of a reserved block in every order of writing: none may want more than was charged. */
static void test_reserve_never_fails_later(void)
{
	object_rig_init(&file);
	for (unsigned int first = 0; first < 16; first++) {
		for (unsigned int n = 1; first + n <= 16; n++) {
			for (unsigned int at = first; at < first + n; at++) {
				rig_limit(&file.rig, UINT64_MAX, UINT64_MAX);
				object_rig_allocate(&file, 0, first * 4096, n * 4096);
				rig_limit(&file.rig, rig_used(&file.rig, SPOOL_RES_SIZE),
					  rig_used(&file.rig, SPOOL_RES_RAM));
				if (object_rig_put(&file, at * 4096, (first + n - at) * 4096) < 0 ||
				    object_rig_put(&file, first * 4096, n * 4096) < 0) {
					CU_FAIL("a reserved page could not be written");
					printf("first %u n %u at %u\n", first, n, at);
				}
				object_rig_truncate(&file, 0);
			}
		}
	}
	object_rig_fini(&file);
}

static void test_reserve_huge(void)
{
	struct spool_pool_stat stat;

	object_rig_init(&file);
	CU_ASSERT_EQUAL(object_rig_put(&file, 5 * GIB + 100, 10), 10);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, 0, 1, 100 * GIB), 0);
	CU_ASSERT_EQUAL(spool_object_size(file.object), 100 * GIB + 1);
	spool_pool_stat(file.rig.pool, &stat);
	CU_ASSERT_TRUE(stat.used <= SPOOL_BLOCK_SIZE);
	CU_ASSERT_TRUE(rig_used(&file.rig, SPOOL_RES_SIZE) >= 100 * GIB);
	CU_ASSERT_TRUE(rig_used(&file.rig, SPOOL_RES_SIZE) <= 100 * GIB + 64 * MIB);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, PUNCH, 0, (uint64_t)1 << 60), 0);
	CU_ASSERT_EQUAL(rig_used(&file.rig, SPOOL_RES_SIZE), 0);
	CU_ASSERT_EQUAL(rig_used(&file.rig, SPOOL_RES_RAM), 0);
	rig_limit(&file.rig, 10 * GIB, 10 * GIB); /* refused without walking what cannot be had */
	CU_ASSERT_EQUAL(object_rig_allocate(&file, 0, 0, (uint64_t)1 << 60), -ENOSPC);
	CU_ASSERT_EQUAL(rig_used(&file.rig, SPOOL_RES_SIZE), 0);
	object_rig_fini(&file);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"nothing stale in reserved pages", test_nothing_stale_reserved},
		{"reserving", test_reserve},
		{"reserved_are_holes", test_reserved_are_holes},
		{"what is reserved can be written", test_reserve_never_fails_later},
		{"reserving 100 GiB", test_reserve_huge},
	};

	return unit_run("object_reserve", tests, SPOOL_ARRAY_SIZE(tests));
}
