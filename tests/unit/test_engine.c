/* SPDX-License-Identifier: MIT */

/*
 * Attributes, times, data and space as the engine shows them. What store/ does with the data is
 * tested there; here it is that the right file gets it, and what stat and statfs say afterwards.
 */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "engine_rig.h"
#include "store/object.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT
#define MIB ((int64_t)1 << 20)

static struct engine_rig rig;
static struct spool_attr attr;

static void start(void)
{
	engine_rig_init(&rig, SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
}

static int set(uint64_t ino, unsigned int what, const struct spool_attr *to)
{
	return spool_engine_setattr(rig.engine, &rig.cred, ino, what, to, &attr);
}

static int64_t now(void)
{
	return rig.host.clock.tv_sec;
}

/* Which of a file's times are now, as letters; times of @ino are compared after a tick. */
static const char *times_now(uint64_t ino)
{
	static char which[4];
	char *at = which;

	attr = rig_attr(&rig, ino);
	if (attr.atime.tv_sec == now())
		*at++ = 'a';
	if (attr.mtime.tv_sec == now())
		*at++ = 'm';
	if (attr.ctime.tv_sec == now())
		*at++ = 'c';
	*at = '\0';
	return which;
}

static void test_new_file(void)
{
	start();
	CU_ASSERT_EQUAL(
		spool_engine_create(rig.engine, &rig.cred, ROOT, "f", S_IFREG | 0666, &attr), 0);
	CU_ASSERT_EQUAL(attr.mode, S_IFREG | 0644);
	CU_ASSERT_EQUAL(attr.nlink, 1);
	CU_ASSERT_EQUAL(attr.uid, 1000);
	CU_ASSERT_EQUAL(attr.gid, 1000);
	CU_ASSERT_EQUAL(attr.size, 0);
	CU_ASSERT_EQUAL(attr.blocks, 0);
	CU_ASSERT_STRING_EQUAL(times_now(attr.ino), "amc");
	CU_ASSERT_EQUAL(attr.mtime.tv_nsec, 123456789);
	CU_ASSERT_STRING_EQUAL(times_now(ROOT), "mc");
	spool_engine_release(rig.engine, attr.ino);
	engine_rig_fini(&rig);
}

/* Every operation, and which times of the file and of its directory it moves. */
static void test_times(void)
{
	struct spool_engine *engine;
	const struct spool_attr to = {.mode = 0640, .uid = 1000, .gid = 5, .size = 2};
	uint64_t dir, file, other;
	char buf[SPOOL_SYMLINK_MAX + 1];

	start();
	engine = rig.engine;
	dir = rig_mkdir(&rig, ROOT, "d");
	file = rig_file(&rig, dir, "f");
	other = rig_file(&rig, ROOT, "other");
	rig_write(&rig, other, "other");
#define MOVES(op, file_times, dir_times)                             \
	do {                                                         \
		rig_tick(&rig);                                      \
		CU_ASSERT_TRUE((op) >= 0);                           \
		CU_ASSERT_STRING_EQUAL(times_now(file), file_times); \
		CU_ASSERT_STRING_EQUAL(times_now(dir), dir_times);   \
	} while (0)
	MOVES(spool_engine_open(engine, file, false), "", "");
	MOVES(spool_engine_write(engine, file, "hello", 5, 0, 0), "mc", "");
	MOVES(spool_engine_read(engine, file, buf, 5, 0, 0), "a", ""); /* not since the change */
	MOVES(spool_engine_read(engine, file, buf, 5, 0, 0), "", "");  /* relatime: seen already */
	rig.host.clock.tv_sec += 86400;
	MOVES(spool_engine_read(engine, file, buf, 5, 0, 0), "a", ""); /* a day old */
	MOVES(set(file, SPOOL_SET_MODE, &to), "c", "");
	MOVES(set(file, SPOOL_SET_GID, &to), "c", "");
	MOVES(set(file, SPOOL_SET_SIZE, &to), "mc", "");
	MOVES(set(file, SPOOL_SET_SIZE, &to), "mc", ""); /* also to the size that it has */
	MOVES(set(file, SPOOL_SET_ATIME_NOW, &to), "ac", "");
	MOVES(set(file, SPOOL_SET_MTIME_NOW, &to), "mc", "");
	MOVES(spool_engine_fallocate(engine, file, 0, 0, 10, 0), "mc", "");
	MOVES(spool_engine_copy_range(engine, other, 0, file, 0, 5, 0), "mc", "");
	MOVES(spool_engine_seek(engine, file, 0, SEEK_DATA), "", "");
	MOVES(spool_engine_setxattr(engine, &rig.cred, file, "user.a", "x", 1, 0), "c", "");
	MOVES(spool_engine_removexattr(engine, &rig.cred, file, "user.a"), "c", "");
	MOVES(spool_engine_link(engine, &rig.cred, file, dir, "g", &attr), "c", "mc");
	MOVES(spool_engine_unlink(engine, &rig.cred, dir, "g"), "c", "mc");
	MOVES(spool_engine_rename(engine, &rig.cred, dir, "f", dir, "g", 0), "c", "mc");
	MOVES(spool_engine_mkdir(engine, &rig.cred, dir, "sub", 0700, &attr), "", "mc");
	MOVES(spool_engine_rmdir(engine, &rig.cred, dir, "sub"), "", "mc");
	MOVES(spool_engine_open(engine, file, true), "mc", "");
#undef MOVES
	spool_engine_release(engine, file);
	spool_engine_release(engine, file);
	spool_engine_symlink(engine, &rig.cred, ROOT, "l", "t", &attr);
	file = attr.ino;
	rig_tick(&rig);
	spool_engine_readlink(engine, &rig.cred, file, buf);
	CU_ASSERT_STRING_EQUAL(times_now(file), "a");
	engine_rig_fini(&rig);
}

static bool take_nothing(void *arg, const char *name, size_t len, const struct spool_attr *entry,
			 uint64_t cookie)
{
	(void)arg;
	(void)name;
	(void)len;
	(void)entry;
	(void)cookie;
	return false;
}

static void test_utimens(void)
{
	const struct spool_attr to = {.atime = {INT64_MAX, 999999999}, .mtime = {-5, 7}};

	start();
	CU_ASSERT_EQUAL(set(rig_file(&rig, ROOT, "f"), SPOOL_SET_ATIME | SPOOL_SET_MTIME, &to), 0);
	CU_ASSERT_EQUAL(attr.atime.tv_sec, INT64_MAX);
	CU_ASSERT_EQUAL(attr.atime.tv_nsec, 999999999);
	CU_ASSERT_EQUAL(attr.mtime.tv_sec, -5);
	CU_ASSERT_EQUAL(attr.mtime.tv_nsec, 7);
	/* "now" wins where both are set, as the kernel sends it */
	CU_ASSERT_EQUAL(set(attr.ino, SPOOL_SET_ATIME | SPOOL_SET_ATIME_NOW, &to), 0);
	CU_ASSERT_EQUAL(attr.atime.tv_sec, now());
	rig_tick(&rig);
	spool_engine_readdir(rig.engine, &rig.cred, ROOT, 0, NULL, false, take_nothing, NULL);
	CU_ASSERT_STRING_EQUAL(times_now(ROOT), "a");
	engine_rig_fini(&rig);
}

/* Stores through a mapping come late: they are older than a time that was set since. */
static void test_set_times_and_pageouts(void)
{
	const struct spool_attr to = {.mtime = {-5, 7}};
	uint64_t ino;

	start();
	ino = rig_file(&rig, ROOT, "f");
	for (int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(set(ino, SPOOL_SET_MTIME, &to), 0);
		rig_tick(&rig);
		CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, "x", 1, 0, SPOOL_WRITE_PAGEOUT),
				1);
		CU_ASSERT_STRING_EQUAL(times_now(ino), "");
		CU_ASSERT_EQUAL(attr.mtime.tv_sec, -5);
		rig_tick(&rig);
		switch (i) {
		case 0: /* but newer than what was written since */
			CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, "x", 1, 0, 0), 1);
			break;
		case 1:
			CU_ASSERT_EQUAL(spool_engine_open(rig.engine, ino, SPOOL_OPEN_WRITE), 0);
			spool_engine_release(rig.engine, ino);
			break;
		default:
			CU_ASSERT_EQUAL(set(ino, SPOOL_SET_SIZE, &to), 0);
		}
		rig_tick(&rig);
		CU_ASSERT_EQUAL(spool_engine_write(rig.engine, ino, "x", 1, 0, SPOOL_WRITE_PAGEOUT),
				1);
		CU_ASSERT_STRING_EQUAL(times_now(ino), "mc");
	}
	engine_rig_fini(&rig);
}

