/* SPDX-License-Identifier: MIT */

/*
 * Files' data: exact boundaries (size classes, pages, blocks, the largest offset), what every
 * state is charged, and that no byte of another file or of an earlier life can ever be read.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "object_rig.h"
#include "util/macros.h"

#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define MAX SPOOL_OBJECT_MAX

static struct object_rig file;

static void test_small_files(void)
{
	static const size_t sizes[] = {1,    63,   64,   65,   96,   97,    100,   4095,  4096,
				       4097, 6144, 6145, 8191, 8192, 49152, 49153, 65535, 65536};

	object_rig_init(&file);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(sizes); i++) {
		uint64_t pages = (sizes[i] + SPOOL_PAGE_SIZE - 1) / SPOOL_PAGE_SIZE;

		CU_ASSERT_EQUAL(object_rig_put(&file, 0, sizes[i]), (ssize_t)sizes[i]);
		CU_ASSERT_EQUAL(spool_object_size(file.object), sizes[i]);
		CU_ASSERT_EQUAL(rig_used(&file.rig, SPOOL_RES_SIZE), pages * SPOOL_PAGE_SIZE);
		CU_ASSERT_EQUAL(rig_used(&file.rig, SPOOL_RES_RAM), spool_pool_slot_size(sizes[i]));
		CU_ASSERT_EQUAL(spool_object_blocks(file.object), pages * 8);
		CU_ASSERT_TRUE(rig_is(file.object, 0, sizes[i], 'x'));
		CU_ASSERT_EQUAL(object_rig_truncate(&file, 0), 0);
		CU_ASSERT_EQUAL(rig_used(&file.rig, SPOOL_RES_SIZE), 0);
		CU_ASSERT_EQUAL(rig_used(&file.rig, SPOOL_RES_RAM), 0);
	}
	object_rig_fini(&file);
}

static void test_read_edges(void)
{
	char buf[16];

	object_rig_init(&file);
	CU_ASSERT_EQUAL(spool_object_read(file.object, buf, sizeof(buf), 0, NULL, NULL), 0);
	CU_ASSERT_EQUAL(object_rig_put(&file, 0, 0), 0);
	CU_ASSERT_EQUAL(object_rig_put(&file, MAX, 0), 0);
	CU_ASSERT_EQUAL(spool_object_size(file.object), 0);
	CU_ASSERT_EQUAL(object_rig_put(&file, 0, 10), 10);
	CU_ASSERT_EQUAL(spool_object_read(file.object, buf, sizeof(buf), 0, NULL, NULL), 10);
	CU_ASSERT_EQUAL(spool_object_read(file.object, buf, sizeof(buf), 9, NULL, NULL), 1);
	CU_ASSERT_EQUAL(spool_object_read(file.object, buf, sizeof(buf), 10, NULL, NULL), 0);
	CU_ASSERT_EQUAL(spool_object_read(file.object, buf, sizeof(buf), UINT64_MAX, NULL, NULL),
			0);
	CU_ASSERT_EQUAL(spool_object_read(file.object, buf, 0, 0, NULL, NULL), 0);
	object_rig_fini(&file);
}

static void test_largest_offsets(void)
{
	char c = 0;

	object_rig_init(&file);
	CU_ASSERT_EQUAL(object_rig_put(&file, MAX, 1), -EFBIG);
	CU_ASSERT_EQUAL(object_rig_put(&file, UINT64_MAX, 1), -EFBIG);
	CU_ASSERT_EQUAL(object_rig_put(&file, MAX - 1, 1), 1);
	CU_ASSERT_EQUAL(spool_object_size(file.object), MAX);
	CU_ASSERT_EQUAL(spool_object_read(file.object, &c, 1, MAX - 1, NULL, NULL), 1);
	CU_ASSERT_EQUAL(c, 'x');
	CU_ASSERT_EQUAL(spool_object_read(file.object, &c, 1, MAX, NULL, NULL), 0);
	CU_ASSERT_EQUAL(object_rig_put(&file, MAX - 5, 100), 5); /* cut at the end of the world */
	CU_ASSERT_TRUE(rig_is(file.object, MAX - 5, 5, 'x'));
	CU_ASSERT_EQUAL(spool_object_seek(file.object, 0, SEEK_DATA), (int64_t)(MAX - 4095));
	CU_ASSERT_EQUAL(spool_object_seek(file.object, MAX - 1, SEEK_HOLE), (int64_t)MAX);
	CU_ASSERT_EQUAL(spool_object_seek(file.object, MAX, SEEK_HOLE), -ENXIO);
	CU_ASSERT_EQUAL(object_rig_truncate(&file, MAX + 1), -EFBIG);
	CU_ASSERT_EQUAL(object_rig_truncate(&file, UINT64_MAX), -EFBIG);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, 0, MAX, 1), -EFBIG);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, PUNCH, 1, UINT64_MAX), -EFBIG);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, PUNCH, 0, MAX), 0);
	CU_ASSERT_EQUAL(spool_object_size(file.object), MAX);
	CU_ASSERT_TRUE(
		rig_is(file.object, MAX - 5, 5, 0)); /* the last page is not whole: it stays */
	CU_ASSERT_EQUAL(spool_object_blocks(file.object), 8);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, 0, MAX - 1, 1), 0);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, FALLOC_FL_KEEP_SIZE, 0, 1), 0);
	CU_ASSERT_EQUAL(object_rig_truncate(&file, 1), 0);
	CU_ASSERT_EQUAL(object_rig_truncate(&file, MAX), 0);
	CU_ASSERT_EQUAL(spool_object_blocks(file.object), 8);
	object_rig_fini(&file);
}

