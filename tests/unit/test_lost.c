/* SPDX-License-Identifier: MIT */

/* Pages that were stored and found no room: they are never read as anything else. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "object_rig.h"
#include "store/extents.h"

#define PAGE ((uint64_t)SPOOL_PAGE_SIZE)

static struct rig rig;
static struct spool_object *object;
static unsigned char data[64 * 1024], got[64 * 1024];

static void set_up(uint64_t size)
{
	rig_init(&rig);
	object = rig_object(&rig);
	memset(data, 'x', sizeof(data));
	CU_ASSERT_EQUAL(spool_object_truncate(object, rig.user, size), 0);
}

static void tear_down(void)
{
	CU_ASSERT_EQUAL(rig_audit(&rig, &object, 1), 0);
	spool_object_free(object, rig.user);
	rig_fini(&rig);
}

static ssize_t put(uint64_t off, size_t len)
{
	return spool_object_write(object, rig.user, data, len, off, 0, NULL);
}

static ssize_t read_at(uint64_t off, size_t len)
{
	return spool_object_read(object, got, len, off, NULL, NULL);
}

static void lose(uint64_t off, uint64_t end)
{
	spool_object_lose(object, rig.user, off, end);
}

static int allocate(int mode, uint64_t off, uint64_t len)
{
	return spool_object_fallocate(object, rig.user, mode, off, len, NULL);
}

static int64_t seek(uint64_t off, int whence)
{
	return spool_object_seek(object, off, whence);
}

/* To the page; what was there before is gone, what is beside it stays. */
static void reading(void)
{
	set_up(100 * PAGE + 10);
	CU_ASSERT_EQUAL(put(0, 4 * PAGE), (ssize_t)(4 * PAGE));
	lose(PAGE, 2 * PAGE);
	lose(50 * PAGE, 52 * PAGE);
	lose(100 * PAGE, 100 * PAGE + 10);
	CU_ASSERT_EQUAL(read_at(0, PAGE), (ssize_t)PAGE);
	CU_ASSERT_EQUAL(read_at(PAGE, PAGE), -EIO);
	CU_ASSERT_EQUAL(read_at(0, 4 * PAGE), -EIO);
	CU_ASSERT_EQUAL(read_at(2 * PAGE - 1, 1), -EIO);
	CU_ASSERT_EQUAL(read_at(2 * PAGE, 8 * PAGE), (ssize_t)(8 * PAGE));
	CU_ASSERT_EQUAL(read_at(49 * PAGE, PAGE + 1), -EIO);
	CU_ASSERT_EQUAL(read_at(52 * PAGE, PAGE), (ssize_t)PAGE);
	CU_ASSERT_EQUAL(read_at(100 * PAGE + 9, 5), -EIO);
	CU_ASSERT_EQUAL(spool_object_blocks(object), 3 * 8);
	tear_down();
}

/* Who looks for holes comes across what is lost. */
static void seeking(void)
{
	set_up(100 * PAGE);
	lose(50 * PAGE, 52 * PAGE);
	CU_ASSERT_EQUAL(seek(0, SEEK_DATA), (int64_t)(50 * PAGE));
	CU_ASSERT_EQUAL(seek(51 * PAGE + 5, SEEK_DATA), (int64_t)(51 * PAGE + 5));
	CU_ASSERT_EQUAL(seek(52 * PAGE, SEEK_DATA), -ENXIO);
	CU_ASSERT_EQUAL(seek(0, SEEK_HOLE), 0);
	CU_ASSERT_EQUAL(seek(50 * PAGE, SEEK_HOLE), (int64_t)(52 * PAGE));
	CU_ASSERT_EQUAL(put(49 * PAGE, PAGE), (ssize_t)PAGE);
	CU_ASSERT_EQUAL(seek(49 * PAGE + 1, SEEK_HOLE), (int64_t)(52 * PAGE));
	lose(99 * PAGE, 100 * PAGE);
	CU_ASSERT_EQUAL(seek(99 * PAGE, SEEK_HOLE), (int64_t)(100 * PAGE));
	CU_ASSERT_EQUAL(seek(52 * PAGE, SEEK_DATA), (int64_t)(99 * PAGE));
	tear_down();
}

