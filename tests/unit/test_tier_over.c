/* SPDX-License-Identifier: MIT */

/*
 * Pages in RAM over a block on the disk: what is written to such a block, what is read of it, and
 * what becomes of both parts.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "engine/size.h"
#include "tier_rig.h"
#include "util/macros.h"

#define PAGE ((size_t)4096)
#define PIECE ((size_t)16384)

static struct spool_tiers in(uint64_t ino)
{
	struct spool_tiers tiers = {.ram = 1, .disk = 1};

	CU_ASSERT_EQUAL(spool_engine_tiers(tier.rig.engine, ino, &tiers), 0);
	return tiers;
}

/* Changes @len bytes at @off of what the file is to hold, and writes them there. */
static ssize_t change(uint64_t ino, size_t len, size_t off, unsigned int flags)
{
	for (size_t i = off; i < off + len; i++)
		tier.data[i] = (char)(tier.data[i] + 1);
	return spool_engine_write(tier.rig.engine, ino, tier.data + off, len, off, flags);
}

/* A file of @len bytes on the disk, of which page 3 is written over. */
static uint64_t overlaid(size_t len)
{
	uint64_t ino = tier_spilled(len);

	CU_ASSERT_EQUAL(change(ino, PAGE, 3 * PAGE, 0), (ssize_t)PAGE);
	return ino;
}

/* All of it to the disk, hot or not. Return: what who asked was told. */
static int push(uint64_t ino)
{
	tier.asked.n = 0;
	CU_ASSERT_EQUAL(spool_engine_ask_spill(tier.rig.engine, ino, 2), 0);
	tier_spill_all();
	CU_ASSERT_EQUAL(tier.asked.n, 1);
	return tier.asked.result;
}

static int punch(uint64_t ino, uint64_t off, uint64_t len)
{
	memset(tier.data + off, 0, len);
	return spool_engine_fallocate(tier.rig.engine, ino,
				      FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len,
				      SPOOL_NOWAIT_DISK);
}

static void truncate_to(uint64_t ino, uint64_t size)
{
	struct spool_node *node = engine_get(tier.rig.engine, ino);

	CU_ASSERT_EQUAL(engine_truncate(tier.rig.engine, node, size, 0), 0);
	engine_put(tier.rig.engine, node);
}

/* Whole pages are written without the disk, cost what they are, and are read with the rest. */
static void whole_pages(void)
{
	uint64_t ino = tier_spilled(4 * BLOCK), ram;
	long reads = tier.disk.calls[FAULT_READ];

	ram = rig_used(&tier.rig, 1000, SPOOL_RES_RAM);
	CU_ASSERT_EQUAL(change(ino, PAGE, 5 * PAGE, SPOOL_NOWAIT_DISK), (ssize_t)PAGE);
	CU_ASSERT_EQUAL(rig_used(&tier.rig, 1000, SPOOL_RES_RAM), ram + PAGE);
	CU_ASSERT_TRUE(in(ino).ram == PAGE && in(ino).disk == 4 * BLOCK - PAGE);
	CU_ASSERT_EQUAL(change(ino, 2 * PAGE, BLOCK - PAGE, SPOOL_NOWAIT_DISK),
			(ssize_t)(2 * PAGE));
	CU_ASSERT_EQUAL(spool_engine_read(tier.rig.engine, ino, tier.got, PAGE, 5 * PAGE,
					  SPOOL_NOWAIT_DISK),
			(ssize_t)PAGE);
	CU_ASSERT_EQUAL(memcmp(tier.got, tier.data + 5 * PAGE, PAGE), 0);
	CU_ASSERT_EQUAL(tier.disk.calls[FAULT_READ], reads);
	tier_same(ino, 4 * BLOCK, 0);
	CU_ASSERT_EQUAL(push(ino), 0);
	CU_ASSERT_TRUE(in(ino).ram == 0 && in(ino).disk == 4 * BLOCK);
	CU_ASSERT_EQUAL(rig_used(&tier.rig, 1000, SPOOL_RES_RAM), ram);
	CU_ASSERT_EQUAL(tier.disk.bytes, 4 * BLOCK);
	tier_same(ino, 4 * BLOCK, 0);
	tier_tear_down();
}

