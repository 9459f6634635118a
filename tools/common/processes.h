/* SPDX-License-Identifier: MIT */
#pragma once

/* The processes of the machine, as far as a /proc shows them. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_NAME 16 /* TASK_COMM_LEN, proc_pid_comm(5) */

/** struct process - from proc_pid_stat(5) */
struct process {
	pid_t pid, parent;
	uint64_t start; /* when it began, in clock ticks after boot; tells it from a later one */
	char name[PROCESS_NAME];
};

/**
 * processes_read() - look at one
 * @proc: "/proc"
 * Return: false: it is not there, or not for us to see.
 */
bool processes_read(const char *proc, pid_t pid, struct process *ret);

/**
 * processes_each() - call @fn for all processes
 * @fn: gets the process, which lasts until it returns; a value other than 0 ends the walk
 * One that begins or ends meanwhile may be seen or not. Return: what @fn returned last, 0 when
 * there was none; -errno: @proc cannot be read.
 */
int processes_each(const char *proc, int (*fn)(void *arg, const struct process *process),
		   void *arg);
