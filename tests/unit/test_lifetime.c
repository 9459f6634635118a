/* SPDX-License-Identifier: MIT */

/* What changes a lifetime: setting it, expiry, binding a directory; of one inode and of trees. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "life_rig.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT
#define LIFETIME "user.spoolfs.lifetime"

static struct life_rig life;
static struct engine_rig *const rig = &life.rig;
static struct spool_attr attr;

static int set(uid_t by, uint64_t ino, enum spool_lifetime lifetime, bool tree)
{
	return spool_engine_set_lifetime(rig->engine, by, ino, lifetime, tree);
}

static int set_xattr(uint64_t ino, const char *value, int flags)
{
	return spool_engine_setxattr(rig->engine, &rig->cred, ino, LIFETIME, value, strlen(value),
				     flags);
}

static void check_xattr(uint64_t ino, const char *value)
{
	char buf[16] = "";

	CU_ASSERT_EQUAL(spool_engine_getxattr(rig->engine, ino, LIFETIME, buf, sizeof(buf)),
			(ssize_t)strlen(value));
	CU_ASSERT_STRING_EQUAL(buf, value);
}

static void test_xattr(void)
{
	uint64_t dir, file;

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	dir = life_dir(&life, 1, ROOT, "dir");
	file = life_file(&life, 1, dir, "file");
	check_xattr(file, "session");
	CU_ASSERT_EQUAL(set_xattr(file, "mount", 0), 0);
	check_xattr(file, "mount");
	CU_ASSERT_EQUAL(set_xattr(dir, "close", XATTR_REPLACE), 0);
	check_xattr(dir, "close");
	check_xattr(life_file(&life, 1, dir, "new"), "close");
	CU_ASSERT_EQUAL(set_xattr(file, "mount", XATTR_CREATE), -EEXIST);
	CU_ASSERT_EQUAL(set_xattr(file, "mounts", 0), -EINVAL);
	CU_ASSERT_EQUAL(set_xattr(file, "", 0), -EINVAL);
	CU_ASSERT_EQUAL(
		spool_engine_setxattr(rig->engine, &rig->cred, file, "user.spoolfs.x", "a", 1, 0),
		-EOPNOTSUPP);
	CU_ASSERT_EQUAL(spool_engine_removexattr(rig->engine, &rig->cred, file, LIFETIME),
			-EOPNOTSUPP);
	CU_ASSERT_EQUAL(spool_engine_listxattr(rig->engine, file, NULL, 0, NULL), 0);
	CU_ASSERT_EQUAL(set_xattr(999, "mount", 0), -ESTALE);
	rig->cred.uid = SPOOL_UID_UNKNOWN;
	CU_ASSERT_EQUAL(set_xattr(file, "session", 0), -EPERM);
	rig->cred.uid = 1001;
	CU_ASSERT_EQUAL(set_xattr(file, "session", 0), -EPERM);
	CU_ASSERT_EQUAL(life_end(&life, 1), 1);
	engine_rig_fini(rig);
}

/* What is kept stays, with the directories above it; what is given back goes at once. */
static void test_keep(void)
{
	uint64_t dir, file;

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	dir = life_dir(&life, 1, ROOT, "dir");
	file = life_file(&life, 1, dir, "kept");
	life_file(&life, 1, dir, "other");
	CU_ASSERT_EQUAL(set(1000, file, SPOOL_LIFETIME_MOUNT, false), 0);
	CU_ASSERT_EQUAL(life_end(&life, 1), 1);
	CU_ASSERT_EQUAL(rig_ino(rig, dir, "kept"), file);
	CU_ASSERT_EQUAL(life.counted[1], 2);
	CU_ASSERT_EQUAL(set(1000, file, SPOOL_LIFETIME_SESSION, false), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 2);
	CU_ASSERT_EQUAL(life.counted[1], 0);
	engine_rig_fini(rig);
}

