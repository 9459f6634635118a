/* SPDX-License-Identifier: MIT */

/* Lifetime close: what goes after its last close, when, and what does not. */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "life_rig.h"
#include "util/lock.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT

static struct life_rig life;
static struct engine_rig *const rig = &life.rig;
static struct spool_attr attr;

static void set_up(void)
{
	life_rig_init(&life, SPOOL_LAYOUT_SINGLE, SPOOL_LIFETIME_CLOSE);
	rig->cred.session = 1;
}

static void pass_ms(uint64_t ms)
{
	rig->host.monotonic_ns += ms * 1000000;
}

static uint64_t create(uint64_t dir, const char *name)
{
	CU_ASSERT_EQUAL(spool_engine_create(rig->engine, &rig->cred, dir, name, 0600, &attr), 0);
	return attr.ino;
}

static void reopen(uint64_t ino, unsigned int flags)
{
	CU_ASSERT_EQUAL(spool_engine_open(rig->engine, ino, flags), 0);
}

static void release(uint64_t ino)
{
	spool_engine_release(rig->engine, ino);
}

/* A file that is written and closed. */
static uint64_t closed(uint64_t dir, const char *name)
{
	uint64_t ino = create(dir, name);

	rig_write(rig, ino, "data");
	release(ino);
	return ino;
}

static bool is_there(uint64_t dir, const char *name)
{
	return rig_ino(rig, dir, name) != 0;
}

static void test_goes(void)
{
	uint64_t ino;

	set_up();
	ino = create(ROOT, "file");
	rig_write(rig, ino, "data");
	CU_ASSERT_EQUAL(life_of(&life, ino).linger_ms, UINT64_MAX);
	pass_ms(10000);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(life.ms, 0);
	CU_ASSERT_EQUAL(life.woken, 0);
	release(ino);
	CU_ASSERT_EQUAL(life.woken, 1);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(life.ms, 2000);
	CU_ASSERT_EQUAL(life_stat(&life).lingering, 1);
	pass_ms(1999);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(life.ms, 1);
	CU_ASSERT_EQUAL(life_of(&life, ino).linger_ms, 1);
	pass_ms(1);
	CU_ASSERT_EQUAL(life_reap(&life), 1);
	CU_ASSERT_EQUAL(life.ms, 0);
	CU_ASSERT_FALSE(is_there(ROOT, "file"));
	CU_ASSERT_EQUAL(life_stat(&life).lingering, 0);
	CU_ASSERT_EQUAL(life_stat(&life).removed, 1);
	CU_ASSERT_EQUAL(life.counted[1], 0);
	engine_rig_fini(rig);
}

/* What mktemp(1) leaves stays for who comes next, also when it is truncated once more. */
static void test_empty(void)
{
	uint64_t ino;

	set_up();
	ino = create(ROOT, "file");
	release(ino);
	reopen(ino, SPOOL_OPEN_TRUNCATE | SPOOL_OPEN_WRITE);
	release(ino);
	pass_ms(5000);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	reopen(ino, SPOOL_OPEN_WRITE);
	rig_write(rig, ino, "data");
	CU_ASSERT_EQUAL(spool_engine_setattr(rig->engine, &rig->cred, ino, SPOOL_SET_SIZE,
					     &(struct spool_attr){.size = 0}, &attr),
			0);
	release(ino); /* empty, but it was written */
	pass_ms(2000);
	CU_ASSERT_EQUAL(life_reap(&life), 1);
	engine_rig_fini(rig);
}

/* What is opened again in time lives until it is closed again. */
static void test_reopened(void)
{
	uint64_t ino;

	set_up();
	ino = closed(ROOT, "file");
	pass_ms(1999);
	reopen(ino, 0);
	pass_ms(5000);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	reopen(ino, 0);
	release(ino);
	pass_ms(5000);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(life.ms, 0);
	release(ino);
	pass_ms(1999);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	pass_ms(1);
	CU_ASSERT_EQUAL(life_reap(&life), 1);
	engine_rig_fini(rig);
}

