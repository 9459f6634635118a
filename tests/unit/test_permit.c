/* SPDX-License-Identifier: MIT */

/* Who may do what: what the VFS says for each class of users, with and without capabilities. */

#include <errno.h>
#include <sys/stat.h>

#include <linux/capability.h>

#include "security/permit.h"
#include "unit.h"

#define OWNER 1000u
#define GROUP 2000u
#define OTHER 3000u
#define ALL_BITS (SPOOL_MAY_READ | SPOOL_MAY_WRITE | SPOOL_MAY_EXEC)

/* struct person - a subject, and how often he was looked at */
struct person {
	gid_t group; /* a supplementary one */
	uint64_t caps;
	unsigned int n_asked;
};

static bool in_group(void *ctx, gid_t gid)
{
	struct person *person = ctx;

	person->n_asked++;
	return person->group == gid;
}

static bool has(void *ctx, unsigned int cap, const struct spool_attr *attr)
{
	struct person *person = ctx;

	(void)attr;
	person->n_asked++;
	return person->caps >> cap & 1;
}

static struct spool_subject subject(struct person *person, uid_t uid, gid_t gid)
{
	return (struct spool_subject){
		.uid = uid, .gid = gid, .in_group = in_group, .has = has, .ctx = person};
}

static struct spool_attr inode(mode_t mode)
{
	return (struct spool_attr){.mode = mode, .uid = OWNER, .gid = GROUP};
}

/* The class that counts is the first that fits, also where a later one would give more. */
static void test_classes(void)
{
	static const struct {
		uid_t uid;
		gid_t gid, group;
		unsigned int shift;
	} classes[] = {
		{OWNER, GROUP, GROUP, 6}, {OWNER, OTHER, OTHER, 6}, {OTHER, GROUP, OTHER, 3},
		{OTHER, OTHER, GROUP, 3}, {OTHER, OTHER, OTHER, 0}, {0, 0, 0, 0},
	};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		for (mode_t mode = 0; mode < 01000; mode++) {
			struct person person = {.group = classes[i].group};
			struct spool_subject who = subject(&person, classes[i].uid, classes[i].gid);
			unsigned int bits = mode >> classes[i].shift & 7;

			for (unsigned int mask = 0; mask <= ALL_BITS; mask++) {
				struct spool_attr file = inode(S_IFREG | mode);
				struct spool_attr dir = inode(S_IFDIR | mode);
				int want = mask & ~bits ? -EACCES : 0;

				if (spool_permit(&who, &file, mask) != want ||
				    spool_permit(&who, &dir, mask) != want) {
					CU_FAIL_FATAL("another class counts");
				}
			}
		}
	}
	CU_PASS("the first class that fits counts");
}

/* What the mode gives the owner, nobody is asked about. */
static void test_asks_nobody(void)
{
	struct person person = {0};
	struct spool_subject owner = subject(&person, OWNER, OTHER);
	struct spool_subject other = subject(&person, OTHER, OTHER);
	struct spool_attr dir = inode(S_IFDIR | 0700), open = inode(S_IFDIR | 0755);

	CU_ASSERT_EQUAL(spool_permit(&owner, &dir, ALL_BITS), 0);
	CU_ASSERT_EQUAL(spool_permit(&other, &open, SPOOL_MAY_EXEC), 0);
	CU_ASSERT_EQUAL(spool_permit_owner(&owner, &dir), 0);
	CU_ASSERT_EQUAL(spool_permit_sticky(&other, &open, &dir), 0);
	CU_ASSERT_EQUAL(person.n_asked, 0);
}

