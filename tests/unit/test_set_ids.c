/* SPDX-License-Identifier: MIT */

/* The set-user-ID and set-group-ID bits: what clears them, and what does not. */

#include <sys/stat.h>

#include "engine_rig.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT

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

/* In every way, and without SPOOL_KILL_SUIDGID. */
static void change_data(uint64_t file, uint64_t other)
{
	const struct spool_attr to = {.size = 2};

	spool_engine_open(rig.engine, file, SPOOL_OPEN_TRUNCATE | SPOOL_OPEN_WRITE);
	spool_engine_release(rig.engine, file);
	spool_engine_write(rig.engine, file, "x", 1, 0, 0);
	spool_engine_fallocate(rig.engine, file, 0, 0, 1, 0);
	spool_engine_copy_range(rig.engine, other, 0, file, 0, 1, 0);
	set(file, SPOOL_SET_SIZE, &to);
}

static void test_set_id_bits(void)
{
	static const struct {
		mode_t before, after;
	} cases[] = {
		{06755, 0755}, {04644, 0644}, {02755, 0755}, {02644, 02644}, {07777, 01777},
	};
	uint64_t file, other, dir;

	start();
	file = rig_file(&rig, ROOT, "f");
	other = rig_file(&rig, ROOT, "g");
	rig_write(&rig, other, "x");
	dir = rig_mkdir(&rig, ROOT, "d");
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(cases); i++) {
		const struct spool_attr to = {.mode = cases[i].before, .size = 1, .gid = 1000};
		mode_t want = S_IFREG | cases[i].after;

		set(file, SPOOL_SET_MODE, &to);
		CU_ASSERT_EQUAL(attr.mode, S_IFREG | cases[i].before);
		change_data(file, other);
		CU_ASSERT_EQUAL(rig_attr(&rig, file).mode, S_IFREG | cases[i].before);
		spool_engine_write(rig.engine, file, "x", 1, 0, SPOOL_KILL_SUIDGID);
		CU_ASSERT_EQUAL(rig_attr(&rig, file).mode, want);
		set(file, SPOOL_SET_MODE, &to);
		set(file, SPOOL_SET_SIZE | SPOOL_KILL_SUIDGID, &to);
		CU_ASSERT_EQUAL(attr.mode, want);
		set(file, SPOOL_SET_MODE, &to);
		set(file, SPOOL_SET_GID, &to);
		CU_ASSERT_EQUAL(attr.mode, want);
		set(file, SPOOL_SET_MODE, &to);
		spool_engine_open(rig.engine, file, SPOOL_OPEN_TRUNCATE | SPOOL_KILL_SUIDGID);
		spool_engine_release(rig.engine, file);
		CU_ASSERT_EQUAL(rig_attr(&rig, file).mode, want);
		set(file, SPOOL_SET_MODE, &to);
		spool_engine_fallocate(rig.engine, file, 0, 0, 1, SPOOL_KILL_SUIDGID);
		CU_ASSERT_EQUAL(rig_attr(&rig, file).mode, want);
		set(file, SPOOL_SET_MODE, &to);
		spool_engine_copy_range(rig.engine, other, 0, file, 0, 1, SPOOL_KILL_SUIDGID);
		CU_ASSERT_EQUAL(rig_attr(&rig, file).mode, want);
		/* an outsider keeps nothing of the group's, whoever may execute */
		set(file, SPOOL_SET_MODE, &to);
		spool_engine_write(rig.engine, file, "x", 1, 0,
				   SPOOL_KILL_SUIDGID | SPOOL_OUTSIDER);
		CU_ASSERT_EQUAL(rig_attr(&rig, file).mode, want & ~(mode_t)S_ISGID);
		set(file, SPOOL_SET_MODE, &to);
		spool_engine_fallocate(rig.engine, file, 0, 0, 1,
				       SPOOL_KILL_SUIDGID | SPOOL_OUTSIDER);
		CU_ASSERT_EQUAL(rig_attr(&rig, file).mode, want & ~(mode_t)S_ISGID);
		set(file, SPOOL_SET_MODE, &to);
		set(file, SPOOL_SET_GID | SPOOL_OUTSIDER, &to);
		CU_ASSERT_EQUAL(attr.mode, want & ~(mode_t)S_ISGID);
		set(dir, SPOOL_SET_MODE, &to); /* on directories they mean something else */
		set(dir, SPOOL_SET_GID, &to);
		CU_ASSERT_EQUAL(attr.mode, S_IFDIR | cases[i].before);
	}
	engine_rig_fini(&rig);
}

/* The rule of chown is about everything but directories. */
static void test_set_id_bits_of_other_kinds(void)
{
	static const mode_t types[] = {S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK, S_IFREG};
	const struct spool_attr to = {.mode = 06755, .gid = 1000};

	engine_rig_init(&rig, SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(types); i++) {
		const char name[] = {(char)('a' + i), '\0'};

		CU_ASSERT_EQUAL(spool_engine_mknod(rig.engine, &rig.cred, ROOT, name,
						   types[i] | 0644, 0, &attr),
				0);
		set(attr.ino, SPOOL_SET_MODE, &to);
		CU_ASSERT_EQUAL(attr.mode, types[i] | 06755);
		set(attr.ino, SPOOL_SET_GID, &to);
		CU_ASSERT_EQUAL(attr.mode, types[i] | 0755);
	}
	engine_rig_fini(&rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"set_id_bits", test_set_id_bits},
		{"set_id_bits_of_other_kinds", test_set_id_bits_of_other_kinds},
	};

	return unit_run("set_ids", tests, SPOOL_ARRAY_SIZE(tests));
}
