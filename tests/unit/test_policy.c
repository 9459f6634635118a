/* SPDX-License-Identifier: MIT */

/* Layouts: what each caller sees, may make, and may change. */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "engine_rig.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT

static struct engine_rig rig;
static struct spool_attr attr;

static const struct spool_cred alice = {.uid = 1000, .gid = 1000, .umask = 022};
static const struct spool_cred bob = {.uid = 1001, .gid = 1001, .umask = 022};
static const struct spool_cred root = {.uid = 0, .gid = 0, .umask = 022};

static int lookup(const struct spool_cred *cred, const char *name)
{
	return spool_engine_lookup(rig.engine, cred, ROOT, name, &attr);
}

static int chmod_to(const struct spool_cred *cred, uint64_t ino, mode_t mode)
{
	const struct spool_attr set = {.mode = mode};

	return spool_engine_setattr(rig.engine, cred, ino, SPOOL_SET_MODE, &set, &attr);
}

static int chown_to(const struct spool_cred *cred, uint64_t ino, uid_t uid, gid_t gid)
{
	const struct spool_attr set = {.uid = uid, .gid = gid};

	return spool_engine_setattr(rig.engine, cred, ino, SPOOL_SET_UID | SPOOL_SET_GID, &set,
				    &attr);
}

static bool emit(void *arg, const char *name, size_t len, const struct spool_attr *entry,
		 uint64_t cookie)
{
	(void)len;
	(void)entry;
	(void)cookie;
	strcat(arg, name);
	strcat(arg, " ");
	return true;
}

static const char *listing(const struct spool_cred *cred)
{
	static char names[4096];

	names[0] = '\0';
	spool_engine_readdir(rig.engine, cred, ROOT, 0, NULL, false, emit, names);
	return names;
}

static void test_private_root(void)
{
	static const char *const never[] = {"01000", "+1000", "1000 ",       "-1",   "4294967295",
					    "x",     "0x10",  "99999999999", "1000a"};
	uint64_t top;

	engine_rig_init(&rig, SPOOL_LAYOUT_PRIVATE, SPOOL_MODES_OWNER);
	CU_ASSERT_EQUAL(rig_attr(&rig, ROOT).uid, 0);
	CU_ASSERT_EQUAL(rig_attr(&rig, ROOT).mode, S_IFDIR | 0755);
	CU_ASSERT_EQUAL(lookup(&bob, "1000"), -ENOENT);
	CU_ASSERT_EQUAL(lookup(&alice, "1000"), 0);
	top = attr.ino;
	CU_ASSERT_EQUAL(attr.uid, 1000);
	CU_ASSERT_EQUAL(attr.gid, 1000);
	CU_ASSERT_EQUAL(attr.mode, S_IFDIR | 0700);
	CU_ASSERT_EQUAL(attr.nlink, 1);
	CU_ASSERT_EQUAL(lookup(&bob, "1000"), 0); /* that it exists may be seen */
	CU_ASSERT_EQUAL(attr.ino, top);
	CU_ASSERT_EQUAL(lookup(&root, "1001"), 0);
	CU_ASSERT_EQUAL(attr.uid, 1001);
	CU_ASSERT_EQUAL(lookup(&root, "4294967294"), 0);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(never); i++) {
		CU_ASSERT_EQUAL(lookup(&root, never[i]), -ENOENT);
		CU_ASSERT_EQUAL(lookup(&alice, never[i]), -ENOENT);
	}
	CU_ASSERT_STRING_EQUAL(listing(&alice), ". .. self 1000 ");
	CU_ASSERT_STRING_EQUAL(listing(&bob), ". .. self 1001 ");
	CU_ASSERT_STRING_EQUAL(listing(&(struct spool_cred){.uid = 5}), ". .. self ");
	CU_ASSERT_STRING_EQUAL(listing(&root), ". .. self 1000 1001 4294967294 ");
	engine_rig_fini(&rig);
}

