/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The process that serves. It is forked before anything is mounted, makes the engine, and gets the
 * /dev/fuse descriptor from the supervisor over a socket (handover.h), so that it never needs a
 * privilege. The janitor unmounts (janitor.h), not this process.
 */

#include <sys/types.h>

#include "options/options.h"
#include "host/pulse.h"
#include "host/shared.h"

/* The exit status for wrong use, and for options that cannot be had. */
#define SPOOL_EXIT_USAGE 2

/**
 * spool_worker_main() - serve until unmounted or told to stop
 * @socket: our end of the pair; @control: the socket for administration (control_socket.h), or
 *	-1: none; @supervisor: its pid; @pulses: it watches our threads by these; @shared: what we
 *	tell it meanwhile
 * Return: exit status: 0 all is freed, or in a release build left to the kernel, and the accounts
 * were balanced; SPOOL_EXIT_USAGE an option asks for what cannot be had here; 1 otherwise (logged).
 */
int spool_worker_main(const struct spool_options *options, struct spool_log *log, int socket,
		      int control, pid_t supervisor, struct spool_pulses *pulses,
		      struct spool_shared *shared);
