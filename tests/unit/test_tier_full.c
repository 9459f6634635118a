/* SPDX-License-Identifier: MIT */

/* A disk that is full: the reserve, which charges wait, and when they are told. */

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

#include "tier_rig.h"
#include "util/macros.h"

/* What the filesystem is to keep free is not taken. */
static void the_reserve(void)
{
	tier_set_up(0, UINT64_MAX, UINT64_MAX);
	fault_backing_capacity(&tier.disk, 4 * MIB);
	spool_engine_set_reserve(tier.rig.engine, 4 * MIB);
	tier_make("f", 1000, MIB);
	CU_ASSERT_EQUAL(tier_spill_all(), -ENOSPC);
	CU_ASSERT_EQUAL(tier.disk.bytes, 0);
	spool_engine_set_reserve(tier.rig.engine, 2 * MIB);
	tier_spill_all(); /* the first round passes over what the failed one has visited */
	tier_spill_all();
	CU_ASSERT_EQUAL(tier_stat().stored, MIB);
	tier_tear_down();
}

static void a_moment_passes(void)
{
	tier.rig.host.clock.tv_nsec += 100 * 1000 * 1000;
}

/* A full disk is no limit of a uid's, though it is his RAM that his data do not leave. */
static void a_full_disk_is_no_space(void)
{
	uint64_t ino;

	tier_set_up(UINT64_MAX, 8 * MIB, MIB);
	fault_backing_capacity(&tier.disk, 0);
	ino = tier_make("f", 1000, 14 * BLOCK);
	CU_ASSERT_EQUAL(tier_write(ino, 4 * BLOCK, MIB), -EAGAIN);
	CU_ASSERT_EQUAL(tier_spill_all(), -ENOSPC);
	CU_ASSERT_EQUAL(tier.n_rooms, 1);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 4 * BLOCK, 2 * MIB,
					   SPOOL_WAITED),
			-ENOSPC);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 4 * BLOCK, 2 * MIB,
					   SPOOL_LAST_TRY),
			-ENOSPC);
	tier_tear_down();
}

/* Who meets a disk that was full a while ago asks for it first, and hears what has become of it. */
static void full_is_asked_again(void)
{
	uint64_t ino;

	tier_set_up(UINT64_MAX, MIB, UINT64_MAX);
	fault_backing_capacity(&tier.disk, 0);
	ino = tier_make("f", 1000, 14 * BLOCK);
	CU_ASSERT_EQUAL(tier_write(ino, 4 * BLOCK, MIB), -EAGAIN);
	CU_ASSERT_EQUAL(tier_spill_all(), -ENOSPC);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 4 * BLOCK, 2 * MIB,
					   SPOOL_WAITED),
			-ENOSPC);
	CU_ASSERT_EQUAL(tier.n_hurries, 0); /* it was asked just now */
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 4 * BLOCK, 2 * MIB, 0),
			-EAGAIN);
	CU_ASSERT_EQUAL(tier.n_hurries, 1);
	CU_ASSERT_EQUAL(tier_spill_all(), -ENOSPC);
	a_moment_passes();
	tier.n_hurries = 0;
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 4 * BLOCK, 2 * MIB,
					   SPOOL_LAST_TRY),
			-ENOSPC);
	CU_ASSERT_EQUAL(tier.n_hurries, 0);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 4 * BLOCK, 2 * MIB,
					   SPOOL_WAITED),
			-EAGAIN);
	CU_ASSERT_EQUAL(tier.n_hurries, 1);
	tier.n_rooms = 0;
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 4 * BLOCK, 2 * MIB,
					   SPOOL_WAITED),
			-EAGAIN);                   /* not before it is known */
	CU_ASSERT_EQUAL(tier_spill_all(), -ENOSPC); /* still */
	CU_ASSERT_TRUE(tier.n_rooms > 0);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 4 * BLOCK, 2 * MIB,
					   SPOOL_WAITED),
			-ENOSPC);

	fault_backing_capacity(&tier.disk, 64 * MIB);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 4 * BLOCK, 2 * MIB, 0),
			-EAGAIN);
	CU_ASSERT_EQUAL(tier.n_hurries, 2);
	CU_ASSERT_EQUAL(tier_spill_all(), SPOOL_SPILL_IDLE);
	CU_ASSERT_FALSE(tier_stat().failing);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 4 * BLOCK, 2 * MIB, 0),
			(ssize_t)(4 * BLOCK));
	tier_tear_down();
}

