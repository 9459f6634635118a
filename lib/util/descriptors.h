/* SPDX-License-Identifier: MIT */
#pragma once

/* The descriptors that our processes have: only those that they were given on purpose, and none
 * that the parent left open. Also, how our processes pass descriptors to each other. */

#include <stdbool.h>
#include <stddef.h>

/* What RLIMIT_NOFILE must allow a daemon: fewer than 24 of its own, measured, 16 by which callers
 * are known, and 8 files of the backing, guesses. Each ring takes two more; without them requests
 * come over /dev/fuse. */
#define SPOOL_DESCRIPTORS_MIN 48u

/**
 * spool_keep_descriptors() - close all but the standard streams and @keep
 * @keep: @n descriptors to keep; -1 among them means none
 * Nothing else may be in use: neither a stream nor a library's (closelog(3) first).
 */
void spool_keep_descriptors(const int *keep, size_t n);

/**
 * spool_stdio_open() - what is closed of standard input, output and error becomes /dev/null
 * Else a descriptor that is opened later would be taken for one of them. Return: false: /dev/null
 * cannot be opened.
 */
bool spool_stdio_open(void);

/**
 * spool_stdio_to_null() - /dev/null for standard input and the other streams up to @last
 * @last: STDOUT_FILENO or STDERR_FILENO
 * A process in the background must not hold a pipe open: the reader would wait for its end.
 */
void spool_stdio_to_null(int last);

/**
 * spool_pass_descriptor() - send a descriptor over a Unix socket (SCM_RIGHTS, unix(7))
 * @fd: remains the caller's
 * @data: @size bytes (> 0) that go with it, in one message
 * @flags: MSG_DONTWAIT, or 0
 * Return: 0; -errno of sendmsg(2), -EPIPE without a signal.
 */
int spool_pass_descriptor(int socket, int fd, const void *data, size_t size, int flags);

/**
 * spool_take_descriptor() - receive what spool_pass_descriptor() has sent
 * @ret_data: @size bytes; undefined on failure
 * Return: the descriptor, close-on-exec, the caller's; -EPIPE the other end is closed; -EBADMSG
 * another message has come: without a descriptor, or of another size; -errno of recvmsg(2).
 */
int spool_take_descriptor(int socket, void *ret_data, size_t size);
