/* SPDX-License-Identifier: MIT */
#pragma once

/* Waiting for child processes, never for ever. */

#include <stdbool.h>
#include <sys/types.h>

/**
 * spool_process_wait() - wait for the end of a child
 * @timeout_ms: at most so long; 0 only looks
 * Return: true when it has ended, and *@ret_status as of waitpid(2); false: it runs on.
 */
bool spool_process_wait(pid_t pid, int timeout_ms, int *ret_status);

/**
 * spool_process_bounded() - do in a child what may be held up in the kernel
 * @run: what to do; its result, 0 to 255, is the exit status
 * @timeout_ms: after this long the child is killed, and left to itself where it cannot die
 * For processes of one thread. Return: @run's result; -ETIMEDOUT; -EIO a signal has ended it;
 * -errno of fork(2).
 */
int spool_process_bounded(int (*run)(void *arg), void *arg, int timeout_ms);
