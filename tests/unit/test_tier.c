/* SPDX-License-Identifier: MIT */

/* Which data go to the disk, when, and what becomes of operations that meet them there. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "engine_rig.h"
#include "fault_backing.h"

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define BLOCK (64 * KIB)

static struct engine_rig rig;
static struct fault_backing disk;
static struct spool_batch *batch;
static unsigned int n_wakes, n_hurries, n_rooms;
static char data[MIB], got[MIB];

static void on_wake(void *ctx)
{
	(void)ctx;
	n_wakes++;
}

static void on_hurry(void *ctx)
{
	(void)ctx;
	n_hurries++;
}

static void on_room(void *ctx)
{
	(void)ctx;
	n_rooms++;
}

static struct {
	unsigned int n;
	uint64_t id;
	int result;
} spilled; /* the answers to what was asked for: how many, and the last */

static void on_spilled(void *ctx, uint64_t id, int result)
{
	(void)ctx;
	spilled.n++;
	spilled.id = id;
	spilled.result = result;
}

static void set_up(uint64_t threshold, uint64_t ram, uint64_t user_ram)
{
	struct spool_config config = engine_rig_config(SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
	struct spool_tier_config tier = {
		.backing = &disk.backing,
		.encrypt = true,
		.threshold = threshold,
		.max_files = 16,
		.wake = on_wake,
		.hurry = on_hurry,
		.room = on_room,
		.spilled = on_spilled,
	};

	fault_backing_init(&disk);
	config.tier = &tier;
	config.limits.mount[SPOOL_RES_RAM] = ram;
	config.limits.user[SPOOL_RES_RAM] = user_ram;
	engine_rig_init_config(&rig, &config);
	CU_ASSERT_EQUAL_FATAL(spool_engine_new_batch(rig.engine, &batch), 0);
	n_wakes = n_hurries = n_rooms = spilled.n = 0;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 4096);
}

static void tear_down(void)
{
	spool_engine_free_batch(batch);
	engine_rig_fini(&rig);
	CU_ASSERT_EQUAL(disk.live, 0);
	fault_backing_fini(&disk);
}

static struct spool_tier_stat stat_now(void)
{
	struct spool_tier_stat stat;

	CU_ASSERT_TRUE(spool_engine_tier_stat(rig.engine, &stat));
	return stat;
}

/* A file of @uid with @size bytes. */
static uint64_t make(const char *name, uid_t uid, size_t size)
{
	uint64_t ino;

	rig.cred.uid = rig.cred.gid = uid;
	ino = rig_file(&rig, SPOOL_INO_ROOT, name);
	for (size_t at = 0; at < size; at += sizeof(data)) {
		size_t n = size - at < sizeof(data) ? size - at : sizeof(data);

		CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, n, at, 0), (ssize_t)n);
	}
	return ino;
}

/* Spills until there is nothing to do; written-lately marks are not waited for. */
static int spill_all(void)
{
	int r;

	do
		r = spool_engine_spill(rig.engine, batch);
	while (r == SPOOL_SPILL_MORE);
	return r;
}

static void same(uint64_t ino, size_t len, uint64_t off)
{
	memset(got, 'z', sizeof(got));
	CU_ASSERT_EQUAL(spool_engine_read(rig.engine, ino, got, len, off, 0), (ssize_t)len);
	CU_ASSERT_EQUAL(memcmp(got, data + off, len), 0);
}

/* Exactly the threshold stays, a byte more goes. */
static void past_the_threshold(void)
{
	uint64_t ino;

	set_up(MIB / 2, UINT64_MAX, UINT64_MAX);
	ino = make("f", 1000, MIB / 2);
	CU_ASSERT_EQUAL(n_wakes, 0);
	CU_ASSERT_EQUAL(spill_all(), SPOOL_SPILL_IDLE);
	CU_ASSERT_EQUAL(stat_now().stored, 0);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data + MIB / 2, 1, MIB / 2, 0), 1);
	CU_ASSERT_EQUAL(n_wakes, 1);
	/* the last block was written just now: it gets a second */
	CU_ASSERT_EQUAL(spill_all(), SPOOL_SPILL_LATER);
	CU_ASSERT_EQUAL(stat_now().stored, MIB / 2);
	CU_ASSERT_EQUAL(spill_all(), SPOOL_SPILL_IDLE);
	CU_ASSERT_EQUAL(stat_now().stored, MIB / 2 + 4096);
	same(ino, MIB / 2 + 1, 0);
	tear_down();
}

