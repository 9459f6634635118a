/* SPDX-License-Identifier: MIT */
#include "bench/workloads.h"

#include <string.h>

#include "bench/workload_files.h"
#include "bench/workload_git.h"
#include "bench/workload_life.h"
#include "bench/workload_program.h"
#include "bench/workload_spill.h"
#include "bench/workload_sqlite.h"
#include "bench/workload_stream.h"
#include "bench/workload_tree.h"
#include "util/macros.h"

#define KIB 1024u
#define MIB (1024u * KIB)

#define FILES 100000u /* in one directory */
#define FILES_QUICK 2000u
#define SMALL_FILES 4000u /* in a tree of directories */
#define SMALL_FILES_QUICK 200u
#define STREAM (256u * MIB)
#define STREAM_QUICK (8u * MIB)
#define DISK (2048u * MIB)
#define DISK_QUICK (8u * MIB)
#define RANDOM 20000u /* reads, and writes */
#define RANDOM_QUICK 500u
#define TABLE 400000u /* rows */
#define TABLE_QUICK 2000u
#define SORT (2000u * 1000u * 1000u)
#define SORT_QUICK (4u * 1000u * 1000u)
#define COMPILE 8u /* files */
#define COMPILE_QUICK 2u

static const struct bench_workload workloads[] = {
	{.name = "life-4k",
	 .what = "create (O_EXCL), write, read, close and unlink a file of 4 KiB",
	 .figures = {{"life-4k", BENCH_TIME}},
	 .size = 4 * KIB,
	 .threaded = true,
	 .run = bench_life_run},
	{.name = "life-64k",
	 .what = "the same with 64 KiB",
	 .figures = {{"life-64k", BENCH_TIME}},
	 .size = 64 * KIB,
	 .threaded = true,
	 .run = bench_life_run},
	{.name = "life-1m",
	 .what = "the same with 1 MiB",
	 .figures = {{"life-1m", BENCH_TIME}},
	 .size = MIB,
	 .threaded = true,
	 .run = bench_life_run},
	{.name = "life-tmpfile-4k",
	 .what = "open (O_TMPFILE), write, read and close a file of 4 KiB",
	 .figures = {{"life-tmpfile-4k", BENCH_TIME}},
	 .size = 4 * KIB,
	 .kind = LIFE_UNNAMED,
	 .threaded = true,
	 .run = bench_life_run},
	{.name = "life-unlinked-4k",
	 .what = "create, unlink, write, read and close a file of 4 KiB",
	 .figures = {{"life-unlinked-4k", BENCH_TIME}},
	 .size = 4 * KIB,
	 .kind = LIFE_UNLINK_FIRST,
	 .threaded = true,
	 .run = bench_life_run},
	{.name = "stream-4k",
	 .what = "write a file of 256 MiB in pieces of 4 KiB, and read it twice (the second "
		 "counts)",
	 .figures = {{"write-4k", BENCH_THROUGHPUT}, {"read-4k", BENCH_THROUGHPUT}},
	 .n = STREAM,
	 .n_quick = STREAM_QUICK,
	 .size = 4 * KIB,
	 .run = bench_stream_run},
	{.name = "stream-64k",
	 .what = "the same in pieces of 64 KiB",
	 .figures = {{"write-64k", BENCH_THROUGHPUT}, {"read-64k", BENCH_THROUGHPUT}},
	 .n = STREAM,
	 .n_quick = STREAM_QUICK,
	 .size = 64 * KIB,
	 .run = bench_stream_run},
	{.name = "memory",
	 .what = "write a file of 256 MiB in pieces of 64 KiB to new memory, and to that of "
		 "removed files",
	 .figures = {{"memory-first-use", BENCH_THROUGHPUT},
		     {"memory-used-before", BENCH_THROUGHPUT}},
	 .n = STREAM,
	 .n_quick = STREAM_QUICK,
	 .size = 64 * KIB,
	 .run = bench_memory_run},
	{.name = "random-4k",
	 .what = "20,000 times 4 KiB at random places of a file of 64 MiB, written and then read",
	 .figures = {{"random-write-4k", BENCH_TIME}, {"random-read-4k", BENCH_TIME}},
	 .n = RANDOM,
	 .n_quick = RANDOM_QUICK,
	 .size = 4 * KIB,
	 .run = bench_random_run},
	{.name = "rewrite-64m",
	 .what = "20,000 times 4 KiB written at random places of a file of 64 MiB that was written "
		 "3 s before",
	 .figures = {{"rewrite-64m", BENCH_TIME}},
	 .n = RANDOM,
	 .n_quick = RANDOM_QUICK,
	 .size = 4 * KIB,
	 .kind = 64,
	 .run = bench_rewrite_run},
	{.name = "rewrite-256m",
	 .what = "the same with 256 MiB",
	 .figures = {{"rewrite-256m", BENCH_TIME}},
	 .n = RANDOM,
	 .n_quick = RANDOM_QUICK,
	 .size = 4 * KIB,
	 .kind = 256,
	 .run = bench_rewrite_run},
	{.name = "stream-disk",
	 .what = "write a file of 2 GiB and synchronize it; without caches read it, and 20,000 "
		 "times 4 KiB",
	 .figures = {{"disk-write", BENCH_THROUGHPUT},
		     {"disk-read", BENCH_THROUGHPUT},
		     {"disk-random-read-4k", BENCH_TIME}},
	 .n = DISK,
	 .n_quick = DISK_QUICK,
	 .size = 64 * KIB,
	 .run = bench_disk_run},
	{.name = "spill",
	 .what = "lives of files of 4 KiB while another process writes 2 GiB and synchronizes them",
	 .figures = {{"spill-life-4k", BENCH_TIME},
		     {"spill-life-4k-99%", BENCH_TIME},
		     {"spill-write", BENCH_THROUGHPUT}},
	 .n = DISK,
	 .n_quick = DISK_QUICK,
	 .run = bench_spill_run},
	{.name = "tree",
	 .what = "create 100,000 empty files in a directory; list, stat and unlink them",
	 .figures = {{"create", BENCH_TIME},
		     {"readdir", BENCH_TIME},
		     {"stat", BENCH_TIME},
		     {"unlink", BENCH_TIME},
		     {"create-unlink", BENCH_TIME}},
	 .n = FILES,
	 .n_quick = FILES_QUICK,
	 .run = bench_tree_run},
	{.name = "unpack",
	 .what = "tar -xf on an archive of 4,000 files of 4 KiB on average, and rm -rf on them",
	 .figures = {{"unpack", BENCH_TIME}, {"remove", BENCH_TIME}},
	 .n = SMALL_FILES,
	 .n_quick = SMALL_FILES_QUICK,
	 .kind = FILES_UNPACK,
	 .program = "tar",
	 .prepare = bench_files_prepare,
	 .run = bench_files_run},
	{.name = "cp-r",
	 .what = "cp -r on such files, from the directory into itself",
	 .figures = {{"cp-r", BENCH_TIME}},
	 .n = SMALL_FILES,
	 .n_quick = SMALL_FILES_QUICK,
	 .kind = FILES_COPY,
	 .program = "cp",
	 .prepare = bench_files_prepare,
	 .run = bench_files_run},
	{.name = "git",
	 .what = "git clone of a repository of 4,000 small files, and git status in the clone",
	 .figures = {{"git-clone", BENCH_TIME}, {"git-status", BENCH_TIME}},
	 .n = SMALL_FILES,
	 .n_quick = SMALL_FILES_QUICK,
	 .program = "git",
	 .prepare = bench_git_prepare,
	 .run = bench_git_run},
	{.name = "sqlite",
	 .what = "sqlite3: fill a table of 400,000 rows and index it; sort it in a cache of 2 MB",
	 .figures = {{"sqlite", BENCH_TIME}, {"sqlite-sort", BENCH_TIME}},
	 .n = TABLE,
	 .n_quick = TABLE_QUICK,
	 .program = "sqlite3",
	 .run = bench_sqlite_run},
	{.name = "compile",
	 .what = "cc -O2 -c on 8 files, TMPDIR being the directory",
	 .figures = {{"compile", BENCH_TIME}},
	 .n = COMPILE,
	 .n_quick = COMPILE_QUICK,
	 .kind = PROGRAM_COMPILE,
	 .program = "cc",
	 .prepare = bench_program_prepare,
	 .run = bench_program_run},
	{.name = "sort",
	 .what = "sort -S 64M on 2 GB of text, its temporary files in the directory",
	 .figures = {{"sort", BENCH_TIME}},
	 .n = SORT,
	 .n_quick = SORT_QUICK,
	 .kind = PROGRAM_SORT,
	 .program = "sort",
	 .prepare = bench_program_prepare,
	 .run = bench_program_run},
};

const struct bench_workload *bench_workloads(size_t *ret_n)
{
	*ret_n = SPOOL_ARRAY_SIZE(workloads);
	return workloads;
}

const struct bench_workload *bench_workload_find(const char *name, size_t len)
{
	for (size_t i = 0; i < SPOOL_ARRAY_SIZE(workloads); i++) {
		if (strlen(workloads[i].name) == len && memcmp(workloads[i].name, name, len) == 0)
			return &workloads[i];
	}
	return NULL;
}
