/* SPDX-License-Identifier: MIT */

/* POSIX ACLs: what is a valid one, how mode and ACL stay in step, and inheritance. */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>

#include "engine_rig.h"
#include "ns/acl.h"
#include "ns/xattr.h"
#include "util/macros.h"

#define ROOT SPOOL_INO_ROOT
#define ANY ACL_UNDEFINED_ID

static struct engine_rig rig;

/* An ACL as setfacl(1) would send it; entries are added in the order of calls. */
struct acl {
	struct posix_acl_xattr_header header;
	struct posix_acl_xattr_entry entries[16];
	size_t size;
};

static struct acl acl_new(void)
{
	return (struct acl){.header.a_version = htole32(POSIX_ACL_XATTR_VERSION),
			    .size = sizeof(struct posix_acl_xattr_header)};
}

static void add(struct acl *acl, unsigned int tag, uint32_t id, unsigned int perm)
{
	size_t i = (acl->size - sizeof(acl->header)) / sizeof(acl->entries[0]);

	acl->entries[i] = (struct posix_acl_xattr_entry){.e_tag = htole16((uint16_t)tag),
							 .e_perm = htole16((uint16_t)perm),
							 .e_id = htole32(id)};
	acl->size += sizeof(acl->entries[0]);
}

/* user::@user, user:1001:@named, group::@group, mask::@mask, other::@other */
static struct acl extended(unsigned int user, unsigned int named, unsigned int group,
			   unsigned int mask, unsigned int other)
{
	struct acl acl = acl_new();

	add(&acl, ACL_USER_OBJ, ANY, user);
	add(&acl, ACL_USER, 1001, named);
	add(&acl, ACL_GROUP_OBJ, ANY, group);
	add(&acl, ACL_MASK, ANY, mask);
	add(&acl, ACL_OTHER, ANY, other);
	return acl;
}

static struct acl plain(unsigned int user, unsigned int group, unsigned int other)
{
	struct acl acl = acl_new();

	add(&acl, ACL_USER_OBJ, ANY, user);
	add(&acl, ACL_GROUP_OBJ, ANY, group);
	add(&acl, ACL_OTHER, ANY, other);
	return acl;
}

static void test_check(void)
{
	struct acl acl = extended(7, 7, 5, 7, 0), broken;

	CU_ASSERT_EQUAL(spool_acl_check(&acl, acl.size), 0);
	for (size_t size = 0; size < acl.size; size++)
		CU_ASSERT_EQUAL(spool_acl_check(&acl, size), size == 4 ? 0 : -EINVAL);
	broken = acl;
	broken.header.a_version = htole32(1);
	CU_ASSERT_EQUAL(spool_acl_check(&broken, broken.size), -EOPNOTSUPP);
	for (size_t i = 0; i < 5; i++) {
		broken = acl;
		broken.entries[i].e_perm = htole16(8);
		CU_ASSERT_EQUAL(spool_acl_check(&broken, broken.size), -EINVAL);
		broken = acl;
		broken.entries[i].e_tag = htole16(0x40);
		CU_ASSERT_EQUAL(spool_acl_check(&broken, broken.size), -EINVAL);
		broken.entries[i].e_tag = htole16(0x3f);
		CU_ASSERT_EQUAL(spool_acl_check(&broken, broken.size), -EINVAL);
		broken.entries[i].e_tag = 0;
		CU_ASSERT_EQUAL(spool_acl_check(&broken, broken.size), -EINVAL);
		/* one missing: all but the mask and the named entry are needed; the mask is
		 * needed because of the named entry */
		broken = acl;
		memmove(&broken.entries[i], &broken.entries[i + 1],
			(4 - i) * sizeof(broken.entries[0]));
		CU_ASSERT_EQUAL(spool_acl_check(&broken, broken.size - sizeof(broken.entries[0])),
				i == 1 ? 0 : -EINVAL);
		/* one twice */
		broken = acl;
		memmove(&broken.entries[i + 1], &broken.entries[i],
			(5 - i) * sizeof(broken.entries[0]));
		CU_ASSERT_EQUAL(spool_acl_check(&broken, broken.size + sizeof(broken.entries[0])),
				-EINVAL);
	}
	broken = acl_new();
	add(&broken, ACL_USER_OBJ, ANY, 7);
	add(&broken, ACL_USER, 5, 7);
	add(&broken, ACL_USER, 4, 7); /* not in order */
	add(&broken, ACL_GROUP_OBJ, ANY, 7);
	add(&broken, ACL_MASK, ANY, 7);
	add(&broken, ACL_OTHER, ANY, 7);
	CU_ASSERT_EQUAL(spool_acl_check(&broken, broken.size), -EINVAL);
	broken.entries[2].e_id = htole32(6);
	CU_ASSERT_EQUAL(spool_acl_check(&broken, broken.size), 0);
}

