/* SPDX-License-Identifier: MIT */

/*
 * Every allocation of every operation fails once, then from there on; and every amount of space
 * from none upwards is tried, for the mount and for the user. After a failure nothing has
 * changed: everything that can be seen of the whole tree is written down before and after. What
 * never fails leads to the same, whatever fails meanwhile.
 */

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine_dump.h"
#include "ns/acl.h"
#include "store/object.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT

static struct engine_rig rig;
static struct spool_attr attr;
static uint64_t dir, sub, empty, full, file, second, unnamed;
static char bytes[200000];

/* user::rwx user:1001:rwx group::r-x mask::rwx other::--- */
static struct {
	struct posix_acl_xattr_header header;
	struct posix_acl_xattr_entry entries[5];
} acl;

static void fill_acl(void)
{
	static const struct {
		uint16_t tag, perm;
		uint32_t id;
	} entries[] = {{ACL_USER_OBJ, 7, ACL_UNDEFINED_ID},
		       {ACL_USER, 7, 1001},
		       {ACL_GROUP_OBJ, 5, ACL_UNDEFINED_ID},
		       {ACL_MASK, 7, ACL_UNDEFINED_ID},
		       {ACL_OTHER, 0, ACL_UNDEFINED_ID}};

	acl.header.a_version = htole32(POSIX_ACL_XATTR_VERSION);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(entries); i++) {
		acl.entries[i].e_tag = htole16(entries[i].tag);
		acl.entries[i].e_perm = htole16(entries[i].perm);
		acl.entries[i].e_id = htole32(entries[i].id);
	}
}

static int set_xattr(uint64_t ino, const char *name, const void *value, size_t size)
{
	return spool_engine_setxattr(rig.engine, &rig.cred, ino, name, value, size, 0);
}

/* The same small tree for every try. */
static void set_up(enum spool_layout layout)
{
	engine_rig_init(&rig, layout, SPOOL_MODES_KEEP);
	if (layout == SPOOL_LAYOUT_PRIVATE)
		return;
	rig.cred.session = 1;
	dir = rig_mkdir(&rig, ROOT, "dir");
	sub = rig_mkdir(&rig, dir, "sub");
	empty = rig_mkdir(&rig, ROOT, "empty");
	full = rig_file(&rig, sub, "full");
	file = rig_file(&rig, dir, "file");
	second = rig_file(&rig, ROOT, "second");
	memset(bytes, 'x', sizeof(bytes));
	CU_ASSERT_EQUAL(spool_engine_write(rig.engine, full, bytes, 100000, 0, 0), 100000);
	CU_ASSERT_EQUAL(set_xattr(full, "user.a", "value", 5), 0);
	CU_ASSERT_EQUAL(spool_engine_tmpfile(rig.engine, &rig.cred, dir, 0600, &attr), 0);
	unnamed = attr.ino;
	rig.cred.session = 2; /* of what is made from here on: one that is not there yet */
	fill_acl();
	if (layout == SPOOL_LAYOUT_SHARED)
		CU_ASSERT_EQUAL(set_xattr(sub, SPOOL_ACL_DEFAULT, &acl, sizeof(acl)), 0);
	rig_tick(&rig);
}

/* The operations. Return: as they do. */

static ssize_t do_create(void)
{
	return spool_engine_create(rig.engine, &rig.cred, dir, "new", 0600, &attr);
}

static ssize_t do_create_with_acl(void)
{
	return spool_engine_create(rig.engine, &rig.cred, sub, "new", 0666, &attr);
}

static ssize_t do_tmpfile(void)
{
	return spool_engine_tmpfile(rig.engine, &rig.cred, dir, 0600, &attr);
}

static ssize_t do_mkdir(void)
{
	return spool_engine_mkdir(rig.engine, &rig.cred, dir, "new", 0700, &attr);
}

static ssize_t do_mkdir_with_acl(void)
{
	return spool_engine_mkdir(rig.engine, &rig.cred, sub, "new", 0777, &attr);
}

static ssize_t do_mkdir_as_new_user(void)
{
	const struct spool_cred other = {.uid = 4711, .gid = 4711};

	return spool_engine_mkdir(rig.engine, &other, dir, "new", 0700, &attr);
}

static ssize_t do_symlink(void)
{
	return spool_engine_symlink(rig.engine, &rig.cred, dir, "new", "some target", &attr);
}