static void test_capabilities(void)
{
	const uint64_t all = UINT64_C(1) << CAP_DAC_OVERRIDE, read = UINT64_C(1)
								     << CAP_DAC_READ_SEARCH;
	struct person person = {.caps = all};
	struct spool_subject who = subject(&person, OTHER, OTHER);
	struct spool_attr dir = inode(S_IFDIR), file = inode(S_IFREG), program = inode(S_IFREG);

	program.mode |= S_IXOTH;
	CU_ASSERT_EQUAL(spool_permit(&who, &dir, ALL_BITS), 0);
	CU_ASSERT_EQUAL(spool_permit(&who, &file, SPOOL_MAY_READ | SPOOL_MAY_WRITE), 0);
	CU_ASSERT_EQUAL(spool_permit(&who, &file, SPOOL_MAY_EXEC), -EACCES);
	CU_ASSERT_EQUAL(spool_permit(&who, &program, ALL_BITS), 0);
	person.caps = read;
	CU_ASSERT_EQUAL(spool_permit(&who, &dir, SPOOL_MAY_READ | SPOOL_MAY_EXEC), 0);
	CU_ASSERT_EQUAL(spool_permit(&who, &dir, SPOOL_MAY_WRITE), -EACCES);
	CU_ASSERT_EQUAL(spool_permit(&who, &file, SPOOL_MAY_READ), 0);
	CU_ASSERT_EQUAL(spool_permit(&who, &file, SPOOL_MAY_READ | SPOOL_MAY_WRITE), -EACCES);
	CU_ASSERT_EQUAL(spool_permit(&who, &program, SPOOL_MAY_READ | SPOOL_MAY_EXEC), -EACCES);
	person.caps = UINT64_C(1) << CAP_FOWNER;
	CU_ASSERT_EQUAL(spool_permit(&who, &dir, SPOOL_MAY_READ), -EACCES);
	CU_ASSERT_EQUAL(spool_permit_owner(&who, &dir), 0);
	person.caps = 0;
	CU_ASSERT_EQUAL(spool_permit_owner(&who, &dir), -EPERM);
}

static void test_sticky(void)
{
	struct person person = {0};
	struct spool_subject who = subject(&person, OTHER, OTHER);
	struct spool_attr dir = inode(S_IFDIR | S_ISVTX | 0777), file = inode(S_IFREG);

	CU_ASSERT_EQUAL(spool_permit_sticky(&who, &dir, &file), -EPERM);
	file.uid = OTHER;
	CU_ASSERT_EQUAL(spool_permit_sticky(&who, &dir, &file), 0);
	file.uid = OWNER;
	dir.uid = OTHER;
	CU_ASSERT_EQUAL(spool_permit_sticky(&who, &dir, &file), 0);
	dir.uid = OWNER;
	person.caps = UINT64_C(1) << CAP_FOWNER;
	CU_ASSERT_EQUAL(spool_permit_sticky(&who, &dir, &file), 0);
}

static void test_links(void)
{
	struct person person = {.group = GROUP};
	struct spool_subject owner = subject(&person, OWNER, OTHER);
	struct spool_subject member = subject(&person, OTHER, OTHER);
	static const struct {
		mode_t mode;
		int want;
	} files[] = {
		{S_IFREG | 0660, 0},      {S_IFREG | 0640, -EPERM},  {S_IFREG | 04660, -EPERM},
		{S_IFREG | 02660, 0},     {S_IFREG | 02670, -EPERM}, {S_IFIFO | 0666, -EPERM},
		{S_IFLNK | 0777, -EPERM},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct spool_attr attr = inode(files[i].mode);

		CU_ASSERT_EQUAL(spool_permit_link(&member, &attr), files[i].want);
		CU_ASSERT_EQUAL(spool_permit_link(&owner, &attr), 0);
	}
}

static int set(struct person *person, uid_t uid, unsigned int what, struct spool_attr *wanted)
{
	struct spool_subject who = subject(person, uid, OTHER);
	struct spool_attr attr = inode(S_IFREG | 0460);

	return spool_permit_set(&who, &attr, what, false, wanted);
}

