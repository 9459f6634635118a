/* SPDX-License-Identifier: MIT */

/*
 * Files that nobody has open, and orphans: which of them are handed out to have their pages
 * dropped, when their data go, and how many there are.
 */

#include <errno.h>
#include <fcntl.h>

#include "engine_rig.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT

static struct engine_rig rig;
static struct spool_attr attr;
static uint64_t inos[8];

static void start(void)
{
	engine_rig_init(&rig, SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
}

static uint64_t closed_file(const char *name)
{
	uint64_t ino = rig_file(&rig, ROOT, name);

	CU_ASSERT_EQUAL(spool_engine_open(rig.engine, ino, 0), 0);
	rig_write(&rig, ino, "data");
	spool_engine_release(rig.engine, ino);
	return ino;
}

static size_t take(size_t n)
{
	return spool_engine_take_closed(rig.engine, inos, n);
}

static void test_rounds(void)
{
	uint64_t a, b;

	start();
	CU_ASSERT_FALSE(spool_engine_next_round(rig.engine));
	a = closed_file("a");
	CU_ASSERT_EQUAL(take(8), 0); /* not in the round of its close */
	CU_ASSERT_TRUE(spool_engine_next_round(rig.engine));
	b = closed_file("b");
	CU_ASSERT_EQUAL(take(8), 1);
	CU_ASSERT_EQUAL(inos[0], a);
	CU_ASSERT_EQUAL(take(8), 0); /* once only */
	CU_ASSERT_TRUE(spool_engine_next_round(rig.engine));
	CU_ASSERT_EQUAL(take(8), 1);
	CU_ASSERT_EQUAL(inos[0], b);
	CU_ASSERT_FALSE(spool_engine_next_round(rig.engine));
	engine_rig_fini(&rig);
}

static void test_no_more_than_asked_for(void)
{
	static const char *const names[] = {"a", "b", "c", "d", "e"};

	start();
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(names); i++)
		closed_file(names[i]);
	spool_engine_next_round(rig.engine);
	CU_ASSERT_EQUAL(take(0), 0);
	CU_ASSERT_EQUAL(take(2), 2);
	CU_ASSERT_EQUAL(take(2), 2);
	CU_ASSERT_EQUAL(take(2), 1);
	CU_ASSERT_EQUAL(take(2), 0);
	engine_rig_fini(&rig);
}

static void test_left_in_peace(void)
{
	uint64_t open_again, twice, still_open, empty, gone;

	start();
	open_again = closed_file("open again");
	spool_engine_open(rig.engine, open_again, 0);
	twice = closed_file("open twice");
	spool_engine_open(rig.engine, twice, 0);
	spool_engine_open(rig.engine, twice, 0);
	spool_engine_release(rig.engine, twice);
	still_open = rig_file(&rig, ROOT, "never closed");
	spool_engine_open(rig.engine, still_open, 0);
	rig_write(&rig, still_open, "data");
	empty = rig_file(&rig, ROOT, "empty");
	spool_engine_open(rig.engine, empty, 0);
	spool_engine_release(rig.engine, empty);
	gone = closed_file("gone");
	spool_engine_unlink(rig.engine, &rig.cred, ROOT, "gone");
	spool_engine_forget(rig.engine, gone, 1);
	spool_engine_next_round(rig.engine);
	CU_ASSERT_EQUAL(take(8), 0);
	spool_engine_release(rig.engine, twice);
	spool_engine_next_round(rig.engine);
	CU_ASSERT_EQUAL(take(8), 1);
	CU_ASSERT_EQUAL(inos[0], twice);
	spool_engine_release(rig.engine, open_again);
	spool_engine_release(rig.engine, still_open);
	engine_rig_fini(&rig);
}

/* What is on a list when the mount ends goes with it. */
static void test_end(void)
{
	start();
	closed_file("old");
	spool_engine_next_round(rig.engine);
	closed_file("young");
	engine_rig_fini(&rig);
}

