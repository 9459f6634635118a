/* SPDX-License-Identifier: MIT */

/* Whoever is told to wait for RAM is not left alone: something leaves it for him, or he is told
 * that there is none. */

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

#include "tier_rig.h"
#include "util/macros.h"

#define WRITER 1000u
#define OTHERS 2000u

/* In so many parts of ram= the metadata of others are swept. */
#define PARTS 16u

static uint64_t ram_of(uid_t uid)
{
	return rig_used(&tier.rig, uid, SPOOL_RES_RAM);
}

/* @r is what something was answered that may be told to wait. What it waits for comes by itself:
 * those who spill were woken, and when they have nothing to do any more it is told to go on.
 * Return: whether it is tried again. */
static bool is_told(ssize_t r)
{
	if (r != -EAGAIN)
		return false;
	CU_ASSERT_TRUE(tier.n_wakes > 0);
	tier_spill_all();
	CU_ASSERT_TRUE(tier.n_rooms > 0);
	tier.n_wakes = tier.n_rooms = 0;
	return true;
}

static int make(const char *name)
{
	struct spool_attr attr;

	return spool_engine_mknod(tier.rig.engine, &tier.rig.cred, SPOOL_INO_ROOT, name,
				  S_IFREG | 0600, 0, &attr);
}

/* Empty files of @uid until they take @bytes of RAM, or there is none for another. */
static void fill_with_names(uid_t uid, uint64_t bytes)
{
	char name[32];
	int r = 0;

	tier.rig.cred.uid = tier.rig.cred.gid = uid;
	for (unsigned int i = 0; r == 0 && ram_of(uid) < bytes; i++) {
		snprintf(name, sizeof(name), "%u.%u", uid, i);
		r = make(name);
		if (is_told(r))
			r = make(name);
	}
	CU_ASSERT_TRUE(r == 0 || r == -EDQUOT || r == -ENOSPC);
}

/* @bytes in writes of @len, each of which goes on at once, or the second time at the latest. */
static void write_until(uint64_t ino, size_t len, uint64_t bytes)
{
	uint64_t off = 0;
	ssize_t r = 1;

	while (r > 0 && off < bytes) {
		r = spool_engine_write(tier.rig.engine, ino, tier.data, len, off, 0);
		if (is_told(r))
			r = spool_engine_write(tier.rig.engine, ino, tier.data, len, off, 0);
		off += r > 0 ? (uint64_t)r : 0;
	}
	CU_ASSERT_TRUE(r > 0 || r == -ENOSPC || r == -EDQUOT);
}

/* What others have in names, up to all of it, and what the writer has: by large writes and small.
 */
static void sweep(uint64_t ram, size_t len)
{
	for (unsigned int part = 0; part <= PARTS; part++) {
		uint64_t ino, names = ram / PARTS * part;

		tier_set_up(16 * MIB, ram, ram / 2);
		ino = tier_make("f", WRITER, 1);
		fill_with_names(OTHERS, spool_min_u64(names, ram / 2));
		fill_with_names(OTHERS + 1, names - spool_min_u64(names, ram / 2));
		write_until(ino, len, ram);
		tier_tear_down();
	}
}

static void beside_metadata_of_others(void)
{
	for (uint64_t ram = MIB; ram <= 4 * MIB; ram *= 2) {
		sweep(ram, 128 * KIB);
		sweep(ram, BLOCK);
		sweep(ram, 5000);
	}
	sweep(16 * MIB, 128 * KIB);
}

/* Users whose own RAM is short take turns, though the first has more that could go each time. */
static void users_take_turns(void)
{
	uint64_t ino = 0, off = 0;

	tier_set_up(UINT64_MAX, UINT64_MAX, 2 * MIB);
	for (uid_t uid = WRITER + 2; uid >= WRITER; uid--) {
		char name[32];

		snprintf(name, sizeof(name), "%u", uid);
		ino = tier_make(name, uid, MIB);
		CU_ASSERT_EQUAL(tier_write(ino, MIB, MIB), -EAGAIN);
	}
	for (unsigned int i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(spool_engine_spill(tier.rig.engine, tier.batch), SPOOL_SPILL_MORE);
		while (tier_write(ino, BLOCK, 2 * MIB + off) == 0)
			off += BLOCK;
	}
	CU_ASSERT_TRUE(ram_of(WRITER + 1) < 2 * MIB - 2 * BLOCK);
	CU_ASSERT_TRUE(ram_of(WRITER + 2) < 2 * MIB - 2 * BLOCK);
	tier_tear_down();
}

static uint64_t on_disk(uint64_t ino)
{
	struct spool_tiers in = {0};

	CU_ASSERT_EQUAL(spool_engine_tiers(tier.rig.engine, ino, &in), 0);
	return in.disk;
}

