/* SPDX-License-Identifier: MIT */

/* Which data go to the disk, when, and what becomes of operations that meet them there. */

#include <errno.h>
#include <pthread.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/size.h"
#include "tier_rig.h"
#include "util/macros.h"

/* Exactly the threshold stays, a byte more goes. */
static void past_the_threshold(void)
{
	uint64_t ino;

	tier_set_up(MIB / 2, UINT64_MAX, UINT64_MAX);
	ino = tier_make("f", 1000, MIB / 2);
	CU_ASSERT_EQUAL(tier.n_wakes, 0);
	CU_ASSERT_EQUAL(tier_spill_all(), SPOOL_SPILL_IDLE);
	CU_ASSERT_EQUAL(tier_stat().stored, 0);
	CU_ASSERT_EQUAL(
		spool_engine_write(tier.rig.engine, ino, tier.data + MIB / 2, 1, MIB / 2, 0), 1);
	CU_ASSERT_EQUAL(tier.n_wakes, 1);
	CU_ASSERT_EQUAL(tier_spill_all(), SPOOL_SPILL_IDLE);
	CU_ASSERT_EQUAL(tier_stat().stored, MIB / 2 + 4096);
	tier_same(ino, MIB / 2 + 1, 0);
	tier_tear_down();
}

static struct spool_tiers tiers_of(uint64_t ino)
{
	struct spool_tiers in = {.ram = 1, .disk = 1};

	CU_ASSERT_EQUAL(spool_engine_tiers(tier.rig.engine, ino, &in), 0);
	return in;
}

/* Where the data of a file are, as they go and come back; what has no data is nowhere. */
static void tiers(void)
{
	struct spool_tiers in;
	uint64_t ino, empty, dir;

	tier_set_up(0, UINT64_MAX, UINT64_MAX);
	ino = tier_make("f", 1000, 2 * BLOCK);
	empty = tier_make("empty", 1000, 0);
	dir = rig_mkdir(&tier.rig, SPOOL_INO_ROOT, "d");
	in = tiers_of(ino);
	CU_ASSERT_TRUE(in.ram == 2 * BLOCK && in.disk == 0);
	tier_spill_all();
	tier_spill_all(); /* the last block was written just now */
	in = tiers_of(ino);
	CU_ASSERT_TRUE(in.ram == 0 && in.disk == 2 * BLOCK);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, BLOCK, 0, 0),
			(ssize_t)BLOCK);
	in = tiers_of(ino);
	CU_ASSERT_TRUE(in.ram == BLOCK && in.disk == BLOCK);
	CU_ASSERT_EQUAL(spool_engine_fallocate(tier.rig.engine, empty, 0, 0, BLOCK, 0), 0);
	in = tiers_of(empty);
	CU_ASSERT_TRUE(in.ram == 0 && in.disk == 0);
	in = tiers_of(dir);
	CU_ASSERT_TRUE(in.ram == 0 && in.disk == 0);
	CU_ASSERT_EQUAL(spool_engine_tiers(tier.rig.engine, 1000, &in), -ESTALE);
	tier_tear_down();
}

/* Who may not wait for the disk is told so, and nothing else happens. */
static void not_waiting(void)
{
	struct spool_node *node;
	uint64_t ino;
	long reads;

	tier_set_up(0, UINT64_MAX, UINT64_MAX);
	ino = tier_make("f", 1000, 4 * BLOCK);
	tier_spill_all();
	reads = tier.disk.calls[FAULT_READ];
	CU_ASSERT_EQUAL(spool_engine_read(tier.rig.engine, ino, tier.got, 10, 5, SPOOL_NOWAIT_DISK),
			SPOOL_WOULD_BLOCK);
	CU_ASSERT_EQUAL(
		spool_engine_write(tier.rig.engine, ino, tier.data, 10, 5, SPOOL_NOWAIT_DISK),
		SPOOL_WOULD_BLOCK);
	CU_ASSERT_EQUAL(spool_engine_fallocate(tier.rig.engine, ino,
					       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5, 10,
					       SPOOL_NOWAIT_DISK),
			SPOOL_WOULD_BLOCK);
	CU_ASSERT_EQUAL(
		spool_engine_copy_range(tier.rig.engine, ino, 0, ino, MIB, 10, SPOOL_NOWAIT_DISK),
		SPOOL_WOULD_BLOCK);
	/* a block that is overwritten, punched or cut off as a whole is not needed */
	CU_ASSERT_EQUAL(
		spool_engine_write(tier.rig.engine, ino, tier.data, BLOCK, 0, SPOOL_NOWAIT_DISK),
		(ssize_t)BLOCK);
	CU_ASSERT_EQUAL(spool_engine_fallocate(tier.rig.engine, ino,
					       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, BLOCK,
					       BLOCK, SPOOL_NOWAIT_DISK),
			0);
	node = engine_get(tier.rig.engine, ino);
	CU_ASSERT_EQUAL(engine_truncate(tier.rig.engine, node, 2 * BLOCK + 5, 0), 0);
	engine_put(tier.rig.engine, node);
	CU_ASSERT_EQUAL(tier.disk.calls[FAULT_READ], reads);
	tier_tear_down();
}

