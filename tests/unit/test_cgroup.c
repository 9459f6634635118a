/* SPDX-License-Identifier: MIT */

/* Limits of RAM, read from files as the kernel writes them. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"
#include "util/cgroup.h"

static void write_text(const char *dir, const char *name, const char *text)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static uint64_t total_with(const char *dir, const char *cgroup)
{
	char path[256];

	write_text(dir, "cgroup", cgroup);
	snprintf(path, sizeof(path), "%s/cgroup", dir);
	return spool_memory_total(path, dir);
}

static void remove_all(const char *dir)
{
	static const char *const names[] = {
		"a/b/memory.max", "a/memory.max", "memory/c/memory.limit_in_bytes",
		"cgroup",         "a/b",          "a",
		"memory/c",       "memory",       ""};
	char path[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		CU_ASSERT_EQUAL(remove(path), 0);
	}
}

/* Limits of a cgroup or of one above it, of both versions; and files that nobody should write. */
static void test_memory(void)
{
	char dir[] = "/tmp/spool-memory-XXXXXX", path[64];
	uint64_t machine = spool_memory_total("/nowhere", "/nowhere");
	static const char *const dirs[] = {"a", "a/b", "memory", "memory/c"};

	CU_ASSERT_TRUE(machine > 64 << 20);
	CU_ASSERT_EQUAL(machine, spool_machine_memory());
	CU_ASSERT_EQUAL(spool_cgroup_memory("/nowhere", "/nowhere"), UINT64_MAX);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, dirs[i]);
		CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	}
	write_text(dir, "a/memory.max", "33554432\n");
	write_text(dir, "a/b/memory.max", "max\n");
	write_text(dir, "memory/c/memory.limit_in_bytes", "16777216\n");
	CU_ASSERT_EQUAL(total_with(dir, "0::/a\n"), 32 << 20);
	CU_ASSERT_EQUAL(total_with(dir, "0::/a/b\n"), 32 << 20); /* the one above */
	CU_ASSERT_EQUAL(total_with(dir, "0::/\n"), machine);
	CU_ASSERT_EQUAL(total_with(dir, "4:memory:/c\n"), 16 << 20);
	CU_ASSERT_EQUAL(total_with(dir, "4:cpu,memory:/c\n"), 16 << 20);
	CU_ASSERT_EQUAL(total_with(dir, "4:memory_x,nomemory:/c\n"), machine);
	CU_ASSERT_EQUAL(total_with(dir, "9:cpu,cpuacct:/c\n"), machine);
	CU_ASSERT_EQUAL(total_with(dir, "0::/a/b\n4:memory:/c\n"), 16 << 20);
	CU_ASSERT_EQUAL(total_with(dir, "0::/none\n"), machine);
	CU_ASSERT_EQUAL(total_with(dir, "rubbish"), machine);
	write_text(dir, "a/memory.max", "many\n");
	CU_ASSERT_EQUAL(total_with(dir, "0::/a\n"), machine);
	write_text(dir, "a/memory.max", "0\n");
	CU_ASSERT_TRUE(total_with(dir, "0::/a\n") >= 1);
	remove_all(dir);
}

static const struct unit_test tests[] = {
	{"memory", test_memory},
};

int main(void)
{
	return unit_run("cgroup", tests, sizeof(tests) / sizeof(tests[0]));
}
