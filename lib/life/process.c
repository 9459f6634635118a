/* SPDX-License-Identifier: MIT */
#include "life/process.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A "status" has up to 2 KiB, and 65,536 groups (NGROUPS_MAX, limits.h) of up to 11 bytes. */
#define STATUS_MAX (1u << 20)

/* proc_pid_stat(5): pid (comm) state ppid pgrp session ... 14 fields ... num_threads itrealvalue
 * starttime. A name may hold anything, so it ends at the last parenthesis. */
int spool_process_parse_stat(const char *text, struct spool_process *ret)
{
	const char *begin = strchr(text, '('), *end = strrchr(text, ')');
	int pid, sid, threads;
	char state;

	if (!begin || !end || begin > end || sscanf(text, "%d", &pid) != 1 ||
	    sscanf(end + 1,
		   " %c %*d %*d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d %*d "
		   "%" SCNu64,
		   &state, &sid, &threads, &ret->start) != 4)
		return -EINVAL;
	ret->pid = pid;
	ret->sid = sid;
	snprintf(ret->name, sizeof(ret->name), "%.*s", (int)(end - begin - 1), begin + 1);
	/* the first thread may have ended while others go on */
	ret->dead = (state == 'Z' || state == 'X') && threads <= 1;
	return 0;
}

int spool_process_parse_uids(const char *text, uid_t ret[4])
{
	const char *line = strstr(text, "\nUid:");

	return line && sscanf(line, "\nUid: %u %u %u %u", &ret[0], &ret[1], &ret[2], &ret[3]) == 4
		       ? 0
		       : -EINVAL;
}

int spool_process_parse_tgid(const char *text, pid_t *ret)
{
	const char *line = strstr(text, "\nTgid:");

	return line && sscanf(line, "\nTgid: %d", ret) == 1 ? 0 : -EINVAL;
}

int spool_process_parse_levels(const char *text, unsigned int *ret)
{
	const char *pids = strstr(text, "\nNSpid:");
	unsigned int levels = 0;
	int pid, n;

	if (!pids)
		return -EINVAL;
	for (pids += strlen("\nNSpid:"); *pids != '\n' && sscanf(pids, "%d%n", &pid, &n) == 1;
	     pids += n)
		levels++;
	*ret = levels;
	return levels > 0 ? 0 : -EINVAL;
}

int spool_process_parse_audit(const char *text, uint32_t *ret)
{
	unsigned long long value;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	value = strtoull(text, NULL, 10); /* with each create: sscanf(3) takes five times as long */
	if (value > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)value;
	return 0;
}

/* A line is "id:controllers:path", cgroups(7). Return: the path; NULL. */
static char *path_of(char *line, const char *head)
{
	char *path = strncmp(line, head, strlen(head)) == 0 ? line + strlen(head) : NULL;
	static const char outside[] = "/..";

	if (!path || strcmp(path, "/") == 0)
		return NULL;
	return strncmp(path, outside, strlen(outside)) == 0 ? NULL : path;
}

void spool_process_parse_cgroup(char *text, struct spool_process_cgroup *ret)
{
	char *rest = NULL;

	*ret = (struct spool_process_cgroup){.path = NULL};
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *controllers = strchr(line, ':');
		char *path = path_of(line, "0::");

		if (path)
			*ret = (struct spool_process_cgroup){.unified = true, .path = path};
		else if (controllers && !ret->path)
			ret->path = path_of(controllers, ":name=systemd:");
	}
}

/* The first @len bytes of @path, and so on. */
static void walk_up(const char *path, size_t len, spool_each_cgroup_fn each, void *arg)
{
	char part[SPOOL_PROCESS_TEXT];

	if (len >= sizeof(part))
		return;
	memcpy(part, path, len);
	part[len] = '\0';
	while (len > 1 && each(arg, part)) {
		char *slash = strrchr(part, '/');

		if (!slash)
			return;
		*slash = '\0';
		len = (size_t)(slash - part);
	}
}

void spool_process_walk_up(const char *path, spool_each_cgroup_fn each, void *arg)
{
	walk_up(path, strlen(path), each, arg);
}

void spool_process_each_cgroup(const char *text, spool_each_cgroup_fn each, void *arg)
{
	const char *line = text;

	while (*line) {
		const char *path = strchr(line, ':');
		size_t len;

		path = path ? strchr(path + 1, ':') : NULL;
		if (!path)
			return;
		path++;
		len = strcspn(path, "\n");
		walk_up(path, len, each, arg);
		line = path + len + (path[len] == '\n');
	}
}

static int read_stat(const struct spool_life_system *system, int file, char *buf,
		     struct spool_process *ret)
{
	ssize_t n = system->read_file(system->ctx, file, buf, SPOOL_PROCESS_TEXT);

	return n < 0 ? (int)n : spool_process_parse_stat(buf, ret);
}

int spool_process_read_file(const struct spool_life_system *system, int handle,
			    enum spool_process_file file, char *buf)
{
	ssize_t n = system->read_file(system->ctx, handle, buf, SPOOL_PROCESS_TEXT);

	/* the groups, of which a process may have 65,536, come after the uids */
	if (n == -E2BIG && file == SPOOL_PROCESS_STATUS)
		return 0;
	return n < 0 ? (int)n : 0;
}

static int read_through(const struct spool_life_system *system, int process, pid_t pid,
			enum spool_process_file file, char *buf)
{
	int handle = system->open_file(system->ctx, process, pid, file), r;

	if (handle < 0)
		return handle;
	r = spool_process_read_file(system, handle, file, buf);
	system->close(system->ctx, handle);
	return r;
}

/* Return: of all of the text; -E2BIG: that has more than @size bytes. */
static int levels_of(const struct spool_life_system *system, const struct spool_host *host,
		     int status, size_t size, unsigned int *ret)
{
	char *text = spool_alloc(host, size);
	ssize_t n;

	if (!text)
		return -ENOMEM;
	n = system->read_file(system->ctx, status, text, size);
	if (n >= 0)
		n = spool_process_parse_levels(text, ret);
	spool_free(host, text);
	return (int)n;
}

int spool_process_levels(const struct spool_life_system *system, const struct spool_host *host,
			 pid_t tid, unsigned int *ret)
{
	int status = system->open_file(system->ctx, -1, tid, SPOOL_PROCESS_STATUS);
	int r = status < 0 ? status : -E2BIG;

	for (size_t size = SPOOL_PROCESS_TEXT; r == -E2BIG && size <= STATUS_MAX; size *= 2)
		r = levels_of(system, host, status, size, ret);
	system->close(system->ctx, status);
	return r;
}

int spool_process_text(const struct spool_life_system *system, pid_t pid,
		       enum spool_process_file file, char *buf)
{
	return read_through(system, -1, pid, file, buf);
}

int spool_process_read(const struct spool_life_system *system, pid_t pid,
		       enum spool_process_file file, char *buf, struct spool_process *ret)
{
	int process = system->open_process(system->ctx, pid), stat = -1, r;
	char text[SPOOL_PROCESS_TEXT];
	struct spool_process before;

	if (process < 0)
		return process;
	stat = system->open_file(system->ctx, process, pid, SPOOL_PROCESS_STAT);
	r = stat < 0 ? stat : read_stat(system, stat, text, &before);
	if (r == 0 && buf)
		r = read_through(system, process, pid, file, buf);
	if (r == 0)
		r = read_stat(system, stat, text, ret);
	if (r == 0 && (ret->start != before.start || ret->pid != before.pid))
		r = -ESRCH;
	system->close(system->ctx, stat);
	system->close(system->ctx, process);
	return r;
}
