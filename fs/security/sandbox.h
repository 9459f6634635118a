/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the worker gives up before it takes its first request. Requests come from everybody, so
 * whoever finds a way to make it run code of his must gain nothing: no capability, none to be had
 * by running a program (no_new_privs), no other part of the file tree than the backing directory
 * (landlock(7)), and only system calls that serving needs (seccomp(2)).
 */

#include <stdbool.h>

/** struct spool_sandbox - what is in force, in words for status */
struct spool_sandbox {
	char capabilities[128]; /* those that are kept, "" = none */
	char landlock[128];     /* "on (ABI 7)", or "off: ..." */
	char seccomp[128];      /* "on", or "off: ..." */
};

/**
 * spool_sandbox_enter() - give all that up, for good
 * @backing_fd: the backing directory, -1 = none
 * @locks: memory is locked later, for keys or mlock=on: CAP_IPC_LOCK is kept where RLIMIT_MEMLOCK
 *	sets a limit to that
 * Landlock and seccomp are done without where the kernel or the build has them not; @ret tells.
 * The calling thread must be the only one; those that it starts later are bound as well.
 * Return: 0; -errno: it keeps what it must not have.
 */
int spool_sandbox_enter(int backing_fd, bool locks, struct spool_sandbox *ret);

/**
 * spool_sandbox_seal() - when the transport stands: no further io_uring can be made
 * Operations of a ring are not seen by seccomp; those of ours can do nothing but carry requests.
 * For all threads. Does nothing where seccomp is off.
 */
void spool_sandbox_seal(struct spool_sandbox *sandbox);
