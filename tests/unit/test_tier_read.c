/* SPDX-License-Identifier: MIT */

/* Reads of blocks on the disk: how often the disk is asked, and where what comes is put. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "engine/size.h"
#include "tier_rig.h"
#include "util/macros.h"

#define PAGE ((size_t)4096)
#define BLOCKS 8u
#define ALL (BLOCKS * (size_t)BLOCK)
#define CALLS 2 /* of 256 KiB, for all of them; as in lib/store/fetch.c */

/* Reads @len bytes at @off to memory that is @shift bytes off a page. Return: they are those of
 * tier.data, and nothing beside them was touched. */
static bool reads(uint64_t ino, size_t off, size_t len, size_t shift)
{
	char *memory = aligned_alloc(PAGE, ALL + 2 * PAGE), *to = memory + PAGE + shift;
	bool same;

	memset(memory, 'z', ALL + 2 * PAGE);
	same = spool_engine_read(tier.rig.engine, ino, to, len, off, 0) == (ssize_t)len &&
	       memcmp(to, tier.data + off, len) == 0 && to[-1] == 'z' && to[len] == 'z';
	free(memory);
	return same;
}

/* Not one for each piece. */
static void neighbours_together(void)
{
	uint64_t ino = tier_spilled(ALL), fetched = tier_stat().fetched;
	long calls = tier.disk.calls[FAULT_READ];

	CU_ASSERT_TRUE(reads(ino, 0, ALL, 0));
	CU_ASSERT_EQUAL(tier.disk.calls[FAULT_READ], calls + CALLS);
	CU_ASSERT_EQUAL(tier_stat().fetched, fetched + ALL);
	/* two ends that are pieces in part go along */
	CU_ASSERT_TRUE(reads(ino, PAGE, ALL - 2 * PAGE, 0));
	CU_ASSERT_EQUAL(tier.disk.calls[FAULT_READ], calls + 2 * CALLS);
	/* one page is one piece */
	CU_ASSERT_TRUE(reads(ino, 5 * PAGE, PAGE, 0));
	CU_ASSERT_EQUAL(tier.disk.calls[FAULT_READ], calls + 2 * CALLS + 1);
	CU_ASSERT_EQUAL(tier_stat().fetched, fetched + 2 * ALL + 4 * PAGE);
	tier_tear_down();
}

/* Holes, newer pages in RAM, an end that has moved, and memory that the disk cannot read to. */
static void wherever_it_is_put(void)
{
	static const size_t shifts[] = {0, 1, 8, PAGE / 2};
	uint64_t ino = tier_spilled(ALL - 3 * PAGE - 100), size = ALL - 3 * PAGE - 200;
	struct spool_node *node = engine_get(tier.rig.engine, ino);

	memset(tier.data + 2 * BLOCK - PAGE, 0, 7 * PAGE);
	CU_ASSERT_EQUAL(spool_engine_fallocate(tier.rig.engine, ino,
					       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					       2 * BLOCK - PAGE, 7 * PAGE, 0),
			0);
	memset(tier.data + 5 * BLOCK + PAGE, 'n', 2 * PAGE);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data + 5 * BLOCK + PAGE,
					   2 * PAGE, 5 * BLOCK + PAGE, 0),
			(ssize_t)(2 * PAGE));
	CU_ASSERT_EQUAL(engine_truncate(tier.rig.engine, node, size, 0), 0);
	CU_ASSERT_EQUAL(engine_truncate(tier.rig.engine, node, ALL, 0), 0);
	memset(tier.data + size, 0, ALL - size);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(shifts); i++) {
		CU_ASSERT_TRUE(reads(ino, 0, ALL, shifts[i]));
		for (size_t at = 0; at + 3 * BLOCK < ALL; at += 3 * PAGE + 100 * i) {
			CU_ASSERT_TRUE(reads(ino, at, PAGE, shifts[i]));
			CU_ASSERT_TRUE(reads(ino, at, 2 * BLOCK + 7 * PAGE, shifts[i]));
			CU_ASSERT_TRUE(reads(ino, ALL - at - BLOCK - 9, BLOCK + 9, shifts[i]));
		}
	}
	engine_put(tier.rig.engine, node);
	tier_tear_down();
}

/* What cannot be read is not answered, nor is any of what was read with it left in the memory. */
static void all_or_nothing(void)
{
	uint64_t ino = tier_spilled(ALL);
	char *memory = aligned_alloc(PAGE, ALL), *zeros = calloc(1, ALL);

	fault_backing_arm(&tier.disk, FAULT_READ, 1, false, -EIO);
	CU_ASSERT_EQUAL(spool_engine_read(tier.rig.engine, ino, memory, ALL, 0, 0), -EIO);
	CU_ASSERT_EQUAL(memcmp(memory, zeros, ALL), 0);
	CU_ASSERT_TRUE(reads(ino, 0, ALL, 0));
	/* the second call for memory that nothing can be read straight to */
	fault_backing_arm(&tier.disk, FAULT_READ, 2, false, -EIO);
	CU_ASSERT_FALSE(reads(ino, 0, ALL, 8));
	CU_ASSERT_TRUE(tier.disk.fired[FAULT_READ]);
	fault_backing_spoil(&tier.disk);
	memset(memory, 'z', ALL);
	CU_ASSERT_EQUAL(spool_engine_read(tier.rig.engine, ino, memory, ALL, 0, 0), -EIO);
	CU_ASSERT_EQUAL(memcmp(memory, zeros, ALL), 0);
	free(memory);
	free(zeros);
	tier_tear_down();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"neighbours together", neighbours_together},
		{"wherever it is put", wherever_it_is_put},
		{"all or nothing", all_or_nothing},
	};

	return unit_run("tier_read", tests, SPOOL_ARRAY_SIZE(tests));
}