/* When the last page is written over, nothing is left for the disk. */
static void all_pages(void)
{
	uint64_t ino = tier_spilled(2 * BLOCK);

	for (size_t at = 0; at < BLOCK; at += PAGE)
		CU_ASSERT_EQUAL(change(ino, PAGE, (at + 7 * PAGE) % BLOCK, SPOOL_NOWAIT_DISK),
				(ssize_t)PAGE);
	CU_ASSERT_TRUE(in(ino).ram == BLOCK && in(ino).disk == BLOCK);
	CU_ASSERT_EQUAL(spool_engine_spill(tier.rig.engine, tier.batch), SPOOL_SPILL_MORE);
	CU_ASSERT_EQUAL(tier.disk.bytes, BLOCK);
	tier_same(ino, 2 * BLOCK, 0);
	tier_tear_down();
}

/* A part of a page brings back the piece that it is in, and no more. */
static void parts_of_pages(void)
{
	uint64_t ino = tier_spilled(2 * BLOCK), fetched = tier_stat().fetched;

	CU_ASSERT_EQUAL(change(ino, 10, PIECE + 5, SPOOL_NOWAIT_DISK), SPOOL_WOULD_BLOCK);
	CU_ASSERT_EQUAL(
		spool_engine_write(tier.rig.engine, ino, tier.data + PIECE + 5, 10, PIECE + 5, 0),
		10);
	CU_ASSERT_EQUAL(tier_stat().fetched, fetched + PIECE);
	CU_ASSERT_EQUAL(in(ino).ram, PIECE);
	CU_ASSERT_EQUAL(change(ino, 3 * PIECE, PIECE / 2 + 1, 0), (ssize_t)(3 * PIECE));
	CU_ASSERT_EQUAL(tier_stat().fetched, fetched + 3 * PIECE);
	tier_same(ino, 2 * BLOCK, 0);
	CU_ASSERT_EQUAL(push(ino), 0);
	tier_same(ino, 2 * BLOCK, 0);
	tier_tear_down();
}

/* A hole of a block on the disk takes pages as one in RAM does; the size is charged once. */
static void over_a_hole(void)
{
	uint64_t ino = tier_spilled(2 * BLOCK), size;

	CU_ASSERT_EQUAL(punch(ino, 4 * PAGE, 8 * PAGE), 0);
	size = rig_used(&tier.rig, 1000, SPOOL_RES_SIZE);
	CU_ASSERT_EQUAL(change(ino, 100, 5 * PAGE + 7, SPOOL_NOWAIT_DISK), 100);
	CU_ASSERT_EQUAL(change(ino, PAGE, 5 * PAGE, SPOOL_NOWAIT_DISK), (ssize_t)PAGE);
	CU_ASSERT_EQUAL(rig_used(&tier.rig, 1000, SPOOL_RES_SIZE), size + PAGE);
	tier_same(ino, 2 * BLOCK, 0);
	CU_ASSERT_EQUAL(push(ino), 0);
	CU_ASSERT_EQUAL(in(ino).disk, 2 * BLOCK - 7 * PAGE);
	tier_same(ino, 2 * BLOCK, 0);
	tier_tear_down();
}

/* What is punched out or cut off goes from both; what the disk is left with goes when it is none.
 */
static void punched_and_cut(void)
{
	uint64_t ino = tier_spilled(4 * BLOCK);

	CU_ASSERT_EQUAL(change(ino, 2 * PAGE, 3 * PAGE, 0), (ssize_t)(2 * PAGE));
	CU_ASSERT_EQUAL(punch(ino, 2 * PAGE, 2 * PAGE), 0);
	CU_ASSERT_EQUAL(punch(ino, 4 * PAGE + 100, 50), 0); /* in RAM, so without the disk */
	CU_ASSERT_EQUAL(punch(ino, 6 * PAGE + 100, 50), SPOOL_WOULD_BLOCK);
	CU_ASSERT_EQUAL(spool_engine_fallocate(tier.rig.engine, ino,
					       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					       6 * PAGE + 100, 50, 0),
			0);
	tier_same(ino, 4 * BLOCK, 0);
	CU_ASSERT_EQUAL(change(ino, PAGE, BLOCK + 8 * PAGE, 0), (ssize_t)PAGE);
	truncate_to(ino, BLOCK + 8 * PAGE + 10);
	memset(tier.data + BLOCK + 8 * PAGE + 10, 0, 3 * BLOCK - 8 * PAGE - 10);
	truncate_to(ino, 4 * BLOCK);
	tier_same(ino, 4 * BLOCK, 0);
	CU_ASSERT_EQUAL(punch(ino, BLOCK, 8 * PAGE), 0); /* one page is left, in RAM */
	CU_ASSERT_EQUAL(push(ino), 0);
	tier_same(ino, 4 * BLOCK, 0);
	truncate_to(ino, 5 * PAGE + 3);
	CU_ASSERT_EQUAL(change(ino, PAGE - 9, 5 * PAGE + 9, SPOOL_NOWAIT_DISK), SPOOL_WOULD_BLOCK);
	truncate_to(ino, 5 * PAGE);
	memset(tier.data + 5 * PAGE, 0, 4 * BLOCK - 5 * PAGE);
	CU_ASSERT_EQUAL(change(ino, PAGE - 9, 5 * PAGE + 9, SPOOL_NOWAIT_DISK), (ssize_t)PAGE - 9);
	tier_same(ino, 6 * PAGE, 0);
	CU_ASSERT_EQUAL(push(ino), 0);
	tier_same(ino, 6 * PAGE, 0);
	tier_tear_down();
}

