/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The kernel's side of a mount: a connection, which fusectl shows as
 * /sys/fs/fuse/connections/MINOR, by the minor number of the filesystem's device. The kernel uses
 * such a number again as soon as the filesystem has gone. So they are used here only while our own
 * connection is known to live. Nothing here waits for the process that serves.
 */

#include <stdbool.h>
#include <sys/types.h>

/** spool_connection_lives() - @fd: /dev/fuse. Return: false when it was aborted, or unmounted. */
bool spool_connection_lives(int fd);

/**
 * spool_connection_abort() - have the kernel fail all requests, those that wait and all later ones
 * The user who mounted may do this, where fusectl is mounted.
 * Return: 0, also when it has ended before; -errno: it cannot be aborted by fusectl.
 */
int spool_connection_abort(int fd, dev_t device);

/** spool_connection_waits() - Return: whether a caller waits for an answer; true when that is not
 * known. */
bool spool_connection_waits(int fd, dev_t device);

/**
 * spool_connection_read_ahead() - how far the kernel reads ahead of those who read a file in order
 * It is what /sys/class/bdi says of the filesystem, which root alone may change; one that is larger
 * already stays. To be called when FUSE_INIT has been answered, as that lowers it.
 * @bytes: whole KiB
 * Return: 0; -errno: it stays as it is.
 */
int spool_connection_read_ahead(int fd, dev_t device, unsigned int bytes);