static void test_mode(void)
{
	struct acl acl = plain(6, 4, 1);
	mode_t mode = S_IFREG | S_ISUID | 0777;

	CU_ASSERT_TRUE(spool_acl_mode(&acl, acl.size, &mode));
	CU_ASSERT_EQUAL(mode, S_IFREG | S_ISUID | 0641);
	acl = extended(7, 7, 5, 3, 0);
	CU_ASSERT_FALSE(spool_acl_mode(&acl, acl.size, &mode));
	CU_ASSERT_EQUAL(mode, S_IFREG | S_ISUID | 0730);
	acl = acl_new();
	CU_ASSERT_TRUE(spool_acl_mode(&acl, acl.size, &mode));
	CU_ASSERT_EQUAL(mode, S_IFREG | S_ISUID | 0730);
}

static int set_acl(uint64_t ino, const char *name, const struct acl *acl)
{
	return spool_engine_setxattr(rig.engine, &rig.cred, ino, name, acl, acl->size, 0);
}

static bool has_acl(uint64_t ino, const char *name, const struct acl *acl)
{
	struct acl value;
	ssize_t r = spool_engine_getxattr(rig.engine, ino, name, &value, sizeof(value));

	if (!acl)
		return r == -ENODATA;
	return r == (ssize_t)acl->size && memcmp(&value, acl, acl->size) == 0;
}