/* Zeros over all data of a block need nothing of it; where they find no memory nothing changes. */
static void zeroed(void)
{
	int mode = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
	uint64_t ino = overlaid(2 * BLOCK);

	CU_ASSERT_EQUAL(
		spool_engine_fallocate(tier.rig.engine, ino, mode, 0, BLOCK, SPOOL_NOWAIT_DISK), 0);
	memset(tier.data, 0, BLOCK);
	CU_ASSERT_EQUAL(change(ino, PAGE, BLOCK + 3 * PAGE, 0), (ssize_t)PAGE);
	CU_ASSERT_EQUAL(spool_engine_fallocate(tier.rig.engine, ino, mode, BLOCK, BLOCK - 1,
					       SPOOL_NOWAIT_DISK),
			SPOOL_WOULD_BLOCK);
	fault_host_arm(&tier.rig.host, 1, true);
	CU_ASSERT_EQUAL(spool_engine_fallocate(tier.rig.engine, ino, mode, BLOCK, BLOCK, 0),
			-ENOMEM);
	fault_host_arm(&tier.rig.host, 0, false);
	tier_same(ino, 2 * BLOCK, 0);
	CU_ASSERT_EQUAL(spool_engine_fallocate(tier.rig.engine, ino, mode, BLOCK, BLOCK - 1, 0), 0);
	memset(tier.data + BLOCK, 0, BLOCK - 1);
	tier_same(ino, 2 * BLOCK, 0);
	tier_tear_down();
}

/* The rest cannot be read: what was written stays, whoever reads the rest or asks is told, and
 * nothing else of the file suffers. It is tried again when somebody asks. */
static void over_what_cannot_be_read(void)
{
	uint64_t ino = overlaid(4 * BLOCK);
	long reads;

	CU_ASSERT_EQUAL(change(ino, PAGE, 2 * BLOCK, 0), (ssize_t)PAGE);
	CU_ASSERT_EQUAL(change(ino, BLOCK, 3 * BLOCK, 0), (ssize_t)BLOCK);
	fault_backing_arm(&tier.disk, FAULT_READ, 1, true, -EIO);
	for (int times = 0; times < 5; times++)
		tier_spill_all();
	CU_ASSERT_FALSE(tier_stat().failing); /* it takes data: the last block has gone */
	CU_ASSERT_TRUE(in(ino).ram == 2 * PAGE && in(ino).disk == 4 * BLOCK - 2 * PAGE);
	reads = tier.disk.calls[FAULT_READ];
	tier_spill_all();
	CU_ASSERT_EQUAL(tier.disk.calls[FAULT_READ], reads);
	tier_same(ino, PAGE, 3 * PAGE);
	CU_ASSERT_EQUAL(spool_engine_read(tier.rig.engine, ino, tier.got, 2 * PAGE, 3 * PAGE, 0),
			-EIO);
	CU_ASSERT_EQUAL(push(ino), -EIO);
	tier_same(ino, PAGE, 3 * PAGE);
	fault_backing_arm(&tier.disk, FAULT_READ, 0, false, 0);
	tier_spill_all();
	CU_ASSERT_EQUAL(in(ino).ram, 2 * PAGE);
	CU_ASSERT_EQUAL(push(ino), 0);
	CU_ASSERT_EQUAL(in(ino).ram, 0);
	tier_same(ino, 4 * BLOCK, 0);
	tier_tear_down();
}