/* Room of a removed file is room, though the disk was full the moment before. */
static void full_until_a_file_goes(void)
{
	uint64_t ino;
	int r;

	tier_set_up(0, MIB, UINT64_MAX);
	fault_backing_capacity(&tier.disk, MIB + MIB / 2);
	tier_make("first", 1000, 14 * BLOCK);
	while (tier_spill_all() == SPOOL_SPILL_LATER)
		;
	ino = tier_make("second", 1000, 15 * BLOCK);
	while ((r = tier_spill_all()) == SPOOL_SPILL_LATER)
		;
	CU_ASSERT_EQUAL(r, -ENOSPC);
	CU_ASSERT_TRUE(tier_stat().failing);
	CU_ASSERT_EQUAL(
		spool_engine_write(tier.rig.engine, ino, tier.data, 4 * BLOCK, MIB, SPOOL_WAITED),
		-ENOSPC);
	CU_ASSERT_EQUAL(
		spool_engine_unlink(tier.rig.engine, &tier.rig.cred, SPOOL_INO_ROOT, "first"), 0);
	CU_ASSERT_EQUAL(spool_engine_drop_orphans(tier.rig.engine), 1);
	CU_ASSERT_EQUAL(
		spool_engine_write(tier.rig.engine, ino, tier.data, 4 * BLOCK, MIB, SPOOL_WAITED),
		-EAGAIN);
	CU_ASSERT_TRUE(tier.n_hurries > 0);
	while (tier_spill_all() == SPOOL_SPILL_LATER)
		;
	CU_ASSERT_FALSE(tier_stat().failing);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 4 * BLOCK, MIB, 0),
			(ssize_t)(4 * BLOCK));
	tier_tear_down();
}

static void *spill_one(void *arg)
{
	spool_engine_spill(tier.rig.engine, arg);
	return NULL;
}

/* Two that write at a time keep the reserve together, and the second's refusal is no verdict. */
static void the_reserve_is_kept_by_all(void)
{
	struct spool_batch *other;
	pthread_t thread;

	tier_set_up(0, UINT64_MAX, UINT64_MAX);
	CU_ASSERT_EQUAL_FATAL(spool_engine_new_batch(tier.rig.engine, &other), 0);
	fault_backing_capacity(&tier.disk, 4 * MIB);
	spool_engine_set_reserve(tier.rig.engine, 2 * MIB);
	tier_make("f", 1000, MIB);
	tier_make("g", 1000, MIB);
	tier_rest();
	while (spool_engine_spill(tier.rig.engine, tier.batch) == SPOOL_SPILL_MORE &&
	       tier_stat().written == 0)
		;
	spool_engine_drop_orphans(tier.rig.engine);
	CU_ASSERT_EQUAL(tier_stat().stored, MIB);
	fault_backing_capacity(&tier.disk, 5 * MIB);
	tier_make("h", 1000, MIB);
	fault_backing_gate(&tier.disk, 1u << FAULT_WRITE);
	pthread_create(&thread, NULL, spill_one, other);
	fault_backing_wait_blocked(&tier.disk, 1);
	CU_ASSERT_EQUAL(tier_spill_all(), -ENOSPC);
	CU_ASSERT_FALSE(tier_stat().failing);
	CU_ASSERT_EQUAL(tier_stat().n_failed, 0);
	tier.n_hurries = 0;
	fault_backing_gate(&tier.disk, 0);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(tier.n_hurries, 1); /* who was refused looks again */
	CU_ASSERT_EQUAL(tier_spill_all(), -ENOSPC);
	CU_ASSERT_TRUE(tier_stat().failing);
	CU_ASSERT_TRUE(tier.disk.peak <= 3 * MIB);
	spool_engine_free_batch(other);
	tier_tear_down();
}

/* A disk that is full, and a write that has been told so. */
static uint64_t set_up_full(void)
{
	uint64_t ino;

	tier_set_up(UINT64_MAX, MIB + MIB / 2, UINT64_MAX);
	fault_backing_capacity(&tier.disk, 0);
	tier_make("other", 1000, 8 * BLOCK);
	ino = tier_make("f", 1000, 14 * BLOCK);
	CU_ASSERT_EQUAL(tier_write(ino, 4 * BLOCK, MIB), -EAGAIN);
	CU_ASSERT_EQUAL(tier_spill_all(), -ENOSPC);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 4 * BLOCK, 2 * MIB,
					   SPOOL_WAITED),
			-ENOSPC);
	return ino;
}

/* Batches that have asked for space before others made some say nothing, however many they are. */
static void old_news_is_no_verdict(void)
{
	struct spool_batch *batches[2];
	pthread_t threads[2];
	uint64_t ino = set_up_full();

	fault_backing_capacity(&tier.disk, 64 * MIB);
	fault_backing_gate(&tier.disk, 1u << FAULT_SPACE);
	fault_backing_arm(&tier.disk, FAULT_SPACE, 1, true, -ENOSPC);
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL_FATAL(spool_engine_new_batch(tier.rig.engine, &batches[i]), 0);
		pthread_create(&threads[i], NULL, spill_one, batches[i]);
		fault_backing_wait_blocked(&tier.disk, (unsigned int)i + 1);
	}
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 4 * BLOCK, 2 * MIB, 0),
			-EAGAIN);
	for (int i = 0; i < 2; i++) {
		fault_backing_pass(&tier.disk, 0);
		fault_backing_wait_blocked(&tier.disk, 1 - (unsigned int)i);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		spool_engine_free_batch(batches[i]);
	}
	CU_ASSERT_TRUE(tier.n_hurries > 0);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 4 * BLOCK, 2 * MIB,
					   SPOOL_WAITED),
			-EAGAIN);
	fault_backing_arm(&tier.disk, FAULT_SPACE, 0, false, 0);
	fault_backing_gate(&tier.disk, 0);
	tier_spill_all();
	CU_ASSERT_FALSE(tier_stat().failing);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 4 * BLOCK, 2 * MIB,
					   SPOOL_WAITED),
			(ssize_t)(4 * BLOCK));
	tier_tear_down();
}

