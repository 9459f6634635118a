/* SPDX-License-Identifier: MIT */

/*
 * Making, finding, linking and removing names through the engine: every error and every count.
 */

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

static void test_names(void)
{
	static const char *const bad[] = {"", ".", "..", "a/b", "/", "a/"};
	char name[SPOOL_NAME_MAX + 2];

	start();
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(bad); i++) {
		CU_ASSERT_EQUAL(create(ROOT, bad[i]), -EINVAL);
		CU_ASSERT_EQUAL(lookup(ROOT, bad[i]), -EINVAL);
		CU_ASSERT_EQUAL(make_dir(ROOT, bad[i]), -EINVAL);
		CU_ASSERT_EQUAL(unlink_name(ROOT, bad[i]), -EINVAL);
		CU_ASSERT_EQUAL(remove_dir(ROOT, bad[i]), -EINVAL);
		CU_ASSERT_EQUAL(link_to(ROOT, ROOT, bad[i]), -EINVAL);
	}
	memset(name, 'x', sizeof(name));
	name[SPOOL_NAME_MAX + 1] = '\0';
	CU_ASSERT_EQUAL(create(ROOT, name), -ENAMETOOLONG);
	CU_ASSERT_EQUAL(lookup(ROOT, name), -ENAMETOOLONG);
	CU_ASSERT_EQUAL(make_dir(ROOT, name), -ENAMETOOLONG);
	CU_ASSERT_EQUAL(unlink_name(ROOT, name), -ENAMETOOLONG);
	name[SPOOL_NAME_MAX] = '\0';
	CU_ASSERT_EQUAL(make_dir(ROOT, name), 0);
	CU_ASSERT_EQUAL(lookup(ROOT, name), 0);
	CU_ASSERT_EQUAL(remove_dir(ROOT, name), 0);
	CU_ASSERT_EQUAL(make_dir(ROOT, "..."), 0);
	CU_ASSERT_EQUAL(make_dir(ROOT, "\xff\n"), 0);
	engine_rig_fini(&rig);
}

static void test_no_such_inode(void)
{
	static const uint64_t inos[] = {0, 2, 12345, UINT64_MAX};
	char buf[SPOOL_SYMLINK_MAX + 1];
	struct spool_engine *engine;

	start();
	engine = rig.engine;
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(inos); i++) {
		uint64_t ino = inos[i];

		CU_ASSERT_EQUAL(lookup(ino, "a"), -ESTALE);
		CU_ASSERT_EQUAL(create(ino, "a"), -ESTALE);
		CU_ASSERT_EQUAL(unlink_name(ino, "a"), -ESTALE);
		CU_ASSERT_EQUAL(link_to(ino, ROOT, "a"), -ESTALE);
		CU_ASSERT_EQUAL(link_to(ROOT, ino, "a"), -ESTALE);
		CU_ASSERT_EQUAL(spool_engine_rename(engine, &rig.cred, ino, "a", ROOT, "b", 0),
				-ESTALE);
		CU_ASSERT_EQUAL(spool_engine_rename(engine, &rig.cred, ROOT, "a", ino, "b", 0),
				-ESTALE);
		CU_ASSERT_EQUAL(spool_engine_getattr(engine, ino, &attr), -ESTALE);
		CU_ASSERT_EQUAL(
			spool_engine_setattr(engine, &rig.cred, ino, SPOOL_SET_MODE, &attr, &attr),
			-ESTALE);
		CU_ASSERT_EQUAL(spool_engine_open(engine, ino, false), -ESTALE);
		CU_ASSERT_EQUAL(spool_engine_read(engine, ino, buf, 1, 0, 0), -ESTALE);
		CU_ASSERT_EQUAL(spool_engine_write(engine, ino, buf, 1, 0, 0), -ESTALE);
		CU_ASSERT_EQUAL(spool_engine_fallocate(engine, ino, 0, 0, 1, 0), -ESTALE);
		CU_ASSERT_EQUAL(spool_engine_seek(engine, ino, 0, SEEK_DATA), -ESTALE);
		CU_ASSERT_EQUAL(spool_engine_copy_range(engine, ino, 0, ino, 0, 1, 0), -ESTALE);
		CU_ASSERT_EQUAL(spool_engine_readlink(engine, &rig.cred, ino, buf), -ESTALE);
		CU_ASSERT_EQUAL(
			spool_engine_readdir(engine, &rig.cred, ino, 0, NULL, false, NULL, NULL),
			-ESTALE);
		spool_engine_release(engine, ino);
		spool_engine_forget(engine, ino, 7);
	}
	engine_rig_fini(&rig);
}

