/* SPDX-License-Identifier: MIT */

/* RAM that is smaller than what is written to it, and data that leave it meanwhile. */

#include <errno.h>

#include "tier_rig.h"
#include "util/macros.h"

/* A write that is larger than all the RAM gets on whenever some has come free, and what has gone to
 * the disk meanwhile is not written again. */
static void larger_than_ram(void)
{
	unsigned int tries = 0;
	size_t done = 0;
	uint64_t ino;
	ssize_t r;

	tier_set_up(BLOCK, MIB / 2, UINT64_MAX);
	ino = tier_make("f", 1000, 1);
	for (; done < MIB && tries < MIB / BLOCK * 2; tries++) {
		r = spool_engine_write(tier.rig.engine, ino, tier.data + done, MIB - done, done, 0);
		CU_ASSERT(r > 0 || r == -EAGAIN);
		done += r > 0 ? (size_t)r : 0;
		tier_spill_all();
	}
	CU_ASSERT_EQUAL(done, MIB);
	CU_ASSERT_EQUAL(rig_attr(&tier.rig, ino).size, MIB);
	tier_same(ino, MIB, 0);
	tier_tear_down();
}

/* What is written again and again, and so is always hot, leaves RAM when that is short: it is not
 * taken for used up by what cannot leave it. */
static void hot_while_ram_is_short(void)
{
	uint64_t ino;

	tier_set_up(BLOCK, MIB, UINT64_MAX);
	ino = tier_make("f", 1000, 1);
	for (unsigned int turn = 0; turn < 8 && tier_stat().written == 0; turn++) {
		ssize_t r = 0;

		for (uint64_t i = 0; i < MIB / BLOCK && r >= 0; i++)
			r = spool_engine_write(tier.rig.engine, ino, tier.data, BLOCK - 1,
					       i * BLOCK, 0);
		CU_ASSERT_EQUAL(r, -EAGAIN);
		spool_engine_spill(tier.rig.engine, tier.batch);
	}
	CU_ASSERT_TRUE(tier_stat().written > 0);
	tier_tear_down();
}

/* Who waits for hot data to grow cold is woken when RAM runs short. */
static void woken_when_short(void)
{
	uint64_t ino;

	tier_set_up(BLOCK, MIB, UINT64_MAX);
	ino = tier_make("f", 1000, 3 * BLOCK - 1);
	CU_ASSERT_EQUAL(spool_engine_spill(tier.rig.engine, tier.batch), SPOOL_SPILL_MORE);
	while (spool_engine_spill(tier.rig.engine, tier.batch) != SPOOL_SPILL_LATER)
		CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, "x", 1, 2 * BLOCK, 0), 1);
	tier.n_wakes = 0;
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, "x", 1, 2 * BLOCK, 0), 1);
	CU_ASSERT_EQUAL(tier.n_wakes, 0); /* there is time */
	CU_ASSERT_EQUAL(tier_write(ino, MIB, 4 * BLOCK), -EAGAIN);
	CU_ASSERT_TRUE(tier.n_wakes > 0);
	tier_tear_down();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"larger than RAM", larger_than_ram},
		{"hot while RAM is short", hot_while_ram_is_short},
		{"woken when short", woken_when_short},
	};

	return unit_run("tier_short", tests, SPOOL_ARRAY_SIZE(tests));
}