static void start(void)
{
	engine_rig_init(&rig, SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
}

static void test_in_step(void)
{
	struct acl acl = extended(6, 6, 4, 6, 0), want;
	struct spool_attr set = {.mode = 0750}, attr;
	uint64_t file;

	start();
	file = rig_file(&rig, ROOT, "f");
	rig_tick(&rig);
	CU_ASSERT_EQUAL(set_acl(file, SPOOL_ACL_ACCESS, &acl), 0);
	CU_ASSERT_EQUAL(rig_attr(&rig, file).mode, S_IFREG | 0660);
	CU_ASSERT_EQUAL(rig_attr(&rig, file).ctime.tv_sec, rig.host.clock.tv_sec);
	CU_ASSERT_TRUE(has_acl(file, SPOOL_ACL_ACCESS, &acl));
	/* chmod: the group bits are the mask's */
	CU_ASSERT_EQUAL(
		spool_engine_setattr(rig.engine, &rig.cred, file, SPOOL_SET_MODE, &set, &attr), 0);
	want = extended(7, 6, 4, 5, 0);
	CU_ASSERT_TRUE(has_acl(file, SPOOL_ACL_ACCESS, &want));
	CU_ASSERT_EQUAL(engine_rig_audit(&rig), 0);
	/* one that says no more than a mode is not kept */
	acl = plain(6, 4, 4);
	CU_ASSERT_EQUAL(set_acl(file, SPOOL_ACL_ACCESS, &acl), 0);
	CU_ASSERT_EQUAL(rig_attr(&rig, file).mode, S_IFREG | 0644);
	CU_ASSERT_TRUE(has_acl(file, SPOOL_ACL_ACCESS, NULL));
	/* taking away what is not there is fine, and so is "no ACL" */
	CU_ASSERT_EQUAL(spool_engine_removexattr(rig.engine, &rig.cred, file, SPOOL_ACL_ACCESS), 0);
	acl = acl_new();
	CU_ASSERT_EQUAL(set_acl(file, SPOOL_ACL_ACCESS, &acl), 0);
	CU_ASSERT_EQUAL(rig_attr(&rig, file).mode, S_IFREG | 0644);
	engine_rig_fini(&rig);
}

/* The mode's change is one of the file, also where no ACL is kept. */
static void test_times(void)
{
	struct acl acl = plain(6, 4, 4);
	uint64_t file;

	start();
	file = rig_file(&rig, ROOT, "f");
	rig_tick(&rig);
	CU_ASSERT_EQUAL(set_acl(file, SPOOL_ACL_ACCESS, &acl), 0);
	CU_ASSERT_EQUAL(rig_attr(&rig, file).mode, S_IFREG | 0644);
	CU_ASSERT_EQUAL(rig_attr(&rig, file).ctime.tv_sec, rig.host.clock.tv_sec);
	rig_tick(&rig);
	CU_ASSERT_EQUAL(spool_engine_removexattr(rig.engine, &rig.cred, file, SPOOL_ACL_ACCESS), 0);
	CU_ASSERT_EQUAL(rig_attr(&rig, file).ctime.tv_sec, rig.host.clock.tv_sec);
	engine_rig_fini(&rig);
}

/* Who is outside the file's group cannot keep its set-group-ID bit with an access ACL. */
static void test_set_group_id(void)
{
	const struct spool_attr set = {.mode = 02755};
	struct acl acl = extended(7, 7, 5, 7, 0);
	struct spool_attr attr;
	uint64_t dir;

	start();
	dir = rig_mkdir(&rig, ROOT, "d");
	spool_engine_setattr(rig.engine, &rig.cred, dir, SPOOL_SET_MODE, &set, &attr);
	CU_ASSERT_EQUAL(attr.mode, S_IFDIR | 02755);
	CU_ASSERT_EQUAL(set_acl(dir, SPOOL_ACL_ACCESS, &acl), 0);
	CU_ASSERT_EQUAL(rig_attr(&rig, dir).mode, S_IFDIR | 02770);
	CU_ASSERT_EQUAL(spool_engine_setxattr(rig.engine, &rig.cred, dir, SPOOL_ACL_DEFAULT, &acl,
					      acl.size, SPOOL_XATTR_KILL_SGID),
			0);
	CU_ASSERT_EQUAL(rig_attr(&rig, dir).mode, S_IFDIR | 02770);
	CU_ASSERT_EQUAL(spool_engine_setxattr(rig.engine, &rig.cred, dir, SPOOL_ACL_ACCESS, &acl,
					      acl.size, SPOOL_XATTR_KILL_SGID),
			0);
	CU_ASSERT_EQUAL(rig_attr(&rig, dir).mode, S_IFDIR | 0770);
	engine_rig_fini(&rig);
}

/* Nor where ACLs are not kept. */
static void test_cut_set_group_id(void)
{
	const struct spool_attr set = {.mode = 02755};
	const int flags[] = {0, SPOOL_XATTR_KILL_SGID};
	struct acl acls[] = {plain(7, 7, 5), extended(7, 7, 5, 7, 0)};
	struct spool_attr attr;
	uint64_t dir;

	engine_rig_init(&rig, SPOOL_LAYOUT_SINGLE, SPOOL_MODES_KEEP);
	dir = rig_mkdir(&rig, ROOT, "d");
	for (size_t i = 0; i < 4; i++) {
		const struct acl *acl = &acls[i / 2];
		mode_t sgid = i % 2 ? 0 : S_ISGID;

		spool_engine_setattr(rig.engine, &rig.cred, dir, SPOOL_SET_MODE, &set, &attr);
		CU_ASSERT_EQUAL(attr.mode, S_IFDIR | 02755);
		CU_ASSERT_EQUAL(spool_engine_setxattr(rig.engine, &rig.cred, dir, SPOOL_ACL_ACCESS,
						      acl, acl->size, flags[i % 2]),
				0);
		CU_ASSERT_EQUAL(rig_attr(&rig, dir).mode, S_IFDIR | sgid | (i < 2 ? 0775u : 0700u));
	}
	engine_rig_fini(&rig);
}

/* Where ACLs are not kept, one that is a mode is a chmod; of others the owner's bits count. */
static void test_cut(void)
{
	const struct {
		enum spool_modes modes;
		struct acl acl;
		int r;
		mode_t mode;
	} wants[] = {
		{SPOOL_MODES_OWNER, plain(6, 4, 4), 0, 0644},
		{SPOOL_MODES_OWNER, plain(7, 0, 1), 0, 0701},
		{SPOOL_MODES_OWNER, extended(6, 7, 5, 7, 4), 0, 0600},
		{SPOOL_MODES_OWNER, extended(0, 7, 7, 7, 7), 0, 0},
		{SPOOL_MODES_OWNER, acl_new(), 0, 0750},
		{SPOOL_MODES_KEEP, plain(6, 6, 4), 0, 0664},
		{SPOOL_MODES_KEEP, extended(6, 7, 5, 7, 4), 0, 0600},
		{SPOOL_MODES_STRICT, plain(6, 4, 4), 0, 0600},
		{SPOOL_MODES_STRICT, extended(4, 7, 5, 7, 4), 0, 0400},
		{SPOOL_MODES_REFUSE, plain(6, 4, 0), -EPERM, 0700},
		{SPOOL_MODES_REFUSE, plain(5, 0, 0), 0, 0500},
		{SPOOL_MODES_REFUSE, extended(7, 4, 0, 4, 0), -EPERM, 0700},
		{SPOOL_MODES_REFUSE, extended(6, 4, 5, 0, 0), 0, 0600},
	};
	struct spool_attr set, attr;
	char value[8];

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(wants); i++) {
		uint64_t file, dir;

		engine_rig_init(&rig, SPOOL_LAYOUT_SINGLE, wants[i].modes);
		file = rig_file(&rig, ROOT, "f");
		dir = rig_mkdir(&rig, ROOT, "d");
		set.mode = wants[i].modes == SPOOL_MODES_REFUSE ? 0700 : 0750;
		spool_engine_setattr(rig.engine, &rig.cred, file, SPOOL_SET_MODE, &set, &attr);
		rig_tick(&rig);
		CU_ASSERT_EQUAL(set_acl(file, SPOOL_ACL_ACCESS, &wants[i].acl), wants[i].r);
		attr = rig_attr(&rig, file);
		CU_ASSERT_EQUAL(attr.mode, S_IFREG | wants[i].mode);
		CU_ASSERT_EQUAL(attr.ctime.tv_sec == rig.host.clock.tv_sec, wants[i].r == 0);
		CU_ASSERT_EQUAL(set_acl(dir, SPOOL_ACL_DEFAULT, &wants[i].acl), wants[i].r);
		CU_ASSERT_EQUAL(rig_attr(&rig, dir).mode, S_IFDIR | 0700);
		CU_ASSERT_EQUAL(spool_engine_listxattr(rig.engine, file, NULL, 0, NULL), 0);
		CU_ASSERT_EQUAL(spool_engine_getxattr(rig.engine, file, SPOOL_ACL_ACCESS, value,
						      sizeof(value)),
				-EOPNOTSUPP);
		engine_rig_fini(&rig);
	}
}