/* Who may not wait for the disk is told so, and nothing else happens. */
static void not_waiting(void)
{
	struct spool_node *node;
	uint64_t ino;
	long reads;

	set_up(0, UINT64_MAX, UINT64_MAX);
	ino = make("f", 1000, 4 * BLOCK);
	spill_all();
	reads = disk.calls[FAULT_READ];
	CU_ASSERT_EQUAL(spool_engine_read(rig.engine, ino, got, 10, 5, SPOOL_NOWAIT_DISK),
			SPOOL_WOULD_BLOCK);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, 10, 5, SPOOL_NOWAIT_DISK),
			SPOOL_WOULD_BLOCK);
	CU_ASSERT_EQUAL(spool_engine_fallocate(rig.engine, ino,
					       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5, 10,
					       SPOOL_NOWAIT_DISK),
			SPOOL_WOULD_BLOCK);
	CU_ASSERT_EQUAL(
		spool_engine_copy_range(rig.engine, ino, 0, ino, MIB, 10, SPOOL_NOWAIT_DISK),
		SPOOL_WOULD_BLOCK);
	/* a block that is overwritten, punched or cut off as a whole is not needed */
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, BLOCK, 0, SPOOL_NOWAIT_DISK),
			(ssize_t)BLOCK);
	CU_ASSERT_EQUAL(spool_engine_fallocate(rig.engine, ino,
					       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, BLOCK,
					       BLOCK, SPOOL_NOWAIT_DISK),
			0);
	node = engine_get(rig.engine, ino);
	CU_ASSERT_EQUAL(engine_truncate(rig.engine, node, 2 * BLOCK + 5, 0), 0);
	engine_put(rig.engine, node);
	CU_ASSERT_EQUAL(disk.calls[FAULT_READ], reads);
	tear_down();
}

/* Bytes that are not what was written are an error and zeros, never data. */
static void spoiled(void)
{
	uint64_t ino, other;

	set_up(0, UINT64_MAX, UINT64_MAX);
	ino = make("f", 1000, MIB);
	other = make("g", 1000, 100);
	spill_all();
	spill_all();
	CU_ASSERT_TRUE(fault_backing_spoil(&disk) > 0);
	memset(got, 'z', sizeof(got));
	CU_ASSERT_EQUAL(spool_engine_read(rig.engine, ino, got, 5000, 100, 0), -EIO);
	for (size_t i = 0; i < 5000; i++)
		CU_ASSERT_EQUAL_FATAL(got[i], 0);
	CU_ASSERT_TRUE(stat_now().n_bad > 0);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, 10, 5, 0), -EIO);
	/* what is new is good */
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, BLOCK, 0, 0), (ssize_t)BLOCK);
	same(ino, BLOCK, 0);
	CU_ASSERT_EQUAL(spool_engine_read(rig.engine, other, got, 100, 0, 0), -EIO);
	tear_down();
}

static unsigned int n_lines;

static void count_line(void *ctx, enum spool_log_level level, const char *line)
{
	(void)ctx;
	CU_ASSERT_EQUAL(level, SPOOL_LOG_ERROR);
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "is not what was written"));
	n_lines++;
}