/* A file that lingers and gets another lifetime stays; one that gets close goes with its next. */
static void test_close(void)
{
	uint64_t file;

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_CLOSE);
	CU_ASSERT_EQUAL(spool_engine_create(rig->engine, &rig->cred, ROOT, "file", 0600, &attr), 0);
	file = attr.ino;
	rig_write(rig, file, "data");
	spool_engine_release(rig->engine, file);
	CU_ASSERT_EQUAL(set(1000, file, SPOOL_LIFETIME_SESSION, false), 0);
	CU_ASSERT_EQUAL(life_stat(&life).lingering, 0);
	rig->host.monotonic_ns += 5000000000;
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(set(1000, file, SPOOL_LIFETIME_CLOSE, false), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(spool_engine_open(rig->engine, file, 0), 0);
	spool_engine_release(rig->engine, file);
	rig->host.monotonic_ns += 5000000000;
	CU_ASSERT_EQUAL(life_reap(&life), 1);
	engine_rig_fini(rig);
}

static void test_tree(void)
{
	uint64_t dirs[3];

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	life_fill_tree(&life, ROOT, dirs);
	CU_ASSERT_EQUAL(set(1000, dirs[0], SPOOL_LIFETIME_MOUNT, true), 0);
	CU_ASSERT_EQUAL(set(1001, dirs[0], SPOOL_LIFETIME_MOUNT, true), -EPERM);
	CU_ASSERT_EQUAL(set(1000, dirs[0], (enum spool_lifetime)3, true), -EINVAL);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(life_of(&life, rig_ino(rig, dirs[2], "f39")).lifetime,
			SPOOL_LIFETIME_MOUNT);
	CU_ASSERT_EQUAL(life_end(&life, 1), 0);
	CU_ASSERT_EQUAL(set(0, dirs[1], SPOOL_LIFETIME_SESSION, true), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 82);
	CU_ASSERT_EQUAL(set(SPOOL_UID_UNKNOWN, dirs[0], SPOOL_LIFETIME_SESSION, true), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 41);
	CU_ASSERT_EQUAL(rig_attr(rig, ROOT).size, 0);
	engine_rig_fini(rig);
}

/* What is asked for before the last request has been done to all comes after that. */
static void test_one_after_another(void)
{
	uint64_t dirs[3], kept;

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	life_fill_tree(&life, ROOT, dirs);
	kept = rig_ino(rig, dirs[1], "f0");
	CU_ASSERT_EQUAL(set(1000, dirs[0], SPOOL_LIFETIME_MOUNT, true), 0);
	CU_ASSERT_EQUAL(set(1000, dirs[0], SPOOL_LIFETIME_SESSION, false), 0);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, dirs[0]), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 0); /* all below was to stay */
	CU_ASSERT_EQUAL(set(SPOOL_UID_UNKNOWN, dirs[1], SPOOL_LIFETIME_CLOSE, true), 0);
	CU_ASSERT_EQUAL(spool_engine_bind(rig->engine, dirs[1], 2, NULL), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(life_of(&life, kept).lifetime, SPOOL_LIFETIME_CLOSE);
	CU_ASSERT_EQUAL(life_of(&life, dirs[2]).bound, 2);
	CU_ASSERT_EQUAL(set(1000, kept, SPOOL_LIFETIME_MOUNT, false), 0);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, dirs[1]), 0);
	CU_ASSERT_EQUAL(set(1000, dirs[1], SPOOL_LIFETIME_SESSION, true), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 80); /* but for what was to stay when it expired */
	CU_ASSERT_EQUAL(life_of(&life, kept).session, 1);
	CU_ASSERT_EQUAL(life_of(&life, kept).lifetime, SPOOL_LIFETIME_SESSION);
	CU_ASSERT_EQUAL(set(1000, dirs[0], SPOOL_LIFETIME_SESSION, true), 0);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, dirs[0]), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 43);
	engine_rig_fini(rig);
}

static enum spool_lifetime lifetime_of(uint64_t dir, const char *name)
{
	return life_of(&life, rig_ino(rig, dir, name)).lifetime;
}

