/* SPDX-License-Identifier: MIT */
#pragma once

/* Child processes, and waiting for them for a limited time. */

#include <stdbool.h>
#include <sys/types.h>

/**
 * spool_process_wait() - wait for the end of a child
 * @timeout_ms: how long at most; 0: do not wait
 * Return: true when it has ended, and *@ret_status as of waitpid(2); false: it runs on.
 */
bool spool_process_wait(pid_t pid, int timeout_ms, int *ret_status);

/**
 * spool_process_start() - make a child for a call that may be held up in the kernel
 * @run: what to do; its result, 0 to 255, is the exit status
 * The calling process must have one thread. Return: its pid; -errno of fork(2).
 */
pid_t spool_process_start(int (*run)(void *arg), void *arg);

/** spool_process_kill() - kill and reap it; where it does not die soon it is left behind. */
void spool_process_kill(pid_t pid);
