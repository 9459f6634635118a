/* SPDX-License-Identifier: MIT */
#include "host/served.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util/proc.h"

struct thread {
	const char *proc; /* "/proc" */
	int pid, tid;
};

/* What a look has found so far. The worst of all counts: the order matters. */
enum found { NOTHING, KILLED, LIVES };

/* Which connection a descriptor of a thread belongs to. Return: its number; -1: it is closed by
 * now; -2: not told. */
static long connection_of(const struct thread *thread, int fd)
{
	char path[PATH_MAX], line[128];
	unsigned int minor;
	long found = -2;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%d/task/%d/fdinfo/%d", thread->proc, thread->pid,
		 thread->tid, fd);
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT || errno == ESRCH ? -1 : -2;
	while (found < 0 && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "fuse_connection: %u", &minor) == 1)
			found = minor;
	}
	fclose(file);
	return found;
}

static enum found state_of(const struct thread *thread)
{
	struct spool_proc_status status;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%d/task/%d/status", thread->proc, thread->pid,
		 thread->tid);
	return spool_proc_status(path, &status) == 0 && status.dying ? KILLED : LIVES;
}

/* @ret_files: whether the thread has descriptors at all: one that has ended has none. */
static enum found look_at_thread(const struct thread *thread, dev_t device, bool *ret_files)
{
	char path[PATH_MAX], link[16];
	const struct dirent *entry;
	enum found found = NOTHING;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%d/task/%d/fd", thread->proc, thread->pid, thread->tid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT || errno == ESRCH ? NOTHING : LIVES;
	while (found == NOTHING && (entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
		long number;

		*ret_files |= n > 0;
		link[n > 0 ? n : 0] = '\0';
		if (strcmp(link, "/dev/fuse") != 0)
			continue;
		number = connection_of(thread, atoi(entry->d_name));
		if (number == -2)
			found = LIVES;
		else if (number == (long)minor(device))
			found = state_of(thread);
	}
	closedir(dir);
	return found;
}

/* All threads of a process have the same descriptors, but those that have ended, and threads that
 * gave them up (process/lifeline.h), which are not its first. */
static enum found look_at_process(const char *proc, int pid, dev_t device)
{
	struct thread thread = {.proc = proc, .pid = pid};
	char path[PATH_MAX];
	const struct dirent *entry;
	enum found found = NOTHING;
	bool has_files = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%d/task", proc, pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT || errno == ESRCH ? NOTHING : LIVES;
	while (found == NOTHING && !has_files && (entry = readdir(dir))) {
		thread.tid = atoi(entry->d_name);
		if (thread.tid > 0)
			found = look_at_thread(&thread, device, &has_files);
	}
	closedir(dir);
	return found;
}

bool spool_served_by_nobody(const char *proc, dev_t device)
{
	DIR *dir = opendir(proc);
	const struct dirent *entry;
	enum found found = NOTHING;

	while (dir && found != LIVES && (entry = readdir(dir))) {
		int pid = atoi(entry->d_name);
		enum found one = pid > 0 ? look_at_process(proc, pid, device) : NOTHING;

		found = one > found ? one : found;
	}
	if (dir)
		closedir(dir);
	return found == KILLED;
}