/* What is asked for below a tree before that is done comes after it, however it is met. */
static void test_below_one_in_progress(void)
{
	uint64_t dirs[3], file, late;

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	life_fill_tree(&life, ROOT, dirs);
	file = rig_ino(rig, dirs[2], "f39");
	CU_ASSERT_EQUAL(set(1000, dirs[0], SPOOL_LIFETIME_CLOSE, true), 0);
	CU_ASSERT_EQUAL(set(1000, dirs[1], SPOOL_LIFETIME_MOUNT, true), 0);
	CU_ASSERT_EQUAL(set(1000, file, SPOOL_LIFETIME_SESSION, false), 0);
	late = life_file(&life, 1, dirs[1], "late");
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(lifetime_of(dirs[0], "f39"), SPOOL_LIFETIME_CLOSE);
	CU_ASSERT_EQUAL(lifetime_of(dirs[1], "f39"), SPOOL_LIFETIME_MOUNT);
	CU_ASSERT_EQUAL(lifetime_of(dirs[2], "f0"), SPOOL_LIFETIME_MOUNT);
	CU_ASSERT_EQUAL(life_of(&life, file).lifetime, SPOOL_LIFETIME_SESSION);
	CU_ASSERT_EQUAL(life_of(&life, late).lifetime, SPOOL_LIFETIME_MOUNT);
	/* the later one is done before the earlier one gets there */
	CU_ASSERT_EQUAL(set(1000, dirs[0], SPOOL_LIFETIME_SESSION, true), 0);
	CU_ASSERT_EQUAL(set(1000, dirs[2], SPOOL_LIFETIME_CLOSE, true), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(lifetime_of(dirs[1], "f39"), SPOOL_LIFETIME_SESSION);
	CU_ASSERT_EQUAL(lifetime_of(dirs[2], "f39"), SPOOL_LIFETIME_CLOSE);
	/* what has expired below is not called back, nor what is kept below called away */
	CU_ASSERT_EQUAL(set(1000, dirs[0], SPOOL_LIFETIME_MOUNT, true), 0);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, dirs[2]), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 41);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, dirs[1]), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 42);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, dirs[0]), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 41);
	engine_rig_fini(rig);
}

/* What is kept after its tree was to get a lifetime, and before that expires, stays. */
static void test_kept_between(void)
{
	uint64_t dirs[3], kept;

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	life_fill_tree(&life, ROOT, dirs);
	kept = rig_ino(rig, dirs[0], "f39");
	CU_ASSERT_EQUAL(set(1000, dirs[0], SPOOL_LIFETIME_CLOSE, true), 0);
	CU_ASSERT_EQUAL(set(1000, kept, SPOOL_LIFETIME_MOUNT, false), 0);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, dirs[0]), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 121);
	CU_ASSERT_EQUAL(rig_ino(rig, dirs[0], "f39"), kept);
	CU_ASSERT_EQUAL(life_of(&life, kept).lifetime, SPOOL_LIFETIME_MOUNT);
	engine_rig_fini(rig);
}

/* It is told when all of a tree has been changed, to those whose it is. */
static void test_changing(void)
{
	struct spool_removed removed[1];
	uint64_t dirs[3], ms;
	size_t n, steps = 0;

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	life_fill_tree(&life, ROOT, dirs);
	CU_ASSERT_FALSE(spool_engine_is_changing(rig->engine, 1000, dirs[0]));
	CU_ASSERT_EQUAL(set(0, dirs[0], SPOOL_LIFETIME_MOUNT, true), 0);
	CU_ASSERT_EQUAL(set(0, dirs[0], SPOOL_LIFETIME_MOUNT, true), 0);
	CU_ASSERT_EQUAL(spool_engine_bind(rig->engine, dirs[1], 2, NULL), 0);
	CU_ASSERT_FALSE(spool_engine_is_changing(rig->engine, 1001, 999));
	while (spool_engine_is_changing(rig->engine, 0, dirs[2])) {
		spool_engine_reap(rig->engine, removed, 1, &n, &ms);
		steps++;
	}
	CU_ASSERT_TRUE(steps > 1);
	CU_ASSERT_EQUAL(life_end(&life, 1), 0);
	CU_ASSERT_EQUAL(life_of(&life, dirs[2]).bound, 2);
	CU_ASSERT_FALSE(spool_engine_is_changing(rig->engine, 1000, dirs[0]));
	CU_ASSERT_EQUAL(set(1000, dirs[0], SPOOL_LIFETIME_SESSION, true), 0);
	engine_rig_fini(rig); /* with what was to be done */
}

