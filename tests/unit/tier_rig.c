/* SPDX-License-Identifier: MIT */
#include "tier_rig.h"

#include <stdatomic.h>
#include <string.h>

struct tier_rig tier;

static void on_wake(void *ctx)
{
	(void)ctx;
	tier.n_wakes++;
}

static void on_hurry(void *ctx)
{
	(void)ctx;
	tier.n_hurries++;
}

static void on_ram_free(void *ctx)
{
	(void)ctx;
	tier.n_rooms++;
}

static void on_spilled(void *ctx, uint64_t id, int result)
{
	(void)ctx;
	tier.asked.n++;
	tier.asked.id = id;
	tier.asked.result = result;
}

static void on_ahead(void *ctx)
{
	(void)ctx;
	tier.n_aheads++;
}

void tier_set_up(uint64_t threshold, uint64_t ram, uint64_t user_ram)
{
	struct spool_config config = engine_rig_config(SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
	struct spool_tier_config spill = {
		.backing = &tier.disk.backing,
		.encrypt = true,
		.threshold = threshold,
		.max_files = 16,
		.wake = on_wake,
		.hurry = on_hurry,
		.ram_free = on_ram_free,
		.spilled = on_spilled,
		.ahead = on_ahead,
	};

	fault_backing_init(&tier.disk);
	config.tier = &spill;
	config.limits.mount[SPOOL_RES_RAM] = ram;
	config.limits.user[SPOOL_RES_RAM] = user_ram;
	engine_rig_init_config(&tier.rig, &config);
	CU_ASSERT_EQUAL_FATAL(spool_engine_new_batch(tier.rig.engine, &tier.batch), 0);
	tier.n_wakes = tier.n_hurries = tier.n_rooms = tier.asked.n = 0;
	atomic_store(&tier.n_aheads, 0);
	for (size_t i = 0; i < sizeof(tier.data); i++)
		tier.data[i] = (char)(i * 7 + i / 4096);
}

void tier_tear_down(void)
{
	spool_engine_free_batch(tier.batch);
	engine_rig_fini(&tier.rig);
	CU_ASSERT_EQUAL(tier.disk.live, 0);
	fault_backing_fini(&tier.disk);
}

struct spool_tier_stat tier_stat(void)
{
	struct spool_tier_stat stat;

	CU_ASSERT_TRUE(spool_engine_tier_stat(tier.rig.engine, &stat));
	return stat;
}

uint64_t tier_make(const char *name, uid_t uid, size_t size)
{
	uint64_t ino;

	tier.rig.cred.uid = tier.rig.cred.gid = uid;
	ino = rig_file(&tier.rig, SPOOL_INO_ROOT, name);
	for (size_t at = 0; at < size; at += sizeof(tier.data)) {
		size_t n = size - at < sizeof(tier.data) ? size - at : sizeof(tier.data);

		CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, n, at, 0),
				(ssize_t)n);
	}
	return ino;
}

ssize_t tier_write(uint64_t ino, size_t len, uint64_t off)
{
	size_t done = 0;
	ssize_t r = 1;

	while (r > 0 && done < len) {
		r = spool_engine_write(tier.rig.engine, ino, tier.data + done, len - done,
				       off + done, 0);
		done += r > 0 ? (size_t)r : 0;
	}
	return r < 0 ? r : 0;
}

int tier_spill_all(void)
{
	int rests = 2, r; /* the first may have begun before the last write */

	do {
		r = spool_engine_spill(tier.rig.engine, tier.batch);
		if (r != SPOOL_SPILL_LATER || rests-- == 0)
			continue;
		tier.rig.host.monotonic_ns += 1000000000;
		r = SPOOL_SPILL_MORE;
	} while (r == SPOOL_SPILL_MORE);
	return r;
}

void tier_rest(void)
{
	while (spool_engine_spill(tier.rig.engine, tier.batch) == SPOOL_SPILL_MORE)
		;
	tier.rig.host.monotonic_ns += 1000000000;
}

void tier_same(uint64_t ino, size_t len, uint64_t off)
{
	memset(tier.got, 'z', sizeof(tier.got));
	CU_ASSERT_EQUAL(spool_engine_read(tier.rig.engine, ino, tier.got, len, off, 0),
			(ssize_t)len);
	CU_ASSERT_EQUAL(memcmp(tier.got, tier.data + off, len), 0);
}

uint64_t tier_spilled(size_t size)
{
	struct spool_tiers tiers = {.ram = 1};
	uint64_t ino;

	tier_set_up(0, UINT64_MAX, UINT64_MAX);
	ino = tier_make("f", 1000, size);
	CU_ASSERT_EQUAL(spool_engine_ask_spill(tier.rig.engine, ino, 1), 0);
	tier_spill_all();
	CU_ASSERT_EQUAL(spool_engine_tiers(tier.rig.engine, ino, &tiers), 0);
	CU_ASSERT_EQUAL(tiers.ram, 0);
	return ino;
}
