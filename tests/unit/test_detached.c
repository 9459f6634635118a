/* SPDX-License-Identifier: MIT */

/* Finding what is served and mounted here no more: in a /proc of our own making. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/detached.h"
#include "unit.h"
#include "util/rmtree.h"

struct rig {
	char top[64], proc[80], connections[80];
};

static void make_dir(const struct rig *rig, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", rig->top, name);
	CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
}

/* A process whose mount namespace is the file @ns, with the mounts of @table. */
static void make_process(const struct rig *rig, int pid, int parent, const char *comm,
			 const char *ns, const char *table)
{
	static const char *const dirs[] = {"", "/fd", "/ns"};
	char name[128], from[256], to[256];

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(name, sizeof(name), "proc/%d%s", pid, dirs[i]);
		make_dir(rig, name);
	}
	snprintf(name, sizeof(name), "proc/%d/stat", pid);
	unit_make_file(rig->top, name, "%d (%s) S %d 1 1 0", pid, comm, parent);
	snprintf(name, sizeof(name), "proc/%d/status", pid);
	unit_make_file(rig->top, name, "Name:\tx\nUid:\t%u\t%u\t%u\t%u\n", getuid(), getuid(),
		       getuid(), geteuid());
	snprintf(name, sizeof(name), "proc/%d/mountinfo", pid);
	unit_make_file(rig->top, name, "%s", table);
	snprintf(from, sizeof(from), "%s/%s", rig->top, ns);
	snprintf(to, sizeof(to), "%s/proc/%d/ns/mnt", rig->top, pid);
	CU_ASSERT_EQUAL_FATAL(link(from, to), 0);
}

static void hold(const struct rig *rig, int pid, int fd, const char *target)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/proc/%d/fd/%d", rig->top, pid, fd);
	CU_ASSERT_EQUAL_FATAL(symlink(target, path), 0);
}

#define NOTHING "20 1 0:20 / / rw - ext4 /dev/a rw\n"
#define HELD NOTHING "30 20 0:58 / /copy rw - fuse.spoolfs spoolfs rw\n"
#define OTHER_TYPE NOTHING "30 20 0:58 / /copy rw - fuse.other spoolfs rw\n"
#define RECORD "/memfd:spoolfs:0:58:/run/a b (deleted)"

/* The daemon has the pids 100 to 102, and 0:58; our own namespace is "host". */
static void set_up(struct rig *rig)
{
	static const char *const dirs[] = {"proc", "connections", "connections/58", "proc/self"};

	snprintf(rig->top, sizeof(rig->top), "/tmp/spoolfs-unit-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(rig->top));
	snprintf(rig->proc, sizeof(rig->proc), "%s/proc", rig->top);
	snprintf(rig->connections, sizeof(rig->connections), "%s/connections", rig->top);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		make_dir(rig, dirs[i]);
	unit_make_file(rig->top, "host", "%s", "");
	unit_make_file(rig->top, "other", "%s", "");
	unit_make_file(rig->top, "proc/self/mountinfo", "%s", NOTHING);
	make_process(rig, 100, 1, SPOOL_CTL_SUPERVISOR, "host", NOTHING);
	make_process(rig, 101, 100, SPOOL_CTL_WORKER, "host", NOTHING);
	make_process(rig, 102, 100, SPOOL_CTL_JANITOR, "host", NOTHING);
	hold(rig, 100, 0, "/dev/null");
}

static void tear_down(const struct rig *rig)
{
	spool_rmtree(rig->top);
	rmdir(rig->top);
}

static size_t found(const struct rig *rig)
{
	struct detached *all;
	size_t n;

	CU_ASSERT_EQUAL_FATAL(detached_find(rig->proc, rig->connections, &all, &n), 0);
	detached_free(all, n);
	return n;
}

static void test_found_with_its_holders(void)
{
	struct detached *all;
	struct rig rig;
	char text[128];
	size_t n;

	set_up(&rig);
	hold(&rig, 100, 7, RECORD);
	make_process(&rig, 200, 1, "a) b (c", "other", HELD);
	make_process(&rig, 201, 200, SPOOL_CTL_WORKER, "other", HELD);
	CU_ASSERT_EQUAL_FATAL(detached_find(rig.proc, rig.connections, &all, &n), 0);
	CU_ASSERT_EQUAL_FATAL(n, 1);
	CU_ASSERT_STRING_EQUAL(all->record.mountpoint, "/run/a b");
	CU_ASSERT_EQUAL(all->record.device, makedev(0, 58));
	CU_ASSERT_EQUAL(all->uid, geteuid());
	CU_ASSERT_STRING_EQUAL(detached_who(all, text, sizeof(text)),
			       "supervisor 100, worker 101, janitor 102");
	CU_ASSERT_EQUAL_FATAL(all->n_holders, 1);
	CU_ASSERT_EQUAL(all->holders[0].processes, 2);
	CU_ASSERT_TRUE(all->holders[0].pid == 200 || all->holders[0].pid == 201);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(detached_held_by(all, text, sizeof(text)), "the mount namespace of pid 20"));
	CU_ASSERT_EQUAL(strlen(detached_who(all, text, 9)), 8);
	CU_ASSERT_EQUAL(strlen(detached_held_by(all, text, 9)), 8);
	detached_free(all, n);
	tear_down(&rig);
}

static void test_held_open_only(void)
{
	struct detached *all;
	struct rig rig;
	char text[128];
	size_t n;

	set_up(&rig);
	hold(&rig, 100, 7, RECORD);
	make_process(&rig, 200, 1, "x", "other", OTHER_TYPE);
	CU_ASSERT_EQUAL_FATAL(detached_find(rig.proc, rig.connections, &all, &n), 0);
	CU_ASSERT_EQUAL_FATAL(n, 1);
	CU_ASSERT_EQUAL(all->n_holders, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(detached_held_by(all, text, sizeof(text)), "no mount"));
	detached_free(all, n);
	tear_down(&rig);
}

