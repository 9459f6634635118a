/* SPDX-License-Identifier: MIT */

/* What expires: one inode and trees, beside other requests for them. */

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "life_rig.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT

static struct life_rig life;
static struct engine_rig *const rig = &life.rig;

static int set(uid_t by, uint64_t ino, enum spool_lifetime lifetime, bool tree)
{
	return spool_engine_set_lifetime(rig->engine, by, ino, lifetime, tree);
}

static void test_expire(void)
{
	uint64_t dirs[3], kept;

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	life_fill_tree(&life, ROOT, dirs);
	kept = rig_ino(rig, dirs[1], "f0");
	CU_ASSERT_EQUAL(set(1000, kept, SPOOL_LIFETIME_MOUNT, false), 0);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1001, dirs[0]), -EPERM);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, dirs[0]), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 120); /* all but the kept and the two above it */
	CU_ASSERT_EQUAL(life.counted[1], 1);
	CU_ASSERT_EQUAL(rig_ino(rig, dirs[1], "f0"), kept);
	CU_ASSERT_STRING_EQUAL(life_of(&life, dirs[0]).waits_for, "sub");
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, kept), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 3);
	CU_ASSERT_EQUAL(life_stat(&life).sessions, 0);
	/* the root itself stays, and all goes where all is to stay until the mount ends */
	CU_ASSERT_EQUAL(set(1000, ROOT, SPOOL_LIFETIME_MOUNT, false), 0);
	life_fill_tree(&life, ROOT, dirs);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, ROOT), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 123);
	CU_ASSERT_EQUAL(rig_attr(rig, ROOT).nlink, 2);
	engine_rig_fini(rig);
}

/* Return: the directory @ret_sub in a directory, with a file that is kept. */
static uint64_t keep_one(uint64_t *ret_sub, uint64_t *ret_kept)
{
	uint64_t dir = life_dir(&life, 1, ROOT, "dir");

	*ret_sub = life_dir(&life, 1, dir, "sub");
	*ret_kept = life_file(&life, 1, *ret_sub, "kept");
	CU_ASSERT_EQUAL(set(1000, *ret_kept, SPOOL_LIFETIME_MOUNT, false), 0);
	return dir;
}

/* What a tree was told before something in it expires counts, also when it has not got there. */
static void test_expiry_below_a_change(void)
{
	uint64_t dir, sub, kept;

	for (unsigned int lifetime = 0; lifetime <= SPOOL_LIFETIME_MOUNT; lifetime++) {
		life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
		dir = keep_one(&sub, &kept);
		CU_ASSERT_EQUAL(set(1000, dir, (enum spool_lifetime)lifetime, true), 0);
		CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, sub), 0);
		CU_ASSERT_EQUAL(life_reap(&life), 2);
		CU_ASSERT_EQUAL(rig_attr(rig, dir).size, 0);
		engine_rig_fini(rig);
	}
	/* all of the tree expires, and then a part of it */
	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	dir = keep_one(&sub, &kept);
	CU_ASSERT_EQUAL(set(1000, dir, SPOOL_LIFETIME_MOUNT, false), 0);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, dir), 0);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, sub), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 3);
	engine_rig_fini(rig);
}

/* And no more than it would: what was kept after the tree was told stays. */
static void test_expiry_spares(void)
{
	uint64_t dir, sub, kept, below;

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	dir = keep_one(&sub, &kept);
	CU_ASSERT_EQUAL(set(1000, dir, SPOOL_LIFETIME_SESSION, true), 0);
	CU_ASSERT_EQUAL(set(1000, kept, SPOOL_LIFETIME_MOUNT, false), 0);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, sub), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(rig_ino(rig, sub, "kept"), kept);
	/* a directory that was kept is given back, and what is kept in it is not */
	CU_ASSERT_EQUAL(set(1000, sub, SPOOL_LIFETIME_MOUNT, false), 0);
	below = life_dir(&life, 1, sub, "below");
	CU_ASSERT_EQUAL(set(1000, dir, SPOOL_LIFETIME_CLOSE, true), 0);
	CU_ASSERT_EQUAL(set(1000, kept, SPOOL_LIFETIME_MOUNT, false), 0);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, sub), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 1);
	CU_ASSERT_EQUAL(rig_ino(rig, sub, "below"), 0);
	CU_ASSERT_NOT_EQUAL(below, 0);
	CU_ASSERT_EQUAL(rig_ino(rig, sub, "kept"), kept);
	engine_rig_fini(rig);
}

/* What is made between two expiries, the first of which takes all, goes with the second. */
static void test_expiry_after_expiry_of_all(void)
{
	uint64_t dir, kept;

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	dir = life_dir(&life, 1, ROOT, "dir");
	kept = life_file(&life, 1, dir, "kept");
	CU_ASSERT_EQUAL(set(1000, kept, SPOOL_LIFETIME_MOUNT, false), 0);
	CU_ASSERT_EQUAL(set(1000, dir, SPOOL_LIFETIME_MOUNT, false), 0);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, dir), 0);
	CU_ASSERT_EQUAL(set(1000, dir, SPOOL_LIFETIME_SESSION, false), 0);
	life_file(&life, 1, dir, "new");
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, dir), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 3);
	CU_ASSERT_EQUAL(rig_attr(rig, ROOT).size, 0);
	engine_rig_fini(rig);
}

/* What others ask for above, for a part of what is below, comes first; for what they may not
 * change it does not count. */
static void test_expiry_below_others(void)
{
	uint64_t dir, sub, kept;

	life_rig_init(&life, SPOOL_LAYOUT_SHARED, SPOOL_LIFETIME_SESSION);
	dir = keep_one(&sub, &kept);
	CU_ASSERT_EQUAL(set(0, dir, SPOOL_LIFETIME_MOUNT, true), 0);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, sub), -EBUSY);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, sub), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 2);
	rig->cred.uid = 1001;
	sub = life_dir(&life, 1, dir, "theirs");
	kept = life_file(&life, 1, sub, "kept");
	CU_ASSERT_EQUAL(set(1001, sub, SPOOL_LIFETIME_SESSION, true), 0);
	CU_ASSERT_EQUAL(set(1001, kept, SPOOL_LIFETIME_MOUNT, false), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(set(1000, dir, SPOOL_LIFETIME_MOUNT, true), 0);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1001, sub), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(rig_ino(rig, sub, "kept"), kept);
	engine_rig_fini(rig);
}

/* What has a lifetime of its own before its tree's expiry gets there stays, whatever that is. */
static void test_expiry_comes_late(void)
{
	uint64_t dirs[3];

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	life_fill_tree(&life, ROOT, dirs);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, dirs[0]), 0);
	CU_ASSERT_EQUAL(set(1000, dirs[1], SPOOL_LIFETIME_SESSION, true), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 40);
	CU_ASSERT_EQUAL(life_of(&life, rig_ino(rig, dirs[1], "f0")).lifetime,
			SPOOL_LIFETIME_SESSION);
	CU_ASSERT_EQUAL(life_of(&life, rig_ino(rig, dirs[2], "f39")).lifetime,
			SPOOL_LIFETIME_SESSION);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, dirs[1]), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 83);
	engine_rig_fini(rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"expire", test_expire},
		{"expiry comes late", test_expiry_comes_late},
		{"expiry below a change", test_expiry_below_a_change},
		{"expiry after expiry of all", test_expiry_after_expiry_of_all},
		{"expiry spares", test_expiry_spares},
		{"expiry below others", test_expiry_below_others},
	};

	return unit_run("expiry", tests, SPOOL_ARRAY_SIZE(tests));
}