static void test_private_root_is_nobodys(void)
{
	static const struct spool_cred *const who[] = {&alice, &bob, &root};
	uint64_t top;

	engine_rig_init(&rig, SPOOL_LAYOUT_PRIVATE, SPOOL_MODES_OWNER);
	lookup(&alice, "1000");
	top = attr.ino;
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(who); i++) {
		const struct spool_cred *cred = who[i];
		struct spool_engine *engine = rig.engine;

		CU_ASSERT_EQUAL(spool_engine_create(engine, cred, ROOT, "f", 0600, &attr), -EPERM);
		CU_ASSERT_EQUAL(spool_engine_mkdir(engine, cred, ROOT, "1002", 0700, &attr),
				-EPERM);
		CU_ASSERT_EQUAL(spool_engine_mkdir(engine, cred, ROOT, "1000", 0700, &attr),
				-EEXIST);
		CU_ASSERT_EQUAL(spool_engine_tmpfile(engine, cred, ROOT, 0600, &attr), -EPERM);
		CU_ASSERT_EQUAL(spool_engine_symlink(engine, cred, ROOT, "s", "t", &attr), -EPERM);
		CU_ASSERT_EQUAL(spool_engine_rmdir(engine, cred, ROOT, "1000"), -EPERM);
		CU_ASSERT_EQUAL(spool_engine_unlink(engine, cred, ROOT, "self"), -EPERM);
		CU_ASSERT_EQUAL(spool_engine_rename(engine, cred, ROOT, "1000", ROOT, "1005", 0),
				-EPERM);
		CU_ASSERT_EQUAL(spool_engine_rename(engine, cred, ROOT, "self", top, "x", 0),
				-EPERM);
		CU_ASSERT_EQUAL(spool_engine_rename(engine, cred, ROOT, "1000", ROOT, "self",
						    RENAME_EXCHANGE),
				-EPERM);
		CU_ASSERT_EQUAL(chmod_to(cred, ROOT, 0777), -EPERM);
		CU_ASSERT_EQUAL(chown_to(cred, ROOT, 1000, 1000), -EPERM);
		CU_ASSERT_EQUAL(chown_to(cred, top, 1001, 1001), -EPERM);
		CU_ASSERT_EQUAL(chown_to(cred, top, 1000, 1001), 0); /* and nothing changes */
		CU_ASSERT_EQUAL(rig_attr(&rig, top).gid, 1000);
	}
	CU_ASSERT_STRING_EQUAL(listing(&root), ". .. self 1000 ");
	engine_rig_fini(&rig);
}

/* What others may see of a top directory does not move, whatever happens inside. */
static void test_top_is_constant(void)
{
	struct spool_attr before, set = {.mode = 0777, .atime = {1, 2}, .mtime = {3, 4}};
	struct spool_attr got;
	uint64_t top;

	engine_rig_init(&rig, SPOOL_LAYOUT_PRIVATE, SPOOL_MODES_OWNER);
	lookup(&alice, "1000");
	top = attr.ino;
	before = attr;
	for (int i = 0; i < 5; i++) {
		char name[16];

		rig_tick(&rig);
		snprintf(name, sizeof(name), "d%d", i);
		CU_ASSERT_EQUAL(spool_engine_mkdir(rig.engine, &alice, top, name, 0755, &attr), 0);
	}
	spool_engine_open(rig.engine, top, false);
	listing(&alice);
	spool_engine_setxattr(rig.engine, &alice, top, "user.a", "x", 1, 0);
	/* tar and rsync set what they find for "."; it works, and nothing shows */
	CU_ASSERT_EQUAL(chmod_to(&alice, top, 0777), 0);
	CU_ASSERT_EQUAL(spool_engine_setattr(rig.engine, &alice, top,
					     SPOOL_SET_MODE | SPOOL_SET_ATIME | SPOOL_SET_MTIME,
					     &set, &got),
			0);
	CU_ASSERT_EQUAL(chown_to(&alice, top, 1000, 1000), 0);
	got = rig_attr(&rig, top);
	CU_ASSERT_EQUAL(memcmp(&before, &got, sizeof(got)), 0);
	/* and so is the root itself, which others' first look-ups fill */
	before = rig_attr(&rig, ROOT);
	rig_tick(&rig);
	lookup(&bob, "1001");
	got = rig_attr(&rig, ROOT);
	CU_ASSERT_EQUAL(memcmp(&before, &got, sizeof(got)), 0);
	engine_rig_fini(&rig);
}