static void test_size(void)
{
	struct spool_attr to = {.size = 5000};
	uint64_t file, dir;
	char byte = 1;

	start();
	file = rig_file(&rig, ROOT, "f");
	dir = rig_mkdir(&rig, ROOT, "d");
	CU_ASSERT_EQUAL(set(file, SPOOL_SET_SIZE, &to), 0);
	CU_ASSERT_EQUAL(attr.size, 5000);
	CU_ASSERT_EQUAL(attr.blocks, 0);
	CU_ASSERT_EQUAL(spool_engine_read(rig.engine, file, &byte, 1, 4999, 0), 1);
	CU_ASSERT_EQUAL(byte, 0);
	CU_ASSERT_EQUAL(spool_engine_read(rig.engine, file, &byte, 1, 5000, 0), 0);
	to.size = (uint64_t)INT64_MAX;
	CU_ASSERT_EQUAL(set(file, SPOOL_SET_SIZE, &to), 0);
	CU_ASSERT_EQUAL(attr.size, INT64_MAX);
	attr.size = 42;
	to.size++;
	CU_ASSERT_EQUAL(set(file, SPOOL_SET_SIZE, &to), -EFBIG);
	CU_ASSERT_EQUAL(attr.size, 42); /* untouched on failure */
	CU_ASSERT_EQUAL(set(dir, SPOOL_SET_SIZE, &to), -EISDIR);
	CU_ASSERT_EQUAL(set(file, SPOOL_SET_SIZE | SPOOL_SET_UID, &to), -EINVAL);
	CU_ASSERT_EQUAL(spool_engine_read(rig.engine, dir, &byte, 1, 0, 0), -EISDIR);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, dir, &byte, 1, 0, 0), -EISDIR);
	CU_ASSERT_EQUAL(spool_engine_fallocate(rig.engine, dir, 0, 0, 1, 0), -EISDIR);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, file, &byte, 1, INT64_MAX, 0), -EFBIG);
	spool_engine_mknod(rig.engine, &rig.cred, ROOT, "p", S_IFIFO, 0, &attr);
	CU_ASSERT_EQUAL(set(attr.ino, SPOOL_SET_SIZE, &to), -EINVAL);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, attr.ino, &byte, 1, 0, 0), -EINVAL);
	engine_rig_fini(&rig);
}

