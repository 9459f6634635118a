/* SPDX-License-Identifier: MIT */

/* Data that were changed just now are left alone, while there is RAM. */

#include <errno.h>

#include "tier_rig.h"
#include "util/macros.h"

#define RAM (8 * MIB)

static void write_block(uint64_t ino, uint64_t block)
{
	CU_ASSERT_EQUAL(
		spool_engine_write(tier.rig.engine, ino, tier.data, BLOCK, block * BLOCK, 0),
		(ssize_t)BLOCK);
}

static uint64_t written_after(uint64_t ns)
{
	tier.rig.host.monotonic_ns += ns;
	while (spool_engine_spill(tier.rig.engine, tier.batch) == SPOOL_SPILL_MORE)
		;
	return tier_stat().written;
}

#define MS UINT64_C(1000000)

/* What was left alone for a rest goes; what was written meanwhile gets another, and goes once. */
static void rewritten(void)
{
	uint64_t ino;

	tier_set_up(0, RAM, UINT64_MAX);
	ino = tier_make("f", 1000, MIB);
	CU_ASSERT_EQUAL(written_after(0), 0);
	write_block(ino, 3);
	CU_ASSERT_EQUAL(written_after(800 * MS), 0);
	CU_ASSERT_EQUAL(written_after(200 * MS), MIB - BLOCK);
	for (int i = 0; i < 5; i++) {
		write_block(ino, 3);
		CU_ASSERT_EQUAL(written_after(1000 * MS), MIB - BLOCK);
	}
	CU_ASSERT_EQUAL(written_after(1000 * MS), MIB);
	/* the same for pages over a block on the disk */
	for (int i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, 4096, BLOCK, 0),
				4096);
		CU_ASSERT_EQUAL(written_after(1000 * MS), MIB);
	}
	CU_ASSERT_EQUAL(written_after(1000 * MS), MIB + BLOCK);
	tier_tear_down();
}

/* A file that is removed soon costs the disk nothing. */
static void removed_soon(void)
{
	uint64_t ino;

	tier_set_up(0, RAM, UINT64_MAX);
	ino = tier_make("f", 1000, MIB);
	CU_ASSERT_EQUAL(written_after(0), 0);
	CU_ASSERT_EQUAL(written_after(800 * MS), 0);
	CU_ASSERT_EQUAL(spool_engine_unlink(tier.rig.engine, &tier.rig.cred, SPOOL_INO_ROOT, "f"),
			0);
	spool_engine_forget(tier.rig.engine, ino, 1);
	CU_ASSERT_EQUAL(written_after(2000 * MS), 0);
	tier_tear_down();
}

/* From half of the RAM on, of the mount or of a user, nothing rests, and who naps is woken. */
static void not_plentiful(uint64_t ram, uint64_t user_ram)
{
	unsigned int wakes;
	uint64_t ino;

	tier_set_up(0, ram, user_ram);
	ino = tier_make("f", 1000, 3 * MIB);
	CU_ASSERT_EQUAL(written_after(0), 0);
	wakes = tier.n_wakes;
	for (uint64_t block = 48; tier.n_wakes == wakes && block < 80; block++)
		write_block(ino, block);
	CU_ASSERT_TRUE(tier.n_wakes > wakes);
	CU_ASSERT_TRUE(written_after(0) > 2 * MIB);
	tier_tear_down();
}

static void of_the_mount(void)
{
	not_plentiful(RAM, UINT64_MAX);
}

static void of_a_user(void)
{
	not_plentiful(UINT64_MAX, RAM);
}

/* What somebody asks for goes at once. */
static void asked_for(void)
{
	uint64_t ino;

	tier_set_up(0, RAM, UINT64_MAX);
	ino = tier_make("f", 1000, MIB);
	CU_ASSERT_EQUAL(written_after(0), 0);
	CU_ASSERT_EQUAL(spool_engine_ask_spill(tier.rig.engine, ino, 1), 0);
	CU_ASSERT_EQUAL(written_after(0), MIB);
	tier_tear_down();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"rewritten", rewritten},       {"removed soon", removed_soon},
		{"of the mount", of_the_mount}, {"of a user", of_a_user},
		{"asked for", asked_for},
	};

	return unit_run("tier_rest", tests, SPOOL_ARRAY_SIZE(tests));
}
