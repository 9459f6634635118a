/* SPDX-License-Identifier: MIT */

/* What plugstack.conf and a job may say to the plugin of Slurm, and its mount points. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/usage.h"
#include "slurm/job.h"
#include "slurm/settings.h"
#include "unit.h"
#include "util/macros.h"

#define GIB (UINT64_C(1) << 30)

static void test_sizes(void)
{
	static const struct {
		const char *text;
		uint64_t max, size;
		const char *error;
	} table[] = {
		{"10G", UINT64_MAX, 10 * GIB, NULL},
		{"1M", UINT64_MAX, SETTINGS_SIZE_MIN, NULL},
		{"none", GIB, SETTINGS_NONE, NULL},
		{"1G", GIB, GIB, NULL},
		{"1025M", GIB, 0, "1025M: too large (allowed: up to 1G)"},
		{"1048575", GIB, 0, "1048575: too small (allowed: at least 1M, or none)"},
		{"0", GIB, 0, "0: too small (allowed: at least 1M, or none)"},
		{"", GIB, 0, ": not a size (allowed: bytes, as 10G, or none)"},
		{"1\n\x1b[2J", GIB, 0,
		 "1\\012\\033[2J: not a size (allowed: bytes, as 10G, or none)"},
		{"-1", GIB, 0, "-1: not a size (allowed: bytes, as 10G, or none)"},
		{"10G,uid=0", GIB, 0, "10G,uid=0: not a size (allowed: bytes, as 10G, or none)"},
		{"None", GIB, 0, "None: not a size (allowed: bytes, as 10G, or none)"},
	};

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(table); i++) {
		char error[SETTINGS_ERROR] = "";
		uint64_t size = 7;
		bool ok = settings_size(table[i].text, table[i].max, &size, error);

		CU_ASSERT_EQUAL(ok, table[i].error == NULL);
		CU_ASSERT_EQUAL(size, ok ? table[i].size : 7);
		CU_ASSERT_STRING_EQUAL(error, table[i].error ? table[i].error : "");
	}
}

/* However long it is, it is one line that fits. */
static void test_long_values(void)
{
	char text[4096], error[SETTINGS_ERROR];
	uint64_t size;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	CU_ASSERT_FALSE(settings_size(text, UINT64_MAX, &size, error));
	CU_ASSERT_TRUE(strlen(error) < SETTINGS_ERROR && strstr(error, "allowed: bytes"));
}

static bool read_line(char *line, struct settings *ret, char *error)
{
	char *argv[8], *rest = line;
	int argc = 0;

	while (argc < 8 && (argv[argc] = strsep(&rest, " ")))
		argc++;
	return settings_read(argc, argv, ret, error);
}

static void test_settings(void)
{
	char line[] = "default=2G max=4G base=/x options=ram=1G,backing=/y program=/z",
	     error[SETTINGS_ERROR];
	struct settings settings;

	CU_ASSERT_TRUE(settings_read(0, NULL, &settings, error));
	CU_ASSERT_EQUAL(settings.size, SETTINGS_NONE);
	CU_ASSERT_EQUAL(settings.max, UINT64_MAX);
	CU_ASSERT_STRING_EQUAL(settings.base, "/run/spoolfs-slurm");
	CU_ASSERT_STRING_EQUAL(settings.options, "");
	CU_ASSERT_TRUE(read_line(line, &settings, error));
	CU_ASSERT_EQUAL(settings.size, 2 * GIB);
	CU_ASSERT_EQUAL(settings.max, 4 * GIB);
	CU_ASSERT_STRING_EQUAL(settings.base, "/x");
	CU_ASSERT_STRING_EQUAL(settings.options, "ram=1G,backing=/y");
	CU_ASSERT_STRING_EQUAL(settings.program, "/z");
}

static void test_wrong_settings(void)
{
	static const char *const table[] = {"nonsense", "base=x",    "max=none",
					    "max=1",    "default=x", "default=2G max=1G",
					    "program=", "Default=1G"};

	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(table); i++) {
		char line[64], error[SETTINGS_ERROR] = "";
		struct settings settings;

		snprintf(line, sizeof(line), "%s", table[i]);
		CU_ASSERT_FALSE(read_line(line, &settings, error));
		CU_ASSERT_PTR_NOT_NULL(strstr(error, "allowed: "));
	}
}