static void test_empty_file(void)
{
	struct spool_attr to = {.size = 0};
	uint64_t file, other;
	char buf[4];

	start();
	file = rig_file(&rig, ROOT, "f");
	other = rig_file(&rig, ROOT, "g");
	CU_ASSERT_EQUAL(spool_engine_read(rig.engine, file, buf, 4, 0, 0), 0);
	CU_ASSERT_EQUAL(spool_engine_seek(rig.engine, file, 0, SEEK_DATA), -ENXIO);
	CU_ASSERT_EQUAL(spool_engine_seek(rig.engine, file, 0, SEEK_HOLE), -ENXIO);
	CU_ASSERT_EQUAL(spool_engine_copy_range(rig.engine, file, 0, other, 0, 4, 0), 0);
	CU_ASSERT_EQUAL(set(file, SPOOL_SET_SIZE, &to), 0);
	CU_ASSERT_EQUAL(spool_engine_open(rig.engine, file, true), 0);
	spool_engine_release(rig.engine, file);
	engine_rig_fini(&rig);
}

static void test_copy(void)
{
	uint64_t a, b;
	char buf[16] = "";

	start();
	b = rig_file(&rig, ROOT, "b");
	a = rig_file(&rig, ROOT, "a");
	rig_write(&rig, a, "0123456789");
	/* both orders of inode numbers, and one file */
	CU_ASSERT_EQUAL(spool_engine_copy_range(rig.engine, a, 2, b, 1, 100, 0), 8);
	CU_ASSERT_EQUAL(rig_attr(&rig, b).size, 9);
	CU_ASSERT_EQUAL(spool_engine_copy_range(rig.engine, b, 1, a, 20, 3, 0), 3);
	CU_ASSERT_EQUAL(spool_engine_copy_range(rig.engine, a, 0, a, 5, 5, 0), 5);
	CU_ASSERT_EQUAL(spool_engine_copy_range(rig.engine, a, 0, a, 4, 5, 0), -EINVAL);
	CU_ASSERT_EQUAL(spool_engine_read(rig.engine, a, buf, 16, 0, 0), 16);
	CU_ASSERT_EQUAL(memcmp(buf, "0123401234\0\0\0\0\0", 16), 0);
	CU_ASSERT_EQUAL(spool_engine_read(rig.engine, b, buf, 16, 0, 0), 9);
	CU_ASSERT_EQUAL(memcmp(buf, "\00023456789", 9), 0);
	CU_ASSERT_EQUAL(spool_engine_copy_range(rig.engine, a, 0, ROOT, 0, 1, 0), -EISDIR);
	CU_ASSERT_EQUAL(spool_engine_copy_range(rig.engine, ROOT, 0, a, 0, 1, 0), -EISDIR);
	engine_rig_fini(&rig);
}