/* Each file that came back bad is named, once, and so many a minute. */
static void spoiled_files_are_named(void)
{
	struct spool_log log = {.sink = count_line, .level = SPOOL_LOG_ERROR};
	uint64_t inos[20];
	char name[8];

	set_up(0, UINT64_MAX, UINT64_MAX);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		inos[i] = make(name, 1000, 100);
	}
	spill_all();
	spill_all();
	CU_ASSERT_TRUE(fault_backing_spoil(&disk) >= 20);
	rig.engine->log = &log;
	n_lines = 0;
	for (int times = 0; times < 3; times++)
		CU_ASSERT_EQUAL(spool_engine_read(rig.engine, inos[0], got, 100, 0, 0), -EIO);
	CU_ASSERT_EQUAL(n_lines, 1);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, inos[1], data, 10, 5, 0), -EIO);
	CU_ASSERT_EQUAL(n_lines, 2);
	for (int i = 0; i < 20; i++)
		CU_ASSERT_EQUAL(spool_engine_read(rig.engine, inos[i], got, 100, 0, 0), -EIO);
	CU_ASSERT_EQUAL(n_lines, 16);
	rig.host.clock.tv_sec += 60;
	for (int i = 0; i < 20; i++)
		CU_ASSERT_EQUAL(spool_engine_read(rig.engine, inos[i], got, 100, 0, 0), -EIO);
	CU_ASSERT_EQUAL(n_lines, 20);
	rig.engine->log = NULL;
	tear_down();
}

static void *spill_thread(void *arg)
{
	(void)arg;
	spill_all();
	return NULL;
}

/* While the disk stands still, the file is changed and removed: nothing waits for it, and what was
 * on its way there does not come back. */
static void changed_on_the_way(void)
{
	pthread_t thread;
	uint64_t ino;

	set_up(0, UINT64_MAX, UINT64_MAX);
	ino = make("f", 1000, 8 * BLOCK);
	fault_backing_gate(&disk, 1u << FAULT_WRITE);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, spill_thread, NULL), 0);
	fault_backing_wait_blocked(&disk, 1);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, "new", 3, 2 * BLOCK, 0), 3);
	CU_ASSERT_EQUAL(spool_engine_fallocate(rig.engine, ino,
					       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					       4 * BLOCK, BLOCK, 0),
			0);
	fault_backing_gate(&disk, 0);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(stat_now().stored, 6 * BLOCK);
	memcpy(data + 2 * BLOCK, "new", 3);
	memset(data + 4 * BLOCK, 0, BLOCK);
	same(ino, 8 * BLOCK, 0);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, MIB, 0, 0), (ssize_t)MIB);
	fault_backing_gate(&disk, 1u << FAULT_WRITE);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, spill_thread, NULL), 0);
	fault_backing_wait_blocked(&disk, 1);
	CU_ASSERT_EQUAL(spool_engine_unlink(rig.engine, &rig.cred, SPOOL_INO_ROOT, "f"), 0);
	spool_engine_forget(rig.engine, ino, 1);
	CU_ASSERT_EQUAL(stat_now().stored, 0);
	fault_backing_gate(&disk, 0);
	pthread_join(thread, NULL);
	spill_all();
	CU_ASSERT_EQUAL(disk.bytes, 0);
	tear_down();
}

/* Want of RAM is a wait as long as the disk takes data, and no space when it does not. */
static void short_of_ram(void)
{
	uint64_t ino;

	set_up(UINT64_MAX, MIB, UINT64_MAX);
	ino = make("f", 1000, 14 * BLOCK);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, 4 * BLOCK, MIB, 0), -EAGAIN);
	CU_ASSERT_TRUE(n_wakes > 0);
	CU_ASSERT_EQUAL(n_rooms, 0);
	fault_backing_arm(&disk, FAULT_WRITE, 1, true, -EIO);
	CU_ASSERT_EQUAL(spool_engine_spill(rig.engine, batch), -EIO);
	CU_ASSERT_TRUE(stat_now().failing);
	CU_ASSERT_EQUAL(n_rooms, 1); /* they are told that they wait in vain */
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, 4 * BLOCK, 2 * MIB, SPOOL_WAITED),
			-ENOSPC);
	same(ino, 14 * BLOCK, 0);
	fault_backing_arm(&disk, FAULT_WRITE, 0, false, 0);
	spill_all();
	CU_ASSERT_FALSE(stat_now().failing);
	CU_ASSERT_TRUE(rig_used(&rig, 1000, SPOOL_RES_RAM) <= MIB / 100 * 80);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, 2 * BLOCK, MIB, 0),
			(ssize_t)(2 * BLOCK));
	same(ino, 14 * BLOCK, 0);
	tear_down();
}

