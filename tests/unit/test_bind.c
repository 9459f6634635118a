/* SPDX-License-Identifier: MIT */

/* What is made below a directory for which a session was begun is of that session. */

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "life_rig.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT

static struct life_rig life;
static struct engine_rig *const rig = &life.rig;
static bool own;

static int set(uid_t by, uint64_t ino, enum spool_lifetime lifetime, bool tree)
{
	return spool_engine_set_lifetime(rig->engine, by, ino, lifetime, tree);
}

/* What is made below a bound directory has its session, whoever makes it. */
static void test_bind(void)
{
	uint64_t dir, sub, nested, file;

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	dir = life_dir(&life, 1, ROOT, "dir");
	sub = life_dir(&life, 1, dir, "sub");
	nested = life_dir(&life, 1, sub, "nested");
	CU_ASSERT_EQUAL(spool_engine_bind(rig->engine, nested, 3, NULL), 0);
	CU_ASSERT_EQUAL(spool_engine_bind(rig->engine, dir, 2, NULL), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(spool_engine_session_of(rig->engine, sub, &own), 2);
	CU_ASSERT_EQUAL(life_of(&life, sub).session, 1);
	CU_ASSERT_EQUAL(life_of(&life, sub).bound, 2);
	CU_ASSERT_EQUAL(life_of(&life, nested).bound, 3);
	file = life_file(&life, 1, sub, "file");
	CU_ASSERT_EQUAL(life_of(&life, file).session, 2);
	CU_ASSERT_EQUAL(
		life_of(&life, life_file(&life, 1, life_dir(&life, 4, dir, "x"), "y")).session, 2);
	CU_ASSERT_EQUAL(life_end(&life, 2), 3);
	/* with its end it binds no more */
	CU_ASSERT_EQUAL(spool_engine_session_of(rig->engine, sub, &own), 1);
	CU_ASSERT_EQUAL(life_of(&life, life_file(&life, 4, sub, "z")).session, 4);
	CU_ASSERT_EQUAL(life_end(&life, 1), 1); /* nested */
	CU_ASSERT_EQUAL(life_end(&life, 4), 3);
	CU_ASSERT_EQUAL(life_stat(&life).waiting, 0);
	engine_rig_fini(rig);
}

static void move(uint64_t parent, const char *name, uint64_t new_parent, const char *new_name,
		 unsigned int flags)
{
	CU_ASSERT_EQUAL(spool_engine_rename(rig->engine, &rig->cred, parent, name, new_parent,
					    new_name, flags),
			0);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
}

/* What is made in a directory that has moved is of the session of where it is. */
static void test_bind_moved(void)
{
	uint64_t job, out, in, sub, nested, below;

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	job = life_dir(&life, 1, ROOT, "job");
	out = life_dir(&life, 1, job, "out");
	sub = life_dir(&life, 1, out, "sub");
	in = life_dir(&life, 1, ROOT, "in");
	below = life_dir(&life, 1, in, "below");
	CU_ASSERT_EQUAL(spool_engine_bind(rig->engine, job, 2, NULL), 0);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	nested = life_dir(&life, 1, out, "nested");
	CU_ASSERT_EQUAL(spool_engine_bind(rig->engine, nested, 3, NULL), 0);
	move(job, "out", ROOT, "in", RENAME_EXCHANGE);
	CU_ASSERT_EQUAL(spool_engine_session_of(rig->engine, sub, &own), 1);
	CU_ASSERT_TRUE(own);
	CU_ASSERT_EQUAL(spool_engine_session_of(rig->engine, nested, &own), 3);
	CU_ASSERT_FALSE(own);
	CU_ASSERT_EQUAL(life_of(&life, life_file(&life, 4, out, "f")).session, 4);
	CU_ASSERT_EQUAL(life_of(&life, life_file(&life, 4, below, "f")).session, 2);
	move(ROOT, "in", job, "back", 0);
	CU_ASSERT_EQUAL(life_of(&life, sub).bound, 2);
	CU_ASSERT_EQUAL(life_of(&life, nested).bound, 3);
	move(job, "back", job, "again", 0);
	CU_ASSERT_EQUAL(life_of(&life, out).bound, 2);
	move(out, "nested", ROOT, "nested", 0);
	CU_ASSERT_EQUAL(life_of(&life, nested).bound, 3);
	engine_rig_fini(rig);
}

/* As test_bind_shared(), bound for @owner. Return: the session of what others make in a directory
 * of theirs, when they cannot be looked at either. */
static uint64_t bind_shared(const uid_t *owner)
{
	uint64_t dir, theirs, unknown;

	life_rig_init(&life, SPOOL_LAYOUT_SHARED, SPOOL_LIFETIME_SESSION);
	dir = life_dir(&life, 1, ROOT, "dir");
	CU_ASSERT_EQUAL(spool_engine_bind(rig->engine, dir, 2, owner), 0);
	rig->cred.uid = 1001;
	CU_ASSERT_EQUAL(life_of(&life, life_file(&life, 4, dir, "in mine")).session, 2);
	theirs = life_dir(&life, 4, dir, "theirs");
	CU_ASSERT_EQUAL(life_of(&life, life_file(&life, 4, theirs, "a")).session, owner ? 4 : 2);
	theirs = life_dir(&life, 4, theirs, "below");
	unknown = life_of(&life, life_file(&life, 0, theirs, "b")).session;
	rig->cred.uid = 1000;
	CU_ASSERT_EQUAL(life_of(&life, life_file(&life, 1, theirs, "mine")).session, 2);
	CU_ASSERT_EQUAL(life_end(&life, 2), owner ? 2 : 6);
	CU_ASSERT_EQUAL(rig_ino(rig, theirs, "mine"), 0);
	engine_rig_fini(rig);
	return unknown;
}

/* In shared the end of a session takes nothing that others have in directories of their own. */
static void test_bind_shared(void)
{
	const uid_t owner = 1000;

	CU_ASSERT_EQUAL(bind_shared(&owner), 4); /* of the directory, which is theirs */
	CU_ASSERT_EQUAL(bind_shared(NULL), 2);
}

/* What cannot be known of others in their directory, which is of the session, has none. */
static void test_bind_shared_unknown(void)
{
	const uid_t owner = 1000;
	uint64_t dir, theirs;

	life_rig_init(&life, SPOOL_LAYOUT_SHARED, SPOOL_LIFETIME_SESSION);
	dir = life_dir(&life, 1, ROOT, "dir");
	CU_ASSERT_EQUAL(spool_engine_bind(rig->engine, dir, 2, &owner), 0);
	rig->cred.uid = 1001;
	theirs = life_dir(&life, 4, dir, "theirs");
	CU_ASSERT_EQUAL(life_of(&life, theirs).session, 2);
	CU_ASSERT_EQUAL(life_of(&life, life_file(&life, 0, theirs, "a")).session, 0);
	CU_ASSERT_EQUAL(life_end(&life, 2), 0);
	CU_ASSERT_EQUAL(life_of(&life, theirs).ended, true);
	engine_rig_fini(rig);
}

/* It waits for no other change, and none for it, whoever asks. */
static void test_bind_meanwhile(void)
{
	uint64_t dirs[3];

	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	life_fill_tree(&life, ROOT, dirs);
	CU_ASSERT_EQUAL(set(1000, dirs[0], SPOOL_LIFETIME_MOUNT, true), 0);
	CU_ASSERT_EQUAL(spool_engine_bind(rig->engine, dirs[0], 2, NULL), 0);
	CU_ASSERT_EQUAL(spool_engine_bind(rig->engine, dirs[1], 3, NULL), 0);
	CU_ASSERT_EQUAL(set(0, dirs[1], SPOOL_LIFETIME_MOUNT, true), 0);
	CU_ASSERT_EQUAL(spool_engine_expire(rig->engine, 1000, dirs[1]), -EBUSY);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(life_of(&life, dirs[0]).bound, 2);
	CU_ASSERT_EQUAL(life_of(&life, dirs[2]).bound, 3);
	CU_ASSERT_EQUAL(life_of(&life, dirs[2]).lifetime, SPOOL_LIFETIME_MOUNT);
	CU_ASSERT_EQUAL(life_end(&life, 1), 0);
	engine_rig_fini(rig);
}

/* What @uid (NULL: an administrator) is told of session 2. */
static void check_path(const uid_t *uid, int wanted, const char *path)
{
	char text[16] = "";

	CU_ASSERT_EQUAL(spool_engine_bound_path(rig->engine, 2, uid, text, sizeof(text)), wanted);
	CU_ASSERT_STRING_EQUAL(text, path);
}

/* Where its directory is now, to whom may look there. */
static void test_path(void)
{
	const uid_t alice = 1000, bob = 1001;
	struct spool_attr attr = {.mode = 0711};
	uint64_t dir, sub;

	life_rig_init(&life, SPOOL_LAYOUT_SHARED, SPOOL_LIFETIME_SESSION);
	rig->cred.uid = alice;
	dir = life_dir(&life, 1, ROOT, "dir");
	sub = life_dir(&life, 1, dir, "sub");
	check_path(NULL, -ENOENT, "");
	CU_ASSERT_EQUAL(spool_engine_bind(rig->engine, sub, 2, NULL), 0);
	check_path(NULL, 0, "dir/sub");
	check_path(&alice, 0, "dir/sub");
	CU_ASSERT_EQUAL(
		spool_engine_setattr(rig->engine, &rig->cred, dir, SPOOL_SET_MODE, &attr, &attr),
		0);
	check_path(&bob, -EACCES, "");
	check_path(&alice, 0, "dir/sub");
	attr.mode = 0755;
	CU_ASSERT_EQUAL(
		spool_engine_setattr(rig->engine, &rig->cred, dir, SPOOL_SET_MODE, &attr, &attr),
		0);
	check_path(&bob, 0, "dir/sub");
	move(dir, "sub", dir, "12345678901", 0); /* with its end it just fits */
	check_path(NULL, 0, "dir/12345678901");
	move(dir, "12345678901", dir, "123456789012", 0);
	check_path(NULL, -ENAMETOOLONG, "");
	move(dir, "123456789012", ROOT, "up", 0);
	check_path(&bob, 0, "up");
	CU_ASSERT_EQUAL(spool_engine_rmdir(rig->engine, &rig->cred, ROOT, "up"), 0);
	check_path(NULL, -ENOENT, "");
	engine_rig_fini(rig);
}

/* The root itself, and a session that is over. */
static void test_path_of_root(void)
{
	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_SESSION);
	CU_ASSERT_EQUAL(spool_engine_bind(rig->engine, ROOT, 2, NULL), 0);
	check_path(NULL, 0, ".");
	life_end(&life, 2);
	check_path(NULL, -ENOENT, "");
	engine_rig_fini(rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"bind", test_bind},
		{"bind moved", test_bind_moved},
		{"bind meanwhile", test_bind_meanwhile},
		{"bind in shared", test_bind_shared},
		{"bind in shared, unknown", test_bind_shared_unknown},
		{"path", test_path},
		{"path of the root", test_path_of_root},
	};

	return unit_run("bind", tests, SPOOL_ARRAY_SIZE(tests));
}
