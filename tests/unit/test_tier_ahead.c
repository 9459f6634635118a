/* SPDX-License-Identifier: MIT */

/* Reading ahead of who reads blocks on the disk in order: what is read, how long it is kept, and
 * that it is never anything but what the file has. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/ahead.h"
#include "engine/size.h"
#include "tier_rig.h"
#include "util/macros.h"

#define PAGE ((size_t)4096)
#define RUN (SPOOL_AHEAD_BLOCKS * (size_t)BLOCK)
#define HALF (RUN / 2)
#define SIZE (16 * MIB)
#define WINDOW (2 * MIB) /* as in lib/store/ahead.c */
#define AGE_NS UINT64_C(1000000000)

static long reads_of_disk(void)
{
	return tier.disk.calls[FAULT_READ];
}

/* Return: what a read of a whole file of tier.data answers, when the bytes are right. */
static ssize_t read_at(uint64_t ino, size_t len, uint64_t off, unsigned int flags)
{
	ssize_t r;

	memset(tier.got, 'z', len);
	r = spool_engine_read(tier.rig.engine, ino, tier.got, len, off, flags);
	if (r > 0)
		CU_ASSERT_EQUAL(memcmp(tier.got, tier.data + off % MIB, (size_t)r), 0);
	return r;
}

/* All that is wanted comes. Return: how many runs. */
static unsigned int work(void)
{
	unsigned int n = 0;

	while (spool_engine_read_ahead(tier.rig.engine) == SPOOL_SPILL_MORE)
		n++;
	return n;
}

/* Of a spilled file the first @len bytes are read in order. Return: its inode number. */
static uint64_t reader(size_t len)
{
	uint64_t ino = tier_spilled(SIZE);

	for (size_t off = 0; off < len; off += HALF)
		CU_ASSERT_EQUAL(read_at(ino, HALF, off, 0), (ssize_t)HALF);
	return ino;
}

/* Blocks @from to @end of the file, a run at most, have been read ahead. */
static void have(uint64_t ino, uint64_t from, uint64_t end)
{
	struct spool_node *node = engine_get(tier.rig.engine, ino);
	struct spool_ahead_range range = {from, end};

	CU_ASSERT_EQUAL(engine_ahead_want(tier.rig.engine, node, range), 1);
	CU_ASSERT_TRUE(work() > 0);
	engine_put(tier.rig.engine, node);
}

static void pass(uint64_t ns)
{
	tier.rig.host.monotonic_ns += ns;
}

/* What follows is read before it is asked for, and more of it the longer that goes on; a read that
 * may not wait has it, and the disk is not asked again. */
static void in_order(void)
{
	uint64_t ino = reader(HALF);
	long calls;

	CU_ASSERT_EQUAL(tier.n_aheads, 0);
	CU_ASSERT_EQUAL(read_at(ino, HALF, HALF, 0), (ssize_t)HALF);
	CU_ASSERT_EQUAL(tier.n_aheads, 1);
	CU_ASSERT_EQUAL(work(), 1);
	for (size_t off = RUN; off < SIZE; off += HALF) {
		calls = reads_of_disk();
		CU_ASSERT_EQUAL(read_at(ino, HALF, off, SPOOL_NOWAIT_DISK), (ssize_t)HALF);
		CU_ASSERT_EQUAL(reads_of_disk(), calls);
		work();
	}
	CU_ASSERT_EQUAL(tier.n_aheads, (SIZE - RUN) / RUN);
	CU_ASSERT_EQUAL(tier_stat().fetched, SIZE);
	tier_tear_down();
}

/* Not more than the window; a second reader has one of his own. */
static void bounded(void)
{
	uint64_t ino = reader(4 * MIB);

	CU_ASSERT_EQUAL(tier.n_aheads, (4 * MIB + WINDOW - RUN) / RUN);
	work();
	tier.n_aheads = 0;
	CU_ASSERT_EQUAL(read_at(ino, HALF, 8 * MIB, 0), (ssize_t)HALF);
	CU_ASSERT_EQUAL(read_at(ino, HALF, 8 * MIB + HALF, 0), (ssize_t)HALF);
	CU_ASSERT_EQUAL(tier.n_aheads, 1);
	work();
	CU_ASSERT_EQUAL(read_at(ino, HALF, 8 * MIB + RUN, SPOOL_NOWAIT_DISK), (ssize_t)HALF);
	CU_ASSERT_EQUAL(read_at(ino, HALF, 4 * MIB, SPOOL_NOWAIT_DISK), (ssize_t)HALF);
	tier_tear_down();
}