static void test_bad_calls(void)
{
	object_rig_init(&file);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, FALLOC_FL_PUNCH_HOLE, 0, 1), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, FALLOC_FL_COLLAPSE_RANGE, 0, 4096), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, 0, 0, 0), -EINVAL);
	CU_ASSERT_EQUAL(object_rig_put(&file, 0, 10), 10);
	CU_ASSERT_EQUAL(spool_object_seek(file.object, 0, SEEK_SET), -EINVAL);
	CU_ASSERT_EQUAL(spool_object_seek(file.object, 10, SEEK_DATA), -ENXIO);
	CU_ASSERT_EQUAL(spool_object_copy(file.object, 0, file.object, file.rig.user, 5, 10),
			-EINVAL);
	CU_ASSERT_EQUAL(spool_object_copy(file.object, 0, file.object, file.rig.user, MAX, 1),
			-EFBIG);
	CU_ASSERT_EQUAL(spool_object_copy(file.object, 10, file.object, file.rig.user, 0, 10), 0);
	object_rig_fini(&file);
}

/* A write of @len at @off into a fresh file, then a longer size: all the rest must read as zero. */
static unsigned int stale_after_write(uint64_t off, size_t len)
{
	unsigned int bad = 0;

	rig_poison(&file.rig, 1 * MIB);
	bad += object_rig_put(&file, off, len) != (ssize_t)len;
	bad += !rig_is(file.object, 0, off, 0);
	bad += !rig_is(file.object, off, len, 'x');
	bad += object_rig_truncate(&file, 4 * SPOOL_BLOCK_SIZE) != 0;
	bad += !rig_is(file.object, off + len, 4 * SPOOL_BLOCK_SIZE - off - len, 0);
	bad += object_rig_put(&file, off + len + 3000, 1) != 1; /* grows the slot over a gap */
	bad += !rig_is(file.object, off + len, 3000, 0);
	bad += !rig_is(file.object, off + len + 3001, 2 * SPOOL_BLOCK_SIZE - off - len - 3001, 0);
	bad += object_rig_truncate(&file, off + len / 2) != 0; /* cuts inside of what was written */
	bad += object_rig_truncate(&file, 3 * SPOOL_BLOCK_SIZE) != 0;
	bad += !rig_is(file.object, off, len / 2, 'x');
	bad += !rig_is(file.object, off + len / 2, 3 * SPOOL_BLOCK_SIZE - off - len / 2, 0);
	bad += object_rig_truncate(&file, 0) != 0;
	return bad;
}

static void test_nothing_stale(void)
{
	static const unsigned int offs[] = {0,     1,     100,   4095,  4096,  4097, 8192,
					    40960, 61440, 65000, 65535, 65536, 70000};
	static const unsigned int lens[] = {1,    2,    63,   64,   65,    97,
					    4095, 4096, 4097, 8193, 20480, 49153};
	unsigned int bad = 0;

	object_rig_init(&file);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(offs); i++) {
		for (size_t j = 0; j < SPOOL_ARRAY_SIZE(lens); j++)
			bad += stale_after_write(offs[i], lens[j]);
	}
	CU_ASSERT_EQUAL(bad, 0);
	object_rig_fini(&file);
}