static ssize_t do_link(void)
{
	return spool_engine_link(rig.engine, &rig.cred, full, dir, "new", &attr);
}

static ssize_t do_unlink(void)
{
	return spool_engine_unlink(rig.engine, &rig.cred, sub, "full");
}

static ssize_t do_rmdir(void)
{
	return spool_engine_rmdir(rig.engine, &rig.cred, ROOT, "empty");
}

static ssize_t do_rename_longer(void)
{
	return spool_engine_rename(rig.engine, &rig.cred, ROOT, "dir", ROOT, "longer name", 0);
}

static ssize_t do_rename_across(void)
{
	return spool_engine_rename(rig.engine, &rig.cred, dir, "sub", ROOT, "longer name", 0);
}

static ssize_t do_rename_over(void)
{
	return spool_engine_rename(rig.engine, &rig.cred, dir, "sub", ROOT, "empty", 0);
}

static ssize_t do_exchange(void)
{
	return spool_engine_rename(rig.engine, &rig.cred, sub, "full", ROOT, "empty",
				   RENAME_EXCHANGE);
}

static ssize_t do_write_first(void)
{
	return spool_engine_write(rig.engine, file, bytes, 5000, 0, 0);
}

static ssize_t do_write_more(void)
{
	return spool_engine_write(rig.engine, full, bytes, 1, 300000, 0);
}

static ssize_t do_truncate_up(void)
{
	const struct spool_attr set = {.mode = 0640, .size = 1000000};

	return spool_engine_setattr(rig.engine, &rig.cred, file, SPOOL_SET_SIZE | SPOOL_SET_MODE,
				    &set, &attr);
}

static ssize_t do_truncate_down(void)
{
	const struct spool_attr set = {.size = 70001};

	return spool_engine_setattr(rig.engine, &rig.cred, full, SPOOL_SET_SIZE, &set, &attr);
}

static ssize_t do_open_truncate(void)
{
	return spool_engine_open(rig.engine, full, true);
}

static ssize_t do_fallocate(void)
{
	return spool_engine_fallocate(rig.engine, file, 0, 0, 150000, 0);
}

static ssize_t do_copy(void)
{
	return spool_engine_copy_range(rig.engine, full, 0, second, 0, 5000, 0);
}

static ssize_t do_chown(void)
{
	const struct spool_attr set = {.uid = 4711, .gid = 4711};

	return spool_engine_setattr(rig.engine, &rig.cred, full, SPOOL_SET_UID | SPOOL_SET_GID,
				    &set, &attr);
}

static ssize_t do_set_xattr(void)
{
	return set_xattr(full, "user.b", bytes, 300);
}

static ssize_t do_replace_xattr(void)
{
	return set_xattr(full, "user.a", bytes, 300);
}

static ssize_t do_remove_xattr(void)
{
	return spool_engine_removexattr(rig.engine, &rig.cred, full, "user.a");
}

static ssize_t do_set_acl(void)
{
	return set_xattr(file, SPOOL_ACL_ACCESS, &acl, sizeof(acl));
}

static ssize_t do_make_top(void)
{
	return spool_engine_lookup(rig.engine, &rig.cred, ROOT, "1000", &attr);
}

static ssize_t do_link_unnamed(void)
{
	return spool_engine_link(rig.engine, &rig.cred, unnamed, dir, "new", &attr);
}

static ssize_t do_whiteout(void)
{
	return spool_engine_rename(rig.engine, &rig.cred, dir, "file", ROOT, "new",
				   RENAME_WHITEOUT);
}

/* What has begun with @r is done. Return: @r. */
static ssize_t reap_all(int r)
{
	struct spool_removed removed[3];
	uint64_t ms;
	size_t n;

	while (spool_engine_reap(rig.engine, removed, 3, &n, &ms) == SPOOL_REAP_MORE)
		;
	return r;
}

static ssize_t do_keep_tree(void)
{
	return reap_all(
		spool_engine_set_lifetime(rig.engine, 1000, dir, SPOOL_LIFETIME_MOUNT, true));
}

static ssize_t do_expire(void)
{
	return reap_all(spool_engine_expire(rig.engine, 1000, dir));
}

static ssize_t do_bind(void)
{
	return reap_all(spool_engine_bind(rig.engine, dir, 3, NULL));
}

static ssize_t do_wipe(void)
{
	return reap_all(spool_engine_wipe(rig.engine, NULL));
}