static void test_data_go_with_name_and_handle(void)
{
	uint64_t ino;
	char byte;

	start();
	ino = closed_file("closed");
	spool_engine_unlink(rig.engine, &rig.cred, ROOT, "closed");
	CU_ASSERT_EQUAL(spool_engine_open(rig.engine, ino, 0), 0); /* looked up just before */
	CU_ASSERT_EQUAL(spool_engine_drop_orphans(rig.engine), 0);
	spool_engine_release(rig.engine, ino);
	CU_ASSERT_EQUAL(spool_engine_read(rig.engine, ino, &byte, 1, 0, 0), 1);
	CU_ASSERT_EQUAL(spool_engine_drop_orphans(rig.engine), 1);
	CU_ASSERT_EQUAL(spool_engine_drop_orphans(rig.engine), 0);
	attr = rig_attr(&rig, ino); /* not forgotten yet */
	CU_ASSERT_EQUAL(attr.blocks, 0);
	CU_ASSERT_EQUAL(attr.size, 4);
	CU_ASSERT_EQUAL(spool_engine_open(rig.engine, ino, 0), -ESTALE);

	ino = rig_file(&rig, ROOT, "open");
	spool_engine_open(rig.engine, ino, 0);
	rig_write(&rig, ino, "data");
	spool_engine_unlink(rig.engine, &rig.cred, ROOT, "open");
	CU_ASSERT_EQUAL(spool_engine_read(rig.engine, ino, &byte, 1, 0, 0), 1);
	CU_ASSERT_EQUAL(byte, 'd');
	CU_ASSERT_NOT_EQUAL(rig_attr(&rig, ino).blocks, 0);
	CU_ASSERT_EQUAL(spool_engine_drop_orphans(rig.engine), 0);
	spool_engine_release(rig.engine, ino);
	CU_ASSERT_EQUAL(spool_engine_drop_orphans(rig.engine), 1);
	CU_ASSERT_EQUAL(rig_attr(&rig, ino).blocks, 0);

	ino = closed_file("replaced");
	rig_file(&rig, ROOT, "new");
	CU_ASSERT_EQUAL(
		spool_engine_rename(rig.engine, &rig.cred, ROOT, "new", ROOT, "replaced", 0), 0);
	CU_ASSERT_EQUAL(spool_engine_drop_orphans(rig.engine), 1);
	CU_ASSERT_EQUAL(rig_attr(&rig, ino).blocks, 0);
	engine_rig_fini(&rig);
}

static void test_data_stay_with_another_name(void)
{
	uint64_t ino;

	start();
	ino = closed_file("one");
	CU_ASSERT_EQUAL(spool_engine_link(rig.engine, &rig.cred, ino, ROOT, "two", &attr), 0);
	spool_engine_unlink(rig.engine, &rig.cred, ROOT, "one");
	CU_ASSERT_NOT_EQUAL(rig_attr(&rig, ino).blocks, 0);
	engine_rig_fini(&rig);
}

/* linkat(2) may give it a name through an O_PATH descriptor after it was closed. */
static void test_data_stay_in_a_closed_tmpfile(void)
{
	start();
	CU_ASSERT_EQUAL(spool_engine_tmpfile(rig.engine, &rig.cred, ROOT, S_IFREG | 0600, &attr),
			0);
	rig_write(&rig, attr.ino, "data");
	spool_engine_release(rig.engine, attr.ino);
	CU_ASSERT_NOT_EQUAL(rig_attr(&rig, attr.ino).blocks, 0);
	CU_ASSERT_EQUAL(spool_engine_link(rig.engine, &rig.cred, attr.ino, ROOT, "f", &attr), 0);
	CU_ASSERT_NOT_EQUAL(rig_attr(&rig, attr.ino).blocks, 0);
	engine_rig_fini(&rig);
}

static void test_orphans(void)
{
	uint64_t file, dir;

	start();
	file = closed_file("f");
	dir = rig_mkdir(&rig, ROOT, "d");
	CU_ASSERT_EQUAL(spool_engine_orphans(rig.engine), 0);
	spool_engine_unlink(rig.engine, &rig.cred, ROOT, "f");
	spool_engine_rmdir(rig.engine, &rig.cred, ROOT, "d");
	CU_ASSERT_EQUAL(spool_engine_orphans(rig.engine), 2);
	spool_engine_forget(rig.engine, file, 1);
	spool_engine_forget(rig.engine, dir, 1);
	CU_ASSERT_EQUAL(spool_engine_orphans(rig.engine), 0);

	spool_engine_tmpfile(rig.engine, &rig.cred, ROOT, S_IFREG | 0600, &attr);
	CU_ASSERT_EQUAL(spool_engine_orphans(rig.engine), 1);
	spool_engine_link(rig.engine, &rig.cred, attr.ino, ROOT, "named", &attr);
	CU_ASSERT_EQUAL(spool_engine_orphans(rig.engine), 0);
	spool_engine_release(rig.engine, attr.ino);
	rig_file(&rig, ROOT, "other");
	spool_engine_rename(rig.engine, &rig.cred, ROOT, "other", ROOT, "named", 0);
	CU_ASSERT_EQUAL(spool_engine_orphans(rig.engine), 1);
	spool_engine_forget(rig.engine, attr.ino, 2);
	CU_ASSERT_EQUAL(spool_engine_orphans(rig.engine), 0);
	engine_rig_fini(&rig);
}