/* Spoiled for good: the pages over it are right, and a block that is written anew is as well. */
static void over_what_is_spoiled(void)
{
	uint64_t ino = overlaid(2 * BLOCK);

	CU_ASSERT_TRUE(fault_backing_spoil(&tier.disk) > 0);
	CU_ASSERT_EQUAL(push(ino), -EIO);
	tier_same(ino, PAGE, 3 * PAGE);
	CU_ASSERT_EQUAL(spool_engine_read(tier.rig.engine, ino, tier.got, 1, 2 * PAGE, 0), -EIO);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 1, 2 * PAGE, 0), -EIO);
	CU_ASSERT_EQUAL(change(ino, BLOCK, 0, SPOOL_NOWAIT_DISK), (ssize_t)BLOCK);
	CU_ASSERT_EQUAL(push(ino), 0);
	tier_same(ino, BLOCK, 0);
	tier_tear_down();
}

/* The disk has no room for both: nothing is lost, and it goes when there is room again. */
static void a_full_disk(void)
{
	uint64_t ino = tier_spilled(4 * BLOCK), ram;

	ram = rig_used(&tier.rig, 1000, SPOOL_RES_RAM);
	CU_ASSERT_EQUAL(change(ino, PAGE, 3 * PAGE, 0), (ssize_t)PAGE);
	fault_backing_capacity(&tier.disk, tier.disk.bytes + 2 * PAGE);
	CU_ASSERT_EQUAL(push(ino), -ENOSPC);
	CU_ASSERT_TRUE(tier_stat().failing);
	CU_ASSERT_TRUE(in(ino).ram == PAGE && in(ino).disk == 4 * BLOCK - PAGE);
	CU_ASSERT_EQUAL(rig_used(&tier.rig, 1000, SPOOL_RES_RAM), ram + PAGE);
	tier_same(ino, 4 * BLOCK, 0);
	fault_backing_capacity(&tier.disk, 64 * MIB);
	CU_ASSERT_EQUAL(push(ino), 0);
	CU_ASSERT_EQUAL(rig_used(&tier.rig, 1000, SPOOL_RES_RAM), ram);
	tier_same(ino, 4 * BLOCK, 0);
	tier_tear_down();
}

/* A limit of RAM holds: what does not fit is refused, with nothing changed. */
static void within_the_limit(void)
{
	uint64_t ino;
	size_t n = 0;
	ssize_t r;

	tier_set_up(0, UINT64_MAX, MIB / 2);
	ino = tier_make("f", 1000, 4 * BLOCK);
	CU_ASSERT_EQUAL(push(ino), 0);
	tier_make("g", 1000, 6 * BLOCK);
	do
		r = spool_engine_write(tier.rig.engine, ino, tier.data + n * PAGE, PAGE, n * PAGE,
				       SPOOL_LAST_TRY);
	while (r == (ssize_t)PAGE && ++n < 64);
	CU_ASSERT_TRUE(n > 0 && n < 64);
	CU_ASSERT_TRUE(r == -ENOSPC || r == -EDQUOT);
	CU_ASSERT_TRUE(rig_used(&tier.rig, 1000, SPOOL_RES_RAM) <= MIB / 2);
	CU_ASSERT_EQUAL(in(ino).disk, 4 * BLOCK - n * PAGE);
	tier_same(ino, 4 * BLOCK, 0);
	tier_tear_down();
}

static void *spill_thread(void *arg)
{
	(void)arg;
	tier_spill_all();
	return NULL;
}

/* Spills @ino in a thread of its own, which stands still at its first call of the kind. */
static pthread_t begin(uint64_t ino, enum fault_call kind)
{
	pthread_t thread;

	CU_ASSERT_EQUAL(spool_engine_ask_spill(tier.rig.engine, ino, 3), 0);
	fault_backing_gate(&tier.disk, 1u << kind);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, spill_thread, NULL), 0);
	fault_backing_wait_blocked(&tier.disk, 1);
	return thread;
}

static void end(pthread_t thread)
{
	fault_backing_gate(&tier.disk, 0);
	pthread_join(thread, NULL);
}

/* While a block is on its way, as the rest is read and as it is written, more of it is written,
 * punched out, cut off: that is newer. */
