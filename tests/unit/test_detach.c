/* SPDX-License-Identifier: MIT */

/* When what is mounted nowhere ends: by a mount table and a clock of our own. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "host/mount_table.h"
#include "process/detach.h"
#include "unit.h"
#include "util/macros.h"

#define GRACE 5u       /* seconds */
#define START 1000000u /* ms */
#define SETTLED (START + SPOOL_DETACH_SETTLE_MS)
#define END (START + GRACE * 1000u)

static int has(const char *table, dev_t device)
{
	FILE *file = fmemopen((void *)(uintptr_t)table, strlen(table), "r");
	int r;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	r = spool_mount_table_has(file, device);
	fclose(file);
	return r;
}

#define ROOT_LINE "20 1 254:0 / / rw shared:1 - ext4 /dev/root rw\n"
#define OURS "31 20 0:58 / /run/spoolfs rw,nosuid,nodev - fuse.spoolfs spoolfs rw\n"

/* By the device alone: not by names, which anybody may choose. */
static void test_tables(void)
{
	static const struct {
		const char *table;
		int expected;
	} tables[] = {
		{ROOT_LINE OURS, 1},
		{OURS, 1},
		{ROOT_LINE, 0},
		/* a subtree of it, bound elsewhere; and below what is escaped */
		{ROOT_LINE "32 20 0:58 /1000/x /mnt rw master:7 - fuse.spoolfs spoolfs rw\n", 1},
		{"32 20 0:58 /a\\040b /c\\012d\\134 rw - fuse.spoolfs a\\040b rw\n", 1},
		{"32 20 0:58 //deleted /x rw - fuse.spoolfs spoolfs rw\n", 1},
		/* others whose text looks like ours, whose number begins or ends like ours */
		{"32 20 0:580 / /0:58 rw - fuse.spoolfs 0:58 rw\n", 0},
		{"58 0 0:5 / /x\\0400:58 rw - fuse.spoolfs spoolfs rw\n", 0},
		{"32 20 58:0 / /x rw - ext4 x rw\n", 0},
		{"32 20 10:58 / /x rw - ext4 x rw\n", 0},
		/* nothing that can be read: it is not known */
		{"\n", -ENODATA},
		{"nonsense\nmore of it\n", -ENODATA},
		{"nonsense\n" OURS, 1},
		{OURS "31 20", 1},
	};

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(tables); i++) {
		int r = has(tables[i].table, makedev(0, 58));

		if (r != tables[i].expected)
			printf("[table %zu: %d] ", i, r);
		CU_ASSERT_EQUAL(r, tables[i].expected);
	}
	CU_ASSERT_EQUAL(has("9 8 4095:1048575 / / rw - x x rw\n", makedev(4095, 1048575)), 1);
}

static enum spool_detach_event look(struct spool_detach *detach, enum spool_mounted mounted,
				    uint64_t now_ms)
{
	return spool_detach_look(detach, mounted, GRACE, now_ms);
}

static void test_it_ends(void)
{
	struct spool_detach detach = {0};

	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_YES, 0), SPOOL_DETACH_NOTHING);
	CU_ASSERT_EQUAL(spool_detach_next(&detach, GRACE), UINT64_MAX);
	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_NO, START), SPOOL_DETACH_NOTHING);
	CU_ASSERT_EQUAL(spool_detach_next(&detach, GRACE), SETTLED);
	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_NO, SETTLED - 1), SPOOL_DETACH_NOTHING);
	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_NO, SETTLED), SPOOL_DETACH_BEGINS);
	CU_ASSERT_EQUAL(spool_detach_next(&detach, GRACE), END);
	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_NO, END - 1), SPOOL_DETACH_NOTHING);
	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_NO, END), SPOOL_DETACH_ENDS);
}

/* What is still mounted somewhere never ends, however long it takes. */
static void test_mounted_never_ends(void)
{
	struct spool_detach detach = {0};

	for (uint64_t ms = 0; ms < 100 * END; ms += END / 7)
		CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_YES, ms), SPOOL_DETACH_NOTHING);
}