static ssize_t do_session_end(void)
{
	spool_engine_session_end(rig.engine, 1);
	return reap_all(0);
}

static ssize_t do_linger(void)
{
	CU_ASSERT_EQUAL(spool_engine_open(rig.engine, full, 0), 0);
	CU_ASSERT_EQUAL(
		spool_engine_set_lifetime(rig.engine, 1000, full, SPOOL_LIFETIME_CLOSE, false), 0);
	spool_engine_release(rig.engine, full);
	return reap_all(0);
}

static const struct scenario {
	const char *name;
	ssize_t (*fn)(void);
	bool never_fails;
	enum spool_layout layout;
} scenarios[] = {
	{"create", do_create, .layout = SPOOL_LAYOUT_SHARED},
	{"create, single", do_create, .layout = SPOOL_LAYOUT_SINGLE},
	{"create with ACL", do_create_with_acl, .layout = SPOOL_LAYOUT_SHARED},
	{"tmpfile", do_tmpfile, .layout = SPOOL_LAYOUT_SHARED},
	{"mkdir", do_mkdir, .layout = SPOOL_LAYOUT_SHARED},
	{"mkdir with ACL", do_mkdir_with_acl, .layout = SPOOL_LAYOUT_SHARED},
	{"mkdir as a new user", do_mkdir_as_new_user, .layout = SPOOL_LAYOUT_SHARED},
	{"symlink", do_symlink, .layout = SPOOL_LAYOUT_SHARED},
	{"link", do_link, .layout = SPOOL_LAYOUT_SHARED},
	{"unlink", do_unlink, true, SPOOL_LAYOUT_SHARED},
	{"rmdir", do_rmdir, true, SPOOL_LAYOUT_SHARED},
	{"rename, longer", do_rename_longer, .layout = SPOOL_LAYOUT_SHARED},
	{"rename, across", do_rename_across, .layout = SPOOL_LAYOUT_SHARED},
	{"rename, over", do_rename_over, true, SPOOL_LAYOUT_SHARED},
	{"exchange", do_exchange, true, SPOOL_LAYOUT_SHARED},
	{"write, first", do_write_first, .layout = SPOOL_LAYOUT_SHARED},
	{"write, more", do_write_more, .layout = SPOOL_LAYOUT_SHARED},
	{"truncate up", do_truncate_up, .layout = SPOOL_LAYOUT_SHARED},
	{"truncate down", do_truncate_down, true, SPOOL_LAYOUT_SHARED},
	{"open and truncate", do_open_truncate, true, SPOOL_LAYOUT_SHARED},
	{"fallocate", do_fallocate, .layout = SPOOL_LAYOUT_SHARED},
	{"copy", do_copy, .layout = SPOOL_LAYOUT_SHARED},
	{"chown", do_chown, .layout = SPOOL_LAYOUT_SHARED},
	{"setxattr", do_set_xattr, .layout = SPOOL_LAYOUT_SHARED},
	{"setxattr, replace", do_replace_xattr, .layout = SPOOL_LAYOUT_SHARED},
	{"removexattr", do_remove_xattr, true, SPOOL_LAYOUT_SHARED},
	{"setxattr, ACL", do_set_acl, .layout = SPOOL_LAYOUT_SHARED},
	{"link of an unnamed file", do_link_unnamed, .layout = SPOOL_LAYOUT_SHARED},
	{"rename with a whiteout", do_whiteout, .layout = SPOOL_LAYOUT_SHARED},
	{"lifetime of a tree", do_keep_tree, true, SPOOL_LAYOUT_SHARED},
	{"expire", do_expire, true, SPOOL_LAYOUT_SHARED},
	{"bind", do_bind, .layout = SPOOL_LAYOUT_SHARED},
	{"wipe", do_wipe, .layout = SPOOL_LAYOUT_SINGLE},
	{"end of a session", do_session_end, true, SPOOL_LAYOUT_SINGLE},
	{"linger", do_linger, true, SPOOL_LAYOUT_SINGLE},
	{"first look-up of a uid", do_make_top, .layout = SPOOL_LAYOUT_PRIVATE},
};

/* Runs the operation, whose @nth allocation fails (0: none), and checks what a failure leaves.
 * Return: as the operation. */
