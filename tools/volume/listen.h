/* SPDX-License-Identifier: MIT */
#pragma once

/* The socket that engines come to: systemd's (sd_listen_fds(3)), or one of our own. */

#include <stdbool.h>

/** struct listen_socket - it listens */
struct listen_socket {
	int fd;
	const char *path; /* of our own; NULL: systemd's */
};

/**
 * listen_open() - take systemd's socket if there is one, else make one at @path, 0600
 * A socket that nobody listens to any more is replaced; directories above it are made.
 * Return: 0; -errno, after a line: -EADDRINUSE: another process serves it.
 */
int listen_open(const char *path, struct listen_socket *ret);

/** listen_remove() - remove the name of our own. The descriptor is somebody else's by now. */
void listen_remove(const struct listen_socket *socket);