/* A uid's own limit makes its own data go, and nobody else's. */
static void short_of_own_ram(void)
{
	uint64_t mine, theirs;

	set_up(UINT64_MAX, UINT64_MAX, MIB);
	theirs = make("theirs", 1001, 14 * BLOCK);
	mine = make("mine", 1000, 14 * BLOCK);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, mine, data, 4 * BLOCK, MIB, 0), -EAGAIN);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, mine, data, 4 * BLOCK, MIB, SPOOL_LAST_TRY),
			(ssize_t)BLOCK);
	spill_all();
	CU_ASSERT_TRUE(rig_used(&rig, 1000, SPOOL_RES_RAM) < MIB / 2);
	CU_ASSERT_TRUE(rig_used(&rig, 1001, SPOOL_RES_RAM) < MIB / 100 * 91);
	same(mine, 14 * BLOCK, 0);
	same(theirs, 14 * BLOCK, 0);
	tear_down();
}

/* The largest file goes first, and only until there is enough. */
static void the_largest_first(void)
{
	struct spool_tier_stat stat;

	set_up(UINT64_MAX, 4 * MIB, UINT64_MAX);
	make("small", 1000, BLOCK);
	make("large", 1000, 2 * MIB);
	make("middle", 1000, MIB + MIB / 4);
	CU_ASSERT_EQUAL(spool_engine_spill(rig.engine, batch), SPOOL_SPILL_IDLE);
	make("more", 1000, BLOCK * 3);
	do
		spool_engine_spill(rig.engine, batch);
	while (stat_now().stored == 0);
	stat = stat_now();
	CU_ASSERT_EQUAL(stat.stored % MIB, 0);
	spill_all();
	CU_ASSERT_EQUAL(stat_now().stored, 2 * MIB);
	tear_down();
}

/* What the filesystem is to keep free is not taken. */
static void the_reserve(void)
{
	set_up(0, UINT64_MAX, UINT64_MAX);
	fault_backing_capacity(&disk, 4 * MIB);
	spool_engine_set_reserve(rig.engine, 4 * MIB);
	make("f", 1000, MIB);
	CU_ASSERT_EQUAL(spill_all(), -ENOSPC);
	CU_ASSERT_EQUAL(disk.bytes, 0);
	spool_engine_set_reserve(rig.engine, 2 * MIB);
	spill_all(); /* the first round passes over what the failed one has visited */
	spill_all();
	CU_ASSERT_EQUAL(stat_now().stored, MIB);
	tear_down();
}

static void a_moment_passes(void)
{
	rig.host.clock.tv_nsec += 100 * 1000 * 1000;
}

/* A full disk is no limit of a uid's, though it is his RAM that his data do not leave. */
static void a_full_disk_is_no_space(void)
{
	uint64_t ino;

	set_up(UINT64_MAX, 8 * MIB, MIB);
	fault_backing_capacity(&disk, 0);
	ino = make("f", 1000, 14 * BLOCK);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, 4 * BLOCK, MIB, 0), -EAGAIN);
	CU_ASSERT_EQUAL(spill_all(), -ENOSPC);
	CU_ASSERT_EQUAL(n_rooms, 1);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, 4 * BLOCK, 2 * MIB, SPOOL_WAITED),
			-ENOSPC);
	CU_ASSERT_EQUAL(
		spool_engine_write(rig.engine, ino, data, 4 * BLOCK, 2 * MIB, SPOOL_LAST_TRY),
		-ENOSPC);
	tear_down();
}