/* Bytes that are not what was written are an error and zeros, never data. */
static void spoiled(void)
{
	uint64_t ino, other;

	tier_set_up(0, UINT64_MAX, UINT64_MAX);
	ino = tier_make("f", 1000, MIB);
	other = tier_make("g", 1000, 100);
	tier_spill_all();
	tier_spill_all();
	CU_ASSERT_TRUE(fault_backing_spoil(&tier.disk) > 0);
	memset(tier.got, 'z', sizeof(tier.got));
	CU_ASSERT_EQUAL(spool_engine_read(tier.rig.engine, ino, tier.got, 5000, 100, 0), -EIO);
	for (size_t i = 0; i < 5000; i++)
		CU_ASSERT_EQUAL_FATAL(tier.got[i], 0);
	CU_ASSERT_TRUE(tier_stat().n_bad > 0);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 10, 5, 0), -EIO);
	/* what is new is good */
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, BLOCK, 0, 0),
			(ssize_t)BLOCK);
	tier_same(ino, BLOCK, 0);
	CU_ASSERT_EQUAL(spool_engine_read(tier.rig.engine, other, tier.got, 100, 0, 0), -EIO);
	tier_tear_down();
}

static unsigned int n_lines;

static void count_line(void *ctx, const struct spool_log_line *line)
{
	(void)ctx;
	CU_ASSERT_EQUAL(line->level, SPOOL_LOG_ERROR);
	CU_ASSERT_PTR_NOT_NULL(strstr(line->text, "is not what was written"));
	n_lines++;
}

/* Each file that came back bad is named, once, and so many a minute. */
static void spoiled_files_are_named(void)
{
	struct spool_log log = {.sink = count_line, .level = SPOOL_LOG_ERROR};
	uint64_t inos[20];
	char name[16];

	tier_set_up(0, UINT64_MAX, UINT64_MAX);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		inos[i] = tier_make(name, 1000, 100);
	}
	tier_spill_all();
	tier_spill_all();
	CU_ASSERT_TRUE(fault_backing_spoil(&tier.disk) >= 20);
	tier.rig.engine->log = &log;
	n_lines = 0;
	for (int times = 0; times < 3; times++)
		CU_ASSERT_EQUAL(spool_engine_read(tier.rig.engine, inos[0], tier.got, 100, 0, 0),
				-EIO);
	CU_ASSERT_EQUAL(n_lines, 1);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, inos[1], tier.data, 10, 5, 0), -EIO);
	CU_ASSERT_EQUAL(n_lines, 2);
	for (int i = 0; i < 20; i++)
		CU_ASSERT_EQUAL(spool_engine_read(tier.rig.engine, inos[i], tier.got, 100, 0, 0),
				-EIO);
	CU_ASSERT_EQUAL(n_lines, 16);
	tier.rig.host.clock.tv_sec += 60;
	for (int i = 0; i < 20; i++)
		CU_ASSERT_EQUAL(spool_engine_read(tier.rig.engine, inos[i], tier.got, 100, 0, 0),
				-EIO);
	CU_ASSERT_EQUAL(n_lines, 20);
	tier.rig.engine->log = NULL;
	tier_tear_down();
}

static void *spill_thread(void *arg)
{
	(void)arg;
	tier_spill_all();
	return NULL;
}

/* While the disk stands still, the file is changed and removed: nothing waits for it, and what was
 * on its way there does not come back. */
