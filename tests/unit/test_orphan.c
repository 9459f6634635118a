/* SPDX-License-Identifier: MIT */

/* Files and directories that live on without a name, and inodes found by their number. */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "engine_rig.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT

static struct engine_rig rig;
static struct spool_attr attr;

static void start(void)
{
	engine_rig_init(&rig, SPOOL_LAYOUT_SINGLE, SPOOL_MODES_KEEP);
}

static int lookup(uint64_t parent, const char *name)
{
	return spool_engine_lookup(rig.engine, &rig.cred, parent, name, &attr);
}

static int create(uint64_t parent, const char *name)
{
	return spool_engine_create(rig.engine, &rig.cred, parent, name, 0666, &attr);
}

static int make_dir(uint64_t parent, const char *name)
{
	return spool_engine_mkdir(rig.engine, &rig.cred, parent, name, 0777, &attr);
}

static int link_to(uint64_t ino, uint64_t parent, const char *name)
{
	return spool_engine_link(rig.engine, &rig.cred, ino, parent, name, &attr);
}

static int unlink_name(uint64_t parent, const char *name)
{
	return spool_engine_unlink(rig.engine, &rig.cred, parent, name);
}

static int remove_dir(uint64_t parent, const char *name)
{
	return spool_engine_rmdir(rig.engine, &rig.cred, parent, name);
}

static void test_unlinked_but_open(void)
{
	struct spool_attr set = {.mode = 0400, .size = 3};
	struct spool_engine *engine;
	char buf[8] = "";
	uint64_t ino;

	start();
	engine = rig.engine;
	CU_ASSERT_EQUAL(create(ROOT, "f"), 0);
	ino = attr.ino;
	rig_write(&rig, ino, "hello");
	CU_ASSERT_EQUAL(unlink_name(ROOT, "f"), 0);
	spool_engine_forget(engine, ino, 1);
	CU_ASSERT_EQUAL(spool_engine_setattr(engine, &rig.cred, ino,
					     SPOOL_SET_MODE | SPOOL_SET_SIZE, &set, &attr),
			0);
	CU_ASSERT_EQUAL(attr.nlink, 0);
	CU_ASSERT_EQUAL(attr.size, 3);
	CU_ASSERT_EQUAL(attr.mode, S_IFREG | 0400);
	CU_ASSERT_EQUAL(spool_engine_open(engine, ino, false), 0); /* /proc/self/fd */
	spool_engine_release(engine, ino);
	CU_ASSERT_EQUAL(spool_engine_read(engine, ino, buf, sizeof(buf), 0, 0), 3);
	CU_ASSERT_STRING_EQUAL(buf, "hel");
	CU_ASSERT_EQUAL(engine_rig_audit(&rig), 0);
	spool_engine_release(engine, ino);
	CU_ASSERT_EQUAL(spool_engine_getattr(engine, ino, &attr), -ESTALE);
	/* with a lookup owed but no name and no open, an open comes from who has just looked it up
	 */
	ino = rig_file(&rig, ROOT, "g");
	CU_ASSERT_EQUAL(unlink_name(ROOT, "g"), 0);
	CU_ASSERT_EQUAL(spool_engine_open(engine, ino, 0), 0);
	CU_ASSERT_EQUAL(rig_attr(&rig, ino).nlink, 0);
	engine_rig_fini(&rig);
}