/* At random places, and from the end to the beginning, nothing is. */
static void not_in_order(void)
{
	uint64_t ino = tier_spilled(SIZE);

	for (unsigned int i = 0; i < 1000; i++)
		read_at(ino, PAGE, i * 7 % 64 * (SIZE / 64) + i * PAGE % RUN, 0);
	for (uint64_t off = SIZE; off > 0; off -= HALF)
		read_at(ino, HALF, off - HALF, 0);
	CU_ASSERT_EQUAL(tier.n_aheads, 0);
	CU_ASSERT_EQUAL(read_at(ino, PAGE, 3 * PAGE, SPOOL_NOWAIT_DISK), SPOOL_WOULD_BLOCK);
	tier_tear_down();
}

/* Without a thread who wants it reads it, all of the run at once. */
static void without_threads(void)
{
	uint64_t ino = reader(RUN);
	long calls = reads_of_disk();

	CU_ASSERT_EQUAL(read_at(ino, HALF, RUN, SPOOL_NOWAIT_DISK), SPOOL_WOULD_BLOCK);
	CU_ASSERT_EQUAL(read_at(ino, HALF, RUN, 0), (ssize_t)HALF);
	CU_ASSERT_EQUAL(read_at(ino, HALF, RUN + HALF, SPOOL_NOWAIT_DISK), (ssize_t)HALF);
	CU_ASSERT_EQUAL(reads_of_disk(), calls + 1);
	tier_tear_down();
}

/* A file that is changed is read as it is then. */
static void changed(void)
{
	uint64_t ino = tier_spilled(MIB);
	struct spool_node *node = engine_get(tier.rig.engine, ino);

	have(ino, 0, RUN);
	memset(tier.data + BLOCK + 5 * PAGE, 'n', 2 * PAGE);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data + BLOCK + 5 * PAGE,
					   2 * PAGE, BLOCK + 5 * PAGE, 0),
			(ssize_t)(2 * PAGE));
	memset(tier.data + 2 * BLOCK - PAGE, 0, 3 * PAGE);
	CU_ASSERT_EQUAL(spool_engine_fallocate(tier.rig.engine, ino,
					       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					       2 * BLOCK - PAGE, 3 * PAGE, 0),
			0);
	for (size_t off = 0; off + 3 * PAGE <= RUN; off += 3 * PAGE)
		CU_ASSERT_EQUAL(read_at(ino, 3 * PAGE, off, SPOOL_NOWAIT_DISK),
				(ssize_t)(3 * PAGE));
	CU_ASSERT_EQUAL(read_at(ino, RUN, 0, 0), (ssize_t)RUN);
	/* all of a block anew, and out to the disk: another record */
	have(ino, RUN, 2 * RUN);
	memset(tier.data + RUN, 'm', BLOCK);
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data + RUN, BLOCK, RUN, 0),
			(ssize_t)BLOCK);
	CU_ASSERT_EQUAL(spool_engine_ask_spill(tier.rig.engine, ino, 1), 0);
	tier_spill_all();
	CU_ASSERT_EQUAL(read_at(ino, RUN, RUN, 0), (ssize_t)RUN);
	/* shorter, and longer again */
	have(ino, 2 * RUN, 3 * RUN);
	CU_ASSERT_EQUAL(engine_truncate(tier.rig.engine, node, 2 * RUN + 100, 0), 0);
	CU_ASSERT_EQUAL(engine_truncate(tier.rig.engine, node, MIB, 0), 0);
	memset(tier.data + 2 * RUN + 100, 0, MIB - 2 * RUN - 100);
	CU_ASSERT_EQUAL(read_at(ino, MIB - RUN, RUN, 0), (ssize_t)(MIB - RUN));
	engine_put(tier.rig.engine, node);
	tier_tear_down();
}

/* What nobody comes for goes after a second, with its memory and its hold on disk slots; so does
 * what was read, and what was passed over. */
