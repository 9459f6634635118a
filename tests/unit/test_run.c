/* SPDX-License-Identifier: MIT */

/* spoolctl run: its command line; the processes below one, in a /proc of our own making. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/usage.h"
#include "spoolctl/descendants.h"
#include "spoolctl/run_options.h"
#include "unit.h"
#include "util/rmtree.h"

static char top[64];

static void set_up(void)
{
	snprintf(top, sizeof(top), "/tmp/spoolfs-unit-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(top));
}

static void tear_down(void)
{
	spool_rmtree(top);
	rmdir(top);
}

static void make_process(pid_t pid, pid_t parent, const char *name)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%d", top, pid);
	CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/%d/stat", top, pid);
	file = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fprintf(file,
		"%d (%s) S %d 1 1 0 -1 4194560 1 18446744073709551615 0 0 1 2 3 4 20 0 1 0 %" PRIu64
		" 1 1\n",
		pid, name, parent, UINT64_MAX - (uint64_t)pid);
	fclose(file);
}

/* The sum of the pids that are found, each of which is counted once. */
static int sum_below(pid_t ancestor, size_t wanted_n)
{
	struct process *all = NULL;
	size_t n = 0;
	int sum = 0;

	CU_ASSERT_EQUAL_FATAL(descendants_find(top, ancestor, &all, &n), 0);
	CU_ASSERT_EQUAL(n, wanted_n);
	for (size_t i = 0; i < n; i++) {
		sum += all[i].pid;
		CU_ASSERT_EQUAL(all[i].start, UINT64_MAX - (uint64_t)all[i].pid);
	}
	free(all);
	return sum;
}

static void test_all_generations(void)
{
	set_up();
	CU_ASSERT_EQUAL(sum_below(100, 0), 0);
	make_process(1, 0, "init");
	make_process(100, 1, "spoolctl");
	make_process(103, 102, "sleep");
	make_process(102, 101, ") S 1 ("); /* a name may hold anything */
	make_process(101, 100, "sh");
	make_process(99, 103, "pids start again"); /* a child with a lower pid */
	make_process(98, 99, "two\nlines");
	make_process(97, 98, "below it");
	make_process(200, 1, "another");
	make_process(201, 200, "its child");
	CU_ASSERT_EQUAL(sum_below(100, 6), 101 + 102 + 103 + 99 + 98 + 97);
	CU_ASSERT_EQUAL(sum_below(103, 3), 99 + 98 + 97);
	CU_ASSERT_EQUAL(sum_below(97, 0), 0);
	CU_ASSERT(descendants_have(top, 100, 99));
	CU_ASSERT(descendants_have(top, 100, 101));
	CU_ASSERT_FALSE(descendants_have(top, 100, 100));
	CU_ASSERT_FALSE(descendants_have(top, 100, 201));
	CU_ASSERT_FALSE(descendants_have(top, 100, 300)); /* is not there */
	CU_ASSERT_FALSE(descendants_have(top, 100, 0));   /* the kernel */
	tear_down();
}

/* Processes are not read at one moment: what was seen may make a circle. */
static void test_a_circle_ends(void)
{
	set_up();
	make_process(100, 103, "a");
	make_process(101, 100, "b");
	make_process(103, 101, "c");
	CU_ASSERT(sum_below(100, 3) > 0);
	tear_down();
}

static void test_many(void)
{
	set_up();
	for (pid_t pid = 1000; pid < 1600; pid++)
		make_process(pid, pid - 1, "chain");
	CU_ASSERT_EQUAL(sum_below(999, 600), (1000 + 1599) * 300);
	tear_down();
}

static void test_no_proc(void)
{
	struct process *all = NULL;
	size_t n = 7;

	CU_ASSERT_EQUAL(descendants_find("/nonexistent", 1, &all, &n), -ENOENT);
	CU_ASSERT_EQUAL(n, 7);
}

