/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the worker gives up before it takes its first request. All users send requests, and one of
 * them may find a way to make the worker run his code. He must gain nothing by that: no capability,
 * none by running a program (no_new_privs), no part of the file tree but the backing directory
 * (landlock(7)), and no system calls but those that serving needs (seccomp(2)).
 */

#include <stdbool.h>

/** struct spool_sandbox - what is in force, as text for status */
struct spool_sandbox {
	char capabilities[128]; /* those that it keeps; "" = none */
	char landlock[128];     /* "on (ABI 7)", or "off: ..." */
	char seccomp[128];      /* "on", or "off: ..." */
};

/**
 * struct spool_sandbox_needs - what is kept
 * @backing_fd: the backing directory, -1 = none
 * @proc_fd: a directory of processes whose files are read, @cgroup_fd: one of cgroups; -1 = none
 * @locks: memory is locked later, for keys or mlock=on: CAP_IPC_LOCK is kept where RLIMIT_MEMLOCK
 *	limits that
 */
struct spool_sandbox_needs {
	int backing_fd;
	int proc_fd;
	int cgroup_fd;
	bool locks;
};

/**
 * spool_sandbox_enter() - give all the rest up, for good
 * Where the kernel or the build lacks Landlock or seccomp it goes without, and @ret says so.
 * The calling thread must be the only one. Threads that it starts later are bound as well.
 * Return: 0; -errno: it could not give something up.
 */
int spool_sandbox_enter(const struct spool_sandbox_needs *needs, struct spool_sandbox *ret);

/**
 * spool_sandbox_seal() - let no thread make a ring of io_uring any more, once the transport has its
 * seccomp does not see the operations of a ring. Those of the transport are restricted to carrying
 * requests. Does nothing where seccomp is off.
 */
void spool_sandbox_seal(struct spool_sandbox *sandbox);