/* Who finds no room asks first whether a file is still to go, and then whether one has gone. */
static struct {
	unsigned int n;
	uint64_t orphans, inodes, bytes; /* when it was called last */
} returned;

static void on_returned(void *ctx)
{
	(void)ctx;
	returned.n++;
	returned.orphans = spool_engine_orphans(rig.engine);
	returned.inodes = rig_used(&rig, 1000, SPOOL_RES_INODES);
	returned.bytes = rig_used(&rig, 1000, SPOOL_RES_SIZE);
}

static void test_room_is_back_when_it_is_told(void)
{
	struct spool_config config = engine_rig_config(SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
	uint64_t file, inodes, bytes;

	config.returned = on_returned;
	engine_rig_init_config(&rig, &config);
	returned.n = 0;
	inodes = rig_used(&rig, 1000, SPOOL_RES_INODES);
	bytes = rig_used(&rig, 1000, SPOOL_RES_SIZE);
	file = closed_file("f");
	spool_engine_unlink(rig.engine, &rig.cred, ROOT, "f");
	CU_ASSERT_EQUAL(returned.n, 0);
	CU_ASSERT_EQUAL(spool_engine_returned(rig.engine), 0);
	CU_ASSERT_EQUAL(spool_engine_drop_orphans(rig.engine), 1); /* its data */
	CU_ASSERT_EQUAL(returned.n, 1);
	CU_ASSERT_EQUAL(returned.orphans, 1);
	CU_ASSERT_EQUAL(returned.inodes, inodes + 1);
	spool_engine_forget(rig.engine, file, 1); /* and all the rest */
	CU_ASSERT_EQUAL(returned.n, 2);
	CU_ASSERT_EQUAL(returned.orphans, 0);
	CU_ASSERT_EQUAL(returned.inodes, inodes);
	CU_ASSERT_EQUAL(returned.bytes, bytes);
	CU_ASSERT_EQUAL(spool_engine_returned(rig.engine), 2);
	CU_ASSERT_EQUAL(spool_engine_orphans(rig.engine), 0);

	file = rig_file(&rig, ROOT, "named"); /* at the end of the mount all goes, named or not */
	engine_rig_fini(&rig);
	CU_ASSERT_EQUAL(returned.n, 2);
}

static void test_known_and_open(void)
{
	struct spool_engine_pos pos = {0};
	uint64_t a, b, got[4];

	start();
	a = closed_file("a");
	b = rig_file(&rig, ROOT, "b");
	CU_ASSERT_EQUAL(spool_engine_open(rig.engine, b, 0), 0);
	CU_ASSERT_FALSE(spool_engine_is_open(rig.engine, a));
	CU_ASSERT_TRUE(spool_engine_is_open(rig.engine, b));
	CU_ASSERT_FALSE(spool_engine_is_open(rig.engine, b + 1));
	spool_engine_forget(rig.engine, a, 1); /* the root and b are left */
	CU_ASSERT_EQUAL(spool_engine_list_known(rig.engine, &pos, got, 4), 2);
	CU_ASSERT_TRUE(got[0] + got[1] == ROOT + b);
	CU_ASSERT_EQUAL(spool_engine_list_known(rig.engine, &pos, got, 4), 0);
	spool_engine_release(rig.engine, b);
	CU_ASSERT_FALSE(spool_engine_is_open(rig.engine, b));
	engine_rig_fini(&rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"rounds", test_rounds},
		{"no more than asked for", test_no_more_than_asked_for},
		{"left in peace", test_left_in_peace},
		{"end", test_end},
		{"data go with name and handle", test_data_go_with_name_and_handle},
		{"data stay with another name", test_data_stay_with_another_name},
		{"data stay in a closed tmpfile", test_data_stay_in_a_closed_tmpfile},
		{"orphans", test_orphans},
		{"known and open", test_known_and_open},
		{"room is back when it is told", test_room_is_back_when_it_is_told},
	};

	return unit_run("closed", tests, SPOOL_ARRAY_SIZE(tests));
}
