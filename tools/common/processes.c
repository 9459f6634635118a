/* SPDX-License-Identifier: MIT */
#include "common/processes.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From the end of the name: state, parent, 17 fields that are not wanted, start. */
#define FIELDS \
	") %*c %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64

bool processes_read(const char *proc, pid_t pid, struct process *ret)
{
	char path[PATH_MAX], line[512];
	char *name, *end;
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/%d/stat", proc, pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	n = fread(line, 1, sizeof(line) - 1, file); /* no line: a name may hold "\n" */
	fclose(file);
	line[n] = '\0';
	name = strchr(line, '(');
	end = strrchr(line, ')'); /* the name may have some, too */
	ret->start = 0;
	if (!name || !end || end < name || sscanf(end, FIELDS, &ret->parent, &ret->start) < 1)
		return false;
	*end = '\0';
	ret->pid = pid;
	snprintf(ret->name, sizeof(ret->name), "%.15s", name + 1);
	return true;
}

int processes_each(const char *proc, int (*fn)(void *arg, const struct process *process), void *arg)
{
	DIR *dir = opendir(proc);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return -errno;
	while (r == 0 && (entry = readdir(dir))) {
		struct process process;

		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    processes_read(proc, atoi(entry->d_name), &process))
			r = fn(arg, &process);
	}
	closedir(dir);
	return r;
}