static int set_as(uid_t uid, uint64_t ino, const char *name, const struct acl *acl)
{
	const struct spool_cred cred = {.uid = uid, .gid = uid};

	return spool_engine_setxattr(rig.engine, &cred, ino, name, acl, acl->size, 0);
}

static void test_cut_refused(void)
{
	struct acl acl = plain(6, 4, 4), bad = acl_new();
	const struct spool_cred alice = {.uid = 1000, .gid = 1000}, bob = {.uid = 1001};
	struct spool_attr attr;
	uint64_t top, file;

	add(&bad, ACL_USER_OBJ, ANY, 6);
	engine_rig_init(&rig, SPOOL_LAYOUT_PRIVATE, SPOOL_MODES_OWNER);
	spool_engine_lookup(rig.engine, &alice, ROOT, "1000", &attr);
	top = attr.ino;
	spool_engine_create(rig.engine, &alice, top, "f", 0600, &attr);
	file = attr.ino;
	CU_ASSERT_EQUAL(set_as(1001, file, SPOOL_ACL_ACCESS, &acl), -EPERM);
	CU_ASSERT_EQUAL(set_as(1000, file, SPOOL_ACL_ACCESS, &bad), -EINVAL);
	CU_ASSERT_EQUAL(set_as(1000, file, SPOOL_ACL_DEFAULT, &acl), -EACCES);
	CU_ASSERT_EQUAL(set_as(0, ROOT, SPOOL_ACL_ACCESS, &acl), -EPERM);
	CU_ASSERT_EQUAL(rig_attr(&rig, file).mode, S_IFREG | 0600);
	CU_ASSERT_EQUAL(set_as(0, file, SPOOL_ACL_ACCESS, &acl), 0);
	CU_ASSERT_EQUAL(rig_attr(&rig, file).mode, S_IFREG | 0644);
	CU_ASSERT_EQUAL(spool_engine_removexattr(rig.engine, &alice, file, SPOOL_ACL_ACCESS), 0);
	CU_ASSERT_EQUAL(spool_engine_removexattr(rig.engine, &bob, file, SPOOL_ACL_ACCESS), -EPERM);
	/* a top directory takes it, and nothing shows */
	CU_ASSERT_EQUAL(set_as(1000, top, SPOOL_ACL_ACCESS, &acl), 0);
	CU_ASSERT_EQUAL(set_as(1000, top, SPOOL_ACL_DEFAULT, &acl), 0);
	CU_ASSERT_EQUAL(rig_attr(&rig, top).mode, S_IFDIR | 0700);
	spool_engine_symlink(rig.engine, &alice, top, "l", "f", &attr);
	CU_ASSERT_EQUAL(set_as(1000, attr.ino, SPOOL_ACL_ACCESS, &acl), -EOPNOTSUPP);
	engine_rig_fini(&rig);
	/* the root of single never has more than 0700 */
	engine_rig_init(&rig, SPOOL_LAYOUT_SINGLE, SPOOL_MODES_KEEP);
	CU_ASSERT_EQUAL(set_as(1000, ROOT, SPOOL_ACL_ACCESS, &acl), 0);
	CU_ASSERT_EQUAL(rig_attr(&rig, ROOT).mode, S_IFDIR | 0600);
	engine_rig_fini(&rig);
}

