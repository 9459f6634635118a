/* SPDX-License-Identifier: MIT */

/* Extended attributes: names, sizes, flags, what is hidden and refused, and who pays. */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <linux/limits.h>

#include "engine_rig.h"
#include "ns/xattr.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT

static struct engine_rig rig;
static uint64_t file;
static char buf[SPOOL_XATTR_SIZE_MAX + 1];

static void start(void)
{
	engine_rig_init(&rig, SPOOL_LAYOUT_SINGLE, SPOOL_MODES_OWNER);
	file = rig_file(&rig, ROOT, "f");
}

static int set(uint64_t ino, const char *name, const void *value, size_t size, int flags)
{
	return spool_engine_setxattr(rig.engine, &rig.cred, ino, name, value, size, flags);
}

static ssize_t get(uint64_t ino, const char *name, size_t size)
{
	return spool_engine_getxattr(rig.engine, ino, name, buf, size);
}

static int drop(uint64_t ino, const char *name)
{
	return spool_engine_removexattr(rig.engine, &rig.cred, ino, name);
}

static void test_values(void)
{
	start();
	CU_ASSERT_EQUAL(get(file, "user.a", 0), -ENODATA);
	CU_ASSERT_EQUAL(set(file, "user.a", "one", 3, 0), 0);
	CU_ASSERT_EQUAL(get(file, "user.a", 0), 3);
	CU_ASSERT_EQUAL(get(file, "user.a", 2), -ERANGE);
	CU_ASSERT_EQUAL(get(file, "user.a", 3), 3);
	CU_ASSERT_EQUAL(memcmp(buf, "one", 3), 0);
	CU_ASSERT_EQUAL(set(file, "user.a", "eleven", 6, 0), 0);
	CU_ASSERT_EQUAL(get(file, "user.a", sizeof(buf)), 6);
	CU_ASSERT_EQUAL(memcmp(buf, "eleven", 6), 0);
	CU_ASSERT_EQUAL(set(file, "user.a", NULL, 0, 0), 0); /* empty is not absent */
	CU_ASSERT_EQUAL(get(file, "user.a", 0), 0);
	CU_ASSERT_EQUAL(get(file, "user.a", 10), 0);
	CU_ASSERT_EQUAL(drop(file, "user.a"), 0);
	CU_ASSERT_EQUAL(drop(file, "user.a"), -ENODATA);
	CU_ASSERT_EQUAL(get(file, "user.a", 0), -ENODATA);
	CU_ASSERT_EQUAL(set(ROOT, "user.dir", "x", 1, 0), 0);
	CU_ASSERT_EQUAL(get(ROOT, "user.dir", 1), 1);
	CU_ASSERT_EQUAL(set(12345, "user.a", "x", 1, 0), -ESTALE);
	CU_ASSERT_EQUAL(get(12345, "user.a", 1), -ESTALE);
	CU_ASSERT_EQUAL(drop(12345, "user.a"), -ESTALE);
	engine_rig_fini(&rig);
}

static void test_flags(void)
{
	start();
	CU_ASSERT_EQUAL(set(file, "user.a", "1", 1, XATTR_REPLACE), -ENODATA);
	CU_ASSERT_EQUAL(set(file, "user.a", "1", 1, XATTR_CREATE), 0);
	CU_ASSERT_EQUAL(set(file, "user.a", "2", 1, XATTR_CREATE), -EEXIST);
	CU_ASSERT_EQUAL(get(file, "user.a", 1), 1);
	CU_ASSERT_EQUAL(buf[0], '1');
	CU_ASSERT_EQUAL(set(file, "user.a", "3", 1, XATTR_REPLACE), 0);
	CU_ASSERT_EQUAL(get(file, "user.a", 1), 1);
	CU_ASSERT_EQUAL(buf[0], '3');
	engine_rig_fini(&rig);
}

static void test_limits(void)
{
	char name[XATTR_NAME_MAX + 2];

	start();
	memset(buf, 'v', sizeof(buf));
	memset(name, 'n', sizeof(name));
	memcpy(name, "user.", 5);
	name[XATTR_NAME_MAX + 1] = '\0';
	CU_ASSERT_EQUAL(set(file, name, "x", 1, 0), -ERANGE);
	name[XATTR_NAME_MAX] = '\0';
	CU_ASSERT_EQUAL(set(file, name, "x", 1, 0), 0);
	CU_ASSERT_EQUAL(set(file, "user.", "x", 1, 0), -EINVAL);
	CU_ASSERT_EQUAL(set(file, "user.big", buf, SPOOL_XATTR_SIZE_MAX + 1, 0), -E2BIG);
	CU_ASSERT_EQUAL(get(file, "user.big", 0), -ENODATA);
	CU_ASSERT_EQUAL(set(file, "user.big", buf, SPOOL_XATTR_SIZE_MAX, 0), 0);
	CU_ASSERT_EQUAL(get(file, "user.big", sizeof(buf)), SPOOL_XATTR_SIZE_MAX);
	engine_rig_fini(&rig);
}