static void changed_on_the_way(void)
{
	pthread_t thread;
	uint64_t ino;

	tier_set_up(0, UINT64_MAX, UINT64_MAX);
	ino = tier_make("f", 1000, 8 * BLOCK);
	fault_backing_gate(&tier.disk, 1u << FAULT_WRITE);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, spill_thread, NULL), 0);
	fault_backing_wait_blocked(&tier.disk, 1);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, "new", 3, 2 * BLOCK, 0), 3);
	CU_ASSERT_EQUAL(spool_engine_fallocate(tier.rig.engine, ino,
					       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					       4 * BLOCK, BLOCK, 0),
			0);
	fault_backing_gate(&tier.disk, 0);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(tier_stat().stored, 7 * BLOCK);
	memcpy(tier.data + 2 * BLOCK, "new", 3);
	memset(tier.data + 4 * BLOCK, 0, BLOCK);
	tier_same(ino, 8 * BLOCK, 0);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, MIB, 0, 0),
			(ssize_t)MIB);
	fault_backing_gate(&tier.disk, 1u << FAULT_WRITE);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, spill_thread, NULL), 0);
	fault_backing_wait_blocked(&tier.disk, 1);
	CU_ASSERT_EQUAL(spool_engine_unlink(tier.rig.engine, &tier.rig.cred, SPOOL_INO_ROOT, "f"),
			0);
	spool_engine_forget(tier.rig.engine, ino, 1);
	CU_ASSERT_EQUAL(tier_stat().stored, 0);
	fault_backing_gate(&tier.disk, 0);
	pthread_join(thread, NULL);
	tier_spill_all();
	CU_ASSERT_EQUAL(tier.disk.bytes, 0);
	tier_tear_down();
}

/* Want of RAM is a wait as long as the disk takes data, and no space when it does not. */
static void short_of_ram(void)
{
	uint64_t ino;

	tier_set_up(UINT64_MAX, MIB, UINT64_MAX);
	ino = tier_make("f", 1000, 14 * BLOCK);
	CU_ASSERT_EQUAL(tier_write(ino, 4 * BLOCK, MIB), -EAGAIN);
	CU_ASSERT_TRUE(tier.n_wakes > 0);
	CU_ASSERT_EQUAL(tier.n_rooms, 0);
	fault_backing_arm(&tier.disk, FAULT_WRITE, 1, true, -EIO);
	CU_ASSERT_EQUAL(spool_engine_spill(tier.rig.engine, tier.batch), -EIO);
	CU_ASSERT_TRUE(tier_stat().failing);
	CU_ASSERT_EQUAL(tier.n_rooms, 1); /* they are told that they wait in vain */
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 4 * BLOCK, 2 * MIB,
					   SPOOL_WAITED),
			-ENOSPC);
	tier_same(ino, 14 * BLOCK, 0);
	fault_backing_arm(&tier.disk, FAULT_WRITE, 0, false, 0);
	tier_spill_all();
	CU_ASSERT_FALSE(tier_stat().failing);
	CU_ASSERT_TRUE(rig_used(&tier.rig, 1000, SPOOL_RES_RAM) <= MIB / 100 * 80);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 2 * BLOCK, MIB, 0),
			(ssize_t)(2 * BLOCK));
	tier_same(ino, 14 * BLOCK, 0);
	tier_tear_down();
}

/* A uid's own limit makes its own data go, and nobody else's. */
static void short_of_own_ram(void)
{
	uint64_t mine, theirs;

	tier_set_up(UINT64_MAX, UINT64_MAX, MIB);
	theirs = tier_make("theirs", 1001, 14 * BLOCK);
	mine = tier_make("mine", 1000, 14 * BLOCK);
	CU_ASSERT_EQUAL(tier_write(mine, 4 * BLOCK, MIB), -EAGAIN);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, mine, tier.data, 4 * BLOCK, MIB,
					   SPOOL_LAST_TRY),
			(ssize_t)BLOCK);
	tier_spill_all();
	CU_ASSERT_TRUE(rig_used(&tier.rig, 1000, SPOOL_RES_RAM) < MIB / 2);
	CU_ASSERT_TRUE(rig_used(&tier.rig, 1001, SPOOL_RES_RAM) < MIB / 100 * 91);
	tier_same(mine, 14 * BLOCK, 0);
	tier_same(theirs, 14 * BLOCK, 0);
	tier_tear_down();
}

