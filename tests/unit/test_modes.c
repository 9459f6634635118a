/* SPDX-License-Identifier: MIT */

/* Modes: what a new file or directory gets, and what chmod(2) leaves. */

#include <errno.h>
#include <sys/stat.h>

#include "engine_rig.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT

static struct engine_rig rig;
static struct spool_attr attr;

static const struct spool_cred alice = {.uid = 1000, .gid = 1000, .umask = 022};

static int lookup(const struct spool_cred *cred, const char *name)
{
	return spool_engine_lookup(rig.engine, cred, ROOT, name, &attr);
}

static int chmod_to(const struct spool_cred *cred, uint64_t ino, mode_t mode)
{
	const struct spool_attr set = {.mode = mode};

	return spool_engine_setattr(rig.engine, cred, ino, SPOOL_SET_MODE, &set, &attr);
}

static mode_t created(mode_t mode, bool dir)
{
	static unsigned int n;
	char name[16];

	snprintf(name, sizeof(name), "%u", n++);
	if (dir)
		CU_ASSERT_EQUAL(spool_engine_mkdir(rig.engine, &alice, ROOT, name, mode, &attr), 0)
	else
		CU_ASSERT_EQUAL(spool_engine_create(rig.engine, &alice, ROOT, name, mode, &attr),
				0);
	return attr.mode & 07777;
}

static void test_modes_owner(void)
{
	engine_rig_init(&rig, SPOOL_LAYOUT_SINGLE, SPOOL_MODES_OWNER);
	CU_ASSERT_EQUAL(created(0666, false), 0600);
	CU_ASSERT_EQUAL(created(07777, false), 0700);
	CU_ASSERT_EQUAL(created(0, false), 0);
	CU_ASSERT_EQUAL(created(0777, true), 0700);
	CU_ASSERT_EQUAL(created(0055, true), 0);
	CU_ASSERT_EQUAL(chmod_to(&alice, attr.ino, 0644), 0);
	CU_ASSERT_EQUAL(attr.mode, S_IFDIR | 0644);
	CU_ASSERT_EQUAL(created(0666, false), 0600);
	CU_ASSERT_EQUAL(chmod_to(&alice, attr.ino, 07777), 0);
	CU_ASSERT_EQUAL(attr.mode, S_IFREG | 07777);
	engine_rig_fini(&rig);
}

/* A directory that was made set-group-ID hands its group down, as everywhere. */
static void test_modes_owner_setgid(void)
{
	struct spool_cred other = {.uid = 1000, .gid = 77};
	uint64_t dir;

	engine_rig_init(&rig, SPOOL_LAYOUT_SINGLE, SPOOL_MODES_OWNER);
	dir = rig_mkdir(&rig, ROOT, "d");
	CU_ASSERT_EQUAL(chmod_to(&alice, dir, 02770), 0);
	CU_ASSERT_EQUAL(spool_engine_create(rig.engine, &other, dir, "f", 0666, &attr), 0);
	CU_ASSERT_EQUAL(attr.gid, 1000);
	CU_ASSERT_EQUAL(attr.mode, S_IFREG | 0600);
	CU_ASSERT_EQUAL(spool_engine_mkdir(rig.engine, &other, dir, "sub", 0777, &attr), 0);
	CU_ASSERT_EQUAL(attr.gid, 1000);
	CU_ASSERT_EQUAL(attr.mode, S_IFDIR | 02700);
	engine_rig_fini(&rig);
}

static void test_modes_strict(void)
{
	engine_rig_init(&rig, SPOOL_LAYOUT_SINGLE, SPOOL_MODES_STRICT);
	CU_ASSERT_EQUAL(created(0666, false), 0600);
	CU_ASSERT_EQUAL(created(0777, true), 0700);
	CU_ASSERT_EQUAL(chmod_to(&alice, attr.ino, 07755), 0);
	CU_ASSERT_EQUAL(attr.mode, S_IFDIR | 0700);
	CU_ASSERT_EQUAL(chmod_to(&alice, attr.ino, 0444), 0);
	CU_ASSERT_EQUAL(attr.mode, S_IFDIR | 0400);
	engine_rig_fini(&rig);
}

