/* SPDX-License-Identifier: MIT */
#pragma once

/* What the kernel tells of a process. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** struct spool_proc_status - of proc_pid_status(5) */
struct spool_proc_status {
	uint64_t caps; /* its effective capabilities, 1 << CAP_SYS_ADMIN ... */
	uid_t uid;     /* the one that files are opened with; -1: not told */
	pid_t parent;  /* 0: none in this pid namespace */
	bool traced; /* by a debugger; by one outside of this pid namespace: while it is stopped */
	bool dying;  /* SIGKILL is on its way, as by any signal that ends it */
	bool top_pidns; /* its pid is its name in one pid namespace alone: the one of /proc */
};

/**
 * spool_proc_status() - read a file "status" of /proc
 * @path: "/proc/self/status"
 * Return: 0; -errno with *@ret unchanged. What the file does not tell is 0, if nothing else is
 * said.
 */
int spool_proc_status(const char *path, struct spool_proc_status *ret);

/** spool_proc_status_at() - the same below @dir, an open directory of a procfs, or AT_FDCWD. */
int spool_proc_status_at(int dir, const char *path, struct spool_proc_status *ret);

/**
 * spool_proc_in_group() - is @gid the process's group for files, or one of its supplementary ones?
 * @path: as above. Return: false also when it cannot be read.
 */
bool spool_proc_in_group(const char *path, gid_t gid);