/* The largest file goes first, and only until there is enough. */
static void the_largest_first(void)
{
	struct spool_tier_stat stat;

	tier_set_up(UINT64_MAX, 4 * MIB, UINT64_MAX);
	tier_make("small", 1000, BLOCK);
	tier_make("large", 1000, 2 * MIB);
	tier_make("middle", 1000, MIB + MIB / 4);
	CU_ASSERT_EQUAL(spool_engine_spill(tier.rig.engine, tier.batch), SPOOL_SPILL_IDLE);
	tier_make("more", 1000, BLOCK * 3);
	do
		spool_engine_spill(tier.rig.engine, tier.batch);
	while (tier_stat().stored == 0);
	stat = tier_stat();
	CU_ASSERT_EQUAL(stat.stored % MIB, 0);
	tier_spill_all();
	CU_ASSERT_EQUAL(tier_stat().stored, 2 * MIB);
	tier_tear_down();
}

/* Nothing of what was written is on the disk in clear, and all space comes back. */
static void sealed(void)
{
	uint64_t ino;

	tier_set_up(0, UINT64_MAX, UINT64_MAX);
	memset(tier.data, 'p', sizeof(tier.data));
	ino = tier_make("f", 1000, MIB);
	tier_spill_all();
	CU_ASSERT_EQUAL(tier.disk.bytes, MIB);
	CU_ASSERT_FALSE(fault_backing_holds(&tier.disk, "pppppppp", 8));
	tier_same(ino, MIB, 0);
	tier_tear_down();
}

/* What was asked for goes whatever its size and age, and who asked is told; not for others. */
static void asked_for(void)
{
	uint64_t ino, other;

	tier_set_up(UINT64_MAX, UINT64_MAX, UINT64_MAX);
	ino = tier_make("f", 1000, 3 * MIB);
	other = tier_make("other", 1000, MIB);
	CU_ASSERT_EQUAL(tier_spill_all(), SPOOL_SPILL_IDLE);
	CU_ASSERT_EQUAL(spool_engine_ask_spill(tier.rig.engine, SPOOL_INO_ROOT, 1), -EISDIR);
	CU_ASSERT_EQUAL(spool_engine_ask_spill(tier.rig.engine, 999, 1), -ESTALE);
	tier.n_wakes = 0;
	CU_ASSERT_EQUAL(spool_engine_ask_spill(tier.rig.engine, ino, 7), 0);
	CU_ASSERT_EQUAL(tier.n_wakes, 1);
	CU_ASSERT_EQUAL(tier_spill_all(), SPOOL_SPILL_IDLE);
	CU_ASSERT_TRUE(tier.asked.n == 1 && tier.asked.id == 7 && tier.asked.result == 0);
	CU_ASSERT_EQUAL(tier_stat().stored, 3 * MIB);
	/* again: nothing to do. One who forgets is not told. */
	CU_ASSERT_EQUAL(spool_engine_ask_spill(tier.rig.engine, ino, 8), 0);
	CU_ASSERT_EQUAL(spool_engine_ask_spill(tier.rig.engine, other, 9), 0);
	spool_engine_forget_ask(tier.rig.engine, 9);
	spool_engine_forget_ask(tier.rig.engine, 99);
	tier_spill_all();
	CU_ASSERT_TRUE(tier.asked.n == 2 && tier.asked.id == 8 && tier.asked.result == 0);
	CU_ASSERT_EQUAL(tier_stat().stored, 3 * MIB);
	/* gone before its turn, and a disk that does not take it */
	CU_ASSERT_EQUAL(spool_engine_ask_spill(tier.rig.engine, other, 10), 0);
	fault_backing_arm(&tier.disk, FAULT_WRITE, 1, true, -EIO);
	CU_ASSERT_EQUAL(tier_spill_all(), -EIO);
	CU_ASSERT_TRUE(tier.asked.n == 3 && tier.asked.id == 10 && tier.asked.result == -EIO);
	tier_same(other, MIB, 0);
	tier_tear_down();
}

