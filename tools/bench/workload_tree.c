/* SPDX-License-Identifier: MIT */

/* Many small names in one directory. */

#include "bench/workload_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/clock.h"

enum tree_step { TREE_CREATE, TREE_LIST, TREE_STAT, TREE_UNLINK, TREE_STEPS };

static int one_file(int dirfd, enum tree_step step, uint64_t i)
{
	struct stat stat_buf;
	char name[32];
	int r = -1;

	snprintf(name, sizeof(name), "file-%llx", (unsigned long long)i);
	switch (step) {
	case TREE_CREATE:
		r = openat(dirfd, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
		if (r >= 0)
			r = close(r);
		break;
	case TREE_STAT:
		r = fstatat(dirfd, name, &stat_buf, AT_SYMLINK_NOFOLLOW);
		break;
	case TREE_UNLINK:
		r = unlinkat(dirfd, name, 0);
		break;
	case TREE_LIST:
	case TREE_STEPS:
		break;
	}
	return r < 0 ? -errno : 0;
}

/* Return: 0; -errno; -EIO when not all of them are listed. */
static int list(const struct bench_task *task)
{
	DIR *dir = opendir(task->dir);
	uint64_t n = 0;

	if (!dir)
		return -errno;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n == task->n + 2 ? 0 : -EIO; /* . and .. */
}

int bench_tree_run(const struct bench_task *task, double ret_ns[BENCH_FIGURES])
{
	int r = 0;

	for (int step = TREE_CREATE; step < TREE_STEPS && r == 0; step++) {
		int64_t from = bench_now_ns();

		if (step == TREE_LIST)
			r = list(task);
		for (uint64_t i = 0; step != TREE_LIST && i < task->n && r == 0; i++)
			r = one_file(task->dirfd, (enum tree_step)step, i);
		ret_ns[step] = (double)(bench_now_ns() - from) / (double)task->n;
	}
	ret_ns[TREE_STEPS] = ret_ns[TREE_CREATE] + ret_ns[TREE_UNLINK];
	return r;
}