/* All names together stay readable by one listxattr(2). */
static void test_list_limit(void)
{
	char name[XATTR_NAME_MAX + 1];
	size_t total = 0;
	int r = 0;

	start();
	memset(name, 'n', sizeof(name));
	name[XATTR_NAME_MAX] = '\0';
	for (unsigned int i = 0; r == 0; i++) {
		snprintf(name, 12, "user.%06u", i);
		name[11] = 'n';
		r = set(file, name, "", 0, 0);
		total += r == 0 ? XATTR_NAME_MAX + 1 : 0;
	}
	CU_ASSERT_EQUAL(r, -ENOSPC);
	CU_ASSERT_EQUAL(total, SPOOL_XATTR_LIST_MAX); /* 256 names of 256 bytes: exactly full */
	CU_ASSERT_EQUAL(set(file, "user.000000", "", 0, 0), -ENOSPC);
	CU_ASSERT_EQUAL(spool_engine_listxattr(rig.engine, file, buf, sizeof(buf), NULL),
			(ssize_t)total);
	engine_rig_fini(&rig);
}

static void test_list(void)
{
	start();
	CU_ASSERT_EQUAL(spool_engine_listxattr(rig.engine, file, NULL, 0, NULL), 0);
	set(file, "user.a", "x", 1, 0);
	set(file, "user.bb", "x", 1, 0);
	CU_ASSERT_EQUAL(spool_engine_listxattr(rig.engine, file, NULL, 0, NULL), 15);
	CU_ASSERT_EQUAL(spool_engine_listxattr(rig.engine, file, buf, 14, NULL), -ERANGE);
	CU_ASSERT_EQUAL(spool_engine_listxattr(rig.engine, file, buf, 15, NULL), 15);
	CU_ASSERT_EQUAL(memcmp(buf, "user.a\0user.bb", 15), 0);
	drop(file, "user.a");
	CU_ASSERT_EQUAL(spool_engine_listxattr(rig.engine, file, buf, 15, NULL), 8);
	CU_ASSERT_STRING_EQUAL(buf, "user.bb");
	CU_ASSERT_EQUAL(spool_engine_listxattr(rig.engine, 12345, buf, 15, NULL), -ESTALE);
	engine_rig_fini(&rig);
}

static void test_other_namespaces(void)
{
	static const char *const names[] = {
		"security.capability", "trusted.a",     "system.other", "users.a", "user", "a", "",
		"user.spoolfs.x",      "user.spoolfs.",
	};

	start();
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(names); i++) {
		CU_ASSERT_EQUAL(set(file, names[i], "x", 1, 0), -EOPNOTSUPP);
		CU_ASSERT_EQUAL(drop(file, names[i]), -EOPNOTSUPP);
		if (strncmp(names[i], "user.", 5) != 0)
			CU_ASSERT_EQUAL(get(file, names[i], 0), -EOPNOTSUPP);
	}
	/* what this filesystem says of itself: never listed */
	CU_ASSERT_EQUAL(get(file, "user.spoolfs.lifetime", 0), 7);
	CU_ASSERT_EQUAL(get(file, "user.spoolfs.lifetime", 6), -ERANGE);
	CU_ASSERT_EQUAL(get(file, "user.spoolfs.lifetime", 7), 7);
	CU_ASSERT_EQUAL(memcmp(buf, "session", 7), 0);
	CU_ASSERT_EQUAL(get(file, "user.spoolfs.x", 5), -ENODATA);
	CU_ASSERT_EQUAL(spool_engine_listxattr(rig.engine, file, NULL, 0, NULL), 0);
	engine_rig_fini(&rig);
}

/* What the kernel guards is kept in shared, on inodes of every kind; trusted.* is listed on wish.
 */