/* Two users: each has his turns, however much one of them has asked for before. */
static void asked_for_in_turn(void)
{
	uint64_t large, small;

	tier_set_up(UINT64_MAX, UINT64_MAX, UINT64_MAX);
	large = tier_make("large", 1000, 40 * MIB);
	small = tier_make("small", 1001, MIB);
	for (uint64_t id = 1; id <= 4; id++)
		CU_ASSERT_EQUAL(spool_engine_ask_spill(tier.rig.engine, large, id), 0);
	CU_ASSERT_EQUAL(spool_engine_ask_spill(tier.rig.engine, small, 5), 0);
	while (tier.asked.n == 0)
		CU_ASSERT_EQUAL_FATAL(spool_engine_spill(tier.rig.engine, tier.batch),
				      SPOOL_SPILL_MORE);
	CU_ASSERT_EQUAL(tier.asked.id, 5);
	CU_ASSERT_TRUE(tier_stat().stored <= 9 * MIB);
	tier_spill_all();
	CU_ASSERT_EQUAL(tier.asked.n, 5);
	CU_ASSERT_EQUAL(tier_stat().stored, 41 * MIB);
	tier_tear_down();
}

/* Under pressure RAM use goes down to less than what it was, step by step, and may grow again. */
static void squeezed(void)
{
	uint64_t ino;

	tier_set_up(UINT64_MAX, 256 * MIB, UINT64_MAX);
	ino = tier_make("f", 1000, 100 * MIB);
	CU_ASSERT_EQUAL(tier_spill_all(), SPOOL_SPILL_IDLE);
	CU_ASSERT_EQUAL(tier_stat().stored, 0);
	CU_ASSERT_EQUAL(tier_stat().budget, 256 * MIB);
	tier.n_wakes = 0;
	CU_ASSERT_TRUE(spool_engine_squeeze(tier.rig.engine) < 76 * MIB);
	CU_ASSERT_TRUE(tier.n_wakes > 0);
	tier_spill_all();
	CU_ASSERT_TRUE(tier_stat().stored > 24 * MIB);
	tier_same(ino, MIB, 0);
	for (int i = 0; i < 10; i++)
		spool_engine_squeeze(tier.rig.engine);
	CU_ASSERT_EQUAL(tier_stat().budget / MIB, 32); /* no less, and metadata */
	tier_spill_all();
	CU_ASSERT_TRUE(tier_stat().stored > 68 * MIB);
	for (int i = 0; i < 6; i++)
		CU_ASSERT_TRUE(spool_engine_relax(tier.rig.engine));
	CU_ASSERT_FALSE(spool_engine_relax(tier.rig.engine));
	CU_ASSERT_EQUAL(tier_stat().budget, 256 * MIB);
	tier_same(ino, MIB, 0);
	tier_tear_down();
}

/* Metadata of one user, more than what pressure leaves: another writes as if there were none. */
static void squeezed_beside_metadata(void)
{
	static char value[SPOOL_XATTR_SIZE_MAX];
	uint64_t hoard, theirs;
	char name[32];

	tier_set_up(UINT64_MAX, 128 * MIB, UINT64_MAX);
	hoard = tier_make("hoard", 1000, 4 * MIB);
	for (int i = 0; i < 800; i++) {
		if (i % 8 == 0) {
			snprintf(name, sizeof(name), "f%d", i);
			hoard = tier_make(name, 1000, 0);
		}
		snprintf(name, sizeof(name), "user.%d", i);
		CU_ASSERT_EQUAL(spool_engine_setxattr(tier.rig.engine, &tier.rig.cred, hoard, name,
						      value, sizeof(value), 0),
				0);
	}
	CU_ASSERT_TRUE(rig_used(&tier.rig, 1000, SPOOL_RES_RAM) > 50 * MIB);
	for (int i = 0; i < 20; i++) {
		spool_engine_squeeze(tier.rig.engine);
		tier_spill_all();
	}
	CU_ASSERT_TRUE(tier_stat().budget > 58 * MIB);
	theirs = tier_make("theirs", 1001, 7 * MIB); /* each write as a whole, and none waits */
	for (int i = 0; i < 20; i++)
		spool_engine_squeeze(tier.rig.engine);
	tier_same(theirs, MIB, 0);
	tier_tear_down();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"past the threshold", past_the_threshold},
		{"tiers", tiers},
		{"not waiting", not_waiting},
		{"spoiled", spoiled},
		{"spoiled files are named", spoiled_files_are_named},
		{"changed on the way", changed_on_the_way},
		{"short of RAM", short_of_ram},
		{"short of own RAM", short_of_own_ram},
		{"the largest first", the_largest_first},
		{"sealed", sealed},
		{"asked for", asked_for},
		{"asked for in turn", asked_for_in_turn},
		{"squeezed", squeezed},
		{"squeezed beside metadata", squeezed_beside_metadata},
	};

	return unit_run("tier", tests, SPOOL_ARRAY_SIZE(tests));
}