/* More stretches than are told apart: what is between the last ones counts as lost. However much
 * that is, a seek goes from data to data. */
static void seeking_far(void)
{
	const uint64_t far = (uint64_t)1 << 60, size = far + 3 * PAGE;

	set_up(size);
	for (uint64_t i = 0; i < 2 * SPOOL_EXTENTS_MAX; i += 2)
		lose(i * PAGE, (i + 1) * PAGE);
	lose(far, far + PAGE);
	CU_ASSERT_EQUAL(seek(0, SEEK_HOLE), (int64_t)PAGE);
	CU_ASSERT_EQUAL(seek(far / 2, SEEK_HOLE), (int64_t)(far + PAGE));
	CU_ASSERT_EQUAL(seek(far / 2, SEEK_DATA), (int64_t)far / 2);
	CU_ASSERT_EQUAL(put(far / 2, 2 * PAGE), (ssize_t)(2 * PAGE));
	CU_ASSERT_EQUAL(put(far + PAGE, PAGE), (ssize_t)PAGE);
	CU_ASSERT_EQUAL(seek(far / 4, SEEK_HOLE), (int64_t)(far + 2 * PAGE));
	CU_ASSERT_EQUAL(seek(far + 2 * PAGE, SEEK_HOLE), (int64_t)(far + 2 * PAGE));
	tear_down();
}

/* Written, truncated or punched: it is good again, as whole pages. */
static void over(void)
{
	set_up(20 * PAGE);
	lose(0, 20 * PAGE);
	CU_ASSERT_EQUAL(put(PAGE, PAGE), (ssize_t)PAGE);
	CU_ASSERT_EQUAL(read_at(PAGE, PAGE), (ssize_t)PAGE);
	CU_ASSERT_EQUAL(read_at(PAGE, PAGE + 1), -EIO);
	CU_ASSERT_EQUAL(put(3 * PAGE + 1, PAGE), -EIO); /* parts would be left */
	CU_ASSERT_EQUAL(put(3 * PAGE, PAGE + 1), -EIO);
	CU_ASSERT_EQUAL(read_at(3 * PAGE, 1), -EIO);
	CU_ASSERT_EQUAL(allocate(0, 0, 5 * PAGE), -EIO);
	CU_ASSERT_EQUAL(allocate(FALLOC_FL_ZERO_RANGE, 3 * PAGE, PAGE + 1), -EIO);
	CU_ASSERT_EQUAL(allocate(FALLOC_FL_ZERO_RANGE, 3 * PAGE, PAGE), 0);
	CU_ASSERT_TRUE(rig_is(object, 3 * PAGE, PAGE, 0));
	CU_ASSERT_EQUAL(
		allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5 * PAGE - 1, PAGE + 2), 0);
	CU_ASSERT_EQUAL(read_at(5 * PAGE, PAGE), (ssize_t)PAGE);
	CU_ASSERT_EQUAL(read_at(4 * PAGE, 1), -EIO);
	CU_ASSERT_EQUAL(read_at(6 * PAGE, 1), -EIO);
	CU_ASSERT_EQUAL(spool_object_truncate(object, rig.user, 10 * PAGE + 1), 0);
	CU_ASSERT_EQUAL(spool_object_truncate(object, rig.user, 20 * PAGE), 0);
	CU_ASSERT_EQUAL(read_at(10 * PAGE, 1), -EIO);
	CU_ASSERT_EQUAL(read_at(11 * PAGE, PAGE), (ssize_t)PAGE);
	CU_ASSERT_EQUAL(spool_object_truncate(object, rig.user, 10 * PAGE + 1), 0);
	CU_ASSERT_EQUAL(put(10 * PAGE, 1), 1); /* all that there is of this page */
	CU_ASSERT_EQUAL(read_at(10 * PAGE, 1), 1);
	CU_ASSERT_EQUAL(spool_object_truncate(object, rig.user, 0), 0);
	CU_ASSERT_EQUAL(spool_object_truncate(object, rig.user, 20 * PAGE), 0);
	CU_ASSERT_TRUE(rig_is(object, 0, 20 * PAGE, 0));
	tear_down();
}