/* What is mounted where we are, or where the daemon is, is in order. */
static void test_mounted_is_not_detached(void)
{
	struct rig rig;

	set_up(&rig);
	hold(&rig, 100, 7, RECORD);
	unit_make_file(rig.top, "proc/self/mountinfo", "%s", HELD);
	CU_ASSERT_EQUAL(found(&rig), 0);
	unit_make_file(rig.top, "proc/self/mountinfo", "%s", NOTHING);
	unit_make_file(rig.top, "proc/100/mountinfo", "%s", HELD);
	CU_ASSERT_EQUAL(found(&rig), 0);
	tear_down(&rig);
}

/* Who has neither the connection nor the name of a supervisor is none, whatever he says. */
static void test_lies_are_not_believed(void)
{
	struct rig rig;

	set_up(&rig);
	make_process(&rig, 200, 1, "liar", "other", HELD);
	hold(&rig, 200, 7, RECORD);
	CU_ASSERT_EQUAL(found(&rig), 0);
	hold(&rig, 100, 7, RECORD);
	CU_ASSERT_EQUAL(found(&rig), 1);
	unit_make_file(rig.top, "proc/100/status", "Uid:\t0\t0\t0\t%u\n", geteuid() + 1);
	CU_ASSERT_EQUAL(found(&rig), 0);
	tear_down(&rig);
}

static void test_no_proc(void)
{
	struct detached *all;
	size_t n;

	CU_ASSERT_EQUAL(detached_find("/nonexistent", "/nonexistent", &all, &n), -ENOENT);
}

static void test_records(void)
{
	static const char *const bad[] = {"",
					  "/dev/null",
					  "/memfd:spoolfs (deleted)",
					  "/memfd:spoolfs:0:58:/m",
					  "/memfd:spoolfs:0:58: (deleted)",
					  "/memfd:spoolfs:0:58:m (deleted)",
					  "/memfd:spoolfs:0:/m (deleted)",
					  "/x/memfd:spoolfs:0:58:/m (deleted)",
					  "/memfd:spoolfs:0:123456789:/m (deleted)"};
	char name[SPOOL_CTL_RECORD_NAME], link[SPOOL_CTL_RECORD_LINK], path[400];
	const struct spool_ctl_detached mounted = {0};
	struct spool_ctl_record record;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(spool_ctl_record_read(bad[i], &record), -EINVAL);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	for (size_t len = 1; len < sizeof(path); len++) {
		char whole[sizeof(path)];

		snprintf(whole, sizeof(whole), "%.*s", (int)len, path);
		spool_ctl_record_name(makedev(4095, 1048575), &mounted, whole, name);
		snprintf(link, sizeof(link), "/memfd:%s (deleted)", name);
		CU_ASSERT_EQUAL_FATAL(spool_ctl_record_read(link, &record), 0);
		CU_ASSERT_EQUAL(record.device, makedev(4095, 1048575));
		CU_ASSERT_EQUAL(strncmp(record.mountpoint, whole, strlen(record.mountpoint)), 0);
		CU_ASSERT_TRUE(strlen(record.mountpoint) == len || len > 220);
	}
	spool_ctl_record_name(makedev(0, 1), &mounted, "/a (deleted)", name);
	snprintf(link, sizeof(link), "/memfd:%s (deleted)", name);
	CU_ASSERT_EQUAL(spool_ctl_record_read(link, &record), 0);
	CU_ASSERT_STRING_EQUAL(record.mountpoint, "/a (deleted)");
}

/* The times of a detached one, up to the last that can be, and what only looks like them. */
static void test_records_of_detached(void)
{
	static const struct spool_ctl_detached times[] = {
		{0, 0}, {1, 0}, {1764122345123, 1764122350123}, {999999999999999, 999999999999999}};
	static const char *const bad[] = {"1:", "1:2", "1:2:", "1:2:3:", ":", "1::", "x:2:"};
	char name[SPOOL_CTL_RECORD_NAME], link[SPOOL_CTL_RECORD_LINK];
	struct spool_ctl_record record;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		spool_ctl_record_name(makedev(4095, 1048575), &times[i], "/a:7:8:/b", name);
		snprintf(link, sizeof(link), "/memfd:%s (deleted)", name);
		CU_ASSERT_EQUAL_FATAL(spool_ctl_record_read(link, &record), 0);
		CU_ASSERT_EQUAL(record.detached.since_ms, times[i].since_ms);
		CU_ASSERT_EQUAL(record.detached.until_ms, times[i].until_ms);
		CU_ASSERT_STRING_EQUAL(record.mountpoint, "/a:7:8:/b");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(link, sizeof(link), "/memfd:spoolfs:0:58:%s (deleted)", bad[i]);
		CU_ASSERT_EQUAL(spool_ctl_record_read(link, &record), -EINVAL);
	}
}

static const struct unit_test tests[] = {
	{"found_with_its_holders", test_found_with_its_holders},
	{"held_open_only", test_held_open_only},
	{"mounted_is_not_detached", test_mounted_is_not_detached},
	{"lies_are_not_believed", test_lies_are_not_believed},
	{"no_proc", test_no_proc},
	{"records", test_records},
	{"records_of_detached", test_records_of_detached},
};

int main(void)
{
	return unit_run("detached", tests, sizeof(tests) / sizeof(tests[0]));
}
