/* SPDX-License-Identifier: MIT */

/* Which backing directories are refused, and with what words. */

#include "spill/backing_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "dir_rig.h"
#include "unit.h"
#include "util/macros.h"

#define NOBODY 65534

static struct dir_rig rig;

static void test_refused(void)
{
	static char longer[PATH_MAX + 10];
	char path[PATH_MAX + 64], why[4] = "???";
	int fd;

	CU_ASSERT_EQUAL(dir_rig_check(dir_rig_path(&rig, "missing"), true, "does not exist"),
			-ENOENT);
	CU_ASSERT_EQUAL(dir_rig_check("", true, "does not exist"), -ENOENT);
	fd = open(dir_rig_path(&rig, "file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	CU_ASSERT_TRUE(fd >= 0);
	spool_close(fd);
	CU_ASSERT_EQUAL(dir_rig_check(dir_rig_path(&rig, "file"), true, "is not a directory"),
			-ENOTDIR);
	CU_ASSERT_EQUAL(dir_rig_check(dir_rig_path(&rig, "file/"), true, "is not a directory"),
			-ENOTDIR);
	CU_ASSERT_EQUAL(dir_rig_check(dir_rig_path(&rig, "file/below"), true, "is not a directory"),
			-ENOTDIR);
	CU_ASSERT_EQUAL(mkfifo(dir_rig_path(&rig, "fifo"), 0600), 0);
	CU_ASSERT_EQUAL(dir_rig_check(dir_rig_path(&rig, "fifo"), true, "is not a directory"),
			-ENOTDIR);
	CU_ASSERT_EQUAL(mkdir(dir_rig_path(&rig, "dir"), 0700), 0);
	CU_ASSERT_EQUAL(symlink("dir", dir_rig_path(&rig, "link")), 0);
	CU_ASSERT_EQUAL(dir_rig_check(dir_rig_path(&rig, "dir"), true, ""), 0);
	CU_ASSERT_EQUAL(dir_rig_check(dir_rig_path(&rig, "dir//"), true, ""), 0);
	CU_ASSERT_EQUAL(dir_rig_check(dir_rig_path(&rig, "link"), true, "is a symbolic link"),
			-ENOTDIR);
	CU_ASSERT_EQUAL(dir_rig_check(dir_rig_path(&rig, "link/"), true, "is a symbolic link"),
			-ENOTDIR);
	CU_ASSERT_EQUAL(dir_rig_check(dir_rig_path(&rig, "link/."), true, "is a symbolic link"),
			-ENOTDIR);
	CU_ASSERT_EQUAL(
		dir_rig_check(dir_rig_path(&rig, ".//link//././"), true, "is a symbolic link"),
		-ENOTDIR);
	CU_ASSERT_EQUAL(dir_rig_check(dir_rig_path(&rig, "./dir/./"), true, ""), 0);
	CU_ASSERT_EQUAL(dir_rig_check(dir_rig_path(&rig, "dir/.."), true, "leads upwards"),
			-EINVAL);
	CU_ASSERT_EQUAL(dir_rig_check(dir_rig_path(&rig, "link/../dir"), true, "leads upwards"),
			-EINVAL);
	CU_ASSERT_EQUAL(dir_rig_check(dir_rig_path(&rig, "..dir"), true, "does not exist"),
			-ENOENT);
	snprintf(path, sizeof(path), "%s",
		 dir_rig_path(&rig, "link/below")); /* on the way there it may be */
	CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	CU_ASSERT_EQUAL(dir_rig_check(path, true, ""), 0);
	memset(longer, 'x', sizeof(longer) - 1);
	CU_ASSERT_EQUAL(dir_rig_check(longer, true, "name too long"), -ENAMETOOLONG);
	CU_ASSERT_EQUAL(spool_backing_dir_check(dir_rig_path(&rig, "file"), true, why, sizeof(why)),
			-ENOTDIR);
	CU_ASSERT_STRING_EQUAL(why, "is ");
	rmdir(path);
	unlink(dir_rig_path(&rig, "link"));
	unlink(dir_rig_path(&rig, "file"));
	unlink(dir_rig_path(&rig, "fifo"));
	rmdir(dir_rig_path(&rig, "dir"));
}

static void test_who_may(void)
{
	const char *path = dir_rig_path(&rig, "dir");

	CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	CU_ASSERT_EQUAL(chmod(path, 0777), 0);
	CU_ASSERT_EQUAL(dir_rig_check(path, true, "others may write to it"), -EPERM);
	CU_ASSERT_EQUAL(chmod(path, 0703), 0);
	CU_ASSERT_EQUAL(dir_rig_check(path, true, "others may write to it"), -EPERM);
	CU_ASSERT_EQUAL(chmod(path, 01777), 0);
	CU_ASSERT_EQUAL(dir_rig_check(path, true, ""), 0);
	CU_ASSERT_EQUAL(chmod(path, 0775), 0);
	CU_ASSERT_EQUAL(dir_rig_check(path, true, ""), 0);
	if (geteuid() != 0) {
		CU_ASSERT_EQUAL(chmod(path, 0500), 0);
		CU_ASSERT_EQUAL(dir_rig_check(path, true, "denied"), -EACCES);
		printf("\n# note: not root: nothing about others' directories");
		rmdir(path);
		return;
	}
	CU_ASSERT_EQUAL(chown(path, NOBODY, 0), 0);
	CU_ASSERT_EQUAL(
		dir_rig_check(path, true, "belongs to uid 65534 (allowed: a directory of uid 0)"),
		-EPERM);
	CU_ASSERT_EQUAL(chmod(rig.base, 0711), 0);
	CU_ASSERT_EQUAL(seteuid(NOBODY), 0);
	if (access(rig.base, F_OK) < 0 && errno == EACCES) {
		printf("\n# note: %s: another uid cannot get there", rig.base);
		goto out;
	}
	CU_ASSERT_EQUAL(dir_rig_check(path, true, ""), 0);
	CU_ASSERT_EQUAL(chmod(path, 0500), 0);
	CU_ASSERT_EQUAL(dir_rig_check(path, true, "denied"), -EACCES);
	CU_ASSERT_EQUAL(chmod(path, 0300), 0);
	CU_ASSERT_EQUAL(dir_rig_check(path, true, "denied"), -EACCES);
	CU_ASSERT_EQUAL(dir_rig_check(rig.base, true, "denied"),
			-EACCES); /* root's, but not for us */
	CU_ASSERT_EQUAL(seteuid(0), 0);
	CU_ASSERT_EQUAL(chown(path, 1, 1), 0);
	CU_ASSERT_EQUAL(chmod(path, 0755), 0);
	CU_ASSERT_EQUAL(seteuid(NOBODY), 0);
	CU_ASSERT_EQUAL(dir_rig_check(path, true, "a directory of uid 0 or 65534"), -EPERM);
	CU_ASSERT_EQUAL(seteuid(0), 0);
	CU_ASSERT_EQUAL(chown(path, 0, 0), 0);
	CU_ASSERT_EQUAL(chmod(path, 01777), 0);
	CU_ASSERT_EQUAL(seteuid(NOBODY), 0);
	CU_ASSERT_EQUAL(dir_rig_check(path, true, ""), 0); /* root's, for all, as /var/tmp is */
out:
	CU_ASSERT_EQUAL(seteuid(0), 0);
	rmdir(path);
	CU_ASSERT_EQUAL(chmod(rig.base, 0700), 0);
}

/* Writes an ACL of three entries, the mask and one more. Return: false when there is none here. */
static bool set_acl(const char *path, unsigned int tag, uint32_t id, unsigned int mask)
{
	const struct {
		uint32_t version;
		struct {
			uint16_t tag, perm;
			uint32_t id;
		} entries[5];
	} acl = {2, /* POSIX_ACL_XATTR_VERSION; entries in the order of their tags */
		 {{0x01, 7, ~0U},
		  {(uint16_t)(tag == 0x02 ? tag : 0x04), 7, tag == 0x02 ? id : ~0U},
		  {(uint16_t)(tag == 0x02 ? 0x04 : tag), 7, tag == 0x02 ? ~0U : id},
		  {0x10, (uint16_t)mask, ~0U},
		  {0x20, 5, ~0U}}};

	if (setxattr(path, "system.posix_acl_access", &acl, sizeof(acl), 0) == 0)
		return true;
	CU_ASSERT_EQUAL(errno, EOPNOTSUPP);
	return false;
}

static void test_groups_and_acls(void)
{
	const char *path = dir_rig_path(&rig, "dir");
	static const char *const refusal = "by its ACL others may write to it";
	const uint32_t other = geteuid() == NOBODY ? NOBODY - 1 : NOBODY;

	CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	if (geteuid() != 0)
		printf("\n# note: not root: nothing about groups");
	if (geteuid() == 0) {
		CU_ASSERT_EQUAL(chown(path, 0, NOBODY), 0);
		CU_ASSERT_EQUAL(chmod(path, 0755), 0);
		CU_ASSERT_EQUAL(dir_rig_check(path, true, ""), 0);
		CU_ASSERT_EQUAL(chmod(path, 0775), 0);
		CU_ASSERT_EQUAL(dir_rig_check(path, true, "group 65534 may write to it"), -EPERM);
		CU_ASSERT_EQUAL(chmod(path, 01775), 0);
		CU_ASSERT_EQUAL(dir_rig_check(path, true, ""), 0);
		CU_ASSERT_EQUAL(chown(path, 0, 0), 0);
		CU_ASSERT_EQUAL(chmod(path, 0775), 0);
		CU_ASSERT_EQUAL(dir_rig_check(path, true, ""), 0);
	}
	if (set_acl(path, 0x02, other, 7)) { /* ACL_USER */
		CU_ASSERT_EQUAL(dir_rig_check(path, true, refusal), -EPERM);
		CU_ASSERT_TRUE(set_acl(path, 0x02, other, 5));
		CU_ASSERT_EQUAL(dir_rig_check(path, true, ""), 0);
		CU_ASSERT_TRUE(set_acl(path, 0x02, geteuid(), 7));
		CU_ASSERT_EQUAL(dir_rig_check(path, true, ""), 0);
		CU_ASSERT_TRUE(set_acl(path, 0x08, other, 7)); /* ACL_GROUP */
		CU_ASSERT_EQUAL(dir_rig_check(path, true, refusal), -EPERM);
		CU_ASSERT_EQUAL(chmod(path, 01770), 0);
		CU_ASSERT_EQUAL(dir_rig_check(path, true, ""), 0);
	}
	rmdir(path);
}

/* Who owns or may write to what is above it could put another in its place. */
static void test_above(void)
{
	char path[PATH_MAX + 64], link[PATH_MAX + 64];

	if (geteuid() != 0) {
		CU_PASS("not root: there are no directories of others to be had");
		return;
	}
	CU_ASSERT_EQUAL(mkdir(dir_rig_path(&rig, "up"), 0755), 0);
	snprintf(path, sizeof(path), "%s", dir_rig_path(&rig, "up/dir"));
	CU_ASSERT_EQUAL(mkdir(path, 0755), 0);
	CU_ASSERT_EQUAL(dir_rig_check(path, true, ""), 0);
	CU_ASSERT_EQUAL(chmod(dir_rig_path(&rig, "up"), 0777), 0);
	CU_ASSERT_EQUAL(dir_rig_check(path, true, "/up above it: others own it or may write to it"),
			-EPERM);
	CU_ASSERT_EQUAL(chmod(dir_rig_path(&rig, "up"), 01777), 0);
	CU_ASSERT_EQUAL(dir_rig_check(path, true, ""), 0);
	CU_ASSERT_EQUAL(chown(dir_rig_path(&rig, "up"), NOBODY, 0), 0);
	CU_ASSERT_EQUAL(dir_rig_check(path, true, "/up above it: others own it"), -EPERM);
	CU_ASSERT_EQUAL(chown(dir_rig_path(&rig, "up"), 0, 0), 0);
	snprintf(link, sizeof(link), "%s", dir_rig_path(&rig, "way"));
	CU_ASSERT_EQUAL(symlink("up", link), 0);
	CU_ASSERT_EQUAL(dir_rig_check(dir_rig_path(&rig, "way/dir"), true, ""), 0);
	CU_ASSERT_EQUAL(lchown(link, NOBODY, NOBODY), 0);
	CU_ASSERT_EQUAL(
		dir_rig_check(dir_rig_path(&rig, "way/dir"), true, "a symbolic link of uid 65534"),
		-EPERM);
	unlink(link);
	rmdir(path);
	rmdir(dir_rig_path(&rig, "up"));
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"refused", test_refused},
		{"who may", test_who_may},
		{"groups and acls", test_groups_and_acls},
		{"above", test_above},
	};

	return dir_rig_run(&rig, "backing_check", tests, SPOOL_ARRAY_SIZE(tests));
}