static void test_shrink_gives_memory_back(void)
{
	object_rig_init(&file);
	CU_ASSERT_EQUAL(object_rig_put(&file, 0, 60000), 60000);
	CU_ASSERT_EQUAL(rig_used(&file.rig, SPOOL_RES_RAM), 65536);
	CU_ASSERT_EQUAL(object_rig_truncate(&file, 40000), 0); /* would not halve: stays */
	CU_ASSERT_EQUAL(rig_used(&file.rig, SPOOL_RES_RAM), 65536);
	CU_ASSERT_EQUAL(object_rig_truncate(&file, 100), 0);
	CU_ASSERT_EQUAL(rig_used(&file.rig, SPOOL_RES_RAM), 128);
	CU_ASSERT_TRUE(rig_is(file.object, 0, 100, 'x'));
	CU_ASSERT_EQUAL(object_rig_truncate(&file, 0), 0);
	CU_ASSERT_EQUAL(object_rig_put(&file, 1 * GIB, 4096), 4096); /* a lone page in a big hole */
	CU_ASSERT_TRUE(rig_used(&file.rig, SPOOL_RES_RAM) <= 4096 + 4 * KIB);
	object_rig_fini(&file);
}

/* A page left alone by a punch does not hold on to the memory of its neighbours. */
static void test_punch_gives_memory_back(void)
{
	object_rig_init(&file);
	CU_ASSERT_EQUAL(object_rig_put(&file, 0, 65536), 65536);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, PUNCH, 0, 61440), 0);
	CU_ASSERT_EQUAL(spool_object_blocks(file.object), 8);
	CU_ASSERT_EQUAL(rig_used(&file.rig, SPOOL_RES_RAM), 4096);
	CU_ASSERT_TRUE(rig_is(file.object, 0, 61440, 0));
	CU_ASSERT_TRUE(rig_is(file.object, 61440, 4096, 'x'));
	object_rig_fini(&file);
}

static void test_punch_edges(void)
{
	object_rig_init(&file);
	CU_ASSERT_EQUAL(object_rig_put(&file, 0, 3 * SPOOL_BLOCK_SIZE), 3 * SPOOL_BLOCK_SIZE);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, PUNCH, 1, 4096),
			0); /* no whole page: zeros only */
	CU_ASSERT_EQUAL(spool_object_blocks(file.object), 3 * 128);
	CU_ASSERT_TRUE(rig_is(file.object, 0, 1, 'x'));
	CU_ASSERT_TRUE(rig_is(file.object, 1, 4096, 0));
	CU_ASSERT_TRUE(rig_is(file.object, 4097, 1, 'x'));
	CU_ASSERT_EQUAL(object_rig_allocate(&file, PUNCH, 4095, 4098), 0); /* just one */
	CU_ASSERT_EQUAL(spool_object_blocks(file.object), 3 * 128 - 8);
	CU_ASSERT_TRUE(rig_is(file.object, 4095, 4098, 0));
	CU_ASSERT_TRUE(rig_is(file.object, 8193, 3 * SPOOL_BLOCK_SIZE - 8193, 'x'));
	CU_ASSERT_EQUAL(spool_object_seek(file.object, 0, SEEK_HOLE), 4096);
	CU_ASSERT_EQUAL(spool_object_seek(file.object, 4096, SEEK_DATA), 8192);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, PUNCH, 0, 3 * SPOOL_BLOCK_SIZE), 0);
	CU_ASSERT_EQUAL(rig_used(&file.rig, SPOOL_RES_SIZE), 0);
	CU_ASSERT_EQUAL(rig_used(&file.rig, SPOOL_RES_RAM), 0);
	CU_ASSERT_EQUAL(spool_object_size(file.object), 3 * SPOOL_BLOCK_SIZE);
	object_rig_fini(&file);
}

static void test_sparse_is_fast(void)
{
	object_rig_init(&file);
	for (unsigned int bit = 16; bit < 62; bit++)
		CU_ASSERT_EQUAL(object_rig_put(&file, (uint64_t)1 << bit, 1), 1);
	CU_ASSERT_EQUAL(spool_object_blocks(file.object), 46 * 8);
	CU_ASSERT_EQUAL(spool_object_seek(file.object, 0, SEEK_DATA), 65536);
	CU_ASSERT_EQUAL(spool_object_seek(file.object, ((uint64_t)1 << 61) - 1, SEEK_DATA),
			1LL << 61);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, PUNCH, 1, (uint64_t)1 << 60), 0);
	CU_ASSERT_EQUAL(spool_object_blocks(file.object), 2 * 8);
	CU_ASSERT_EQUAL(object_rig_truncate(&file, 1), 0);
	CU_ASSERT_EQUAL(rig_used(&file.rig, SPOOL_RES_SIZE), 0);
	CU_ASSERT_EQUAL(rig_used(&file.rig, SPOOL_RES_RAM), 0);
	object_rig_fini(&file);
}