static void test_removed_directory(void)
{
	struct spool_engine *engine;
	uint64_t dir, below, file;

	start();
	engine = rig.engine;
	dir = rig_mkdir(&rig, ROOT, "d");
	below = rig_mkdir(&rig, dir, "e");
	file = rig_file(&rig, ROOT, "f");
	CU_ASSERT_EQUAL(create(below, "open"), 0);
	CU_ASSERT_EQUAL(spool_engine_open(engine, below, false), 0);
	CU_ASSERT_EQUAL(unlink_name(below, "open"), 0); /* and still open */
	CU_ASSERT_EQUAL(remove_dir(dir, "e"), 0);
	CU_ASSERT_EQUAL(remove_dir(ROOT, "d"), 0);
	CU_ASSERT_EQUAL(rig_attr(&rig, below).nlink, 0);
	CU_ASSERT_EQUAL(create(below, "x"), -ENOENT);
	CU_ASSERT_EQUAL(make_dir(below, "x"), -ENOENT);
	CU_ASSERT_EQUAL(spool_engine_tmpfile(engine, &rig.cred, below, 0600, &attr), -ENOENT);
	CU_ASSERT_EQUAL(spool_engine_symlink(engine, &rig.cred, below, "x", "y", &attr), -ENOENT);
	CU_ASSERT_EQUAL(link_to(file, below, "x"), -ENOENT);
	CU_ASSERT_EQUAL(lookup(below, "x"), -ENOENT);
	CU_ASSERT_EQUAL(spool_engine_rename(engine, &rig.cred, ROOT, "f", below, "x", 0), -ENOENT);
	CU_ASSERT_EQUAL(engine_rig_audit(&rig), 0);
	/* the lower one holds the upper one for its ".." */
	spool_engine_forget(engine, dir, 1);
	CU_ASSERT_EQUAL(spool_engine_getattr(engine, dir, &attr), 0);
	spool_engine_forget(engine, below, 1);
	spool_engine_release(engine, below);
	CU_ASSERT_EQUAL(spool_engine_getattr(engine, below, &attr), -ESTALE);
	CU_ASSERT_EQUAL(spool_engine_getattr(engine, dir, &attr), -ESTALE);
	engine_rig_fini(&rig);
}

static void test_tmpfile(void)
{
	struct spool_engine *engine;
	uint64_t ino, dir;

	start();
	engine = rig.engine;
	dir = rig_mkdir(&rig, ROOT, "d");
	rig_tick(&rig);
	CU_ASSERT_EQUAL(spool_engine_tmpfile(engine, &rig.cred, dir, 0640, &attr), 0);
	ino = attr.ino;
	CU_ASSERT_EQUAL(attr.nlink, 0);
	CU_ASSERT_EQUAL(attr.mode, S_IFREG | 0640);
	CU_ASSERT_EQUAL(rig_attr(&rig, dir).size, 0);
	CU_ASSERT_TRUE(rig_attr(&rig, dir).mtime.tv_sec < attr.mtime.tv_sec);
	rig_write(&rig, ino, "data");
	CU_ASSERT_EQUAL(link_to(ino, dir, "name"), 0);
	CU_ASSERT_EQUAL(attr.nlink, 1);
	CU_ASSERT_EQUAL(attr.size, 4);
	CU_ASSERT_EQUAL(unlink_name(dir, "name"), 0);
	/* it has had a name: that was the only chance, as everywhere */
	CU_ASSERT_EQUAL(link_to(ino, dir, "name"), -ENOENT);
	spool_engine_release(engine, ino);
	spool_engine_forget(engine, ino, 2);
	CU_ASSERT_EQUAL(spool_engine_getattr(engine, ino, &attr), -ESTALE);
	/* one that never gets a name is gone with its last open */
	CU_ASSERT_EQUAL(spool_engine_tmpfile(engine, &rig.cred, dir, 0600, &attr), 0);
	rig_write(&rig, attr.ino, "data");
	spool_engine_release(engine, attr.ino);
	spool_engine_forget(engine, attr.ino, 1);
	CU_ASSERT_EQUAL(spool_engine_getattr(engine, attr.ino, &attr), -ESTALE);
	engine_rig_fini(&rig);
}

