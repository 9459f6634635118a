/* SPDX-License-Identifier: MIT */

/* All goes at once, whatever its lifetime: of the mount, and of one tree. */

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "life_rig.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT

static struct life_rig life;
static struct engine_rig *const rig = &life.rig;
static struct spool_attr attr;

/* Return: the inode number of a file that is open and has data, in the directory @dir. */
static uint64_t open_file(uint64_t dir, const char *name)
{
	CU_ASSERT_EQUAL(spool_engine_create(rig->engine, &rig->cred, dir, name, 0600, &attr), 0);
	rig_write(rig, attr.ino, "data");
	return attr.ino;
}

static void check_wiped(uint64_t ino)
{
	char buf[8];

	CU_ASSERT_EQUAL(spool_engine_read(rig->engine, ino, buf, 8, 0, 0), -EIO);
	CU_ASSERT_EQUAL(spool_engine_write(rig->engine, ino, "x", 1, 0, 0), -EIO);
	CU_ASSERT_EQUAL(spool_engine_fallocate(rig->engine, ino, 0, 0, 1, 0), -EIO);
	CU_ASSERT_EQUAL(spool_engine_setattr(rig->engine, &rig->cred, ino, SPOOL_SET_SIZE,
					     &(struct spool_attr){.size = 1}, &attr),
			-EIO);
	CU_ASSERT_EQUAL(spool_engine_open(rig->engine, ino, 0), -ESTALE);
	CU_ASSERT_EQUAL(rig_attr(rig, ino).blocks, 0);
	CU_ASSERT_EQUAL(rig_attr(rig, ino).nlink, 0);
}

/* All goes, kept or not, with a name or not; what is made afterwards stays. */
static void test_wipe(void)
{
	uint64_t dirs[3], named, unnamed, late;
	long before;

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	life_fill_tree(&life, ROOT, dirs);
	named = open_file(dirs[2], "named");
	unnamed = open_file(dirs[2], "unnamed");
	CU_ASSERT_EQUAL(spool_engine_unlink(rig->engine, &rig->cred, dirs[2], "unnamed"), 0);
	CU_ASSERT_EQUAL(
		spool_engine_set_lifetime(rig->engine, 1000, named, SPOOL_LIFETIME_MOUNT, false),
		0);
	CU_ASSERT_EQUAL(spool_engine_wipe(rig->engine, NULL), 0);
	before = rig->host.live;
	CU_ASSERT_EQUAL(spool_engine_wipe(rig->engine, NULL), 0);
	CU_ASSERT_EQUAL(rig->host.live, before); /* the same begins again */
	late = life_file(&life, 1, dirs[0], "late");
	rig_write(rig, late, "late");
	CU_ASSERT_EQUAL(life_reap(&life), 125); /* 123 names, and two that are open */
	check_wiped(named);
	check_wiped(unnamed);
	CU_ASSERT_EQUAL(rig_ino(rig, dirs[0], "late"), late);
	CU_ASSERT_EQUAL(rig_attr(rig, late).size, 4);
	CU_ASSERT_EQUAL(spool_engine_unlink(rig->engine, &rig->cred, dirs[0], "late"), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 1);
	spool_engine_release(rig->engine, named);
	spool_engine_release(rig->engine, unnamed);
	CU_ASSERT_EQUAL(rig_attr(rig, ROOT).size, 0);
	engine_rig_fini(rig);
}

