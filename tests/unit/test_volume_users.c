/* SPDX-License-Identifier: MIT */

/* Who uses a volume: in a /proc of our own making. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "unit.h"
#include "util/rmtree.h"
#include "volume/users.h"

struct rig {
	char top[64], proc[80];
};

/* A process whose mount namespace is the file @ns, with the mounts of @table; its root is @root. */
static void make_process(const struct rig *rig, int pid, int parent, const char *ns,
			 const char *root, const char *table)
{
	char name[128], from[256], to[256];

	for (int i = 0; i < 2; i++) {
		snprintf(to, sizeof(to), "%s/%d%s", rig->proc, pid, i ? "/ns" : "");
		CU_ASSERT_EQUAL_FATAL(mkdir(to, 0700), 0);
	}
	snprintf(name, sizeof(name), "proc/%d/stat", pid);
	unit_make_file(rig->top, name, "%d (x) S %d 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 77", pid,
		       parent);
	snprintf(name, sizeof(name), "proc/%d/mountinfo", pid);
	unit_make_file(rig->top, name, "%s", table);
	snprintf(from, sizeof(from), "%s/%s", rig->top, ns);
	snprintf(to, sizeof(to), "%s/%d/ns/mnt", rig->proc, pid);
	CU_ASSERT_EQUAL_FATAL(link(from, to), 0);
	snprintf(to, sizeof(to), "%s/%d/root", rig->proc, pid);
	CU_ASSERT_EQUAL_FATAL(symlink(root, to), 0);
}

#define ROOT "20 1 0:20 / / rw - ext4 /dev/a rw\n21 20 0:30 / /run rw shared:1 - tmpfs none rw\n"
#define MOUNTED ROOT "30 21 0:58 / /run/sv/volumes/v rw shared:2 - fuse.spoolfs v rw\n"
#define OTHERS "50 1 0:40 / / rw - overlay overlay rw\n"
#define HELD OTHERS "51 50 0:58 / /data rw - fuse.spoolfs v rw\n"