/* A whole block goes from where it comes from to where it stays by one copy. */
static void test_block_is_copied_once(void)
{
	object_rig_init(&file);
	for (uint64_t off = 0; off < MIB; off += SPOOL_BLOCK_SIZE) {
		CU_ASSERT_EQUAL(object_rig_put(&file, off, SPOOL_BLOCK_SIZE), SPOOL_BLOCK_SIZE);
		CU_ASSERT_EQUAL(file.rig.host.written, (long)(off / SPOOL_BLOCK_SIZE) + 1);
		CU_ASSERT_PTR_EQUAL(file.rig.host.written_from, file.pattern);
	}
	CU_ASSERT_TRUE(rig_is(file.object, 0, MIB, 'x'));
	object_rig_fini(&file);
}

static void test_full(void)
{
	object_rig_init(&file);
	rig_limit(&file.rig, 4096, UINT64_MAX);
	CU_ASSERT_EQUAL(object_rig_put(&file, 0, 4096), 4096); /* exactly the limit */
	CU_ASSERT_EQUAL(object_rig_put(&file, 4096, 1), -ENOSPC);
	CU_ASSERT_EQUAL(object_rig_put(&file, 0, 4096), 4096); /* rewriting costs nothing */
	CU_ASSERT_EQUAL(spool_object_size(file.object), 4096);
	CU_ASSERT_EQUAL(object_rig_truncate(&file, 0), 0);
	CU_ASSERT_EQUAL(object_rig_put(&file, 0, 4096), 4096); /* usable again */
	CU_ASSERT_EQUAL(object_rig_truncate(&file, 0), 0);
	rig_limit(&file.rig, UINT64_MAX, 127);
	CU_ASSERT_EQUAL(object_rig_put(&file, 0, 96), 96);
	CU_ASSERT_EQUAL(object_rig_put(&file, 96, 1), -ENOSPC);
	CU_ASSERT_EQUAL(object_rig_truncate(&file, 0), 0);
	rig_limit(&file.rig, 3 * SPOOL_BLOCK_SIZE, UINT64_MAX);
	CU_ASSERT_EQUAL(object_rig_put(&file, 0, 3 * SPOOL_BLOCK_SIZE),
			2 * SPOOL_BLOCK_SIZE); /* the map costs too */
	CU_ASSERT_EQUAL(spool_object_size(file.object), 2 * SPOOL_BLOCK_SIZE);
	CU_ASSERT_EQUAL(object_rig_put(&file, 2 * SPOOL_BLOCK_SIZE, SPOOL_BLOCK_SIZE), -ENOSPC);
	object_rig_fini(&file);
}

/* When there is no room for a whole block ahead, a grown file goes on with what it needs. */
static void test_full_append(void)
{
	object_rig_init(&file);
	CU_ASSERT_EQUAL(object_rig_put(&file, 0, 1 * MIB), (ssize_t)MIB);
	rig_limit(&file.rig, UINT64_MAX, rig_used(&file.rig, SPOOL_RES_RAM) + 4096);
	CU_ASSERT_EQUAL(object_rig_put(&file, 1 * MIB, 4096), 4096);
	CU_ASSERT_EQUAL(object_rig_put(&file, 1 * MIB + 4096, 1), -ENOSPC);
	object_rig_fini(&file);
}

static void test_append(void)
{
	object_rig_init(&file);
	for (uint64_t off = 0; off < 300000; off += 100)
		CU_ASSERT_EQUAL(object_rig_put(&file, off, 100), 100);
	CU_ASSERT_TRUE(rig_is(file.object, 0, 300000, 'x'));
	CU_ASSERT_EQUAL(spool_object_blocks(file.object), UINT64_C(74) * 8);
	object_rig_fini(&file);
}

static void test_pageout_reserve(void)
{
	struct spool_limits limits = {
		.mount = {8192, 8192, 1}, .user = {8192, 8192, 1}, .pageout_reserve = 4096};

	object_rig_init(&file);
	spool_quota_set_limits(file.rig.quota, &limits);
	CU_ASSERT_EQUAL(object_rig_put(&file, 0, 8192), 8192);
	CU_ASSERT_EQUAL(object_rig_put(&file, 8192, 4096), -ENOSPC);
	CU_ASSERT_EQUAL(spool_object_write(file.object, file.rig.user, file.pattern, 4096, 8192,
					   SPOOL_CHARGE_PAGEOUT, NULL),
			4096);
	CU_ASSERT_EQUAL(object_rig_truncate(&file, 0), 0);
	object_rig_fini(&file);
}