/* Who meets a disk that was full a while ago asks for it first, and hears what has become of it. */
static void full_is_asked_again(void)
{
	uint64_t ino;

	set_up(UINT64_MAX, MIB, UINT64_MAX);
	fault_backing_capacity(&disk, 0);
	ino = make("f", 1000, 14 * BLOCK);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, 4 * BLOCK, MIB, 0), -EAGAIN);
	CU_ASSERT_EQUAL(spill_all(), -ENOSPC);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, 4 * BLOCK, 2 * MIB, SPOOL_WAITED),
			-ENOSPC);
	CU_ASSERT_EQUAL(n_hurries, 0); /* it was asked just now */
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, 4 * BLOCK, 2 * MIB, 0), -EAGAIN);
	CU_ASSERT_EQUAL(n_hurries, 1);
	CU_ASSERT_EQUAL(spill_all(), -ENOSPC);
	a_moment_passes();
	n_hurries = 0;
	CU_ASSERT_EQUAL(
		spool_engine_write(rig.engine, ino, data, 4 * BLOCK, 2 * MIB, SPOOL_LAST_TRY),
		-ENOSPC);
	CU_ASSERT_EQUAL(n_hurries, 0);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, 4 * BLOCK, 2 * MIB, SPOOL_WAITED),
			-EAGAIN);
	CU_ASSERT_EQUAL(n_hurries, 1);
	n_rooms = 0;
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, 4 * BLOCK, 2 * MIB, SPOOL_WAITED),
			-EAGAIN);              /* not before it is known */
	CU_ASSERT_EQUAL(spill_all(), -ENOSPC); /* still */
	CU_ASSERT_TRUE(n_rooms > 0);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, 4 * BLOCK, 2 * MIB, SPOOL_WAITED),
			-ENOSPC);

	fault_backing_capacity(&disk, 64 * MIB);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, 4 * BLOCK, 2 * MIB, 0), -EAGAIN);
	CU_ASSERT_EQUAL(n_hurries, 2);
	CU_ASSERT_EQUAL(spill_all(), SPOOL_SPILL_IDLE);
	CU_ASSERT_FALSE(stat_now().failing);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, 4 * BLOCK, 2 * MIB, 0),
			(ssize_t)(4 * BLOCK));
	tear_down();
}

/* Room of a removed file is room, though the disk was full the moment before. */
static void full_until_a_file_goes(void)
{
	uint64_t ino;
	int r;

	set_up(0, MIB, UINT64_MAX);
	fault_backing_capacity(&disk, MIB + MIB / 2);
	make("first", 1000, 14 * BLOCK);
	while (spill_all() == SPOOL_SPILL_LATER)
		;
	ino = make("second", 1000, 15 * BLOCK);
	while ((r = spill_all()) == SPOOL_SPILL_LATER)
		;
	CU_ASSERT_EQUAL(r, -ENOSPC);
	CU_ASSERT_TRUE(stat_now().failing);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, 4 * BLOCK, MIB, SPOOL_WAITED),
			-ENOSPC);
	CU_ASSERT_EQUAL(spool_engine_unlink(rig.engine, &rig.cred, SPOOL_INO_ROOT, "first"), 0);
	CU_ASSERT_EQUAL(spool_engine_drop_orphans(rig.engine), 1);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, 4 * BLOCK, MIB, SPOOL_WAITED),
			-EAGAIN);
	CU_ASSERT_TRUE(n_hurries > 0);
	while (spill_all() == SPOOL_SPILL_LATER)
		;
	CU_ASSERT_FALSE(stat_now().failing);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, 4 * BLOCK, MIB, 0),
			(ssize_t)(4 * BLOCK));
	tear_down();
}

static void *spill_one(void *arg)
{
	spool_engine_spill(rig.engine, arg);
	return NULL;
}