static void goes_by_itself(void)
{
	uint64_t ino = tier_spilled(MIB);
	long live = tier.rig.host.live;

	have(ino, 0, RUN);
	CU_ASSERT_EQUAL(tier.rig.host.live, live + 1);
	pass(AGE_NS - 1);
	CU_ASSERT_EQUAL(spool_engine_read_ahead(tier.rig.engine), SPOOL_SPILL_LATER);
	CU_ASSERT_EQUAL(read_at(ino, PAGE, 0, SPOOL_NOWAIT_DISK), (ssize_t)PAGE);
	pass(AGE_NS - 1);
	CU_ASSERT_EQUAL(spool_engine_read_ahead(tier.rig.engine), SPOOL_SPILL_LATER);
	CU_ASSERT_EQUAL(read_at(ino, PAGE, 0, SPOOL_NOWAIT_DISK), (ssize_t)PAGE);
	pass(AGE_NS);
	CU_ASSERT_EQUAL(spool_engine_read_ahead(tier.rig.engine), SPOOL_SPILL_IDLE);
	CU_ASSERT_EQUAL(tier.rig.host.live, live);
	CU_ASSERT_EQUAL(read_at(ino, PAGE, 0, SPOOL_NOWAIT_DISK), SPOOL_WOULD_BLOCK);
	have(ino, 0, RUN);
	CU_ASSERT_EQUAL(read_at(ino, RUN, 0, SPOOL_NOWAIT_DISK), (ssize_t)RUN);
	CU_ASSERT_EQUAL(read_at(ino, PAGE, 0, SPOOL_NOWAIT_DISK), SPOOL_WOULD_BLOCK);
	tier_tear_down();
}

/* How many disk slots are in use, or wait to be punched out. */
static bool disk_is_empty(void)
{
	tier_spill_all();
	return tier.disk.bytes == 0;
}

/* With the last close, a truncation, and the file. */
static void goes_with_the_file(void)
{
	uint64_t ino = tier_spilled(MIB);
	struct spool_node *node;

	CU_ASSERT_EQUAL(spool_engine_open(tier.rig.engine, ino, 0), 0);
	CU_ASSERT_EQUAL(spool_engine_open(tier.rig.engine, ino, 0), 0);
	have(ino, 0, RUN);
	spool_engine_release(tier.rig.engine, ino);
	CU_ASSERT_EQUAL(read_at(ino, PAGE, 0, SPOOL_NOWAIT_DISK), (ssize_t)PAGE);
	spool_engine_release(tier.rig.engine, ino);
	CU_ASSERT_EQUAL(read_at(ino, PAGE, 0, SPOOL_NOWAIT_DISK), SPOOL_WOULD_BLOCK);

	have(ino, 0, RUN);
	node = engine_get(tier.rig.engine, ino);
	CU_ASSERT_EQUAL(engine_truncate(tier.rig.engine, node, 0, 0), 0);
	engine_put(tier.rig.engine, node);
	CU_ASSERT_TRUE(disk_is_empty());
	CU_ASSERT_EQUAL(tier_write(ino, MIB, 0), 0);
	CU_ASSERT_EQUAL(spool_engine_ask_spill(tier.rig.engine, ino, 1), 0);
	tier_spill_all();

	have(ino, 0, RUN);
	CU_ASSERT_EQUAL(spool_engine_unlink(tier.rig.engine, &tier.rig.cred, SPOOL_INO_ROOT, "f"),
			0);
	spool_engine_forget(tier.rig.engine, ino, 1);
	CU_ASSERT_TRUE(disk_is_empty());
	tier_tear_down();
}

/* What cannot be read ahead is read when it is asked for; what comes back bad is EIO then. */
static void fails(void)
{
	uint64_t ino = tier_spilled(MIB);
	char *zeros = calloc(1, RUN);

	fault_backing_arm(&tier.disk, FAULT_READ, 1, false, -EIO);
	have(ino, 0, RUN);
	CU_ASSERT_TRUE(tier.disk.fired[FAULT_READ]);
	CU_ASSERT_EQUAL(read_at(ino, RUN, 0, SPOOL_NOWAIT_DISK), SPOOL_WOULD_BLOCK);
	CU_ASSERT_EQUAL(read_at(ino, RUN, 0, 0), (ssize_t)RUN);
	pass(2 * AGE_NS);
	work(); /* gives all memory back */
	fault_host_arm(&tier.rig.host, 1, false);
	have(ino, 0, RUN);
	CU_ASSERT_TRUE(tier.rig.host.fired);
	CU_ASSERT_EQUAL(read_at(ino, RUN, 0, SPOOL_NOWAIT_DISK), SPOOL_WOULD_BLOCK);
	fault_backing_spoil(&tier.disk);
	have(ino, 0, RUN);
	CU_ASSERT_EQUAL(
		spool_engine_read(tier.rig.engine, ino, tier.got, RUN, 0, SPOOL_NOWAIT_DISK), -EIO);
	CU_ASSERT_EQUAL(memcmp(tier.got, zeros, RUN), 0);
	CU_ASSERT_EQUAL(tier_stat().n_bad, 1);
	free(zeros);
	tier_tear_down();
}

