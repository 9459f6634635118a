/* SPDX-License-Identifier: MIT */

/* The benchmark's arithmetic and its command line. */

#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/arguments.h"
#include "bench/data.h"
#include "bench/execute.h"
#include "bench/report.h"
#include "bench/result.h"
#include "bench/run.h"
#include "bench/stats.h"
#include "bench/workloads.h"
#include "common/usage.h"
#include "unit.h"
#include "util/macros.h"

#define NONE ((double)NAN)

static void test_spread(void)
{
	double odd[] = {5, 1, 3}, even[] = {4, 1, 2, 9}, one[] = {7}, holes[] = {NONE, 2, NONE, 1};
	struct bench_spread spread = bench_spread(odd, 3);

	CU_ASSERT_EQUAL(spread.median, 3);
	CU_ASSERT_EQUAL(spread.min, 1);
	CU_ASSERT_EQUAL(spread.max, 5);
	CU_ASSERT_EQUAL(spread.n, 3);
	spread = bench_spread(even, 4);
	CU_ASSERT_EQUAL(spread.median, 3);
	CU_ASSERT_EQUAL(spread.max, 9);
	spread = bench_spread(one, 1);
	CU_ASSERT_EQUAL(spread.median, 7);
	CU_ASSERT_EQUAL(spread.min, spread.max);
	spread = bench_spread(holes, 4);
	CU_ASSERT_EQUAL(spread.median, 1.5);
	CU_ASSERT_EQUAL(spread.n, 2);
	holes[0] = NONE;
	spread = bench_spread(holes, 1);
	CU_ASSERT_EQUAL(spread.n, 0);
	CU_ASSERT_TRUE(isnan(spread.median) && isnan(spread.min) && isnan(spread.max));
}

/* Three rounds of two places; in the second the machine is twice as slow for both. */
static void fill(struct bench_row *row, enum bench_unit unit)
{
	static const double ns[3][2] = {{2000, 6000}, {4000, 12000}, {2000, 5000}};

	memset(row, 0, sizeof(*row));
	row->unit = unit;
	for (int i = 0; i < 3; i++)
		memcpy(row->ns[i], ns[i], sizeof(ns[i]));
}

static void test_ratio_is_of_one_round(void)
{
	struct bench_setup setup = {.n_places = 2, .n_rounds = 3};
	struct bench_result result = {.setup = &setup};
	static struct bench_row row; /* too large for a stack */
	struct bench_spread spread;

	fill(&row, BENCH_TIME);
	spread = report_ratio(&result, &row, 1);
	CU_ASSERT_EQUAL(spread.median, 3);
	CU_ASSERT_EQUAL(spread.min, 2.5);
	CU_ASSERT_EQUAL(spread.max, 3);
	spread = report_value(&result, &row, 1);
	CU_ASSERT_STRING_EQUAL(report_unit(&result, &row), "us");
	CU_ASSERT_EQUAL(spread.median, 6);
	fill(&row, BENCH_THROUGHPUT);
	spread = report_ratio(&result, &row, 1);
	CU_ASSERT_DOUBLE_EQUAL(spread.median, 1.0 / 3, 1e-12);
	CU_ASSERT_DOUBLE_EQUAL(spread.max, 0.4, 1e-12);
	spread = report_value(&result, &row, 0);
	CU_ASSERT_STRING_EQUAL(report_unit(&result, &row), "MB/s");
	CU_ASSERT_DOUBLE_EQUAL(spread.median, 0.5, 1e-12); /* 2000 ns for a byte */
}

static void test_place_without_figure(void)
{
	struct bench_setup setup = {.n_places = 2, .n_rounds = 3};
	struct bench_result result = {.setup = &setup};
	static struct bench_row row;

	fill(&row, BENCH_TIME);
	for (int i = 0; i < 3; i++)
		row.ns[i][0] = NONE;
	CU_ASSERT_EQUAL(report_ratio(&result, &row, 1).n, 0);
	CU_ASSERT_EQUAL(report_value(&result, &row, 1).n, 3);
	CU_ASSERT_EQUAL(report_value(&result, &row, 1).median, 6);
}

