/* SPDX-License-Identifier: MIT */

/* What git does in the directory of a job: a clone, and a look at all that it has checked out. */

#include "bench/workload_git.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/execute.h"
#include "bench/workload_files.h"

static void repository_path(const struct bench_task *task, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/repository", task->setup->scratch);
}

/* With one pack, which is what a server keeps. */
int bench_git_prepare(const struct bench_task *task)
{
	char tree[PATH_MAX], dir[PATH_MAX];
	const char *const steps[][12] = {
		{"cp", "-r", tree, dir, NULL},
		{"git", "init", "-q", dir, NULL},
		{"git", "-C", dir, "add", ".", NULL},
		{"git", "-C", dir, "-c", "user.name=spoolbench", "-c", "user.email=spoolbench",
		 "commit", "-qm", "files", NULL},
		{"git", "-C", dir, "gc", "-q", NULL},
	};
	int r;

	repository_path(task, dir);
	if (access(dir, R_OK) == 0)
		return 0;
	r = bench_files_make(task, tree);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && r == 0; i++)
		r = bench_execute(task, steps[i]);
	return r;
}

static int status(const struct bench_task *task, const char *clone)
{
	return bench_execute(task, (const char *const[]){"git", "-C", clone, "status", "-s", NULL});
}

/* What is as new as git's index, by its second, git reads again: all of it or nothing, by the
 * moment at which the clone was done. A status in a later second writes an index that is newer. */
static int rest(const struct bench_task *task, const char *clone)
{
	if (!task->setup->quick)
		sleep(1);
	return status(task, clone);
}

/* --no-local: as from a server, not with a copy of the pack. */
int bench_git_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES])
{
	char repository[PATH_MAX], clone[PATH_MAX];
	int64_t from;
	int r;

	repository_path(task, repository);
	snprintf(clone, sizeof(clone), "%s/clone", task->dir);
	from = bench_now_ns();
	r = bench_execute(task, (const char *const[]){"git", "clone", "-q", "--no-local",
						      repository, clone, NULL});
	ret_ns[0] = (double)(bench_now_ns() - from);
	if (r == 0)
		r = rest(task, clone);
	from = bench_now_ns();
	if (r == 0)
		r = status(task, clone);
	ret_ns[1] = (double)(bench_now_ns() - from);
	return r == 0 ? bench_files_remove(task, "clone") : r;
}