static void test_self(void)
{
	char target[SPOOL_SYMLINK_MAX + 1];
	uint64_t self;

	engine_rig_init(&rig, SPOOL_LAYOUT_PRIVATE, SPOOL_MODES_OWNER);
	CU_ASSERT_EQUAL(lookup(&alice, "self"), 0);
	self = attr.ino;
	CU_ASSERT_TRUE(S_ISLNK(attr.mode));
	CU_ASSERT_EQUAL(attr.size, 0);
	CU_ASSERT_EQUAL(attr.uid, 0);
	CU_ASSERT_EQUAL(spool_engine_readlink(rig.engine, &alice, self, target), 0);
	CU_ASSERT_STRING_EQUAL(target, "1000");
	CU_ASSERT_EQUAL(spool_engine_readlink(rig.engine, &bob, self, target), 0);
	CU_ASSERT_STRING_EQUAL(target, "1001");
	CU_ASSERT_EQUAL(spool_engine_readlink(rig.engine, &(struct spool_cred){.uid = 4294967294},
					      self, target),
			0);
	CU_ASSERT_STRING_EQUAL(target, "4294967294");
	lookup(&alice, "1000");
	CU_ASSERT_EQUAL(spool_engine_link(rig.engine, &alice, self, attr.ino, "s", &attr), -EPERM);
	CU_ASSERT_EQUAL(chown_to(&root, self, 1000, 1000), -EPERM);
	engine_rig_fini(&rig);
}

/* Everything in a user's tree is paid for by that user, also what root makes there. */
static void test_trees_are_apart(void)
{
	uint64_t mine, his, file, used;

	engine_rig_init(&rig, SPOOL_LAYOUT_PRIVATE, SPOOL_MODES_OWNER);
	lookup(&alice, "1000");
	mine = attr.ino;
	lookup(&bob, "1001");
	his = attr.ino;
	used = rig_used(&rig, 0, SPOOL_RES_RAM);
	CU_ASSERT_EQUAL(used, rig_used(&rig, 0, SPOOL_RES_SIZE));
	CU_ASSERT_EQUAL(spool_engine_create(rig.engine, &root, mine, "f", 0600, &attr), 0);
	file = attr.ino;
	CU_ASSERT_EQUAL(attr.uid, 0);
	CU_ASSERT_EQUAL(rig_used(&rig, 0, SPOOL_RES_RAM), used);
	CU_ASSERT_EQUAL(rig_used(&rig, 1000, SPOOL_RES_INODES), 2);
	CU_ASSERT_EQUAL(rig_used(&rig, 1001, SPOOL_RES_INODES), 1);
	CU_ASSERT_EQUAL(rig_used(&rig, 0, SPOOL_RES_INODES), 2); /* the root and self */
	CU_ASSERT_EQUAL(spool_engine_rename(rig.engine, &root, mine, "f", his, "f", 0), -EXDEV);
	CU_ASSERT_EQUAL(spool_engine_link(rig.engine, &root, file, his, "f", &attr), -EXDEV);
	CU_ASSERT_EQUAL(lookup(&root, "0"), 0);
	CU_ASSERT_EQUAL(spool_engine_create(rig.engine, &root, attr.ino, "f", 0600, &attr), 0);
	CU_ASSERT_EQUAL(chown_to(&root, attr.ino, 1000, 1000), 0); /* in root's own tree */
	CU_ASSERT_EQUAL(attr.uid, 1000);
	CU_ASSERT_EQUAL(rig_used(&rig, 1000, SPOOL_RES_INODES), 2);
	engine_rig_fini(&rig);
}

/* What root makes in a user's tree can be given to that user, and to nobody else; who pays is the
 * same before and after. */