static void test_not_a_directory(void)
{
	uint64_t file;

	start();
	file = rig_file(&rig, ROOT, "f");
	CU_ASSERT_EQUAL(lookup(file, "a"), -ENOTDIR);
	CU_ASSERT_EQUAL(create(file, "a"), -ENOTDIR);
	CU_ASSERT_EQUAL(make_dir(file, "a"), -ENOTDIR);
	CU_ASSERT_EQUAL(unlink_name(file, "a"), -ENOTDIR);
	CU_ASSERT_EQUAL(link_to(file, file, "a"), -ENOTDIR);
	CU_ASSERT_EQUAL(spool_engine_rename(rig.engine, &rig.cred, file, "a", ROOT, "b", 0),
			-ENOTDIR);
	CU_ASSERT_EQUAL(spool_engine_rename(rig.engine, &rig.cred, ROOT, "f", file, "b", 0),
			-ENOTDIR);
	CU_ASSERT_EQUAL(
		spool_engine_readdir(rig.engine, &rig.cred, file, 0, NULL, false, NULL, NULL),
		-ENOTDIR);
	CU_ASSERT_EQUAL(unlink_name(ROOT, "none"), -ENOENT);
	CU_ASSERT_EQUAL(remove_dir(ROOT, "none"), -ENOENT);
	CU_ASSERT_EQUAL(remove_dir(ROOT, "f"), -ENOTDIR);
	CU_ASSERT_EQUAL(make_dir(ROOT, "d"), 0);
	CU_ASSERT_EQUAL(unlink_name(ROOT, "d"), -EISDIR);
	CU_ASSERT_EQUAL(link_to(attr.ino, ROOT, "e"), -EPERM);
	CU_ASSERT_EQUAL(create(ROOT, "d"), -EEXIST);
	CU_ASSERT_EQUAL(make_dir(ROOT, "f"), -EEXIST);
	CU_ASSERT_EQUAL(link_to(file, ROOT, "f"), -EEXIST);
	engine_rig_fini(&rig);
}

static void test_kinds(void)
{
	static const mode_t types[] = {S_IFREG, S_IFIFO, S_IFSOCK, 0};
	struct spool_engine *engine;
	char name[2] = "a";

	start();
	engine = rig.engine;
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(types); i++, name[0]++) {
		CU_ASSERT_EQUAL(spool_engine_mknod(engine, &rig.cred, ROOT, name, types[i] | 0640,
						   5, &attr),
				0);
		CU_ASSERT_EQUAL(attr.mode, (types[i] ? types[i] : S_IFREG) | 0640);
		CU_ASSERT_EQUAL(attr.nlink, 1);
		CU_ASSERT_EQUAL(attr.rdev, 0);
		CU_ASSERT_EQUAL(attr.size, 0);
		CU_ASSERT_EQUAL(attr.blocks, 0);
	}
	CU_ASSERT_EQUAL(spool_engine_mknod(engine, &rig.cred, ROOT, "z", S_IFCHR, 5, &attr),
			-EPERM);
	CU_ASSERT_EQUAL(spool_engine_mknod(engine, &rig.cred, ROOT, "z", S_IFBLK, 5, &attr),
			-EPERM);
	CU_ASSERT_EQUAL(spool_engine_mknod(engine, &rig.cred, ROOT, "z", S_IFDIR, 5, &attr),
			-EINVAL);
	CU_ASSERT_EQUAL(spool_engine_mknod(engine, &rig.cred, ROOT, "z", S_IFLNK, 5, &attr),
			-EINVAL);
	engine_rig_fini(&rig);
	engine_rig_init(&rig, SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
	CU_ASSERT_EQUAL(
		spool_engine_mknod(rig.engine, &rig.cred, ROOT, "c", S_IFCHR | 0600, 0x103, &attr),
		0);
	CU_ASSERT_EQUAL(attr.rdev, 0x103);
	CU_ASSERT_TRUE(S_ISCHR(attr.mode));
	engine_rig_fini(&rig);
}