static void test_open_counts(void)
{
	struct spool_engine_stat stat;
	uint64_t file;

	start();
	file = rig_file(&rig, ROOT, "f");
	spool_engine_open(rig.engine, file, false);
	spool_engine_open(rig.engine, file, false);
	spool_engine_open(rig.engine, ROOT, false);
	spool_engine_stat(rig.engine, &stat);
	CU_ASSERT_EQUAL(stat.open_files, 3);
	CU_ASSERT_EQUAL(stat.inodes, 2);
	CU_ASSERT_EQUAL(stat.usage.used[SPOOL_RES_INODES], 2);
	for (int i = 0; i < 5; i++)
		spool_engine_release(rig.engine, file);
	spool_engine_release(rig.engine, ROOT);
	spool_engine_stat(rig.engine, &stat);
	CU_ASSERT_EQUAL(stat.open_files, 0);
	engine_rig_fini(&rig);
}

static void test_no_space(void)
{
	char buf[8192] = {1};
	uint64_t file;

	start();
	file = rig_file(&rig, ROOT, "f");
	rig_limits(&rig, 1000, 0, 0, 0, 0);
	CU_ASSERT_EQUAL(spool_engine_create(rig.engine, &rig.cred, ROOT, "g", 0600, &attr),
			-ENOSPC);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, file, buf, 1, 0, 0), -ENOSPC);
	CU_ASSERT_EQUAL(engine_rig_audit(&rig), 0);
	rig_limits(&rig, 1000, -1, 100, -1, -1);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, file, buf, sizeof(buf), 0, 0), -EDQUOT);
	CU_ASSERT_EQUAL(spool_engine_fallocate(rig.engine, file, 0, 0, 8192, 0), -EDQUOT);
	CU_ASSERT_EQUAL(rig_attr(&rig, file).size, 0);
	CU_ASSERT_EQUAL(rig_attr(&rig, file).blocks, 0);
	rig_limits(&rig, 1000, -1, 16384, -1, -1);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, file, buf, sizeof(buf), 0, 0), sizeof(buf));
	CU_ASSERT_EQUAL(rig_attr(&rig, file).blocks, 16);
	/* usable again after the unlink */
	rig_limits(&rig, 1000, 0, 0, 0, 0);
	spool_engine_forget(rig.engine, file, 1);
	CU_ASSERT_EQUAL(spool_engine_unlink(rig.engine, &rig.cred, ROOT, "f"), 0);
	file = rig_file(&rig, ROOT, "g");
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, file, buf, sizeof(buf), 0, 0), sizeof(buf));
	engine_rig_fini(&rig);
}

static void test_pageout_reserve(void)
{
	struct spool_config config = engine_rig_config(SPOOL_LAYOUT_SINGLE, SPOOL_MODES_OWNER);
	char buf[4096] = {1};
	uint64_t file;

	config.limits.mount[SPOOL_RES_RAM] = 4096;
	config.limits.pageout_reserve = 65536;
	engine_rig_init_config(&rig, &config);
	file = rig_file(&rig, ROOT, "f");
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, file, buf, 4096, 0, 0), -ENOSPC);
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, file, buf, 4096, 0, SPOOL_WRITE_PAGEOUT),
			4096);
	engine_rig_fini(&rig);
}

static struct spool_statfs statfs_of(uid_t uid)
{
	const struct spool_cred cred = {.uid = uid};
	struct spool_statfs ret = {0};

	CU_ASSERT_EQUAL(spool_engine_statfs(rig.engine, &cred, &ret), 0);
	return ret;
}