/* A copy never makes zeros of it. */
static void copying(void)
{
	struct spool_object *objects[2];

	set_up(20 * PAGE);
	objects[0] = object;
	objects[1] = rig_object(&rig);
	CU_ASSERT_EQUAL(put(0, PAGE), (ssize_t)PAGE);
	lose(4 * PAGE, 5 * PAGE);
	CU_ASSERT_EQUAL(spool_object_copy(object, 4 * PAGE, objects[1], rig.user, 0, PAGE), -EIO);
	CU_ASSERT_EQUAL(spool_object_copy(object, 0, objects[1], rig.user, 0, 20 * PAGE),
			(ssize_t)(4 * PAGE));
	CU_ASSERT_EQUAL(spool_object_size(objects[1]), 4 * PAGE);
	CU_ASSERT_EQUAL(rig_audit(&rig, objects, 2), 0);
	spool_object_free(objects[1], rig.user);
	tear_down();
}

/* Every second page of a large file: what is kept of that is bounded, and none is forgotten; data
 * between them stay. */
static void many(void)
{
	set_up(4000 * PAGE);
	for (uint64_t i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(put((4 * i + 1) * PAGE, PAGE), (ssize_t)PAGE);
	for (uint64_t i = 0; i < 1000; i++)
		lose(4 * i * PAGE, (4 * i + 1) * PAGE);
	for (uint64_t i = 0; i < 1000; i++) {
		CU_ASSERT_EQUAL(read_at(4 * i * PAGE, PAGE), -EIO);
		CU_ASSERT_EQUAL(read_at((4 * i + 1) * PAGE, PAGE), (ssize_t)PAGE);
	}
	CU_ASSERT_EQUAL(spool_object_truncate(object, rig.user, 0), 0);
	tear_down();
}

/* Without memory all holes are taken for lost, until the file is emptied. */
static void no_memory(void)
{
	set_up(20 * PAGE);
	CU_ASSERT_EQUAL(put(0, PAGE), (ssize_t)PAGE);
	fault_host_arm(&rig.host, 1, true);
	lose(4 * PAGE, 5 * PAGE);
	fault_host_arm(&rig.host, 0, false);
	CU_ASSERT_EQUAL(read_at(0, PAGE), (ssize_t)PAGE);
	CU_ASSERT_EQUAL(read_at(4 * PAGE, PAGE), -EIO);
	CU_ASSERT_EQUAL(read_at(PAGE, PAGE), -EIO);
	CU_ASSERT_EQUAL(seek(PAGE, SEEK_HOLE), (int64_t)(20 * PAGE));
	CU_ASSERT_EQUAL(put(4 * PAGE, PAGE), (ssize_t)PAGE);
	CU_ASSERT_EQUAL(read_at(4 * PAGE, PAGE), (ssize_t)PAGE);
	CU_ASSERT_EQUAL(spool_object_truncate(object, rig.user, 0), 0);
	CU_ASSERT_EQUAL(spool_object_truncate(object, rig.user, 20 * PAGE), 0);
	CU_ASSERT_TRUE(rig_is(object, 0, 20 * PAGE, 0));
	tear_down();
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"reading", reading},     {"seeking", seeking}, {"seeking far", seeking_far},
		{"over", over},           {"copying", copying}, {"many", many},
		{"no memory", no_memory},
	};

	return unit_run("lost", tests, sizeof(tests) / sizeof(tests[0]));
}