static void test_root_gives_back(void)
{
	uint64_t file, mine;

	engine_rig_init(&rig, SPOOL_LAYOUT_PRIVATE, SPOOL_MODES_OWNER);
	lookup(&alice, "1000");
	mine = attr.ino;
	CU_ASSERT_EQUAL(spool_engine_mkdir(rig.engine, &root, mine, "d", 0777, &attr), 0);
	CU_ASSERT_EQUAL(attr.mode, S_IFDIR | 0755); /* she can use it at once */
	CU_ASSERT_EQUAL(spool_engine_create(rig.engine, &root, mine, "secret", 0600, &attr), 0);
	CU_ASSERT_EQUAL(attr.mode, S_IFREG | 0600);
	CU_ASSERT_EQUAL(spool_engine_create(rig.engine, &root, mine, "f", 0666, &attr), 0);
	CU_ASSERT_EQUAL(attr.mode, S_IFREG | 0644);
	file = attr.ino;
	rig_write(&rig, file, "text");
	CU_ASSERT_EQUAL(chown_to(&root, file, 1001, 1001), -EPERM);
	CU_ASSERT_EQUAL(chown_to(&alice, file, 1000, 1000), -EPERM);
	CU_ASSERT_EQUAL(rig_attr(&rig, file).uid, 0);
	rig_limits(&rig, 1000, -1, 0, 0, 0); /* nothing is charged anew */
	CU_ASSERT_EQUAL(chown_to(&root, file, 1000, 77), 0);
	CU_ASSERT_EQUAL(attr.uid, 1000);
	CU_ASSERT_EQUAL(attr.gid, 77);
	CU_ASSERT_EQUAL(rig_used(&rig, 1000, SPOOL_RES_INODES), 4);
	CU_ASSERT_EQUAL(chown_to(&root, file, 0, 0), -EPERM);
	CU_ASSERT_EQUAL(chown_to(&root, file, 1000, 0), 0);
	engine_rig_fini(&rig);
	engine_rig_init(&rig, SPOOL_LAYOUT_SINGLE, SPOOL_MODES_OWNER);
	CU_ASSERT_EQUAL(spool_engine_mkdir(rig.engine, &root, ROOT, "d", 0700, &attr), 0);
	CU_ASSERT_EQUAL(chown_to(&root, attr.ino, 1001, 1001), -EPERM);
	CU_ASSERT_EQUAL(chown_to(&root, attr.ino, 1000, 1000), 0);
	CU_ASSERT_EQUAL(attr.uid, 1000);
	engine_rig_fini(&rig);
	engine_rig_init(&rig, SPOOL_LAYOUT_SINGLE, SPOOL_MODES_STRICT);
	CU_ASSERT_EQUAL(spool_engine_mkdir(rig.engine, &root, ROOT, "d", 0777, &attr), 0);
	CU_ASSERT_EQUAL(attr.mode, S_IFDIR | 0700);
	engine_rig_fini(&rig);
}

/* What root has given away of his own tree is as private as any. */
static void test_root_gives_away(void)
{
	struct spool_config config = engine_rig_config(SPOOL_LAYOUT_SINGLE, SPOOL_MODES_OWNER);

	config.root_uid = config.root_gid = 0;
	engine_rig_init_config(&rig, &config);
	CU_ASSERT_EQUAL(chown_to(&root, ROOT, 1000, 1000), 0);
	CU_ASSERT_EQUAL(rig_attr(&rig, ROOT).uid, 1000);
	CU_ASSERT_EQUAL(spool_engine_create(rig.engine, &alice, ROOT, "f", 0666, &attr), 0);
	CU_ASSERT_EQUAL(attr.mode, S_IFREG | 0600);
	CU_ASSERT_EQUAL(chown_to(&alice, attr.ino, 0, 0), -EPERM);
	CU_ASSERT_EQUAL(chown_to(&root, attr.ino, 1001, 1001), 0);
	engine_rig_fini(&rig);
}

static uid_t pays_for(void *ctx, uid_t uid)
{
	(void)ctx;
	return uid == 1001 ? 0 : uid == 100000 ? 1000 : uid;
}

/* Whose tree it is does not follow from who pays for it. */
static void test_subordinate_trees(void)
{
	struct spool_config config = engine_rig_config(SPOOL_LAYOUT_PRIVATE, SPOOL_MODES_OWNER);
	uint64_t mine, sub, of_root;

	config.payer = pays_for;
	engine_rig_init_config(&rig, &config);
	lookup(&root, "1000");
	mine = attr.ino;
	lookup(&root, "100000");
	sub = attr.ino;
	lookup(&root, "1001");
	of_root = attr.ino;
	CU_ASSERT_EQUAL(spool_engine_create(rig.engine, &root, sub, "f", 0600, &attr), 0);
	CU_ASSERT_EQUAL(chown_to(&root, attr.ino, 1000, 1000), -EPERM);
	CU_ASSERT_EQUAL(chown_to(&root, attr.ino, 100000, 100000), 0);
	CU_ASSERT_EQUAL(spool_engine_rename(rig.engine, &root, sub, "f", mine, "f", 0), -EXDEV);
	CU_ASSERT_EQUAL(spool_engine_link(rig.engine, &root, attr.ino, mine, "f", &attr), -EXDEV);
	CU_ASSERT_EQUAL(spool_engine_create(rig.engine, &root, of_root, "f", 0600, &attr), 0);
	CU_ASSERT_EQUAL(chown_to(&root, attr.ino, 1000, 1000), -EPERM);
	CU_ASSERT_EQUAL(chown_to(&root, attr.ino, 1001, 1001), 0);
	engine_rig_fini(&rig);
}