/* What is known of the disk's space is told without the disk, and made new when it is asked for. */
static void space_is_told_without_the_disk(void)
{
	long calls;

	tier_set_up(0, 8 * MIB, 8 * MIB);
	CU_ASSERT_EQUAL(tier_stat().space_total, (uint64_t)1 << 40);
	fault_backing_capacity(&tier.disk, 64 * MIB);
	calls = tier.disk.calls[FAULT_SPACE];
	spool_engine_look(tier.rig.engine);
	spool_engine_look(tier.rig.engine);
	CU_ASSERT_EQUAL(tier_stat().space_total, (uint64_t)1 << 40);
	CU_ASSERT_EQUAL(tier.disk.calls[FAULT_SPACE], calls);
	CU_ASSERT_EQUAL(tier.n_wakes, 1); /* who spills */
	tier_spill_all();
	CU_ASSERT_EQUAL(tier_stat().space_total, 64 * MIB);
	CU_ASSERT_EQUAL(tier_stat().space_free, 64 * MIB);
	CU_ASSERT_EQUAL(tier.disk.calls[FAULT_SPACE], calls + 1);
	tier_spill_all();
	CU_ASSERT_EQUAL(tier.disk.calls[FAULT_SPACE], calls + 1);
	tier_make("f", 1000, 4 * MIB); /* each batch asks, too: the last one after others */
	tier_spill_all();
	CU_ASSERT_TRUE(tier_stat().space_free < 64 * MIB);
	fault_backing_arm(&tier.disk, FAULT_SPACE, 1, true, -EIO);
	spool_engine_look(tier.rig.engine);
	tier_spill_all();
	CU_ASSERT_EQUAL(tier_stat().space_total, 64 * MIB); /* as it was */
	tier_tear_down();
}

struct lines {
	unsigned int refused, again;
};

static void count(void *ctx, const struct spool_log_line *line)
{
	struct lines *lines = ctx;

	lines->refused += strstr(line->text, "does not take data") != NULL;
	lines->again += strstr(line->text, "takes data again") != NULL;
}

/* The disk is full, and has room again. */
static void come_and_go(void)
{
	fault_backing_capacity(&tier.disk, 0);
	tier_spill_all();
	fault_backing_capacity(&tier.disk, MIB);
	tier_spill_all();
	tier_spill_all();
	CU_ASSERT_FALSE(tier_stat().failing);
}

/* Whoever fills the disk and removes what he has written, again and again, does not fill the log.
 * But that it stays full is said. */
static void is_said_once_a_minute(void)
{
	struct lines lines = {0};
	struct spool_log log = {.sink = count, .ctx = &lines, .level = SPOOL_LOG_INFO};
	uint64_t ino;

	tier_set_up(0, UINT64_MAX, UINT64_MAX);
	tier.rig.engine->log = &log;
	ino = tier_make("f", 1000, BLOCK);
	for (unsigned int i = 0; i < 10; i++) {
		tier_write(ino, BLOCK, 0);
		come_and_go();
	}
	CU_ASSERT_EQUAL(lines.refused, 1);
	CU_ASSERT_EQUAL(lines.again, 1);
	fault_backing_capacity(&tier.disk, 0);
	tier_write(ino, BLOCK, 0);
	CU_ASSERT_EQUAL(tier_spill_all(), -ENOSPC);
	CU_ASSERT_EQUAL(lines.refused, 1);
	tier.rig.host.monotonic_ns += UINT64_C(60000000000);
	CU_ASSERT_EQUAL(tier_spill_all(), -ENOSPC);
	CU_ASSERT_EQUAL(tier_spill_all(), -ENOSPC);
	CU_ASSERT_EQUAL(lines.refused, 2);
	CU_ASSERT_EQUAL(lines.again, 1);
	tier.rig.engine->log = NULL;
	tier_tear_down();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"the reserve", the_reserve},
		{"a full disk is no space", a_full_disk_is_no_space},
		{"full is asked again", full_is_asked_again},
		{"full until a file goes", full_until_a_file_goes},
		{"the reserve is kept by all", the_reserve_is_kept_by_all},
		{"old news is no verdict", old_news_is_no_verdict},
		{"is said once a minute", is_said_once_a_minute},
		{"space is told without the disk", space_is_told_without_the_disk},
	};

	return unit_run("tier_full", tests, SPOOL_ARRAY_SIZE(tests));
}