/* Two that write at a time keep the reserve together, and the second's refusal is no verdict. */
static void the_reserve_is_kept_by_all(void)
{
	struct spool_batch *other;
	pthread_t thread;

	set_up(0, UINT64_MAX, UINT64_MAX);
	CU_ASSERT_EQUAL_FATAL(spool_engine_new_batch(rig.engine, &other), 0);
	fault_backing_capacity(&disk, 4 * MIB);
	spool_engine_set_reserve(rig.engine, 2 * MIB);
	make("f", 1000, MIB);
	make("g", 1000, MIB);
	while (spool_engine_spill(rig.engine, batch) == SPOOL_SPILL_MORE && stat_now().written == 0)
		;
	spool_engine_drop_orphans(rig.engine);
	CU_ASSERT_EQUAL(stat_now().stored, MIB);
	fault_backing_capacity(&disk, 5 * MIB);
	make("h", 1000, MIB);
	fault_backing_gate(&disk, 1u << FAULT_WRITE);
	pthread_create(&thread, NULL, spill_one, other);
	fault_backing_wait_blocked(&disk, 1);
	CU_ASSERT_EQUAL(spill_all(), -ENOSPC);
	CU_ASSERT_FALSE(stat_now().failing);
	CU_ASSERT_EQUAL(stat_now().n_failed, 0);
	n_hurries = 0;
	fault_backing_gate(&disk, 0);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(n_hurries, 1); /* who was refused looks again */
	CU_ASSERT_EQUAL(spill_all(), -ENOSPC);
	CU_ASSERT_TRUE(stat_now().failing);
	CU_ASSERT_TRUE(disk.peak <= 3 * MIB);
	spool_engine_free_batch(other);
	tear_down();
}

/* Nothing of what was written is on the disk in clear, and all space comes back. */
static void sealed(void)
{
	uint64_t ino;

	set_up(0, UINT64_MAX, UINT64_MAX);
	memset(data, 'p', sizeof(data));
	ino = make("f", 1000, MIB);
	spill_all();
	CU_ASSERT_EQUAL(disk.bytes, MIB);
	CU_ASSERT_FALSE(fault_backing_holds(&disk, "pppppppp", 8));
	same(ino, MIB, 0);
	tear_down();
}

/* What was asked for goes whatever its size and age, and who asked is told; not for others. */
static void asked_for(void)
{
	uint64_t ino, other;

	set_up(UINT64_MAX, UINT64_MAX, UINT64_MAX);
	ino = make("f", 1000, 3 * MIB);
	other = make("other", 1000, MIB);
	CU_ASSERT_EQUAL(spill_all(), SPOOL_SPILL_IDLE);
	CU_ASSERT_EQUAL(spool_engine_ask_spill(rig.engine, SPOOL_INO_ROOT, 1), -EISDIR);
	CU_ASSERT_EQUAL(spool_engine_ask_spill(rig.engine, 999, 1), -ESTALE);
	n_wakes = 0;
	CU_ASSERT_EQUAL(spool_engine_ask_spill(rig.engine, ino, 7), 0);
	CU_ASSERT_EQUAL(n_wakes, 1);
	CU_ASSERT_EQUAL(spill_all(), SPOOL_SPILL_IDLE);
	CU_ASSERT_TRUE(spilled.n == 1 && spilled.id == 7 && spilled.result == 0);
	CU_ASSERT_EQUAL(stat_now().stored, 3 * MIB);
	/* again: nothing to do. One who forgets is not told. */
	CU_ASSERT_EQUAL(spool_engine_ask_spill(rig.engine, ino, 8), 0);
	CU_ASSERT_EQUAL(spool_engine_ask_spill(rig.engine, other, 9), 0);
	spool_engine_forget_ask(rig.engine, 9);
	spool_engine_forget_ask(rig.engine, 99);
	spill_all();
	CU_ASSERT_TRUE(spilled.n == 2 && spilled.id == 8 && spilled.result == 0);
	CU_ASSERT_EQUAL(stat_now().stored, 3 * MIB);
	/* gone before its turn, and a disk that does not take it */
	CU_ASSERT_EQUAL(spool_engine_ask_spill(rig.engine, other, 10), 0);
	fault_backing_arm(&disk, FAULT_WRITE, 1, true, -EIO);
	CU_ASSERT_EQUAL(spill_all(), -EIO);
	CU_ASSERT_TRUE(spilled.n == 3 && spilled.id == 10 && spilled.result == -EIO);
	same(other, MIB, 0);
	tear_down();
}