static void test_owner_and_mode(void)
{
	struct person person = {0};
	struct spool_attr same = {.uid = OWNER, .gid = GROUP, .mode = 0777};
	struct spool_attr to = {.uid = OTHER, .gid = OTHER, .mode = 02777};

	CU_ASSERT_EQUAL(set(&person, OWNER, SPOOL_SET_UID | SPOOL_SET_GID, &same), 0);
	CU_ASSERT_EQUAL(set(&person, OTHER, SPOOL_SET_UID, &same), -EPERM);
	CU_ASSERT_EQUAL(set(&person, OWNER, SPOOL_SET_UID, &to), -EPERM);
	CU_ASSERT_EQUAL(set(&person, OWNER, SPOOL_SET_GID, &to), 0); /* his own group */
	to.gid = 7;
	CU_ASSERT_EQUAL(set(&person, OWNER, SPOOL_SET_GID, &to), -EPERM);
	person.group = 7;
	CU_ASSERT_EQUAL(set(&person, OWNER, SPOOL_SET_GID, &to), 0);
	CU_ASSERT_EQUAL(set(&person, OTHER, SPOOL_SET_GID, &to), -EPERM);
	CU_ASSERT_EQUAL(set(&person, OTHER, SPOOL_SET_MODE, &to), -EPERM);
	CU_ASSERT_EQUAL(set(&person, OWNER, SPOOL_SET_MODE, &to), 0);
	CU_ASSERT_EQUAL(to.mode, 0777); /* its group is not his */
	to.mode = 02777;
	CU_ASSERT_EQUAL(set(&person, OWNER, SPOOL_SET_MODE | SPOOL_SET_GID, &to), 0);
	CU_ASSERT_EQUAL(to.mode, 02777);
	person.caps = UINT64_C(1) << CAP_CHOWN;
	CU_ASSERT_EQUAL(set(&person, OTHER, SPOOL_SET_UID | SPOOL_SET_GID, &to), 0);
	person.caps = UINT64_C(1) << CAP_FOWNER | UINT64_C(1) << CAP_FSETID;
	person.group = 0;
	CU_ASSERT_EQUAL(set(&person, OTHER, SPOOL_SET_MODE, &to), 0);
	CU_ASSERT_EQUAL(to.mode, 02777);
}

/* The owner may not write to the file (0460), the group may. */
static void test_times_and_size(void)
{
	const unsigned int touch =
		SPOOL_SET_ATIME | SPOOL_SET_MTIME | SPOOL_SET_ATIME_NOW | SPOOL_SET_MTIME_NOW;
	struct person member = {.group = GROUP}, nobody = {0};
	struct spool_subject owner = subject(&nobody, OWNER, OTHER);
	struct spool_attr attr = inode(S_IFREG | 0460), wanted = {0};

	CU_ASSERT_EQUAL(set(&nobody, OWNER, touch, &wanted), 0);
	CU_ASSERT_EQUAL(set(&member, OTHER, touch, &wanted), 0);
	CU_ASSERT_EQUAL(set(&nobody, OTHER, touch, &wanted), -EACCES);
	CU_ASSERT_EQUAL(set(&member, OTHER, SPOOL_SET_ATIME | SPOOL_SET_ATIME_NOW, &wanted),
			-EPERM);
	CU_ASSERT_EQUAL(set(&member, OTHER, SPOOL_SET_MTIME, &wanted), -EPERM);
	CU_ASSERT_EQUAL(set(&nobody, OWNER, SPOOL_SET_MTIME, &wanted), 0);
	CU_ASSERT_EQUAL(set(&nobody, OWNER, SPOOL_SET_SIZE, &wanted), -EACCES);
	CU_ASSERT_EQUAL(set(&member, OTHER, SPOOL_SET_SIZE, &wanted), 0);
	CU_ASSERT_EQUAL(spool_permit_set(&owner, &attr, SPOOL_SET_SIZE, true, &wanted), 0);
	CU_ASSERT_EQUAL(set(&nobody, OTHER, SPOOL_KILL_SUIDGID, &wanted), 0);
}

static void test_all_search(void)
{
	static const struct {
		uid_t uid;
		mode_t mode;
		bool want;
	} dirs[] = {
		{OWNER, 0700, true}, {OWNER, 0100, true},  {OWNER, 0677, false},
		{OTHER, 0711, true}, {OTHER, 0710, false}, {OTHER, 0701, false},
		{OTHER, 0011, true}, {OWNER, 0, false},
	};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		struct spool_attr attr = {.uid = dirs[i].uid, .mode = S_IFDIR | dirs[i].mode};

		CU_ASSERT_EQUAL(spool_permit_all_search(OWNER, &attr), dirs[i].want);
	}
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"classes", test_classes},
		{"asks_nobody", test_asks_nobody},
		{"capabilities", test_capabilities},
		{"sticky", test_sticky},
		{"links", test_links},
		{"owner_and_mode", test_owner_and_mode},
		{"times_and_size", test_times_and_size},
		{"all_search", test_all_search},
	};

	return unit_run("permit", tests, sizeof(tests) / sizeof(tests[0]));
}
