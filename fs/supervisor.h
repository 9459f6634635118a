/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The process that mounts, keeps the /dev/fuse descriptor, watches the worker, and unmounts: on
 * SIGTERM, SIGINT and SIGHUP, when the worker ends for whatever reason, when the holder's
 * descriptor ends, and not at all when somebody else has unmounted already.
 */

#include "options.h"

/**
 * spool_supervise() - mount, serve, unmount
 * @started: called once with 0 when the mount serves
 * Return: exit status: 0 unmounted in order; SPOOL_EXIT_USAGE (worker.h) there cannot be such a
 * mount; 1 the start failed or the worker died. All but the first are logged.
 */
int spool_supervise(const struct spool_options *options, struct spool_log *log,
		    void (*started)(void *arg), void *arg);