static void test_a_mount_cancels(void)
{
	struct spool_detach detach = {0};

	/* one that comes at once: nobody is told of anything */
	look(&detach, SPOOL_MOUNTED_NO, START);
	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_YES, START + 1), SPOOL_DETACH_NOTHING);
	CU_ASSERT_EQUAL(spool_detach_next(&detach, GRACE), UINT64_MAX);
	look(&detach, SPOOL_MOUNTED_NO, START);
	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_NO, SETTLED), SPOOL_DETACH_BEGINS);
	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_YES, END), SPOOL_DETACH_CANCEL);
	CU_ASSERT_EQUAL(spool_detach_next(&detach, GRACE), UINT64_MAX);
	/* the whole grace again */
	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_NO, END), SPOOL_DETACH_NOTHING);
	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_NO, END + 1000), SPOOL_DETACH_BEGINS);
	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_NO, END + 4999), SPOOL_DETACH_NOTHING);
	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_NO, END + 5000), SPOOL_DETACH_ENDS);
}

/* In doubt it is kept. */
static void test_unknown_keeps(void)
{
	struct spool_detach detach = {0};

	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_UNKNOWN, START), SPOOL_DETACH_NOTHING);
	CU_ASSERT_EQUAL(spool_detach_next(&detach, GRACE), UINT64_MAX);
	look(&detach, SPOOL_MOUNTED_NO, START);
	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_NO, SETTLED), SPOOL_DETACH_BEGINS);
	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_UNKNOWN, 2 * END), SPOOL_DETACH_NOTHING);
	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_NO, 2 * END), SPOOL_DETACH_ENDS);
}

static void test_at_once(void)
{
	struct spool_detach detach = {0};

	spool_detach_look(&detach, SPOOL_MOUNTED_NO, 0, START);
	CU_ASSERT_EQUAL(spool_detach_look(&detach, SPOOL_MOUNTED_NO, 0, SETTLED),
			SPOOL_DETACH_BEGINS);
	CU_ASSERT_EQUAL(spool_detach_next(&detach, 0), SETTLED);
	CU_ASSERT_EQUAL(spool_detach_look(&detach, SPOOL_MOUNTED_NO, 0, SETTLED),
			SPOOL_DETACH_ENDS);
}

/* From never to some seconds, which may be over already, and back; the time runs from the first. */
static void test_changes_while_it_runs(void)
{
	struct spool_detach detach = {0};
	const uint32_t never = SPOOL_DETACH_NEVER, longest = INT32_MAX;

	spool_detach_look(&detach, SPOOL_MOUNTED_NO, never, START);
	CU_ASSERT_EQUAL(spool_detach_look(&detach, SPOOL_MOUNTED_NO, never, SETTLED),
			SPOOL_DETACH_BEGINS);
	CU_ASSERT_EQUAL(spool_detach_next(&detach, never), UINT64_MAX);
	CU_ASSERT_EQUAL(spool_detach_look(&detach, SPOOL_MOUNTED_NO, never, UINT64_MAX - 1),
			SPOOL_DETACH_NOTHING);
	CU_ASSERT_TRUE(spool_detach_next(&detach, GRACE) <= SETTLED);
	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_NO, END + 1), SPOOL_DETACH_CHANGED);
	CU_ASSERT_EQUAL(spool_detach_look(&detach, SPOOL_MOUNTED_NO, never, END + 1),
			SPOOL_DETACH_CHANGED);
	CU_ASSERT_EQUAL(spool_detach_look(&detach, SPOOL_MOUNTED_NO, longest, END + 1),
			SPOOL_DETACH_CHANGED);
	CU_ASSERT_EQUAL(spool_detach_next(&detach, longest), START + UINT64_C(2147483647000));
	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_NO, END + 1), SPOOL_DETACH_CHANGED);
	CU_ASSERT_EQUAL(spool_detach_next(&detach, GRACE), END);
	CU_ASSERT_EQUAL(look(&detach, SPOOL_MOUNTED_NO, END + 1), SPOOL_DETACH_ENDS);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"tables", test_tables},
		{"it_ends", test_it_ends},
		{"mounted_never_ends", test_mounted_never_ends},
		{"a_mount_cancels", test_a_mount_cancels},
		{"unknown_keeps", test_unknown_keeps},
		{"at_once", test_at_once},
		{"changes_while_it_runs", test_changes_while_it_runs},
	};

	return unit_run("detach", tests, SPOOL_ARRAY_SIZE(tests));
}