/* It is done when nothing is to go any more, and all has been told that it has removed. */
static void test_wipe_ends(void)
{
	const uid_t uid = 1000;
	struct spool_removed removed[4];
	struct spool_untold last = {.session = 0};
	uint64_t dirs[3], ms;
	size_t n;

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	life_fill_tree(&life, ROOT, dirs);
	CU_ASSERT_FALSE(spool_engine_is_wiping(rig->engine, NULL));
	CU_ASSERT_EQUAL(spool_engine_wipe(rig->engine, NULL), 0);
	CU_ASSERT_TRUE(spool_engine_is_wiping(rig->engine, NULL));
	CU_ASSERT_FALSE(spool_engine_is_wiping(rig->engine, &uid));
	while (spool_engine_reap(rig->engine, removed, 4, &n, &ms) == SPOOL_REAP_MORE) {
		for (size_t i = 0; i < n; i++) {
			spool_engine_told(rig->engine, &last);
			last = removed[i].untold;
		}
	}
	CU_ASSERT_TRUE(last.by_all);
	CU_ASSERT_EQUAL(rig_attr(rig, ROOT).size, 0);
	/* what others lose meanwhile is not waited for */
	life_file(&life, 2, ROOT, "late");
	spool_engine_session_end(rig->engine, 2);
	spool_engine_reap(rig->engine, removed, 4, &n, &ms);
	CU_ASSERT_EQUAL_FATAL(n, 1);
	CU_ASSERT_FALSE(removed[0].untold.by_all || removed[0].untold.by_tree);
	CU_ASSERT_TRUE(spool_engine_is_wiping(rig->engine, NULL));
	spool_engine_told(rig->engine, &last);
	CU_ASSERT_FALSE(spool_engine_is_wiping(rig->engine, NULL));
	spool_engine_told(rig->engine, &removed[0].untold);
	engine_rig_fini(rig);
}

/* The pages of an open file are told as well, for the wipe of a tree and for that of all. */
static void test_wipe_ends_with_pages(void)
{
	struct spool_removed removed[4];
	const uid_t uid = 1000;
	uint64_t top, file, ms;
	size_t n;

	life_rig_init(&life, SPOOL_LAYOUT_PRIVATE, SPOOL_LIFETIME_SESSION);
	CU_ASSERT_EQUAL(spool_engine_lookup(rig->engine, &rig->cred, ROOT, "1000", &attr), 0);
	top = attr.ino;
	file = open_file(top, "file");
	CU_ASSERT_EQUAL(spool_engine_unlink(rig->engine, &rig->cred, top, "file"), 0);
	CU_ASSERT_EQUAL(spool_engine_wipe(rig->engine, &uid), 0);
	CU_ASSERT_EQUAL(spool_engine_wipe(rig->engine, NULL), 0);
	while (spool_engine_reap(rig->engine, removed, 4, &n, &ms) == SPOOL_REAP_MORE && n == 0)
		;
	CU_ASSERT_EQUAL_FATAL(n, 1);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_TRUE(spool_engine_is_wiping(rig->engine, &uid));
	CU_ASSERT_TRUE(spool_engine_is_wiping(rig->engine, NULL));
	spool_engine_told(rig->engine, &removed[0].untold);
	CU_ASSERT_FALSE(spool_engine_is_wiping(rig->engine, &uid));
	CU_ASSERT_FALSE(spool_engine_is_wiping(rig->engine, NULL));
	spool_engine_release(rig->engine, file);
	engine_rig_fini(rig);
}

/* What the user keeps meanwhile goes all the same. */
static void test_wipe_met_again(void)
{
	struct spool_removed removed[1];
	uint64_t dirs[3], kept, ms;
	size_t n;

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	life_fill_tree(&life, ROOT, dirs);
	kept = open_file(dirs[2], "kept");
	CU_ASSERT_EQUAL(spool_engine_wipe(rig->engine, NULL), 0);
	for (int i = 0; i < 20; i++)
		CU_ASSERT_EQUAL(spool_engine_reap(rig->engine, removed, 1, &n, &ms),
				SPOOL_REAP_MORE);
	CU_ASSERT_EQUAL(
		spool_engine_set_lifetime(rig->engine, 1000, dirs[2], SPOOL_LIFETIME_MOUNT, false),
		0);
	life_reap(&life);
	check_wiped(kept);
	CU_ASSERT_EQUAL(rig_attr(rig, ROOT).size, 0);
	spool_engine_release(rig->engine, kept);
	engine_rig_fini(rig);
}

