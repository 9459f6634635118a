/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the supervisor and its children tell each other over their sockets.
 *
 * The worker sends WORKER_OK when the engine stands, or exits; the supervisor mounts and sends the
 * /dev/fuse descriptor (SCM_RIGHTS); the worker sends WORKER_OK again when its threads are about to
 * read. On a WORKER_OK from the supervisor the worker stops, frees everything and exits. It does
 * the same when the socket ends without one, as the supervisor was killed then.
 */

#include <sys/types.h>

#define WORKER_OK 'k'

/**
 * spool_send_fd(), spool_receive_fd() - the /dev/fuse descriptor and the device of the mount
 * Return: 0, or the descriptor, which is the caller's; -errno; -EPIPE the other end gave up.
 */
int spool_send_fd(int socket, int fd, dev_t device);
int spool_receive_fd(int socket, dev_t *ret_device);