static ssize_t run_once(const struct scenario *scenario, long nth, bool persistent, bool *ret_fired)
{
	char *before, *after;
	ssize_t r;

	free(engine_dump(&rig)); /* reading moves atime once */
	before = engine_dump(&rig);
	fault_host_arm(&rig.host, nth, persistent);
	r = scenario->fn();
	*ret_fired = rig.host.fired;
	fault_host_arm(&rig.host, 0, false);
	if (r < 0) {
		after = engine_dump(&rig);
		CU_ASSERT_STRING_EQUAL(before, after);
		if (strcmp(before, after) != 0)
			fprintf(stderr, "%s: %zd\n--- before\n%s--- after\n%s", scenario->name, r,
				before, after);
		free(after);
		CU_ASSERT_FALSE(scenario->never_fails);
	}
	free(before);
	CU_ASSERT_EQUAL(engine_rig_audit(&rig), 0);
	return r;
}

/* What is there afterwards, as text, when nothing fails. */
static char *dump_success(const struct scenario *scenario)
{
	char *text;
	bool fired;

	set_up(scenario->layout);
	CU_ASSERT_TRUE(run_once(scenario, 0, false, &fired) >= 0);
	text = engine_dump(&rig);
	engine_rig_fini(&rig);
	return text;
}

static void sweep_memory(const struct scenario *scenario, bool persistent)
{
	char *want = dump_success(scenario), *got;
	bool fired = true;

	for (long nth = 1; fired && nth < 100; nth++) {
		ssize_t r;

		set_up(scenario->layout);
		r = run_once(scenario, nth, persistent, &fired);
		CU_ASSERT_TRUE(r >= 0 || (fired && r == -ENOMEM));
		got = engine_dump(&rig);
		if (r >= 0)
			CU_ASSERT_STRING_EQUAL(got, want);
		free(got);
		engine_rig_fini(&rig);
	}
	CU_ASSERT_FALSE(fired);
	free(want);
}

static void test_memory(void)
{
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(scenarios); i++) {
		sweep_memory(&scenarios[i], false);
		sweep_memory(&scenarios[i], true);
	}
}

/* From nothing upwards, of the mount's limits or of the user's; then no more inodes. */
static void sweep_space(const struct scenario *scenario, bool user)
{
	uid_t uid = scenario->fn == do_chown || scenario->fn == do_mkdir_as_new_user ? 4711 : 1000;
	ssize_t r = -1;
	bool fired;

	for (int64_t more = 0; r < 0 && more <= 200000; more += more < 1200 ? 8 : 4096) {
		set_up(scenario->layout);
		rig_limits(&rig, uid, user ? -1 : more, user ? more : -1, -1, -1);
		r = run_once(scenario, 0, false, &fired);
		CU_ASSERT_TRUE(r >= 0 || r == (user ? -EDQUOT : -ENOSPC));
		engine_rig_fini(&rig);
	}
	CU_ASSERT_TRUE(r >= 0);
	set_up(scenario->layout);
	rig_limits(&rig, uid, -1, -1, user ? -1 : 0, user ? 0 : -1);
	r = run_once(scenario, 0, false, &fired);
	CU_ASSERT_TRUE(r >= 0 || r == (user ? -EDQUOT : -ENOSPC));
	engine_rig_fini(&rig);
}

static void test_space(void)
{
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(scenarios); i++) {
		sweep_space(&scenarios[i], false);
		sweep_space(&scenarios[i], true);
	}
}

static void test_start(void)
{
	for (int layout = SPOOL_LAYOUT_PRIVATE; layout <= SPOOL_LAYOUT_SHARED; layout++) {
		const struct spool_config config = engine_rig_config(layout, SPOOL_MODES_OWNER);
		struct spool_engine *engine = NULL;
		struct fault_host host;
		int r = -ENOMEM;

		for (long nth = 1; r < 0 && nth < 100; nth++) {
			fault_host_init(&host);
			fault_host_arm(&host, nth, false);
			r = spool_engine_new(&config, &host.host, NULL, &engine);
			CU_ASSERT_EQUAL(r, host.fired ? -ENOMEM : 0);
			if (r == 0)
				CU_ASSERT_TRUE(spool_engine_free(engine));
			CU_ASSERT_EQUAL(host.live, 0);
		}
		CU_ASSERT_EQUAL(r, 0);
	}
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"memory", test_memory},
		{"space", test_space},
		{"start", test_start},
	};

	return unit_run("engine_fault", tests, SPOOL_ARRAY_SIZE(tests));
}
