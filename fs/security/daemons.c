/* SPDX-License-Identifier: MIT */
#include "security/daemons.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/proc.h"

/* From a witness to its supervisor. */
#define PARENTS 2

/* Where the program of that link is, or was. The link alone is read: to look at the file might take
 * for ever, as a user may run what is on a mount of his own. Return: 0; -errno. */
static int program_of(const char *link, char ret[PATH_MAX])
{
	static const char removed[] = " (deleted)"; /* d_path(), fs/d_path.c */
	ssize_t n = readlink(link, ret, PATH_MAX - 1);
	size_t len;

	if (n < 0)
		return -errno;
	ret[n] = '\0';
	len = (size_t)n;
	if (len > strlen(removed) && strcmp(ret + len - strlen(removed), removed) == 0)
		ret[len - strlen(removed)] = '\0';
	return 0;
}

/* Does it run our program? Return: 1; 0; -errno. */
static int runs_ours(pid_t pid)
{
	char link[64], its[PATH_MAX], ours[PATH_MAX];
	int r;

	snprintf(link, sizeof(link), "%d/exe", pid);
	r = program_of(link, its);
	if (r == 0)
		r = program_of("self/exe", ours);
	return r < 0 ? r : strcmp(its, ours) == 0;
}

static pid_t parent_of(pid_t pid)
{
	struct spool_proc_status status;
	char path[64];

	snprintf(path, sizeof(path), "%d/status", pid);
	return spool_proc_status(path, &status) < 0 ? 0 : status.parent;
}

bool spool_is_daemon(pid_t pid)
{
	int r = runs_ours(pid);

	for (int i = 0; i < PARENTS && r == -EACCES; i++) {
		pid = parent_of(pid);
		r = pid > 1 ? runs_ours(pid) : 0;
	}
	return r == 1;
}
