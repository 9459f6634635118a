/* SPDX-License-Identifier: MIT */
#pragma once

/* Runs spoolfs(8) as a child, and calls that may wait in the kernel in another; never for ever. */

#include <stddef.h>

/**
 * program_run() - run a program, and wait until it ends
 * @argv: its name is looked for in PATH; ended by NULL
 * @input: its standard input, the caller's; -1: none
 * @why: gets the first line that it writes to standard error, of @size bytes, if it fails
 * It has neither our standard input and output nor our other descriptors but @input. What it writes
 * and succeeds goes to our standard error.
 * Return: 0; -EINVAL: it ended with EXIT_USAGE; -EIO: with another status; -ETIMEDOUT: it was
 * killed; -errno (a line was written in each case).
 */
int program_run(char *const argv[], int input, char *why, size_t size);

/**
 * program_call() - call @fn in a child
 * @fn: returns 0 or -errno
 * Return: what it returned; -EBUSY: it has not come back, and is left behind; -errno of fork(2).
 */
int program_call(int (*fn)(const void *arg), const void *arg);