/* What an object says it is charged can be moved to another user as it is, and comes out at zero.
 */
static void test_chown(void)
{
	struct spool_usage usage;
	struct spool_charge charge = {{0}};

	object_rig_init(&file);
	CU_ASSERT_EQUAL(object_rig_put(&file, 0, 600000), 600000);
	CU_ASSERT_EQUAL(object_rig_allocate(&file, 0, 1 * GIB, 10000), 0);
	spool_object_charges(file.object, &charge);
	CU_ASSERT_EQUAL(charge.amount[SPOOL_RES_INODES], 0);
	CU_ASSERT_EQUAL(spool_quota_move(file.rig.user, file.rig.other, &charge, 0), 0);
	spool_quota_user_usage(file.rig.quota, 1000, &usage);
	CU_ASSERT_EQUAL(usage.used[SPOOL_RES_SIZE], 0);
	CU_ASSERT_EQUAL(usage.used[SPOOL_RES_RAM], 0);
	CU_ASSERT_EQUAL(spool_quota_move(file.rig.other, file.rig.user, &charge, 0), 0);
	object_rig_fini(&file);
}

static void test_copy(void)
{
	struct spool_object *from;

	object_rig_init(&file);
	from = rig_object(&file.rig);
	spool_object_write(from, file.rig.user, file.pattern, 10000, 5000, 0, NULL);
	spool_object_write(from, file.rig.user, file.pattern, 100, 1 * GIB, 0, NULL);
	memset(file.pattern, 'y', sizeof(file.pattern));
	CU_ASSERT_EQUAL(object_rig_put(&file, 0, 300000), 300000);
	CU_ASSERT_EQUAL(spool_object_copy(from, 0, file.object, file.rig.user, 0, SSIZE_MAX),
			(ssize_t)GIB + 100);
	CU_ASSERT_EQUAL(spool_object_size(file.object), 1 * GIB + 100);
	CU_ASSERT_TRUE(rig_is(file.object, 0, 5000, 0));
	CU_ASSERT_TRUE(rig_is(file.object, 5000, 10000, 'x'));
	CU_ASSERT_TRUE(rig_is(file.object, 15000, 400000, 0));
	CU_ASSERT_TRUE(rig_is(file.object, 1 * GIB, 100, 'x'));
	CU_ASSERT_EQUAL(spool_object_blocks(file.object), spool_object_blocks(from));
	spool_object_free(from, file.rig.user);
	/* within one block, where taking a larger slot moves the source under the copy */
	CU_ASSERT_EQUAL(object_rig_truncate(&file, 0), 0);
	CU_ASSERT_EQUAL(object_rig_put(&file, 0, 4096), 4096);
	CU_ASSERT_EQUAL(
		spool_object_copy(file.object, 0, file.object, file.rig.user, 61440 + 2000, 4096),
		4096);
	CU_ASSERT_TRUE(rig_is(file.object, 0, 4096, 'y'));
	CU_ASSERT_TRUE(rig_is(file.object, 4096, 61440 + 2000 - 4096, 0));
	CU_ASSERT_TRUE(rig_is(file.object, 61440 + 2000, 4096, 'y'));
	/* the last bytes that a target can hold */
	CU_ASSERT_EQUAL(
		spool_object_copy(file.object, 0, file.object, file.rig.user, MAX - 10, 4096), 10);
	CU_ASSERT_EQUAL(object_rig_truncate(&file, 0), 0);
	object_rig_fini(&file);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"small files", test_small_files},
		{"edges of reading", test_read_edges},
		{"largest offsets", test_largest_offsets},
		{"calls that are refused", test_bad_calls},
		{"nothing stale", test_nothing_stale},
		{"shrinking gives memory back", test_shrink_gives_memory_back},
		{"punching gives memory back", test_punch_gives_memory_back},
		{"edges of punching", test_punch_edges},
		{"sparse files up to 2^61", test_sparse_is_fast},
		{"block is copied once", test_block_is_copied_once},
		{"full", test_full},
		{"full for the block ahead", test_full_append},
		{"appending", test_append},
		{"page-out reserve", test_pageout_reserve},
		{"chown", test_chown},
		{"copy", test_copy},
	};

	return unit_run("object", tests, SPOOL_ARRAY_SIZE(tests));
}