static void changed_on_the_way(void)
{
	static const enum fault_call kinds[] = {FAULT_READ, FAULT_WRITE};

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(kinds); i++) {
		uint64_t ino = tier_spilled(6 * BLOCK);
		pthread_t thread;

		for (size_t block = 0; block < 6; block++)
			CU_ASSERT_EQUAL(change(ino, PAGE, block * BLOCK + 3 * PAGE, 0),
					(ssize_t)PAGE);
		thread = begin(ino, kinds[i]);
		CU_ASSERT_EQUAL(change(ino, PAGE, 3 * PAGE, SPOOL_NOWAIT_DISK), (ssize_t)PAGE);
		CU_ASSERT_EQUAL(change(ino, PAGE, BLOCK, SPOOL_NOWAIT_DISK), (ssize_t)PAGE);
		CU_ASSERT_EQUAL(change(ino, BLOCK, 2 * BLOCK, SPOOL_NOWAIT_DISK), (ssize_t)BLOCK);
		CU_ASSERT_EQUAL(punch(ino, 3 * BLOCK + 3 * PAGE, PAGE), 0);
		CU_ASSERT_EQUAL(punch(ino, 4 * BLOCK + 5 * PAGE, PAGE), 0);
		truncate_to(ino, 5 * BLOCK + 8 * PAGE + 10);
		end(thread);
		tier_same(ino, 5 * BLOCK + 8 * PAGE + 10, 0);
		CU_ASSERT_EQUAL(push(ino), 0);
		CU_ASSERT_EQUAL(in(ino).ram, 0);
		tier_same(ino, 5 * BLOCK + 8 * PAGE + 10, 0);
		truncate_to(ino, 6 * BLOCK);
		memset(tier.data + 5 * BLOCK + 8 * PAGE + 10, 0, 8 * PAGE - 10);
		tier_same(ino, 6 * BLOCK, 0);
		tier_tear_down();
	}
}

/* The file is removed while a block of it is on its way. */
static void removed_on_the_way(void)
{
	uint64_t ino = overlaid(2 * BLOCK);
	pthread_t thread;

	thread = begin(ino, FAULT_READ);
	CU_ASSERT_EQUAL(spool_engine_unlink(tier.rig.engine, &tier.rig.cred, SPOOL_INO_ROOT, "f"),
			0);
	spool_engine_forget(tier.rig.engine, ino, 1);
	end(thread);
	tier_spill_all();
	CU_ASSERT_TRUE(tier_stat().stored == 0 && tier.disk.bytes == 0);
	tier_tear_down();
}

static void *read_thread(void *arg)
{
	const uint64_t *ino = arg;

	memset(tier.got, 'z', sizeof(tier.got));
	CU_ASSERT_EQUAL(spool_engine_read(tier.rig.engine, *ino, tier.got, BLOCK, 0, 0),
			(ssize_t)BLOCK);
	return NULL;
}

/* A read that waits for the disk gets what there was when it came, of both parts. */
static void read_before_a_write(void)
{
	static char before[BLOCK];
	uint64_t ino = overlaid(2 * BLOCK);
	pthread_t thread;

	memcpy(before, tier.data, BLOCK);
	fault_backing_gate(&tier.disk, 1u << FAULT_READ);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, read_thread, &ino), 0);
	fault_backing_wait_blocked(&tier.disk, 1);
	CU_ASSERT_EQUAL(change(ino, BLOCK, 0, SPOOL_NOWAIT_DISK), (ssize_t)BLOCK);
	end(thread);
	CU_ASSERT_EQUAL(memcmp(tier.got, before, BLOCK), 0);
	tier_same(ino, BLOCK, 0);
	tier_tear_down();
}

/* A copy from and to such blocks, and a file of which there is nothing but such a page. */
static void copied(void)
{
	uint64_t ino = overlaid(2 * BLOCK), to;

	to = tier_make("to", 1000, 2 * BLOCK);
	CU_ASSERT_EQUAL(push(to), 0);
	CU_ASSERT_EQUAL(spool_engine_copy_range(tier.rig.engine, ino, 0, to, 0, 2 * BLOCK, 0),
			(ssize_t)(2 * BLOCK));
	tier_same(to, 2 * BLOCK, 0);
	tier_same(ino, 2 * BLOCK, 0);
	tier_tear_down();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"whole pages", whole_pages},
		{"all pages", all_pages},
		{"parts of pages", parts_of_pages},
		{"over a hole", over_a_hole},
		{"punched and cut", punched_and_cut},
		{"zeroed", zeroed},
		{"over what cannot be read", over_what_cannot_be_read},
		{"over what is spoiled", over_what_is_spoiled},
		{"a full disk", a_full_disk},
		{"within the limit", within_the_limit},
		{"changed on the way", changed_on_the_way},
		{"removed on the way", removed_on_the_way},
		{"read before a write", read_before_a_write},
		{"copied", copied},
	};

	return unit_run("tier_over", tests, SPOOL_ARRAY_SIZE(tests));
}
