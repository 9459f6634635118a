/* SPDX-License-Identifier: MIT */
#include "security/daemons.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/proc.h"

/* From a witness to its supervisor. */
#define PARENTS 2

/* Where the program of that link is, or was. Return: false: it cannot be told. */
static bool program_of(const char *link, char ret[PATH_MAX])
{
	static const char removed[] = " (deleted)"; /* d_path(), fs/d_path.c */
	ssize_t n = readlink(link, ret, PATH_MAX - 1);
	size_t len;

	if (n < 0)
		return false;
	ret[n] = '\0';
	len = (size_t)n;
	if (len > sizeof(removed) && strcmp(ret + len - strlen(removed), removed) == 0)
		ret[len - strlen(removed)] = '\0';
	return true;
}

/* Does it run our program? Return: 1; 0; -errno. */
static int runs_ours(pid_t pid)
{
	char link[64], its[PATH_MAX], ours[PATH_MAX];
	struct stat st, own;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	if (stat(link, &st) < 0 || stat("/proc/self/exe", &own) < 0)
		return -errno;
	if (st.st_dev == own.st_dev && st.st_ino == own.st_ino)
		return 1;
	return program_of(link, its) && program_of("/proc/self/exe", ours) &&
	       strcmp(its, ours) == 0;
}

static pid_t parent_of(pid_t pid)
{
	struct spool_proc_status status;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
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
