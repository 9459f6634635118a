/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The process that serves. It is forked before anything is mounted, makes the engine, and gets the
 * /dev/fuse descriptor from the supervisor over a socket, so that it never needs a privilege.
 *
 * Over the socket: the worker sends WORKER_OK when the engine stands, or exits; the supervisor
 * mounts and sends the descriptor (SCM_RIGHTS); the worker sends WORKER_OK again when its threads
 * are about to read. On a WORKER_OK from the supervisor the worker stops, frees everything and
 * exits; so it does when the socket ends without one, as the supervisor was killed then. Unmounting
 * is not its business but the janitor's (janitor.h).
 */

#include <sys/types.h>

#include "options/options.h"
#include "host/pulse.h"

#define WORKER_OK 'k'

/* Wrong use, and options that cannot be. */
#define SPOOL_EXIT_USAGE 2

/**
 * spool_worker_main() - serve until unmounted or told to stop
 * @socket: this end of the pair; @supervisor: its pid; @pulses: its view of our threads
 * Return: exit status: 0 all is freed, or in a release build left to the kernel, and the accounts
 * were balanced; SPOOL_EXIT_USAGE an option asks for what cannot be had here; 1 otherwise (logged).
 */
int spool_worker_main(const struct spool_options *options, struct spool_log *log, int socket,
		      pid_t supervisor, struct spool_pulses *pulses);

/**
 * spool_send_fd(), spool_receive_fd() - the /dev/fuse descriptor and the device of the mount
 * Return: 0, or the descriptor, which is the caller's; -errno; -EPIPE the other end gave up.
 */
int spool_send_fd(int socket, int fd, dev_t device);
int spool_receive_fd(int socket, dev_t *ret_device);