static void test_workloads(void)
{
	size_t n;
	const struct bench_workload *workloads = bench_workloads(&n);

	CU_ASSERT_TRUE(n > 0 && n <= BENCH_WORKLOADS);
	for (size_t i = 0; i < n; i++) {
		const char *name = workloads[i].name;

		CU_ASSERT_PTR_EQUAL(bench_workload_find(name, strlen(name)), &workloads[i]);
		CU_ASSERT_TRUE(bench_figures(&workloads[i]) > 0);
		CU_ASSERT_EQUAL(workloads[i].n == 0, workloads[i].n_quick == 0);
	}
	CU_ASSERT_PTR_NULL(bench_workload_find("", 0));
	CU_ASSERT_PTR_NULL(bench_workload_find("life-4", 6));
}

/* Standard error becomes /dev/null. Return: what it was, for unmute(). */
static int mute(void)
{
	int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	CU_ASSERT_EQUAL(dup2(null, STDERR_FILENO), STDERR_FILENO);
	close(null);
	return saved;
}

static void unmute(int saved)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
}

/* Parses one option and a directory, without its lines on standard error. */
static int parse(const char *option, struct bench_arguments *arguments, struct bench_setup *setup)
{
	char program[] = "spoolbench", dir[] = "/x", text[64];
	char *argv[] = {program, text, dir, NULL};
	int saved = mute(), r;

	memset(setup, 0, sizeof(*setup));
	snprintf(text, sizeof(text), "%s", option);
	optind = 0;
	r = arguments_parse(3, argv, arguments, setup);
	unmute(saved);
	return r;
}

static void test_arguments(void)
{
	static const char *const bad[] = {"--rounds=0",
					  "--rounds=100",
					  "--rounds=",
					  "--rounds=1x",
					  "--rounds=-1",
					  "--threads=0",
					  "--threads=65",
					  "--threads=1,,2",
					  "--threads=,",
					  "--workload=no",
					  "--workload=sort,sort",
					  "--workload=",
					  "-ox",
					  "--nothing",
					  "--mounts=",
					  "--mounts=disk,nothing",
					  "--mounts=disk,disk",
					  "--rounds=99999999999999999999",
					  "--threads=1,1,1,1,1,1,1,1,1"};
	struct bench_arguments arguments;
	struct bench_setup setup;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(parse(bad[i], &arguments, &setup), EXIT_USAGE);
	CU_ASSERT_EQUAL(parse("--rounds=99", &arguments, &setup), EXIT_OK);
	CU_ASSERT_EQUAL(setup.n_rounds, 99);
	CU_ASSERT_EQUAL(setup.n_threads, 3);
	CU_ASSERT_EQUAL(arguments.n_dirs, 1);
	CU_ASSERT_EQUAL(parse("--threads=64,1", &arguments, &setup), EXIT_OK);
	CU_ASSERT_EQUAL(setup.n_threads, 2);
	CU_ASSERT_EQUAL(setup.threads[0], 64);
	CU_ASSERT_EQUAL(parse("--workload=sort,tree", &arguments, &setup), EXIT_OK);
	CU_ASSERT_EQUAL(arguments.n_workloads, 2);
	CU_ASSERT_STRING_EQUAL(arguments.workloads[1]->name, "tree");
	CU_ASSERT_EQUAL(arguments.n_mounts, 0);
	CU_ASSERT_EQUAL(parse("--mounts=disk,tmpfs", &arguments, &setup), EXIT_OK);
	CU_ASSERT_EQUAL(arguments.n_mounts, 2);
	CU_ASSERT_EQUAL(arguments.mounts[0], bench_mounts_find("disk", 4));
	CU_ASSERT_EQUAL(arguments.mounts[1], bench_mounts_find("tmpfs", 5));
	CU_ASSERT_EQUAL(parse("--mounts", &arguments, &setup), EXIT_OK);
	CU_ASSERT_EQUAL(arguments.n_mounts, BENCH_MOUNTS);
	CU_ASSERT_EQUAL(bench_mounts_find("dis", 3), -1);
}

