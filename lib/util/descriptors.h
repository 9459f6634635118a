/* SPDX-License-Identifier: MIT */
#pragma once

/* What a process of ours has open: what it was given on purpose, and nothing that whoever started
 * it had left open. */

#include <stdbool.h>
#include <stddef.h>

/**
 * spool_keep_descriptors() - close all but the standard streams and @keep
 * @keep: @n descriptors to keep; -1 among them means none
 * Nothing else may be in use: neither a stream nor a library's (closelog(3) first).
 */
void spool_keep_descriptors(const int *keep, size_t n);

/**
 * spool_stdio_open() - what is closed of standard input, output and error becomes /dev/null
 * A descriptor that is opened later must not be taken for one of them. Return: false: it cannot be.
 */
bool spool_stdio_open(void);

/**
 * spool_stdio_to_null() - lets go of standard input and the other streams up to @last
 * @last: STDOUT_FILENO or STDERR_FILENO
 * In the background nobody may have to wait for us: a pipe ends when its last writer does.
 */
void spool_stdio_to_null(int last);
