/* SPDX-License-Identifier: MIT */

/* Whether all who serve a mount were killed: in a /proc of our own making. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "host/served.h"
#include "unit.h"
#include "util/rmtree.h"

#define OURS "pos:\t0\nfuse_connection:\t42\n"
#define ANOTHER "pos:\t0\nfuse_connection:\t43\n"
#define NOT_TOLD "pos:\t0\n" /* by a kernel that does not */

#define KILLED "Name:\tx\nSigPnd:\t0000000000000100\n"
#define LIVES "Name:\tx\nSigPnd:\t0000000000000000\n"

struct rig {
	char top[64];
};

static void make_dir(const char *path)
{
	mkdir(path, 0700); /* it may be there */
}

/* A thread with /dev/fuse open; @fdinfo NULL: with no descriptor at all. */
static void make_thread(const struct rig *rig, int pid, int tid, const char *status,
			const char *fdinfo)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%d", rig->top, pid);
	make_dir(path);
	snprintf(path, sizeof(path), "%s/%d/task", rig->top, pid);
	make_dir(path);
	snprintf(path, sizeof(path), "%s/%d/task/%d", rig->top, pid, tid);
	make_dir(path);
	snprintf(path, sizeof(path), "%s/%d/task/%d/fdinfo", rig->top, pid, tid);
	make_dir(path);
	snprintf(path, sizeof(path), "%s/%d/task/%d/fd", rig->top, pid, tid);
	make_dir(path);
	snprintf(path, sizeof(path), "%s/%d/task/%d/fd/3", rig->top, pid, tid);
	if (!fdinfo)
		return;
	CU_ASSERT_EQUAL_FATAL(symlink("/dev/fuse", path), 0);
	snprintf(path, sizeof(path), "%s/%d/task/%d/fdinfo/3", rig->top, pid, tid);
	file = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(fdinfo, file);
	fclose(file);
	snprintf(path, sizeof(path), "%s/%d/task/%d/status", rig->top, pid, tid);
	file = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(status, file);
	fclose(file);
}

static void begin(struct rig *rig)
{
	snprintf(rig->top, sizeof(rig->top), "/tmp/spool-served-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(rig->top));
	make_thread(rig, 1, 1, LIVES, ANOTHER); /* somebody else's daemon */
}

static bool is_unserved(struct rig *rig)
{
	bool unserved = spool_served_by_nobody(rig->top, makedev(0, 42));

	spool_rmtree(rig->top);
	return unserved;
}

static void test_all_were_killed(void)
{
	struct rig rig;

	begin(&rig);
	make_thread(&rig, 10, 10, KILLED, NULL); /* has ended */
	make_thread(&rig, 10, 11, KILLED, OURS);
	CU_ASSERT_TRUE(is_unserved(&rig));
}

static void test_one_lives(void)
{
	struct rig rig;

	begin(&rig);
	make_thread(&rig, 10, 10, KILLED, OURS);
	make_thread(&rig, 12, 12, LIVES, OURS); /* the janitor, which is to unmount */
	CU_ASSERT_FALSE(is_unserved(&rig));
}

static void test_nobody_is_found(void)
{
	struct rig rig;

	begin(&rig); /* they may be in another pid namespace */
	CU_ASSERT_FALSE(is_unserved(&rig));
	CU_ASSERT_FALSE(spool_served_by_nobody("/nowhere", makedev(0, 42)));
}

static void test_a_kernel_that_does_not_tell(void)
{
	struct rig rig;

	begin(&rig);
	make_thread(&rig, 10, 10, KILLED, OURS);
	make_thread(&rig, 12, 12, KILLED, NOT_TOLD);
	CU_ASSERT_FALSE(is_unserved(&rig));
}

static void test_what_may_not_be_seen(void)
{
	char path[96];
	struct rig rig;

	begin(&rig);
	make_thread(&rig, 10, 10, KILLED, OURS);
	make_thread(&rig, 12, 12, KILLED, NULL);
	snprintf(path, sizeof(path), "%s/12/task/12/fd", rig.top);
	CU_ASSERT_EQUAL_FATAL(rmdir(path), 0);
	CU_ASSERT_EQUAL_FATAL(symlink(path, path), 0); /* it is there, and cannot be opened */
	CU_ASSERT_FALSE(is_unserved(&rig));
}

static const struct unit_test tests[] = {
	{"all_were_killed", test_all_were_killed},
	{"one_lives", test_one_lives},
	{"nobody_is_found", test_nobody_is_found},
	{"a_kernel_that_does_not_tell", test_a_kernel_that_does_not_tell},
	{"what_may_not_be_seen", test_what_may_not_be_seen},
};

int main(void)
{
	return unit_run("served", tests, sizeof(tests) / sizeof(tests[0]));
}