/* The directory that isolates all others has 0700 at most, whatever modes= says of the others. */
static void test_root_of_single(void)
{
	for (unsigned int modes = SPOOL_MODES_OWNER; modes <= SPOOL_MODES_STRICT; modes++) {
		bool refuses = modes == SPOOL_MODES_REFUSE;

		engine_rig_init(&rig, SPOOL_LAYOUT_SINGLE, (enum spool_modes)modes);
		CU_ASSERT_EQUAL(chmod_to(&alice, ROOT, 0700), 0);
		CU_ASSERT_EQUAL(chmod_to(&alice, ROOT, 07777), refuses ? -EPERM : 0);
		CU_ASSERT_EQUAL(rig_attr(&rig, ROOT).mode, S_IFDIR | 0700);
		CU_ASSERT_EQUAL(chmod_to(&alice, ROOT, 0500), 0);
		CU_ASSERT_EQUAL(rig_attr(&rig, ROOT).mode, S_IFDIR | 0500);
		engine_rig_fini(&rig);
	}
}

static void test_modes_keep(void)
{
	engine_rig_init(&rig, SPOOL_LAYOUT_SINGLE, SPOOL_MODES_KEEP);
	CU_ASSERT_EQUAL(created(0666, false), 0644);
	CU_ASSERT_EQUAL(created(0777, true), 0755);
	CU_ASSERT_EQUAL(chmod_to(&alice, attr.ino, 06757), 0);
	CU_ASSERT_EQUAL(attr.mode, S_IFDIR | 06757);
	engine_rig_fini(&rig);
}

static void test_modes_refuse(void)
{
	engine_rig_init(&rig, SPOOL_LAYOUT_SINGLE, SPOOL_MODES_REFUSE);
	CU_ASSERT_EQUAL(created(0666, false), 0600);
	CU_ASSERT_EQUAL(chmod_to(&alice, attr.ino, 0640), -EPERM);
	CU_ASSERT_EQUAL(chmod_to(&alice, attr.ino, 04700), -EPERM);
	CU_ASSERT_EQUAL(rig_attr(&rig, attr.ino).mode, S_IFREG | 0600);
	CU_ASSERT_EQUAL(chmod_to(&alice, attr.ino, 0500), 0);
	CU_ASSERT_EQUAL(attr.mode, S_IFREG | 0500);
	engine_rig_fini(&rig);
	engine_rig_init(&rig, SPOOL_LAYOUT_PRIVATE, SPOOL_MODES_REFUSE);
	lookup(&alice, "1000");
	CU_ASSERT_EQUAL(chmod_to(&alice, attr.ino, 0755), -EPERM);
	CU_ASSERT_EQUAL(chmod_to(&alice, attr.ino, 0700), 0);
	engine_rig_fini(&rig);
}

static void test_setgid_directories(void)
{
	struct spool_cred other = {.uid = 1000, .gid = 77, .umask = 0};
	uint64_t dir;

	engine_rig_init(&rig, SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
	dir = rig_mkdir(&rig, ROOT, "d");
	CU_ASSERT_EQUAL(chmod_to(&alice, dir, 02775), 0);
	CU_ASSERT_EQUAL(spool_engine_mkdir(rig.engine, &other, dir, "sub", 0755, &attr), 0);
	CU_ASSERT_EQUAL(attr.mode, S_IFDIR | 02755);
	CU_ASSERT_EQUAL(attr.gid, 1000);
	CU_ASSERT_EQUAL(spool_engine_create(rig.engine, &other, dir, "f", 0644, &attr), 0);
	CU_ASSERT_EQUAL(attr.mode, S_IFREG | 0644);
	CU_ASSERT_EQUAL(attr.gid, 1000);
	CU_ASSERT_EQUAL(spool_engine_create(rig.engine, &other, ROOT, "f", 0644, &attr), 0);
	CU_ASSERT_EQUAL(attr.gid, 77);
	engine_rig_fini(&rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"modes_owner", test_modes_owner},
		{"modes_owner_setgid", test_modes_owner_setgid},
		{"modes_strict", test_modes_strict},
		{"root_of_single", test_root_of_single},
		{"modes_keep", test_modes_keep},
		{"modes_refuse", test_modes_refuse},
		{"setgid_directories", test_setgid_directories},
	};

	return unit_run("modes", tests, SPOOL_ARRAY_SIZE(tests));
}