/* All its names go, wherever they are by then; unlink() in time works, and so does rename(). */
static void test_names(void)
{
	uint64_t ino, dir;

	set_up();
	dir = life_dir(&life, 1, ROOT, "dir");
	ino = closed(ROOT, "a");
	CU_ASSERT_EQUAL(spool_engine_link(rig->engine, &rig->cred, ino, dir, "b", &attr), 0);
	CU_ASSERT_EQUAL(spool_engine_rename(rig->engine, &rig->cred, ROOT, "a", dir, "c", 0), 0);
	closed(ROOT, "d");
	CU_ASSERT_EQUAL(spool_engine_unlink(rig->engine, &rig->cred, ROOT, "d"), 0);
	pass_ms(2000);
	CU_ASSERT_EQUAL(life_reap(&life), 2);
	CU_ASSERT_EQUAL(rig_attr(rig, dir).size, 0);
	CU_ASSERT_TRUE(is_there(ROOT, "dir")); /* a directory lives as long as its session */
	CU_ASSERT_EQUAL(life_end(&life, 1), 1);
	engine_rig_fini(rig);
}

static void test_tmpfile(void)
{
	uint64_t ino;

	set_up();
	CU_ASSERT_EQUAL(spool_engine_tmpfile(rig->engine, &rig->cred, ROOT, 0600, &attr), 0);
	ino = attr.ino;
	rig_write(rig, ino, "data");
	CU_ASSERT_EQUAL(spool_engine_link(rig->engine, &rig->cred, ino, ROOT, "a", &attr), 0);
	release(ino);
	pass_ms(2000);
	CU_ASSERT_EQUAL(life_reap(&life), 1);
	engine_rig_fini(rig);
}

/* Other types live as long as their session. */
static void test_types(void)
{
	set_up();
	CU_ASSERT_EQUAL(
		spool_engine_mknod(rig->engine, &rig->cred, ROOT, "fifo", S_IFIFO | 0600, 0, &attr),
		0);
	CU_ASSERT_EQUAL(spool_engine_symlink(rig->engine, &rig->cred, ROOT, "link", "x", &attr), 0);
	pass_ms(5000);
	CU_ASSERT_EQUAL(life_reap(&life), 0);
	CU_ASSERT_EQUAL(life_end(&life, 1), 2);
	engine_rig_fini(rig);
}

/* In the order of their last close; linger= may change meanwhile. */
static void test_live(void)
{
	set_up();
	closed(ROOT, "a");
	pass_ms(500);
	closed(ROOT, "b");
	CU_ASSERT_EQUAL(life.woken, 1); /* nothing is earlier than what is known */
	spool_engine_set_linger(rig->engine, 500);
	CU_ASSERT_EQUAL(life.woken, 2);
	CU_ASSERT_EQUAL(life_reap(&life), 1);
	CU_ASSERT_FALSE(is_there(ROOT, "a"));
	CU_ASSERT_EQUAL(life.ms, 500);
	spool_engine_set_linger(rig->engine, 0);
	CU_ASSERT_EQUAL(life_reap(&life), 1);
	closed(ROOT, "c");
	CU_ASSERT_EQUAL(life_reap(&life), 1);
	engine_rig_fini(rig);
}

/* A session that ends does not wait for that, and a lookup just before is no open. */
static void test_ends(void)
{
	uint64_t ino;

	set_up();
	ino = closed(ROOT, "a");
	CU_ASSERT_EQUAL(life_end(&life, 1), 1);
	CU_ASSERT_EQUAL(life.ms, 0);
	CU_ASSERT_EQUAL(rig_attr(rig, ino).nlink, 0);
	engine_rig_fini(rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"goes", test_goes},   {"empty", test_empty},     {"reopened", test_reopened},
		{"names", test_names}, {"tmpfile", test_tmpfile}, {"types", test_types},
		{"live", test_live},   {"ends", test_ends},
	};

	return unit_run("linger", tests, SPOOL_ARRAY_SIZE(tests));
}