static void test_no_room_for_a_top(void)
{
	engine_rig_init(&rig, SPOOL_LAYOUT_PRIVATE, SPOOL_MODES_OWNER);
	rig_limits(&rig, 1000, -1, -1, 0, -1);
	CU_ASSERT_EQUAL(lookup(&alice, "1000"), -ENOSPC);
	rig_limits(&rig, 1000, -1, 100, -1, -1);
	CU_ASSERT_EQUAL(lookup(&alice, "1000"), -EDQUOT);
	CU_ASSERT_STRING_EQUAL(listing(&root), ". .. self ");
	rig_limits(&rig, 1000, -1, -1, -1, -1);
	CU_ASSERT_EQUAL(lookup(&alice, "1000"), 0);
	engine_rig_fini(&rig);
}

/* A shared inode is paid for by its owner: chown moves the charge, or fails whole. */
static void test_shared_chown(void)
{
	uint64_t file, used, names;

	engine_rig_init(&rig, SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
	file = rig_file(&rig, ROOT, "f");
	rig_write(&rig, file, "some bytes");
	chmod_to(&alice, file, 06755);
	spool_engine_setxattr(rig.engine, &alice, file, "user.a", "x", 1, 0);
	used = rig_used(&rig, 1000, SPOOL_RES_SIZE);
	rig_limits(&rig, 1001, -1, -1, -1, 0);
	CU_ASSERT_EQUAL(chown_to(&root, file, 1001, 1001), -EDQUOT);
	CU_ASSERT_EQUAL(rig_attr(&rig, file).uid, 1000);
	CU_ASSERT_EQUAL(rig_attr(&rig, file).mode, S_IFREG | 06755);
	CU_ASSERT_EQUAL(rig_used(&rig, 1000, SPOOL_RES_SIZE), used);
	rig_limits(&rig, 1001, -1, -1, -1, -1);
	CU_ASSERT_EQUAL(chown_to(&root, file, 1001, 1001), 0);
	CU_ASSERT_EQUAL(attr.uid, 1001);
	CU_ASSERT_EQUAL(attr.mode, S_IFREG | 0755); /* set-id bits go with the owner */
	CU_ASSERT_EQUAL(engine_rig_audit(&rig), 0);
	CU_ASSERT_EQUAL(rig_used(&rig, 1000, SPOOL_RES_INODES), 0);
	CU_ASSERT_EQUAL(rig_used(&rig, 1001, SPOOL_RES_INODES), 1);
	names = rig_used(&rig, 1000, SPOOL_RES_SIZE); /* the name stays with who made it */
	CU_ASSERT_EQUAL(names, spool_entry_bytes(1));
	CU_ASSERT_EQUAL(rig_used(&rig, 1001, SPOOL_RES_SIZE), used - names);
	rig_write(&rig, file, "other bytes");
	engine_rig_fini(&rig);
}

/* Where nobody says who links or renames: the file's owner, and who has paid so far. */
static void test_names_of_nobody(void)
{
	const struct spool_cred nobody = {.uid = SPOOL_UID_UNKNOWN, .gid = UINT32_MAX, .pid = 7};
	uint64_t file, entry = spool_entry_bytes(1), before;

	engine_rig_init(&rig, SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
	CU_ASSERT_EQUAL(spool_engine_mknod(rig.engine, &alice, ROOT, "a", S_IFREG | 0600, 0, &attr),
			0);
	file = attr.ino;
	CU_ASSERT_EQUAL(chown_to(&root, file, 1001, 1001), 0);
	before = rig_used(&rig, 1001, SPOOL_RES_SIZE);
	CU_ASSERT_EQUAL(spool_engine_link(rig.engine, &nobody, file, ROOT, "b", &attr), 0);
	CU_ASSERT_EQUAL(rig_used(&rig, 1001, SPOOL_RES_SIZE), before + entry);
	CU_ASSERT_EQUAL(rig_used(&rig, 1000, SPOOL_RES_SIZE), entry);
	CU_ASSERT_EQUAL(spool_engine_rename(rig.engine, &nobody, ROOT, "a", ROOT, "c", 0), 0);
	CU_ASSERT_EQUAL(rig_used(&rig, 1000, SPOOL_RES_SIZE), entry);
	CU_ASSERT_EQUAL(rig_used(&rig, SPOOL_UID_UNKNOWN, SPOOL_RES_SIZE), 0);
	CU_ASSERT_EQUAL(engine_rig_audit(&rig), 0);
	engine_rig_fini(&rig);
}

static void test_single_chown(void)
{
	uint64_t file;

	engine_rig_init(&rig, SPOOL_LAYOUT_SINGLE, SPOOL_MODES_KEEP);
	file = rig_file(&rig, ROOT, "f");
	CU_ASSERT_EQUAL(chown_to(&alice, file, 1000, 1000), 0);
	CU_ASSERT_EQUAL(chown_to(&alice, file, 1000, 5), 0); /* a group of hers: kernel's check */
	CU_ASSERT_EQUAL(attr.gid, 5);
	CU_ASSERT_EQUAL(chown_to(&alice, file, 1001, 5), -EPERM);
	CU_ASSERT_EQUAL(chown_to(&root, file, 1001, 5), -EPERM);
	CU_ASSERT_EQUAL(rig_attr(&rig, file).uid, 1000);
	engine_rig_fini(&rig);
}

static void test_bad_config(void)
{
	struct spool_config config = engine_rig_config(SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
	struct spool_engine *engine = NULL;

	config.layout = SPOOL_LAYOUT_SHARED + 1;
	CU_ASSERT_EQUAL(spool_engine_new(&config, spool_host_system(), NULL, &engine), -EINVAL);
	config.layout = SPOOL_LAYOUT_SHARED;
	config.modes = SPOOL_MODES_STRICT + 1;
	CU_ASSERT_EQUAL(spool_engine_new(&config, spool_host_system(), NULL, &engine), -EINVAL);
	config.modes = SPOOL_MODES_KEEP;
	config.limits.mount[SPOOL_RES_INODES] = 0; /* no room for the root itself */
	CU_ASSERT_EQUAL(spool_engine_new(&config, spool_host_system(), NULL, &engine), -ENOSPC);
	CU_ASSERT_PTR_NULL(engine);
	CU_ASSERT_TRUE(spool_engine_free(NULL));
}

static uid_t owner_of(void *ctx, uid_t uid)
{
	(void)ctx;
	return uid >= 100000 ? 1000 : uid;
}

static uid_t payer(uid_t uid, pid_t pid, uint64_t ino)
{
	const struct spool_cred cred = {.uid = uid, .pid = pid};

	return spool_engine_payer(rig.engine, &cred, ino);
}

/* Who pays is who is charged: also for root's requests, and the kernel's own. */
static void test_payer(void)
{
	struct spool_config config = engine_rig_config(SPOOL_LAYOUT_PRIVATE, SPOOL_MODES_OWNER);
	const struct spool_cred sub = {.uid = 100000, .gid = 100000, .umask = 022};
	uint64_t top;

	config.payer = owner_of;
	engine_rig_init_config(&rig, &config);
	CU_ASSERT_EQUAL(lookup(&sub, "100000"), 0);
	top = attr.ino;
	CU_ASSERT_EQUAL(payer(1001, 7, ROOT), 1001);
	CU_ASSERT_EQUAL(payer(100001, 7, ROOT), 1000);
	CU_ASSERT_EQUAL(payer(0, 0, top), 1000);
	CU_ASSERT_EQUAL(payer(0, 7, top), 1000);
	CU_ASSERT_EQUAL(payer((uid_t)-1, 0, top), 1000);
	CU_ASSERT_EQUAL(payer(0, 7, ROOT), 0);
	CU_ASSERT_EQUAL(payer(0, 0, 4711), 0); /* it has gone */
	engine_rig_fini(&rig);

	config = engine_rig_config(SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
	config.payer = owner_of;
	engine_rig_init_config(&rig, &config);
	top = rig_mkdir(&rig, ROOT, "d");
	CU_ASSERT_EQUAL(payer(0, 0, top), 1000);
	CU_ASSERT_EQUAL(payer((uid_t)-1, 0, top), 1000);
	CU_ASSERT_EQUAL(payer(0, 7, top), 0); /* root's own request: root pays for what it makes */
	CU_ASSERT_EQUAL(payer(100001, 7, top), 1000);
	engine_rig_fini(&rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"private_root", test_private_root},
		{"private_root_is_nobodys", test_private_root_is_nobodys},
		{"top_is_constant", test_top_is_constant},
		{"self", test_self},
		{"trees_are_apart", test_trees_are_apart},
		{"root_gives_back", test_root_gives_back},
		{"root_gives_away", test_root_gives_away},
		{"subordinate_trees", test_subordinate_trees},
		{"no_room_for_a_top", test_no_room_for_a_top},
		{"shared_chown", test_shared_chown},
		{"single_chown", test_single_chown},
		{"names_of_nobody", test_names_of_nobody},
		{"payer", test_payer},
		{"bad_config", test_bad_config},
	};

	return unit_run("policy", tests, SPOOL_ARRAY_SIZE(tests));
}