static void *work_thread(void *arg)
{
	(void)arg;
	work();
	return NULL;
}

static void *read_thread(void *arg)
{
	static char got[RUN];
	const uint64_t *ino = arg;

	CU_ASSERT_EQUAL(spool_engine_read(tier.rig.engine, *ino, got, RUN, 0, 0), (ssize_t)RUN);
	CU_ASSERT_EQUAL(memcmp(got, tier.data, RUN), 0);
	return NULL;
}

/* A disk that hangs stops who wants what it was asked for, and may wait; the file may go
 * meanwhile. */
static void hangs(void)
{
	uint64_t ino = tier_spilled(MIB);
	struct spool_node *node = engine_get(tier.rig.engine, ino);
	pthread_t worker, waits;

	CU_ASSERT_EQUAL(
		engine_ahead_want(tier.rig.engine, node, (struct spool_ahead_range){0, RUN}), 1);
	fault_backing_gate(&tier.disk, 1u << FAULT_READ);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&worker, NULL, work_thread, NULL), 0);
	fault_backing_wait_blocked(&tier.disk, 1);
	CU_ASSERT_EQUAL(read_at(ino, RUN, 0, SPOOL_NOWAIT_DISK), SPOOL_WOULD_BLOCK);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&waits, NULL, read_thread, &ino), 0);
	engine_ahead_forget(tier.rig.engine, node); /* before it waits, or while */
	fault_backing_gate(&tier.disk, 0);
	pthread_join(waits, NULL);
	pthread_join(worker, NULL);
	CU_ASSERT_EQUAL(read_at(ino, RUN, 0, SPOOL_NOWAIT_DISK), SPOOL_WOULD_BLOCK);
	engine_put(tier.rig.engine, node);
	tier_tear_down();
}

/* Many threads: readers in order, those who read ahead, and one that has it forgotten. */

#define READERS 4u
static atomic_bool stop;

static void *reads_all(void *arg)
{
	const uint64_t *ino = arg;
	char *got = malloc(HALF);

	for (uint64_t off = 0; off < SIZE; off += HALF) {
		ssize_t r =
			spool_engine_read(tier.rig.engine, *ino, got, HALF, off, SPOOL_NOWAIT_DISK);

		if (r == SPOOL_WOULD_BLOCK)
			r = spool_engine_read(tier.rig.engine, *ino, got, HALF, off, 0);
		CU_ASSERT_EQUAL(r, (ssize_t)HALF);
		CU_ASSERT_EQUAL(memcmp(got, tier.data + off % MIB, HALF), 0);
	}
	free(got);
	return NULL;
}

static void *works_on(void *arg)
{
	const uint64_t *ino = arg;
	unsigned int n = 0;

	while (!atomic_load(&stop)) {
		if (spool_engine_read_ahead(tier.rig.engine) == SPOOL_SPILL_MORE && n++ % 16 == 0) {
			struct spool_node *node = engine_get(tier.rig.engine, *ino);

			engine_ahead_forget(tier.rig.engine, node);
			engine_put(tier.rig.engine, node);
		}
	}
	return NULL;
}

static void many_threads(void)
{
	uint64_t ino = tier_spilled(SIZE);
	pthread_t readers[READERS], workers[2];

	atomic_store(&stop, false);
	for (unsigned int i = 0; i < 2; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&workers[i], NULL, works_on, &ino), 0);
	for (unsigned int i = 0; i < READERS; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&readers[i], NULL, reads_all, &ino), 0);
	for (unsigned int i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	atomic_store(&stop, true);
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(workers[i], NULL);
	tier_tear_down();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"in order", in_order},
		{"bounded", bounded},
		{"not in order", not_in_order},
		{"without threads", without_threads},
		{"changed", changed},
		{"goes by itself", goes_by_itself},
		{"goes with the file", goes_with_the_file},
		{"fails", fails},
		{"hangs", hangs},
		{"many threads", many_threads},
	};

	return unit_run("tier_ahead", tests, SPOOL_ARRAY_SIZE(tests));
}