/* Two users: each has his turns, however much one of them has asked for before. */
static void asked_for_in_turn(void)
{
	uint64_t large, small;

	set_up(UINT64_MAX, UINT64_MAX, UINT64_MAX);
	large = make("large", 1000, 40 * MIB);
	small = make("small", 1001, MIB);
	for (uint64_t id = 1; id <= 4; id++)
		CU_ASSERT_EQUAL(spool_engine_ask_spill(rig.engine, large, id), 0);
	CU_ASSERT_EQUAL(spool_engine_ask_spill(rig.engine, small, 5), 0);
	while (spilled.n == 0)
		CU_ASSERT_EQUAL_FATAL(spool_engine_spill(rig.engine, batch), SPOOL_SPILL_MORE);
	CU_ASSERT_EQUAL(spilled.id, 5);
	CU_ASSERT_TRUE(stat_now().stored <= 9 * MIB);
	spill_all();
	CU_ASSERT_EQUAL(spilled.n, 5);
	CU_ASSERT_EQUAL(stat_now().stored, 41 * MIB);
	tear_down();
}

/* Under pressure RAM use goes down to less than what it was, step by step, and may grow again. */
static void squeezed(void)
{
	uint64_t ino;

	set_up(UINT64_MAX, 256 * MIB, UINT64_MAX);
	ino = make("f", 1000, 100 * MIB);
	CU_ASSERT_EQUAL(spill_all(), SPOOL_SPILL_IDLE);
	CU_ASSERT_EQUAL(stat_now().stored, 0);
	CU_ASSERT_EQUAL(stat_now().budget, 256 * MIB);
	n_wakes = 0;
	CU_ASSERT_TRUE(spool_engine_squeeze(rig.engine) < 76 * MIB);
	CU_ASSERT_TRUE(n_wakes > 0);
	spill_all();
	CU_ASSERT_TRUE(stat_now().stored > 24 * MIB);
	same(ino, MIB, 0);
	for (int i = 0; i < 10; i++)
		spool_engine_squeeze(rig.engine);
	CU_ASSERT_EQUAL(stat_now().budget / MIB, 32); /* no less, and metadata */
	spill_all();
	CU_ASSERT_TRUE(stat_now().stored > 68 * MIB);
	for (int i = 0; i < 6; i++)
		CU_ASSERT_TRUE(spool_engine_relax(rig.engine));
	CU_ASSERT_FALSE(spool_engine_relax(rig.engine));
	CU_ASSERT_EQUAL(stat_now().budget, 256 * MIB);
	same(ino, MIB, 0);
	tear_down();
}

/* Metadata of one user, more than what pressure leaves: another writes as if there were none. */
static void squeezed_beside_metadata(void)
{
	static char value[SPOOL_XATTR_SIZE_MAX];
	uint64_t hoard, theirs;
	char name[32];

	set_up(UINT64_MAX, 128 * MIB, UINT64_MAX);
	hoard = make("hoard", 1000, 4 * MIB);
	for (int i = 0; i < 800; i++) {
		if (i % 8 == 0) {
			snprintf(name, sizeof(name), "f%d", i);
			hoard = make(name, 1000, 0);
		}
		snprintf(name, sizeof(name), "user.%d", i);
		CU_ASSERT_EQUAL(spool_engine_setxattr(rig.engine, &rig.cred, hoard, name, value,
						      sizeof(value), 0),
				0);
	}
	CU_ASSERT_TRUE(rig_used(&rig, 1000, SPOOL_RES_RAM) > 50 * MIB);
	for (int i = 0; i < 20; i++) {
		spool_engine_squeeze(rig.engine);
		spill_all();
	}
	CU_ASSERT_TRUE(stat_now().budget > 58 * MIB);
	theirs = make("theirs", 1001, 7 * MIB); /* each write as a whole, and none waits */
	for (int i = 0; i < 20; i++)
		spool_engine_squeeze(rig.engine);
	same(theirs, MIB, 0);
	tear_down();
}