/* Of one tree only. */
static void test_wipe_tree(void)
{
	const uid_t uid = 1000;
	uint64_t mine, theirs, a, b;

	life_rig_init(&life, SPOOL_LAYOUT_PRIVATE, SPOOL_LIFETIME_MOUNT);
	CU_ASSERT_EQUAL(spool_engine_lookup(rig->engine, &rig->cred, ROOT, "1000", &attr), 0);
	mine = attr.ino;
	a = open_file(mine, "a");
	rig->cred.uid = 1001;
	CU_ASSERT_EQUAL(spool_engine_lookup(rig->engine, &rig->cred, ROOT, "1001", &attr), 0);
	theirs = attr.ino;
	b = open_file(theirs, "b");
	CU_ASSERT_EQUAL(spool_engine_wipe(rig->engine, &uid), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 2); /* the name, and that it is open */
	check_wiped(a);
	CU_ASSERT_EQUAL(rig_ino(rig, theirs, "b"), b);
	CU_ASSERT_EQUAL(spool_engine_wipe(rig->engine, NULL), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 2); /* a is told once */
	check_wiped(b);
	CU_ASSERT_EQUAL(rig_attr(rig, mine).mode, S_IFDIR | 0700);
	spool_engine_release(rig->engine, a);
	spool_engine_release(rig->engine, b);
	engine_rig_fini(rig);
}

/* What is to be kept below a directory, and is wiped before that was done, goes. */
static void test_wipe_kept(void)
{
	uint64_t dirs[3];

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	life_fill_tree(&life, ROOT, dirs);
	CU_ASSERT_EQUAL(
		spool_engine_set_lifetime(rig->engine, 1000, dirs[0], SPOOL_LIFETIME_MOUNT, true),
		0);
	CU_ASSERT_EQUAL(spool_engine_wipe(rig->engine, NULL), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 123);
	CU_ASSERT_EQUAL(rig_attr(rig, ROOT).size, 0);
	engine_rig_fini(rig);
}

/* However few names are removed at once, and so leave the inode table while it is gone through. */
static void test_wipe_slowly(void)
{
	struct spool_removed removed;
	char name[16];
	uint64_t ms;
	size_t n;

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		spool_engine_forget(rig->engine, life_file(&life, 1, ROOT, name), 1);
	}
	CU_ASSERT_EQUAL(spool_engine_wipe(rig->engine, NULL), 0);
	while (spool_engine_reap(rig->engine, &removed, 1, &n, &ms) == SPOOL_REAP_MORE)
		;
	CU_ASSERT_EQUAL(rig_attr(rig, ROOT).size, 0);
	engine_rig_fini(rig);
}

/* An O_TMPFILE file that was wiped gets no name any more. */
static void test_wipe_tmpfile(void)
{
	uint64_t file;

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	CU_ASSERT_EQUAL(spool_engine_tmpfile(rig->engine, &rig->cred, ROOT, 0600, &attr), 0);
	file = attr.ino;
	rig_write(rig, file, "data");
	CU_ASSERT_EQUAL(spool_engine_wipe(rig->engine, NULL), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 1);
	check_wiped(file);
	CU_ASSERT_EQUAL(spool_engine_link(rig->engine, &rig->cred, file, ROOT, "name", &attr),
			-ENOENT);
	spool_engine_release(rig->engine, file);
	engine_rig_fini(rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"wipe", test_wipe},
		{"wipe of a tree", test_wipe_tree},
		{"end of a wipe", test_wipe_ends},
		{"end of a wipe of open files", test_wipe_ends_with_pages},
		{"met again", test_wipe_met_again},
		{"wipe of what is to be kept", test_wipe_kept},
		{"wipe, few at a time", test_wipe_slowly},
		{"wipe of O_TMPFILE", test_wipe_tmpfile},
	};

	return unit_run("wipe", tests, SPOOL_ARRAY_SIZE(tests));
}