static struct settings settings_in(const char *base, const char *program)
{
	struct settings settings = {.max = UINT64_MAX};

	snprintf(settings.base, sizeof(settings.base), "%s", base);
	snprintf(settings.program, sizeof(settings.program), "%s", program);
	return settings;
}

/* One that cannot mount leaves no mount point, and its status tells why. */
static void test_failures_leave_nothing(void)
{
	static const struct {
		const char *script, *error;
		int status;
	} table[] = {
		{"#!/bin/sh\necho 'spoolfs: size=1: too small' >&2\nexit 2\n",
		 "spoolfs: size=1: too small", EXIT_USAGE},
		{"#!/bin/sh\necho one >&2\necho two >&2\nexit 1\n", "one", EXIT_FAILED},
		{"#!/bin/sh\nkill -9 $$\n", "spoolfs: ended as it started", EXIT_FAILED},
		/* more than a pipe takes */
		{"#!/bin/sh\necho one >&2\nhead -c 200000 /dev/zero >&2 || exit 1\nexit 2\n", "one",
		 EXIT_USAGE},
	};
	char base[] = "/tmp/spool-unit-XXXXXX", program[64], path[PATH_MAX];
	const struct job job = {.id = 7, .size = GIB};

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(base));
	snprintf(program, sizeof(program), "%s/program", base);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(table); i++) {
		struct settings settings = settings_in(base, program);
		char error[SETTINGS_ERROR] = "";
		FILE *file = fopen(program, "we");

		CU_ASSERT_PTR_NOT_NULL_FATAL(file);
		fputs(table[i].script, file);
		fclose(file);
		chmod(program, 0700);
		CU_ASSERT_EQUAL(job_begin(&settings, &job, error), table[i].status);
		CU_ASSERT_STRING_EQUAL(error, table[i].error);
		CU_ASSERT_TRUE(access(job_path(&settings, job.id, path), F_OK) < 0);
		unlink(program);
	}
	rmdir(base);
}

/* A job's user must be able to go through it. */
static void test_no_umask_closes_the_base(void)
{
	char top[] = "/tmp/spool-unit-XXXXXX", base[64], error[SETTINGS_ERROR] = "";
	const struct job job = {.id = 7, .size = GIB};
	struct settings settings;
	struct stat found;
	mode_t before;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(top));
	snprintf(base, sizeof(base), "%s/base", top);
	settings = settings_in(base, "/nowhere/spoolfs");
	before = umask(077);
	CU_ASSERT_EQUAL(job_begin(&settings, &job, error), EXIT_FAILED);
	umask(before);
	CU_ASSERT_EQUAL_FATAL(stat(base, &found), 0);
	CU_ASSERT_EQUAL(found.st_mode & 07777, 0755);
	rmdir(base);
	CU_ASSERT_EQUAL(rmdir(top), 0);
}

static bool is_odd(uint32_t id)
{
	return id % 2;
}

/* Only what is over goes, and only what is named as a job. Who may not unmount leaves all there. */
static void test_sweep(void)
{
	static const char *const names[] = {"1", "2", "3", "x1", "01", "4294967295"};
	char base[] = "/tmp/spool-unit-XXXXXX", path[64];
	struct settings settings;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(base));
	settings = settings_in(base, "");
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", base, names[i]);
		mkdir(path, 0700);
	}
	job_sweep(&settings, is_odd);
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(names); i++) {
		bool goes = geteuid() == 0 &&
			    (strcmp(names[i], "1") == 0 || strcmp(names[i], "3") == 0);

		snprintf(path, sizeof(path), "%s/%s", base, names[i]);
		CU_ASSERT_EQUAL(access(path, F_OK) < 0, goes);
		rmdir(path);
	}
	CU_ASSERT_EQUAL(job_end(&settings, 5), 0); /* there is none */
	CU_ASSERT_FALSE(job_is_mounted(&settings, 2, 0));
	rmdir(base);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{"sizes", test_sizes},
		{"long_values", test_long_values},
		{"settings", test_settings},
		{"wrong_settings", test_wrong_settings},
		{"failures_leave_nothing", test_failures_leave_nothing},
		{"no_umask_closes_the_base", test_no_umask_closes_the_base},
		{"sweep", test_sweep},
	};

	return unit_run("slurm", tests, SPOOL_ARRAY_SIZE(tests));
}