static void test_symlink(void)
{
	char target[SPOOL_SYMLINK_MAX + 2], buf[SPOOL_SYMLINK_MAX + 1];
	struct spool_engine *engine;

	start();
	engine = rig.engine;
	memset(target, 't', sizeof(target));
	target[SPOOL_SYMLINK_MAX + 1] = '\0';
	CU_ASSERT_EQUAL(spool_engine_symlink(engine, &rig.cred, ROOT, "l", target, &attr),
			-ENAMETOOLONG);
	CU_ASSERT_EQUAL(spool_engine_symlink(engine, &rig.cred, ROOT, "l", "", &attr), -ENOENT);
	target[SPOOL_SYMLINK_MAX] = '\0';
	CU_ASSERT_EQUAL(spool_engine_symlink(engine, &rig.cred, ROOT, "l", target, &attr), 0);
	CU_ASSERT_EQUAL(attr.size, SPOOL_SYMLINK_MAX);
	CU_ASSERT_EQUAL(attr.mode, S_IFLNK | 0777);
	CU_ASSERT_EQUAL(spool_engine_readlink(engine, &rig.cred, attr.ino, buf), 0);
	CU_ASSERT_STRING_EQUAL(buf, target);
	CU_ASSERT_EQUAL(spool_engine_symlink(engine, &rig.cred, ROOT, "l", "x", &attr), -EEXIST);
	CU_ASSERT_EQUAL(spool_engine_symlink(engine, &rig.cred, ROOT, "m", "x", &attr), 0);
	CU_ASSERT_EQUAL(spool_engine_readlink(engine, &rig.cred, attr.ino, buf), 0);
	CU_ASSERT_STRING_EQUAL(buf, "x");
	CU_ASSERT_EQUAL(spool_engine_readlink(engine, &rig.cred, ROOT, buf), -EINVAL);
	CU_ASSERT_EQUAL(spool_engine_open(engine, attr.ino, false), 0);
	CU_ASSERT_EQUAL(spool_engine_read(engine, attr.ino, buf, 1, 0, 0), -EINVAL);
	spool_engine_release(engine, attr.ino);
	/* a link to a symlink is one to the link itself */
	CU_ASSERT_EQUAL(link_to(attr.ino, ROOT, "n"), 0);
	CU_ASSERT_EQUAL(attr.nlink, 2);
	engine_rig_fini(&rig);
}

static void test_link_counts(void)
{
	uint64_t file, dir;

	start();
	file = rig_file(&rig, ROOT, "f");
	dir = rig_mkdir(&rig, ROOT, "d");
	CU_ASSERT_EQUAL(rig_attr(&rig, ROOT).nlink, 3);
	CU_ASSERT_EQUAL(rig_attr(&rig, ROOT).size, 2 * SPOOL_DIR_ENTRY_SIZE);
	CU_ASSERT_EQUAL(rig_attr(&rig, dir).nlink, 2);
	CU_ASSERT_EQUAL(link_to(file, dir, "g"), 0);
	CU_ASSERT_EQUAL(attr.ino, file);
	CU_ASSERT_EQUAL(attr.nlink, 2);
	CU_ASSERT_EQUAL(remove_dir(ROOT, "d"), -ENOTEMPTY);
	CU_ASSERT_EQUAL(unlink_name(ROOT, "f"), 0);
	CU_ASSERT_EQUAL(rig_attr(&rig, file).nlink, 1);
	CU_ASSERT_EQUAL(rig_ino(&rig, dir, "g"), file);
	CU_ASSERT_EQUAL(engine_rig_audit(&rig), 0);
	CU_ASSERT_EQUAL(unlink_name(dir, "g"), 0);
	/* the lookups are still owed: no name, but there */
	CU_ASSERT_EQUAL(rig_attr(&rig, file).nlink, 0);
	CU_ASSERT_EQUAL(link_to(file, ROOT, "again"), -ENOENT);
	spool_engine_forget(rig.engine, file, 2);
	CU_ASSERT_EQUAL(spool_engine_getattr(rig.engine, file, &attr), -ESTALE);
	CU_ASSERT_EQUAL(remove_dir(ROOT, "d"), 0);
	CU_ASSERT_EQUAL(rig_attr(&rig, ROOT).nlink, 2);
	CU_ASSERT_EQUAL(rig_attr(&rig, ROOT).size, 0);
	/* numbers are not used again */
	CU_ASSERT_TRUE(rig_file(&rig, ROOT, "f") > dir);
	engine_rig_fini(&rig);
}

static void test_link_max(void)
{
	struct spool_node *node;
	uint64_t file;

	start();
	file = rig_file(&rig, ROOT, "f");
	node = spool_table_get(&rig.engine->table, file);
	node->nlink = SPOOL_LINK_MAX - 1;
	CU_ASSERT_EQUAL(link_to(file, ROOT, "g"), 0);
	CU_ASSERT_EQUAL(link_to(file, ROOT, "h"), -EMLINK);
	CU_ASSERT_EQUAL(lookup(ROOT, "h"), -ENOENT);
	node->nlink = 2;
	engine_put(rig.engine, node);
	engine_rig_fini(&rig);
}

static void test_forget(void)
{
	uint64_t ino;

	start();
	ino = rig_file(&rig, ROOT, "f");
	CU_ASSERT_EQUAL(lookup(ROOT, "f"), 0);
	spool_engine_forget(rig.engine, ino, 1000); /* clipped: the name holds it */
	CU_ASSERT_EQUAL(rig_attr(&rig, ino).nlink, 1);
	CU_ASSERT_EQUAL(engine_rig_audit(&rig), 0);
	CU_ASSERT_EQUAL(spool_engine_open(rig.engine, ino, false), 0);
	CU_ASSERT_EQUAL(unlink_name(ROOT, "f"), 0);
	spool_engine_forget(rig.engine, ino, UINT64_MAX); /* clipped: the open holds it */
	CU_ASSERT_EQUAL(rig_attr(&rig, ino).nlink, 0);
	spool_engine_release(rig.engine, ino);
	spool_engine_release(rig.engine, ino);
	spool_engine_forget(rig.engine, ROOT, UINT64_MAX);
	spool_engine_release(rig.engine, ROOT);
	CU_ASSERT_EQUAL(rig_attr(&rig, ROOT).nlink, 2);
	engine_rig_fini(&rig);
}

