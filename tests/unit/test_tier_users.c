/* SPDX-License-Identifier: MIT */

/* Whose data are in RAM, and whose are on the disk. */

#include <errno.h>

#include "tier_rig.h"
#include "util/macros.h"

/* A file that changes its payer takes what it has in RAM with it. */
static void data_of_a_new_owner(void)
{
	struct spool_attr attr = {.uid = 1001};
	const struct spool_cred root = {0};
	uint64_t ino, room;

	tier_set_up(UINT64_MAX, 8 * MIB, 4 * MIB);
	ino = tier_make("f", 1000, 3 * MIB);
	CU_ASSERT_EQUAL(
		spool_engine_setattr(tier.rig.engine, &root, ino, SPOOL_SET_UID, &attr, &attr), 0);
	CU_ASSERT_EQUAL(spool_quota_data(tier.rig.engine->quota, &room), 3 * MIB);
	tier_make("g", 1000, 3 * MIB); /* room of his own */
	tier.rig.cred.uid = 1001;
	CU_ASSERT_EQUAL(tier_write(ino, MIB, 3 * MIB), -EAGAIN);
	tier_spill_all();
	CU_ASSERT_TRUE(tier_stat().stored >= MIB);
	tier_tear_down();
}

static uint64_t on_disk(uid_t uid)
{
	struct spool_usage usage;

	spool_engine_user_usage(tier.rig.engine, uid, &usage);
	return usage.disk;
}

/* What each uid has on the disk, as it comes, goes, changes hands, and ends. */
static void whose_it_is(void)
{
	struct spool_attr attr = {.uid = 1001};
	const struct spool_cred root = {0};
	uint64_t ino;

	tier_set_up(0, UINT64_MAX, UINT64_MAX);
	ino = tier_make("f", 1000, 3 * BLOCK);
	tier_make("g", 1000, BLOCK);
	CU_ASSERT_EQUAL(on_disk(1000), 0);
	tier_spill_all();
	tier_spill_all();
	CU_ASSERT_TRUE(on_disk(1000) == 4 * BLOCK && tier_stat().stored == 4 * BLOCK);
	CU_ASSERT_EQUAL(
		spool_engine_setattr(tier.rig.engine, &root, ino, SPOOL_SET_UID, &attr, &attr), 0);
	CU_ASSERT_TRUE(on_disk(1000) == BLOCK && on_disk(1001) == 3 * BLOCK);
	tier.rig.cred.uid = 1001;
	CU_ASSERT_EQUAL(spool_engine_write(tier.rig.engine, ino, tier.data, BLOCK, 0, 0),
			(ssize_t)BLOCK);
	CU_ASSERT_EQUAL(on_disk(1001), 2 * BLOCK);
	attr.size = 2 * BLOCK;
	CU_ASSERT_EQUAL(
		spool_engine_setattr(tier.rig.engine, &root, ino, SPOOL_SET_SIZE, &attr, &attr), 0);
	CU_ASSERT_TRUE(on_disk(1001) == BLOCK && tier_stat().stored == 2 * BLOCK);
	CU_ASSERT_EQUAL(on_disk(1002), 0);
	tier_tear_down();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"data of a new owner", data_of_a_new_owner},
		{"whose it is", whose_it_is},
	};

	return unit_run("tier_users", tests, SPOOL_ARRAY_SIZE(tests));
}