/* In shared those of others are left out, with what is below; somebody else's request waits. */
static void test_others(void)
{
	uint64_t dir, theirs, mine;

	life_rig_init(&life, SPOOL_LAYOUT_SHARED, SPOOL_LIFETIME_SESSION);
	dir = life_dir(&life, 1, ROOT, "dir");
	rig->cred.uid = 1001;
	theirs = life_dir(&life, 2, dir, "theirs");
	life_file(&life, 2, dir, "file");
	rig->cred.uid = 1000;
	life_file(&life, 1, theirs, "below");
	mine = life_dir(&life, 1, dir, "mine");
	CU_ASSERT_EQUAL(set(1000, mine, SPOOL_LIFETIME_SESSION, true), 0);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 0, mine), -EBUSY);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, dir), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 1);
	CU_ASSERT_EQUAL(rig_ino(rig, dir, "mine"), 0);
	CU_ASSERT_EQUAL(rig_ino(rig, dir, "theirs"), theirs);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 0, dir), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 4);
	engine_rig_fini(rig);
}

static void reap_steps(int n)
{
	struct spool_removed removed;
	uint64_t ms;
	size_t names;

	while (n-- > 0)
		spool_engine_reap(rig->engine, &removed, 1, &names, &ms);
}

static uint64_t top_of(uid_t uid)
{
	char name[16];

	rig->cred.uid = uid;
	snprintf(name, sizeof(name), "%u", uid);
	CU_ASSERT_EQUAL(spool_engine_lookup(rig->engine, &rig->cred, ROOT, name, &attr), 0);
	return attr.ino;
}

/* Who has many directories does not hold up who has few. */
static void test_turns(void)
{
	uint64_t many, few, deep;
	char name[16];

	life_rig_init(&life, SPOOL_LAYOUT_PRIVATE, SPOOL_LIFETIME_SESSION);
	many = top_of(1000);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		life_dir(&life, 1, many, name);
	}
	few = top_of(1001);
	deep = life_dir(&life, 2, life_dir(&life, 2, few, "a"), "b");
	CU_ASSERT_EQUAL(set(1000, many, SPOOL_LIFETIME_MOUNT, true), 0);
	reap_steps(20);
	CU_ASSERT_EQUAL(set(1001, few, SPOOL_LIFETIME_MOUNT, true), 0);
	reap_steps(2);
	CU_ASSERT_EQUAL(life_of(&life, deep).lifetime, SPOOL_LIFETIME_MOUNT);
	/* a directory that goes while it waits leaves the line */
	CU_ASSERT_EQUAL(spool_engine_rmdir(rig->engine, &rig->cred, many, "d999"), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(life_of(&life, rig_ino(rig, many, "d998")).lifetime, SPOOL_LIFETIME_MOUNT);
	engine_rig_fini(rig);
}

/* A uid's directory in private hands down what it is told, and stays. */
static void test_private(void)
{
	uint64_t top;

	life_rig_init(&life, SPOOL_LAYOUT_PRIVATE, SPOOL_LIFETIME_SESSION);
	CU_ASSERT_EQUAL(spool_engine_lookup(rig->engine, &rig->cred, ROOT, "1000", &attr), 0);
	top = attr.ino;
	CU_ASSERT_EQUAL(set(0, ROOT, SPOOL_LIFETIME_MOUNT, false), -EPERM);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 0, ROOT), -EPERM);
	CU_ASSERT_EQUAL(set(0, rig_ino(rig, ROOT, "self"), SPOOL_LIFETIME_MOUNT, false), -EPERM);
	CU_ASSERT_EQUAL(set(1001, top, SPOOL_LIFETIME_MOUNT, false), -EPERM);
	CU_ASSERT_EQUAL(set(1000, top, SPOOL_LIFETIME_CLOSE, false), 0);
	CU_ASSERT_EQUAL(life_of(&life, life_file(&life, 1, top, "a")).lifetime,
			SPOOL_LIFETIME_CLOSE);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, top), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 1);
	CU_ASSERT_EQUAL(rig_ino(rig, ROOT, "1000"), top);
	CU_ASSERT_FALSE(life_of(&life, top).ended);
	CU_ASSERT_EQUAL(life_of(&life, top).lifetime, SPOOL_LIFETIME_CLOSE);
	engine_rig_fini(rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"xattr", test_xattr},
		{"keep", test_keep},
		{"close", test_close},
		{"tree", test_tree},
		{"changing", test_changing},
		{"others", test_others},
		{"one after another", test_one_after_another},
		{"below one in progress", test_below_one_in_progress},
		{"kept between", test_kept_between},
		{"turns", test_turns},
		{"private", test_private},
	};

	return unit_run("lifetime", tests, SPOOL_ARRAY_SIZE(tests));
}