#define DEEP 100000u

/* Nothing recurses: neither giving the kernel's references back from below nor the end. */
/* Whether somebody may remember a name of it: one that was there when it was looked up, or not. */
static void test_looked_into(void)
{
	uint64_t dir, file;

	start();
	CU_ASSERT_EQUAL(make_dir(ROOT, "d"), 0);
	dir = attr.ino;
	CU_ASSERT_TRUE(spool_engine_was_looked_into(rig.engine, ROOT));
	CU_ASSERT_FALSE(spool_engine_was_looked_into(rig.engine, dir));
	CU_ASSERT_EQUAL(create(dir, "f"), 0);
	file = attr.ino;
	CU_ASSERT_TRUE(spool_engine_was_looked_into(rig.engine, dir));
	CU_ASSERT_FALSE(spool_engine_was_looked_into(rig.engine, file));
	CU_ASSERT_EQUAL(unlink_name(dir, "f"), 0);
	CU_ASSERT_FALSE(spool_engine_was_looked_into(rig.engine, dir));
	CU_ASSERT_EQUAL(lookup(dir, "missing"), -ENOENT);
	CU_ASSERT_TRUE(spool_engine_was_looked_into(rig.engine, dir));
	CU_ASSERT_FALSE(spool_engine_was_looked_into(rig.engine, 12345));
	spool_engine_release(rig.engine, file);
	spool_engine_forget(rig.engine, file, 1);
	spool_engine_forget(rig.engine, dir, 1);
	engine_rig_fini(&rig);
}

static void test_deep(void)
{
	uint64_t *inos = calloc(DEEP, sizeof(*inos)), parent = ROOT;
	unsigned int wrong = 0;

	start();
	for (unsigned int i = 0; i < DEEP; i++) {
		wrong += make_dir(parent, "d") != 0;
		parent = inos[i] = attr.ino;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	/* removed from below, each still held by the one under it: the last forget frees all */
	CU_ASSERT_EQUAL(spool_engine_open(rig.engine, parent, false), 0);
	for (unsigned int i = DEEP; i-- > 0;) {
		wrong += remove_dir(i ? inos[i - 1] : ROOT, "d") != 0;
		spool_engine_forget(rig.engine, inos[i], 1);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(spool_table_count(&rig.engine->table), DEEP + 1);
	spool_engine_release(rig.engine, parent);
	CU_ASSERT_EQUAL(spool_table_count(&rig.engine->table), 1);
	parent = ROOT;
	for (unsigned int i = 0; i < DEEP; i++) {
		wrong += make_dir(parent, "d") != 0;
		parent = attr.ino;
	}
	/* a cycle check over the whole depth */
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(spool_engine_rename(rig.engine, &rig.cred, ROOT, "d", parent, "loop", 0),
			-EINVAL);
	CU_ASSERT_TRUE(spool_engine_free(rig.engine)); /* the audit would take long here */
	CU_ASSERT_EQUAL(rig.host.live, 0);
	free(inos);
}

static uint64_t hash_constant(const void *name, size_t len, uint64_t seed)
{
	(void)name;
	(void)len;
	(void)seed;
	return 1;
}

static void test_colliding_names(void)
{
	char name[16];
	unsigned int wrong = 0;

	start();
	rig.engine->hash.fn = hash_constant;
	for (unsigned int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "%u", i);
		wrong += create(ROOT, name) != 0;
		wrong += create(ROOT, name) != -EEXIST;
	}
	for (unsigned int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "%u", i);
		wrong += lookup(ROOT, name) != 0;
		wrong += unlink_name(ROOT, name) != 0;
		wrong += lookup(ROOT, name) != -ENOENT;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	engine_rig_fini(&rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"names", test_names},
		{"no_such_inode", test_no_such_inode},
		{"not_a_directory", test_not_a_directory},
		{"kinds", test_kinds},
		{"symlink", test_symlink},
		{"link_counts", test_link_counts},
		{"link_max", test_link_max},
		{"forget", test_forget},
		{"looked into", test_looked_into},
		{"deep", test_deep},
		{"colliding_names", test_colliding_names},
	};

	return unit_run("name", tests, SPOOL_ARRAY_SIZE(tests));
}
