/* SPDX-License-Identifier: MIT */
#pragma once

/* All processes below one: its children, theirs, and so on. Below a subreaper
 * (PR_SET_CHILD_SUBREAPER) nobody gets out of that: neither by a double fork nor by setsid(2). */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/processes.h"

/**
 * descendants_find() - those that there are now
 * @proc: "/proc"
 * @ret: @ret_n processes, to be freed; unchanged on failure
 * Those that have ended and are not waited for count as well. Return: 0; -ENOMEM; -errno: @proc
 * cannot be read.
 */
int descendants_find(const char *proc, pid_t ancestor, struct process **ret, size_t *ret_n);

/**
 * descendants_have() - is @pid below @ancestor?
 * Return: false also when it is not there any more.
 */
bool descendants_have(const char *proc, pid_t ancestor, pid_t pid);

/**
 * descendants_signal() - send @sig to all below the calling process, and SIGCONT after it
 * Never to another process that has got the pid of one that has just ended. Those that begin
 * meanwhile are not reached: they are there to be found later. Return: 0; -errno as above.
 */
int descendants_signal(int sig);
