/* SPDX-License-Identifier: MIT */

/* Trees of small files, as sources and packages are, handled by the programs that do it. */

#include "bench/workload_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/execute.h"

#define TREE "files"
#define FILES_IN_DIRECTORY 100u
#define FILE_MAX 8192u /* bytes, so that half of them take more than a page. A guess. */
#define SPREAD 2741u   /* prime, so that sizes in a directory differ */

static int make_file(const char *tree, uint64_t i)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/d%llu", tree, (unsigned long long)i / FILES_IN_DIRECTORY);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	snprintf(path, sizeof(path), "%s/d%llu/f%llu", tree,
		 (unsigned long long)i / FILES_IN_DIRECTORY, (unsigned long long)i);
	file = fopen(path, "we");
	if (!file)
		return -errno;
	for (uint64_t at = 0; at < i * SPREAD % FILE_MAX; at += 32)
		fprintf(file, "%15llu %15llu\n", (unsigned long long)i, (unsigned long long)at);
	if (ferror(file)) {
		fclose(file);
		return -EIO;
	}
	return fclose(file) == 0 ? 0 : -errno;
}

int bench_files_make(const struct bench_task *task, char ret[PATH_MAX])
{
	int r = 0;

	snprintf(ret, PATH_MAX, "%s/" TREE, task->setup->scratch);
	if (mkdir(ret, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	for (uint64_t i = 0; i < task->n && r == 0; i++)
		r = make_file(ret, i);
	return r;
}

int bench_files_remove(const struct bench_task *task, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", task->dir, name);
	return bench_execute(task, (const char *const[]){"rm", "-rf", path, NULL});
}

static void archive_path(const struct bench_task *task, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/files.tar", task->setup->scratch);
}

int bench_files_prepare(const struct bench_task *task)
{
	char tree[PATH_MAX], archive[PATH_MAX];
	int r = bench_files_make(task, tree);

	if (r < 0)
		return r;
	if (task->workload->kind == FILES_COPY)
		return bench_execute(task,
				     (const char *const[]){"cp", "-r", tree, task->dir, NULL});
	archive_path(task, archive);
	if (access(archive, R_OK) == 0)
		return 0;
	return bench_execute(task, (const char *const[]){"tar", "-cf", archive, "-C",
							 task->setup->scratch, TREE, NULL});
}

static int copy(const struct bench_task *task, double *ret_ns)
{
	char from[PATH_MAX], to[PATH_MAX];
	int64_t begin;
	int r;

	snprintf(from, sizeof(from), "%s/" TREE, task->dir);
	snprintf(to, sizeof(to), "%s/copy", task->dir);
	begin = bench_now_ns();
	r = bench_execute(task, (const char *const[]){"cp", "-r", from, to, NULL});
	*ret_ns = (double)(bench_now_ns() - begin);
	if (r == 0)
		r = bench_files_remove(task, TREE);
	return r == 0 ? bench_files_remove(task, "copy") : r;
}

static int unpack(const struct bench_task *task, double ret_ns[BENCH_FIGURES])
{
	char archive[PATH_MAX];
	int64_t from, unpacked;
	int r;

	archive_path(task, archive);
	from = bench_now_ns();
	r = bench_execute(task,
			  (const char *const[]){"tar", "-xf", archive, "-C", task->dir, NULL});
	unpacked = bench_now_ns();
	if (r == 0)
		r = bench_files_remove(task, TREE);
	ret_ns[0] = (double)(unpacked - from);
	ret_ns[1] = (double)(bench_now_ns() - unpacked);
	return r;
}

int bench_files_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES])
{
	return task->workload->kind == FILES_COPY ? copy(task, ret_ns) : unpack(task, ret_ns);
}