/* A file that changes its payer takes what it has in RAM with it. */
static void data_of_a_new_owner(void)
{
	struct spool_attr attr = {.uid = 1001};
	const struct spool_cred root = {0};
	uint64_t ino, room;

	set_up(UINT64_MAX, 8 * MIB, 4 * MIB);
	ino = make("f", 1000, 3 * MIB);
	CU_ASSERT_EQUAL(spool_engine_setattr(rig.engine, &root, ino, SPOOL_SET_UID, &attr, &attr),
			0);
	CU_ASSERT_EQUAL(spool_quota_data(rig.engine->quota, &room), 3 * MIB);
	make("g", 1000, 3 * MIB); /* room of his own */
	rig.cred.uid = 1001;
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, data, MIB, 3 * MIB, 0), -EAGAIN);
	spill_all();
	CU_ASSERT_TRUE(stat_now().stored >= MIB);
	tear_down();
}

/* What is known of the disk's space is told without the disk, and made new when it is asked for. */
static void space_is_told_without_the_disk(void)
{
	long calls;

	set_up(0, 8 * MIB, 8 * MIB);
	CU_ASSERT_EQUAL(stat_now().space_total, (uint64_t)1 << 40);
	fault_backing_capacity(&disk, 64 * MIB);
	calls = disk.calls[FAULT_SPACE];
	spool_engine_look(rig.engine);
	spool_engine_look(rig.engine);
	CU_ASSERT_EQUAL(stat_now().space_total, (uint64_t)1 << 40);
	CU_ASSERT_EQUAL(disk.calls[FAULT_SPACE], calls);
	CU_ASSERT_EQUAL(n_wakes, 1); /* who spills */
	spill_all();
	CU_ASSERT_EQUAL(stat_now().space_total, 64 * MIB);
	CU_ASSERT_EQUAL(stat_now().space_free, 64 * MIB);
	CU_ASSERT_EQUAL(disk.calls[FAULT_SPACE], calls + 1);
	spill_all();
	CU_ASSERT_EQUAL(disk.calls[FAULT_SPACE], calls + 1);
	make("f", 1000, 4 * MIB); /* each batch asks, too: the last one after others */
	spill_all();
	CU_ASSERT_TRUE(stat_now().space_free < 64 * MIB);
	fault_backing_arm(&disk, FAULT_SPACE, 1, true, -EIO);
	spool_engine_look(rig.engine);
	spill_all();
	CU_ASSERT_EQUAL(stat_now().space_total, 64 * MIB); /* as it was */
	tear_down();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"past the threshold", past_the_threshold},
		{"not waiting", not_waiting},
		{"spoiled", spoiled},
		{"spoiled files are named", spoiled_files_are_named},
		{"changed on the way", changed_on_the_way},
		{"short of RAM", short_of_ram},
		{"short of own RAM", short_of_own_ram},
		{"the largest first", the_largest_first},
		{"the reserve", the_reserve},
		{"a full disk is no space", a_full_disk_is_no_space},
		{"full is asked again", full_is_asked_again},
		{"full until a file goes", full_until_a_file_goes},
		{"the reserve is kept by all", the_reserve_is_kept_by_all},
		{"sealed", sealed},
		{"asked for", asked_for},
		{"asked for in turn", asked_for_in_turn},
		{"squeezed", squeezed},
		{"squeezed beside metadata", squeezed_beside_metadata},
		{"data of a new owner", data_of_a_new_owner},
		{"space is told without the disk", space_is_told_without_the_disk},
	};

	return unit_run("tier", tests, sizeof(tests) / sizeof(tests[0]));
}