/* File handles: an inode by its number, whatever it is, and the directory above. */
static void test_lookup_by_number(void)
{
	uint64_t dir, inner, file;

	start();
	dir = rig_mkdir(&rig, ROOT, "d");
	inner = rig_mkdir(&rig, dir, "e");
	file = rig_file(&rig, inner, "f");
	CU_ASSERT_EQUAL(spool_engine_lookup_ino(rig.engine, file, &attr), 0);
	CU_ASSERT_EQUAL(attr.ino, file);
	CU_ASSERT_EQUAL(attr.mode & S_IFMT, S_IFREG);
	CU_ASSERT_EQUAL(spool_engine_lookup_ino(rig.engine, inner, &attr), 0);
	CU_ASSERT_EQUAL(attr.ino, inner);
	CU_ASSERT_EQUAL(spool_engine_lookup_parent(rig.engine, inner, &attr), 0);
	CU_ASSERT_EQUAL(attr.ino, dir);
	CU_ASSERT_EQUAL(spool_engine_lookup_parent(rig.engine, ROOT, &attr), 0);
	CU_ASSERT_EQUAL(attr.ino, ROOT);
	CU_ASSERT_EQUAL(spool_engine_lookup_parent(rig.engine, file, &attr), -ENOTDIR);
	CU_ASSERT_EQUAL(spool_engine_lookup_ino(rig.engine, 4711, &attr), -ESTALE);
	CU_ASSERT_EQUAL(spool_engine_lookup_parent(rig.engine, 4711, &attr), -ESTALE);
	/* without a name it is found while it is open; an O_TMPFILE file may still get one */
	CU_ASSERT_EQUAL(spool_engine_open(rig.engine, file, 0), 0);
	CU_ASSERT_EQUAL(unlink_name(inner, "f"), 0);
	CU_ASSERT_EQUAL(spool_engine_lookup_ino(rig.engine, file, &attr), 0);
	spool_engine_release(rig.engine, file);
	CU_ASSERT_EQUAL(spool_engine_lookup_ino(rig.engine, file, &attr), -ESTALE);
	CU_ASSERT_EQUAL(spool_engine_tmpfile(rig.engine, &rig.cred, dir, 0600, &attr), 0);
	file = attr.ino;
	spool_engine_release(rig.engine, file);
	CU_ASSERT_EQUAL(spool_engine_lookup_ino(rig.engine, file, &attr), 0);
	CU_ASSERT_EQUAL(engine_rig_audit(&rig), 0);
	engine_rig_fini(&rig);
}

static struct {
	unsigned int calls, still_counted;
} told;

static void on_returned(void *ctx)
{
	(void)ctx;
	told.calls++;
	told.still_counted += spool_engine_orphans(rig.engine) > 0;
}

/* Who waits for an orphan is told when it is counted no more: he would go on waiting otherwise. */
static void test_told_when_it_has_gone(void)
{
	struct spool_config config = engine_rig_config(SPOOL_LAYOUT_SINGLE, SPOOL_MODES_KEEP);
	uint64_t ino;

	config.returned = on_returned;
	engine_rig_init_config(&rig, &config);
	told.calls = told.still_counted = 0;
	ino = rig_file(&rig, ROOT, "f");
	CU_ASSERT_EQUAL(unlink_name(ROOT, "f"), 0);
	CU_ASSERT_EQUAL(spool_engine_orphans(rig.engine), 1);
	CU_ASSERT_EQUAL(told.calls, 0);
	spool_engine_forget(rig.engine, ino, 1);
	CU_ASSERT_EQUAL(spool_engine_orphans(rig.engine), 0);
	CU_ASSERT_EQUAL(told.calls, 1);
	CU_ASSERT_EQUAL(spool_engine_tmpfile(rig.engine, &rig.cred, ROOT, 0600, &attr), 0);
	CU_ASSERT_EQUAL(link_to(attr.ino, ROOT, "g"), 0);
	CU_ASSERT_EQUAL(told.calls, 2);
	CU_ASSERT_EQUAL(told.still_counted, 0);
	spool_engine_release(rig.engine, attr.ino);
	spool_engine_forget(rig.engine, attr.ino, 2);
	engine_rig_fini(&rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"unlinked_but_open", test_unlinked_but_open},
		{"removed_directory", test_removed_directory},
		{"tmpfile", test_tmpfile},
		{"lookup_by_number", test_lookup_by_number},
		{"told_when_it_has_gone", test_told_when_it_has_gone},
	};

	return unit_run("orphan", tests, SPOOL_ARRAY_SIZE(tests));
}