/* Our own namespace is "host", and has volume v as 0:58. */
static void set_up(struct rig *rig)
{
	char path[128];

	snprintf(rig->top, sizeof(rig->top), "/tmp/spoolfs-unit-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(rig->top));
	snprintf(rig->proc, sizeof(rig->proc), "%s/proc", rig->top);
	CU_ASSERT_EQUAL_FATAL(mkdir(rig->proc, 0700), 0);
	unit_make_file(rig->top, "host", "%s", "");
	unit_make_file(rig->top, "other", "%s", "");
	unit_make_file(rig->top, "third", "%s", "");
	make_process(rig, 100, 1, "host", "/", MOUNTED);
	snprintf(path, sizeof(path), "%s/self", rig->proc);
	CU_ASSERT_EQUAL_FATAL(symlink("100", path), 0);
	make_process(rig, 101, 1, "host", "/", "not looked at");
}

static void tear_down(const struct rig *rig)
{
	spool_rmtree(rig->top);
	rmdir(rig->top);
}

/* The pids of the users of 0:58, added up; @n: how many there are. */
static int found(const struct rig *rig, const struct volume_engine *engine, size_t *n)
{
	const struct users_question question = {.proc = rig->proc,
						.dir = "/run/sv/volumes",
						.engines = engine,
						.n_engines = !!engine};
	struct user *users = NULL;
	int sum = 0;

	CU_ASSERT_EQUAL_FATAL(users_find(&question, &users, n), 0);
	for (size_t i = 0; i < *n; i++) {
		CU_ASSERT_EQUAL(users[i].device, makedev(0, 58));
		sum += users[i].pid;
	}
	free(users);
	return sum;
}

static void test_a_container_is_one_user(void)
{
	struct rig rig;
	size_t n;

	set_up(&rig);
	make_process(&rig, 200, 1, "third", "/", OTHERS);
	CU_ASSERT_EQUAL(found(&rig, NULL, &n), 0);
	CU_ASSERT_EQUAL(n, 0);
	make_process(&rig, 300, 1, "other", "/", HELD);
	make_process(&rig, 301, 300, "other", "/", HELD);
	CU_ASSERT_EQUAL(found(&rig, NULL, &n) / 300, 1); /* one of them */
	CU_ASSERT_EQUAL(n, 1);
	tear_down(&rig);
}

/* chroot(2) hides what is mounted above. */
static void test_each_view_is_looked_at(void)
{
	struct rig rig;
	size_t n;

	set_up(&rig);
	for (int pid = 200; pid < 210; pid++)
		make_process(&rig, pid, 1, "other", pid == 205 ? "/" : "/jail",
			     pid == 205 ? HELD : "");
	CU_ASSERT_EQUAL(found(&rig, NULL, &n), 205);
	tear_down(&rig);
}

/* Those of a namespace that is a copy of ours, or gets its mounts from it. Paths may differ. */
static void test_a_copy_in_its_place_is_no_use(void)
{
	struct rig rig;
	size_t n;

	set_up(&rig);
	make_process(&rig, 200, 1, "other", "/", MOUNTED);
	make_process(&rig, 201, 1, "third", "/",
		     OTHERS
		     "61 50 0:30 / /host/run rw master:1 - tmpfs none rw\n"
		     "62 61 0:58 / /host/run/sv/volumes/v rw master:2 - fuse.spoolfs v rw\n");
	CU_ASSERT_EQUAL(found(&rig, NULL, &n), 0);
	CU_ASSERT_EQUAL(n, 0);
	make_process(&rig, 202, 1, "third", "/x",
		     OTHERS "61 50 0:31 / /host/run rw - tmpfs none rw\n"
			    "62 61 0:58 / /host/run/sv/volumes/v rw - fuse.spoolfs v rw\n");
	CU_ASSERT_EQUAL(found(&rig, NULL, &n), 202); /* another filesystem's directory */
	make_process(&rig, 203, 1, "third", "/y",
		     "62 161 0:58 / /host/run/sv/volumes/v rw - fuse.spoolfs v rw\n"
		     "161 50 0:30 / /host/run rw - tmpfs none rw\n"
		     "50 1 0:40 / / rw - overlay overlay rw\n");
	CU_ASSERT_EQUAL(found(&rig, NULL, &n), 202); /* in any order */
	tear_down(&rig);
}

static void test_engines_and_their_children_are_no_users(void)
{
	static const struct volume_engine engine = {200, 77}, older = {200, 76};
	struct rig rig;
	size_t n;

	set_up(&rig);
	make_process(&rig, 200, 1, "host", "/", "");
	make_process(&rig, 201, 200, "host", "/", "");
	make_process(&rig, 202, 201, "other", "/", HELD);
	CU_ASSERT_EQUAL(found(&rig, &engine, &n), 0);
	CU_ASSERT_EQUAL(n, 0);
	CU_ASSERT_EQUAL(found(&rig, &older, &n), 202); /* another process with that number */
	CU_ASSERT_EQUAL(found(&rig, NULL, &n), 202);
	make_process(&rig, 203, 1, "other", "/", HELD);
	CU_ASSERT_EQUAL(found(&rig, &engine, &n), 203); /* one that is none of its children */
	tear_down(&rig);
}

static void test_a_copy_of_our_own_has_no_process(void)
{
	struct rig rig;
	size_t n;

	set_up(&rig);
	unit_make_file(rig.top, "proc/100/mountinfo", "%s",
		       MOUNTED "31 20 0:58 / /mnt/copy rw - fuse.spoolfs v rw\n"
			       "32 20 0:59 / /mnt/stranger rw - fuse.spoolfs x rw\n");
	CU_ASSERT_EQUAL(found(&rig, NULL, &n), 0);
	CU_ASSERT_EQUAL(n, 1);
	tear_down(&rig);
}

static void test_what_cannot_be_read(void)
{
	struct users_question question = {.dir = "/run/sv/volumes"};
	struct user *users = NULL;
	char path[128];
	struct rig rig;
	size_t n = 7;

	set_up(&rig);
	question.proc = rig.top; /* has no "self" */
	CU_ASSERT_TRUE(users_find(&question, &users, &n) < 0);
	CU_ASSERT_TRUE(!users && n == 7);
	/* one that has ended meanwhile, and one that may be a user */
	question.proc = rig.proc;
	make_process(&rig, 200, 1, "other", "/", "");
	snprintf(path, sizeof(path), "%s/200/mountinfo", rig.proc);
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(users_find(&question, &users, &n), 0);
	CU_ASSERT_EQUAL(n, 0);
	free(users);
	users = NULL;
	CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	CU_ASSERT_EQUAL(users_find(&question, &users, &n), -EISDIR);
	CU_ASSERT_PTR_NULL(users);
	tear_down(&rig);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"a container is one user", test_a_container_is_one_user},
		{"each view is looked at", test_each_view_is_looked_at},
		{"a copy in its place is no use", test_a_copy_in_its_place_is_no_use},
		{"engines and their children are no users",
		 test_engines_and_their_children_are_no_users},
		{"a copy of our own has no process", test_a_copy_of_our_own_has_no_process},
		{"what cannot be read", test_what_cannot_be_read},
	};

	return unit_run("volume users", tests, sizeof(tests) / sizeof(tests[0]));
}
