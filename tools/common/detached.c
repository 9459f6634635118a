/* SPDX-License-Identifier: MIT */
#include "common/detached.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/mounts.h"
#include "common/processes.h"
#include "util/proc.h"

#define FUSE_CTL_SUPER_MAGIC 0x65735543 /* fs/fuse/control.c of Linux; no header has it */

struct search {
	const char *proc, *connections;
	struct detached *all;
	size_t n;
	struct detached *one; /* whose holders are looked for */
};

/* The record that a process holds. Return: false: none, or not for us to see. */
static bool find_record(const struct search *search, pid_t pid, struct spool_ctl_record *ret)
{
	char path[PATH_MAX], link[SPOOL_CTL_RECORD_LINK];
	const struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%d/fd", search->proc, pid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);

		if (n < 0)
			continue;
		link[n] = '\0';
		found = spool_ctl_record_read(link, ret) == 0;
	}
	if (dir)
		closedir(dir);
	return found;
}

/* A process may lie about itself. So the connection must exist, and must belong to the user of the
 * process. Where the control filesystem is not mounted we believe our own user only. */
static bool is_believed(const struct search *search, uid_t uid, dev_t device)
{
	char path[PATH_MAX];
	struct stat stat_buf;
	struct statfs fs;

	snprintf(path, sizeof(path), "%s/%u", search->connections, minor(device));
	if (stat(path, &stat_buf) == 0)
		return stat_buf.st_uid == uid;
	if (statfs(search->connections, &fs) == 0 && fs.f_type == FUSE_CTL_SUPER_MAGIC)
		return false;
	return uid == geteuid();
}

static int has_device(void *arg, const struct mounts_entry *entry)
{
	const dev_t *device = arg;

	return entry->device == *device;
}

/* Is it mounted in the namespace of this process? Return: 1, 0; -1: that cannot be read. */
static int is_mounted(const struct search *search, const char *process, dev_t device)
{
	char path[PATH_MAX];
	FILE *mountinfo;
	int r;

	snprintf(path, sizeof(path), "%s/%s/mountinfo", search->proc, process);
	mountinfo = fopen(path, "re");
	if (!mountinfo)
		return -1;
	r = mounts_each(mountinfo, has_device, &device);
	fclose(mountinfo);
	return r;
}

static int look_for_daemon(void *arg, const struct process *process)
{
	struct search *search = arg;
	struct detached one = {.supervisor = process->pid};
	struct spool_proc_status status;
	struct detached *more;
	char path[PATH_MAX], number[16];

	if (strcmp(process->name, SPOOL_CTL_SUPERVISOR) != 0 ||
	    !find_record(search, process->pid, &one.record))
		return 0;
	snprintf(path, sizeof(path), "%s/%d/status", search->proc, process->pid);
	snprintf(number, sizeof(number), "%d", process->pid);
	if (spool_proc_status(path, &status) < 0 ||
	    !is_believed(search, status.uid, one.record.device) ||
	    is_mounted(search, "self", one.record.device) != 0 ||
	    is_mounted(search, number, one.record.device) != 0)
		return 0;
	one.uid = status.uid;
	more = reallocarray(search->all, search->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	search->all = more;
	more[search->n++] = one;
	return 0;
}

static struct detached_holder *known(struct detached_holder *list, size_t n, ino_t namespace)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].namespace == namespace)
			return &list[i];
	}
	return NULL;
}

/* Adds the namespace of this process to all that were looked at. One without a copy of the mount
 * has a count of 0. */
static int look_for_holder(void *arg, const struct process *process)
{
	const struct search *search = arg;
	struct detached *one = search->one;
	struct detached_holder *holder;
	char path[PATH_MAX], number[16];
	struct stat stat_buf;
	int mounted;

	if (process->parent == one->supervisor && strcmp(process->name, SPOOL_CTL_WORKER) == 0)
		one->worker = process->pid;
	if (process->parent == one->supervisor && strcmp(process->name, SPOOL_CTL_JANITOR) == 0)
		one->janitor = process->pid;
	snprintf(path, sizeof(path), "%s/%d/ns/mnt", search->proc, process->pid);
	if (stat(path, &stat_buf) < 0)
		return 0;
	holder = known(one->holders, one->n_holders, stat_buf.st_ino);
	if (holder) {
		holder->processes += holder->processes != 0;
		return 0;
	}
	snprintf(number, sizeof(number), "%d", process->pid);
	mounted = is_mounted(search, number, one->record.device);
	if (mounted < 0)
		return 0; /* another process of the namespace may tell */
	holder = reallocarray(one->holders, one->n_holders + 1, sizeof(*holder));
	if (!holder)
		return -ENOMEM;
	one->holders = holder;
	holder[one->n_holders++] = (struct detached_holder){.namespace = stat_buf.st_ino,
							    .pid = process->pid,
							    .processes = (unsigned int)mounted};
	return 0;
}

static int find_holders(struct search *search, struct detached *one)
{
	size_t n = 0;
	int r;

	search->one = one;
	r = processes_each(search->proc, look_for_holder, search);
	for (size_t i = 0; i < one->n_holders; i++) {
		if (one->holders[i].processes)
			one->holders[n++] = one->holders[i];
	}
	one->n_holders = n;
	return r;
}

int detached_find(const char *proc, const char *connections, struct detached **ret, size_t *ret_n)
{
	struct search search = {.proc = proc, .connections = connections};
	int r = processes_each(proc, look_for_daemon, &search);

	for (size_t i = 0; r == 0 && i < search.n; i++)
		r = find_holders(&search, &search.all[i]);
	if (r < 0) {
		detached_free(search.all, search.n);
		return r;
	}
	*ret = search.all;
	*ret_n = search.n;
	return 0;
}

void detached_free(struct detached *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(all[i].holders);
	free(all);
}

const char *detached_who(const struct detached *one, char *buf, size_t size)
{
	int n = snprintf(buf, size, "supervisor %d", one->supervisor);

	if (one->worker && n >= 0 && (size_t)n < size)
		n += snprintf(buf + n, size - (size_t)n, ", worker %d", one->worker);
	if (one->janitor && n >= 0 && (size_t)n < size)
		snprintf(buf + n, size - (size_t)n, ", janitor %d", one->janitor);
	return buf;
}

const char *detached_held_by(const struct detached *one, char *buf, size_t size)
{
	size_t used = 0;

	if (one->n_holders == 0)
		snprintf(buf, size,
			 "no mount namespace that can be seen; a process may have it open");
	for (size_t i = 0; i < one->n_holders && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%sthe mount namespace of pid %d",
					 i ? ", " : "", one->holders[i].pid);
	return buf;
}
