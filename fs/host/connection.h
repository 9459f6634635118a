/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The kernel's side of a mount: a connection, which fusectl shows as
 * /sys/fs/fuse/connections/MINOR, by the minor number of the filesystem's device. Such numbers are
 * used again as soon as a filesystem has gone, so they are used here only while our own connection
 * is known to live. Nothing here ever waits for who serves.
 */

#include <stdbool.h>
#include <sys/types.h>

/** spool_connection_lives() - @fd: /dev/fuse. Return: false when it was aborted, or unmounted. */
bool spool_connection_lives(int fd);

/**
 * spool_connection_abort() - answer whatever waits with an error, and serve nothing any more
 * Who mounted may do this, where fusectl is mounted.
 * Return: 0, also when it lives no more; -errno: cannot be done in this way.
 */
int spool_connection_abort(int fd, dev_t device);

/** spool_connection_waits() - does anybody wait for an answer? Return: true also when it cannot be
 * told. */
bool spool_connection_waits(int fd, dev_t device);