static void test_guarded_namespaces(void)
{
	struct spool_attr attr;
	bool trusted = false;

	engine_rig_init(&rig, SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
	spool_engine_symlink(rig.engine, &rig.cred, ROOT, "l", "t", &attr);
	CU_ASSERT_EQUAL(set(attr.ino, "trusted.a", "xy", 2, 0), 0);
	CU_ASSERT_EQUAL(get(attr.ino, "trusted.a", 2), 2);
	file = rig_file(&rig, ROOT, "f");
	CU_ASSERT_EQUAL(set(file, "trusted.", "x", 1, 0), -EINVAL);
	CU_ASSERT_EQUAL(set(file, "security.other", "x", 1, 0), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(get(file, "security.other", 0), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(set(file, "trusted.a", "x", 1, 0), 0);
	CU_ASSERT_EQUAL(set(file, "user.b", "x", 1, 0), 0);
	CU_ASSERT_EQUAL(set(file, "security.capability", "x", 1, 0), 0);
	CU_ASSERT_EQUAL(spool_engine_listxattr(rig.engine, file, NULL, 0, NULL), 27);
	CU_ASSERT_EQUAL(spool_engine_listxattr(rig.engine, file, buf, 27, &trusted), 27);
	CU_ASSERT_TRUE(trusted);
	CU_ASSERT_EQUAL(memcmp(buf, "user.b\0security.capability", 27), 0);
	CU_ASSERT_EQUAL(spool_engine_listxattr(rig.engine, file, buf, 100, &trusted), 37);
	CU_ASSERT_FALSE(trusted);
	CU_ASSERT_EQUAL(drop(file, "trusted.a"), 0);
	CU_ASSERT_EQUAL(drop(file, "security.capability"), 0);
	CU_ASSERT_EQUAL(spool_engine_listxattr(rig.engine, file, buf, 100, &trusted), 7);
	CU_ASSERT_FALSE(trusted);
	engine_rig_fini(&rig);
}

static void test_other_kinds(void)
{
	struct spool_attr attr;

	start();
	spool_engine_mknod(rig.engine, &rig.cred, ROOT, "p", S_IFIFO | 0600, 0, &attr);
	CU_ASSERT_EQUAL(set(attr.ino, "user.a", "x", 1, 0), -EPERM);
	CU_ASSERT_EQUAL(get(attr.ino, "user.a", 0), -ENODATA);
	spool_engine_symlink(rig.engine, &rig.cred, ROOT, "l", "t", &attr);
	CU_ASSERT_EQUAL(set(attr.ino, "user.a", "x", 1, 0), -EPERM);
	engine_rig_fini(&rig);
	engine_rig_init(&rig, SPOOL_LAYOUT_PRIVATE, SPOOL_MODES_OWNER);
	CU_ASSERT_EQUAL(set(ROOT, "user.a", "x", 1, 0), -EPERM);
	engine_rig_fini(&rig);
}

static void test_charges(void)
{
	uint64_t used, each = spool_xattr_bytes(6, 100);
	int64_t ctime;

	start();
	memset(buf, 'v', 200);
	used = rig_used(&rig, 1000, SPOOL_RES_RAM);
	ctime = rig_attr(&rig, file).ctime.tv_sec;
	rig_limits(&rig, 1000, (int64_t)each - 1, -1, -1, -1);
	CU_ASSERT_EQUAL(set(file, "user.a", buf, 100, 0), -ENOSPC);
	rig_limits(&rig, 1000, -1, (int64_t)each - 1, -1, -1);
	CU_ASSERT_EQUAL(set(file, "user.a", buf, 100, 0), -EDQUOT);
	CU_ASSERT_EQUAL(get(file, "user.a", 0), -ENODATA);
	CU_ASSERT_EQUAL(rig_used(&rig, 1000, SPOOL_RES_RAM), used);
	CU_ASSERT_EQUAL(rig_attr(&rig, file).ctime.tv_sec, ctime);
	rig_tick(&rig);
	rig_limits(&rig, 1000, (int64_t)each, (int64_t)each, 0, 0);
	CU_ASSERT_EQUAL(set(file, "user.a", buf, 100, 0), 0);
	CU_ASSERT_EQUAL(rig_attr(&rig, file).ctime.tv_sec, ctime + 1);
	CU_ASSERT_EQUAL(rig_used(&rig, 1000, SPOOL_RES_RAM), used + each);
	CU_ASSERT_EQUAL(set(file, "user.a", buf, 101, 0), -ENOSPC);
	CU_ASSERT_EQUAL(get(file, "user.a", 0), 100);
	CU_ASSERT_EQUAL(set(file, "user.a", buf, 40, 0), 0);
	CU_ASSERT_EQUAL(rig_used(&rig, 1000, SPOOL_RES_RAM), used + each - 60);
	CU_ASSERT_EQUAL(engine_rig_audit(&rig), 0);
	CU_ASSERT_EQUAL(drop(file, "user.a"), 0);
	CU_ASSERT_EQUAL(rig_used(&rig, 1000, SPOOL_RES_RAM), used);
	engine_rig_fini(&rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"values", test_values},
		{"flags", test_flags},
		{"limits", test_limits},
		{"list_limit", test_list_limit},
		{"list", test_list},
		{"other_namespaces", test_other_namespaces},
		{"guarded_namespaces", test_guarded_namespaces},
		{"other_kinds", test_other_kinds},
		{"charges", test_charges},
	};

	return unit_run("xattr", tests, SPOOL_ARRAY_SIZE(tests));
}