/* Reads a command line of words; those of the last one are the test's. */
static int read_line(const char *line, bool root, struct run_options *ret)
{
	static char words[256];
	static char *argv[32];
	int argc = 0;

	snprintf(words, sizeof(words), "run %s", line);
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	optind = 0; /* glibc's getopt begins anew */
	return run_options_read(argc, argv, root, ret);
}

static void test_command_lines(void)
{
	static const struct {
		const char *line;
		enum run_rest rest;
		bool tmp;
		const char *first;
	} good[] = {
		{"true", RUN_REST_LEFT, false, "true"},
		{"--wait true", RUN_REST_WAIT, false, "true"},
		{"--wait --wait -- --kill", RUN_REST_WAIT, false, "--kill"},
		{"--kill true --wait", RUN_REST_KILL, false,
		 "true"}, /* that one is the command's */
		{"-o ram=1G --kill -- true", RUN_REST_KILL, false, "true"},
		{"--tmp true", RUN_REST_WAIT, true, "true"},
		{"--tmp --kill true", RUN_REST_KILL, true, "true"},
		{"--wait --tmp true", RUN_REST_WAIT, true, "true"},
		{"true --tmp", RUN_REST_LEFT, false, "true"},
	};
	static const char *const bad[] = {"",           "--",        "--wait", "--wait --kill true",
					  "--wait=1 a", "--bogus a", "-x a",   "-o"};
	struct run_options options;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CU_ASSERT_EQUAL(read_line(good[i].line, false, &options), EXIT_OK);
		CU_ASSERT_EQUAL(options.rest, good[i].rest);
		CU_ASSERT_EQUAL(options.tmp, good[i].tmp);
		CU_ASSERT_STRING_EQUAL(options.command[0], good[i].first);
		run_options_free(&options);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_EQUAL(read_line(bad[i], false, &options), EXIT_USAGE);
		run_options_free(&options);
	}
}

static void test_mount_options(void)
{
	struct run_options options;

	CU_ASSERT_EQUAL(read_line("-o ram=1G -o size=2G,noexec true", true, &options), EXIT_OK);
	CU_ASSERT_STRING_EQUAL(options.mount, "layout=single,lifetime=mount,log_level=warning,"
					      "xattr=off,noallow_other,ram=1G,size=2G,noexec");
	run_options_free(&options);
	/* where the command of root may change to another user */
	CU_ASSERT_EQUAL(read_line("--tmp -o ram=1G true", true, &options), EXIT_OK);
	CU_ASSERT_STRING_EQUAL(options.mount, "layout=shared,lifetime=mount,"
					      "log_level=warning,ram=1G");
	run_options_free(&options);
	CU_ASSERT_EQUAL(read_line("--tmp true", false, &options), EXIT_OK);
	CU_ASSERT_STRING_EQUAL(options.mount, "layout=single,lifetime=mount,log_level=warning,"
					      "xattr=off,noallow_other");
	run_options_free(&options);
	/* shared has ACLs; of two layouts the later one counts */
	CU_ASSERT_EQUAL(read_line("-o layout=single,layout=shared true", false, &options), EXIT_OK);
	CU_ASSERT_STRING_EQUAL(options.mount, "layout=single,lifetime=mount,log_level=warning,"
					      "layout=single,layout=shared");
	run_options_free(&options);
	CU_ASSERT_EQUAL(read_line("--tmp -o layout=shared,layout=private true", true, &options),
			EXIT_OK);
	CU_ASSERT_STRING_EQUAL(options.mount, "layout=shared,lifetime=mount,log_level=warning,"
					      "xattr=off,layout=shared,layout=private");
	run_options_free(&options);
}

static const struct unit_test tests[] = {
	{"all_generations", test_all_generations},
	{"a_circle_ends", test_a_circle_ends},
	{"many", test_many},
	{"no_proc", test_no_proc},
	{"command_lines", test_command_lines},
	{"mount_options", test_mount_options},
};

int main(void)
{
	return unit_run("run", tests, sizeof(tests) / sizeof(tests[0]));
}