/* So do users with files past the threshold, however many one has. */
static void users_take_turns_past_the_threshold(void)
{
	uint64_t ino;
	char name[32];

	tier_set_up(0, UINT64_MAX, UINT64_MAX);
	for (unsigned int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "%u", i);
		tier_make(name, WRITER, BLOCK);
	}
	ino = tier_make("other", OTHERS, BLOCK);
	tier_rest();
	for (unsigned int i = 0; i < 2; i++)
		CU_ASSERT_EQUAL(spool_engine_spill(tier.rig.engine, tier.batch), SPOOL_SPILL_MORE);
	CU_ASSERT_EQUAL(on_disk(ino), BLOCK);
	tier_tear_down();
}

/* Who waits for his own RAM does not wait for all that is past the threshold. */
static void short_of_ram_beside_the_threshold(void)
{
	uint64_t ino;
	char name[32];

	tier_set_up(MIB, UINT64_MAX, MIB + 3 * BLOCK);
	for (unsigned int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "%u", i);
		ino = tier_make(name, WRITER + i, MIB);
		CU_ASSERT_EQUAL(tier_write(ino, 1, MIB), 0);
	}
	ino = tier_make("other", OTHERS, MIB);
	CU_ASSERT_EQUAL(tier_write(rig_file(&tier.rig, SPOOL_INO_ROOT, "more"), MIB, 0), -EAGAIN);
	for (unsigned int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(spool_engine_spill(tier.rig.engine, tier.batch), SPOOL_SPILL_MORE);
	CU_ASSERT_EQUAL(on_disk(ino), MIB);
	tier_tear_down();
}

/* What happens while a write has its RAM, and has not told of it yet. */
static struct {
	int (*arena_write)(void *ctx, int fd, uint64_t offset, const void *buf, size_t len);
	size_t left; /* blocks until then */
	uint64_t other;
	ssize_t first, second;
} meanwhile;

static void *write_other(void *arg)
{
	struct spool_engine *engine = tier.rig.engine;

	(void)arg;
	meanwhile.first = spool_engine_write(engine, meanwhile.other, tier.data, BLOCK, 0, 0);
	for (unsigned int i = 0; i < 8; i++)
		spool_engine_spill(engine, tier.batch);
	meanwhile.second = spool_engine_write(engine, meanwhile.other, tier.data, BLOCK, 0, 0);
	return NULL;
}

static int write_and_wait(void *ctx, int fd, uint64_t offset, const void *buf, size_t len)
{
	pthread_t thread;

	if (--meanwhile.left == 0) {
		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, write_other, NULL), 0);
		pthread_join(thread, NULL);
	}
	return meanwhile.arena_write(ctx, fd, offset, buf, len);
}

/* RAM is used up by data that are just coming, and will leave it again: so others wait. */
static void while_another_takes_the_last(void)
{
	uint64_t ino;
	ssize_t n;

	tier_set_up(UINT64_MAX, MIB, UINT64_MAX);
	ino = rig_file(&tier.rig, SPOOL_INO_ROOT, "all");
	rig_file(&tier.rig, SPOOL_INO_ROOT, "other");
	n = spool_engine_write(tier.rig.engine, ino, tier.data, MIB, 0, 0);
	CU_ASSERT_TRUE_FATAL(n > 0 && n < (ssize_t)MIB);
	tier_tear_down();

	tier_set_up(UINT64_MAX, MIB, UINT64_MAX);
	ino = rig_file(&tier.rig, SPOOL_INO_ROOT, "all");
	meanwhile.other = rig_file(&tier.rig, SPOOL_INO_ROOT, "other");
	meanwhile.left = (size_t)n / BLOCK;
	meanwhile.arena_write = tier.rig.host.host.arena_write;
	tier.rig.host.host.arena_write = write_and_wait;
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, MIB, 0, 0), n);
	tier.rig.host.host.arena_write = meanwhile.arena_write;
	CU_ASSERT_EQUAL(meanwhile.first, -EAGAIN);
	CU_ASSERT_EQUAL(meanwhile.second, -EAGAIN);
	tier_spill_all();
	CU_ASSERT_EQUAL(tier_write(meanwhile.other, BLOCK, 0), 0);
	tier_tear_down();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"users take turns past the threshold", users_take_turns_past_the_threshold},
		{"short of RAM beside the threshold", short_of_ram_beside_the_threshold},
		{"beside metadata of others", beside_metadata_of_others},
		{"users take turns", users_take_turns},
		{"while another takes the last", while_another_takes_the_last},
	};

	return unit_run("tier_wait", tests, SPOOL_ARRAY_SIZE(tests));
}