static void test_statfs(void)
{
	struct spool_config config = engine_rig_config(SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
	struct spool_statfs mine, his;
	static char buf[1 << 20];

	engine_rig_init_config(&rig, &config);
	mine = statfs_of(1000);
	CU_ASSERT_EQUAL(mine.blocks, INT64_MAX >> SPOOL_PAGE_SHIFT);
	CU_ASSERT_TRUE(mine.blocks_free > 0 && mine.inodes > 0 && mine.inodes_free > 0);
	engine_rig_fini(&rig);
	config.limits = (struct spool_limits){.mount = {100 * MIB, 50 * MIB, 1000},
					      .user = {80 * MIB, 10 * MIB, 800}};
	engine_rig_init_config(&rig, &config);
	mine = statfs_of(1000);
	CU_ASSERT_EQUAL(mine.blocks, 10 * MIB / 4096); /* the least of all limits */
	CU_ASSERT_EQUAL(mine.blocks_free, 10 * MIB / 4096);
	CU_ASSERT_EQUAL(mine.inodes, 800);
	CU_ASSERT_EQUAL(mine.inodes_free, 800);
	spool_engine_write(rig.engine, rig_file(&rig, ROOT, "f"), buf, sizeof(buf), 0, 0);
	mine = statfs_of(1000);
	his = statfs_of(1001);
	CU_ASSERT_TRUE(mine.blocks_free < 9 * MIB / 4096);
	CU_ASSERT_TRUE(mine.blocks_free >= 9 * MIB / 4096 - 2);
	CU_ASSERT_EQUAL(mine.inodes_free, 799);
	CU_ASSERT_EQUAL(his.blocks_free, 10 * MIB / 4096);
	CU_ASSERT_EQUAL(his.inodes_free, 800);
	/* nothing left on the mount: nobody has anything left, and the totals stay */
	rig_limits(&rig, 1001, 0, -1, 0, -1);
	his = statfs_of(1001);
	CU_ASSERT_EQUAL(his.blocks_free, 0);
	CU_ASSERT_EQUAL(his.inodes_free, 0);
	CU_ASSERT_TRUE(his.blocks > 0 && his.inodes > 0);
	rig_limits(&rig, 1001, -1, -1, -1, -1);
	engine_rig_fini(&rig);
}

static void test_users(void)
{
	struct spool_usage usage;
	uid_t uid = 99;

	start();
	rig_file(&rig, ROOT, "a");
	rig.cred.uid = 7;
	rig_file(&rig, ROOT, "b");
	CU_ASSERT_TRUE(spool_engine_next_user(rig.engine, 0, &uid, &usage));
	CU_ASSERT_EQUAL(uid, 0);
	CU_ASSERT_TRUE(spool_engine_next_user(rig.engine, 1, &uid, &usage));
	CU_ASSERT_EQUAL(uid, 7);
	CU_ASSERT_EQUAL(usage.used[SPOOL_RES_INODES], 1);
	CU_ASSERT_TRUE(spool_engine_next_user(rig.engine, 8, &uid, &usage));
	CU_ASSERT_EQUAL(uid, 1000);
	CU_ASSERT_FALSE(spool_engine_next_user(rig.engine, 1001, &uid, &usage));
	engine_rig_fini(&rig);
}

/* Whatever is there at the end goes: open, unlinked, deep, with data, xattrs and lookups owed. */
static void test_end_with_everything_open(void)
{
	uint64_t dir;

	start();
	dir = rig_mkdir(&rig, rig_mkdir(&rig, ROOT, "a"), "b");
	CU_ASSERT_EQUAL(spool_engine_create(rig.engine, &rig.cred, dir, "f", 0600, &attr), 0);
	rig_write(&rig, attr.ino, "data");
	spool_engine_setxattr(rig.engine, &rig.cred, attr.ino, "user.a", "x", 1, 0);
	spool_engine_unlink(rig.engine, &rig.cred, dir, "f");
	CU_ASSERT_EQUAL(spool_engine_tmpfile(rig.engine, &rig.cred, dir, 0600, &attr), 0);
	rig_write(&rig, attr.ino, "data");
	spool_engine_symlink(rig.engine, &rig.cred, dir, "l", "t", &attr);
	spool_engine_open(rig.engine, dir, false);
	engine_rig_fini(&rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"new_file", test_new_file},
		{"times", test_times},
		{"utimens", test_utimens},
		{"set_times_and_pageouts", test_set_times_and_pageouts},
		{"size", test_size},
		{"empty_file", test_empty_file},
		{"copy", test_copy},
		{"open_counts", test_open_counts},
		{"no_space", test_no_space},
		{"pageout_reserve", test_pageout_reserve},
		{"statfs", test_statfs},
		{"users", test_users},
		{"end_with_everything_open", test_end_with_everything_open},
	};

	return unit_run("engine", tests, SPOOL_ARRAY_SIZE(tests));
}