/* One place and a scratch directory below @top, which mkdtemp(3) makes. */
static void make_setup(struct bench_setup *setup, char *top)
{
	memset(setup, 0, sizeof(*setup));
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(top));
	CU_ASSERT_EQUAL_FATAL(bench_setup_add(setup, top), EXIT_OK);
	CU_ASSERT_EQUAL_FATAL(bench_setup_make(setup, top), EXIT_OK);
	setup->n_rounds = 1;
	setup->threads[setup->n_threads++] = 1;
	setup->quick = true;
}

/* Return: how many rows a quick run of workload @name with @path for PATH adds; -errno. */
static int quick_run(const char *name, const char *path)
{
	spool_cleanup(free) char *before = strdup(getenv("PATH"));
	const struct bench_workload *workload = bench_workload_find(name, strlen(name));
	char top[] = "/tmp/test_bench-XXXXXX";
	struct bench_setup setup;
	struct bench_result result = {.setup = &setup};
	int saved = mute(), r;

	make_setup(&setup, top);
	setenv("PATH", path ? path : before, 1);
	r = bench_run(&setup, workload, false, &result);
	unmute(saved);
	setenv("PATH", before, 1);
	for (size_t i = 0; i < result.n_rows; i++)
		CU_ASSERT_TRUE(result.rows[i].ns[0][0] > 0);
	free(result.rows);
	bench_setup_remove(&setup);
	CU_ASSERT_EQUAL(rmdir(top), 0); /* nothing is left in it */
	return r < 0 ? r : (int)result.n_rows;
}

static void test_missing_program(void)
{
	CU_ASSERT_EQUAL(quick_run("sort", "/nowhere:"), 0);
	CU_ASSERT_EQUAL(quick_run("compile", "/nowhere"), 0);
	CU_ASSERT_EQUAL(quick_run("sort", NULL), 1);
	CU_ASSERT_EQUAL(quick_run("compile", NULL), 1);
}

static void test_jobs(void)
{
	CU_ASSERT_EQUAL(quick_run("stream-disk", NULL), 3);
	CU_ASSERT_EQUAL(quick_run("memory", NULL), 2);
	CU_ASSERT_EQUAL(quick_run("spill", NULL), 3);
	CU_ASSERT_EQUAL(quick_run("unpack", NULL), 2);
	CU_ASSERT_EQUAL(quick_run("cp-r", NULL), 1);
	/* which a machine that only builds may lack: then it is left out */
	CU_ASSERT_EQUAL(quick_run("git", NULL), bench_has_program("git") ? 2 : 0);
	CU_ASSERT_EQUAL(quick_run("sqlite", NULL), bench_has_program("sqlite3") ? 2 : 0);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(uint64_t));
}

/* What a disk could store more cheaply than data, be it by compression or by page. */
static void test_data_repeat_nothing(void)
{
	spool_cleanup(free) char *data = bench_data_new();
	const size_t number = sizeof(uint64_t), size = 65536;
	char first[4096];

	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	memcpy(first, bench_data_at(data, size, 0) + 4096, sizeof(first));
	CU_ASSERT(memcmp(bench_data_at(data, size, BENCH_DATA) + 4096, first, sizeof(first)) != 0);
	CU_ASSERT_PTR_EQUAL(bench_data_at(data, size, BENCH_DATA - size), data + BENCH_DATA - size);
	qsort(data, BENCH_DATA / number, number, compare);
	for (size_t i = number; i < BENCH_DATA; i += number)
		CU_ASSERT(memcmp(data + i, data + i - number, number) != 0);
}

static const struct unit_test tests[] = {
	{"data_repeat_nothing", test_data_repeat_nothing},
	{"spread", test_spread},
	{"ratio_is_of_one_round", test_ratio_is_of_one_round},
	{"place_without_figure", test_place_without_figure},
	{"workloads", test_workloads},
	{"arguments", test_arguments},
	{"missing_program", test_missing_program},
	{"jobs", test_jobs},
};

int main(void)
{
	return unit_run("bench", tests, sizeof(tests) / sizeof(tests[0]));
}