static void test_refused(void)
{
	struct spool_config config = engine_rig_config(SPOOL_LAYOUT_SHARED, SPOOL_MODES_KEEP);
	struct acl acl = extended(7, 7, 5, 7, 0);
	struct spool_attr attr;
	uint64_t file, used;

	start();
	file = rig_file(&rig, ROOT, "f");
	used = rig_used(&rig, 1000, SPOOL_RES_RAM);
	CU_ASSERT_EQUAL(set_acl(file, SPOOL_ACL_DEFAULT, &acl), -EACCES);
	acl.size--;
	CU_ASSERT_EQUAL(set_acl(file, SPOOL_ACL_ACCESS, &acl), -EINVAL);
	acl.size++;
	rig_limits(&rig, 1000, -1,
		   (int64_t)spool_xattr_bytes(strlen(SPOOL_ACL_ACCESS), acl.size) - 1, -1, -1);
	CU_ASSERT_EQUAL(set_acl(file, SPOOL_ACL_ACCESS, &acl), -EDQUOT);
	CU_ASSERT_EQUAL(rig_attr(&rig, file).mode, S_IFREG | 0600);
	CU_ASSERT_EQUAL(rig_used(&rig, 1000, SPOOL_RES_RAM), used);
	rig_limits(&rig, 1000, -1, -1, -1, -1);
	spool_engine_symlink(rig.engine, &rig.cred, ROOT, "l", "t", &attr);
	CU_ASSERT_EQUAL(set_acl(attr.ino, SPOOL_ACL_ACCESS, &acl), -EOPNOTSUPP);
	engine_rig_fini(&rig);
	/* where the kernel does not enforce them they are not stored */
	config.acl = false;
	engine_rig_init_config(&rig, &config);
	file = rig_file(&rig, ROOT, "f");
	CU_ASSERT_EQUAL(set_acl(file, SPOOL_ACL_ACCESS, &acl), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(spool_engine_getxattr(rig.engine, file, SPOOL_ACL_ACCESS, NULL, 0),
			-EOPNOTSUPP);
	engine_rig_fini(&rig);
}

static void test_inherit(void)
{
	struct acl acl = extended(7, 7, 5, 7, 5), want;
	struct spool_attr attr;
	uint64_t dir;

	start();
	dir = rig_mkdir(&rig, ROOT, "d");
	rig.cred.umask = 077; /* does not count where there is a default ACL */
	CU_ASSERT_EQUAL(set_acl(dir, SPOOL_ACL_DEFAULT, &acl), 0);
	CU_ASSERT_EQUAL(rig_attr(&rig, dir).mode, S_IFDIR | 0700);
	spool_engine_mknod(rig.engine, &rig.cred, dir, "f", S_IFREG | 0666, 0, &attr);
	CU_ASSERT_EQUAL(attr.mode, S_IFREG | 0664);
	want = extended(6, 7, 5, 6, 4);
	CU_ASSERT_TRUE(has_acl(attr.ino, SPOOL_ACL_ACCESS, &want));
	CU_ASSERT_TRUE(has_acl(attr.ino, SPOOL_ACL_DEFAULT, NULL));
	spool_engine_mkdir(rig.engine, &rig.cred, dir, "sub", 0750, &attr);
	CU_ASSERT_EQUAL(attr.mode, S_IFDIR | 0750);
	want = extended(7, 7, 5, 5, 0);
	CU_ASSERT_TRUE(has_acl(attr.ino, SPOOL_ACL_ACCESS, &want));
	CU_ASSERT_TRUE(has_acl(attr.ino, SPOOL_ACL_DEFAULT, &acl));
	spool_engine_tmpfile(rig.engine, &rig.cred, dir, 0600, &attr);
	CU_ASSERT_EQUAL(attr.mode, S_IFREG | 0600);
	spool_engine_symlink(rig.engine, &rig.cred, dir, "l", "t", &attr);
	CU_ASSERT_EQUAL(attr.mode, S_IFLNK | 0777);
	CU_ASSERT_TRUE(has_acl(attr.ino, SPOOL_ACL_ACCESS, NULL));
	CU_ASSERT_EQUAL(engine_rig_audit(&rig), 0);
	/* a default ACL like a mode: inherited as a mode */
	acl = plain(7, 5, 4);
	CU_ASSERT_EQUAL(set_acl(dir, SPOOL_ACL_DEFAULT, &acl), 0);
	spool_engine_mknod(rig.engine, &rig.cred, dir, "g", S_IFREG | 0666, 0, &attr);
	CU_ASSERT_EQUAL(attr.mode, S_IFREG | 0644);
	CU_ASSERT_TRUE(has_acl(attr.ino, SPOOL_ACL_ACCESS, NULL));
	/* without one the umask counts again */
	CU_ASSERT_EQUAL(spool_engine_removexattr(rig.engine, &rig.cred, dir, SPOOL_ACL_DEFAULT), 0);
	spool_engine_mknod(rig.engine, &rig.cred, dir, "h", S_IFREG | 0666, 0, &attr);
	CU_ASSERT_EQUAL(attr.mode, S_IFREG | 0600);
	acl = acl_new();
	CU_ASSERT_EQUAL(set_acl(dir, SPOOL_ACL_DEFAULT, &acl), 0);
	CU_ASSERT_TRUE(has_acl(dir, SPOOL_ACL_DEFAULT, NULL));
	engine_rig_fini(&rig);
}

/* Whatever bytes come, nothing is read or written beside them (ASan), and what is taken is valid.
 */
static void test_random_bytes(void)
{
	uint64_t state = rig_seed();
	unsigned int taken = 0;

	for (int i = 0; i < 200000; i++) {
		struct acl acl = extended(7, 7, 5, 7, 5);
		unsigned char *bytes = malloc(acl.size);
		size_t size = rig_random(&state, acl.size + 1);
		mode_t mode = 0;

		memcpy(bytes, &acl, size);
		if (size > 0)
			bytes[rig_random(&state, size)] = (unsigned char)rig_random(&state, 256);
		if (spool_acl_check(bytes, size) == 0) {
			spool_acl_mode(bytes, size, &mode);
			taken += (mode & ~(mode_t)0777) == 0;
		}
		free(bytes);
	}
	CU_ASSERT_TRUE(taken > 0);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"check", test_check},
		{"mode", test_mode},
		{"in_step", test_in_step},
		{"times", test_times},
		{"set_group_id", test_set_group_id},
		{"refused", test_refused},
		{"cut", test_cut},
		{"cut_set_group_id", test_cut_set_group_id},
		{"cut_refused", test_cut_refused},
		{"inherit", test_inherit},
		{"random_bytes", test_random_bytes},
	};

	return unit_run("acl", tests, SPOOL_ARRAY_SIZE(tests));
}
