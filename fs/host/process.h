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
 * spool_process_start() - do in a child what may be held up in the kernel
 * @run: what to do; its result, 0 to 255, is the exit status
 * For processes of one thread. Return: its pid; -errno of fork(2).
 */
pid_t spool_process_start(int (*run)(void *arg), void *arg);

/** spool_process_kill() - end it; it is left to itself where it cannot die. */
void spool_process_kill(pid_t pid);
