/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The process that mounts, keeps the /dev/fuse descriptor, watches the worker (watchdog.h), and
 * unmounts: on SIGTERM, SIGINT and SIGHUP, when the worker ends for whatever reason or hangs, and
 * when the holder's descriptor ends; not at all when somebody else has unmounted already.
 */

#include "options/options.h"

/**
 * spool_supervise() - mount, serve, unmount
 * @started: called once, with @arg, when the mount serves
 * Return: exit status: 0 unmounted in order; SPOOL_EXIT_USAGE (worker.h) there cannot be such a
 * mount; 1 the start failed, the worker died, or it could not be unmounted. A line says why, when
 * it is not 0: on standard error before the mount serves, later in the log.
 */
int spool_supervise(const struct spool_options *options, struct spool_log *log,
		    void (*started)(void *arg), void *arg);
