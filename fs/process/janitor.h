/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The process that unmounts when the supervisor was killed, whether the worker was as well or not.
 *
 * The kernel ends a connection by itself when the last descriptor of it has gone, but not a mount:
 * that stays, and every access fails. Who unmounts must be alive, allowed to, and not be killed
 * with the others; so it is a process that does nothing else. It is forked before anything is
 * mounted, in a session of its own, holds /dev/fuse (as long as it does the device's number is
 * ours, and it can tell our mount from a stranger's), the covered directory and one end of a
 * socket, and sleeps until the other end is closed. It takes a few pages of memory of its own, and
 * shares all others with the supervisor.
 *
 * Where the supervisor ends in order the janitor is dismissed; only when something lies on top of
 * the mount it stays, until that has gone, and then unmounts what is below.
 */

#include <sys/types.h>

#include "process/mountpoint.h"
#include "util/log.h"

/** struct spool_janitor - one that was started; there is none where @pid is 0 and @socket -1 */
struct spool_janitor {
	pid_t pid;
	int socket;
};

/**
 * spool_janitor_start() - fork it, for what is mounted already or will be
 * @mount: of which it takes over copies
 * @worker: to be killed when it does not end with the supervisor
 * For processes of one thread. Return: 0; -errno.
 */
int spool_janitor_start(const struct spool_options *options, struct spool_log *log,
			const struct spool_mount *mount, pid_t worker, struct spool_janitor *ret);

/** spool_janitor_tell() - it is mounted now. Return: 0; -errno. */
int spool_janitor_tell(struct spool_janitor *janitor, const struct spool_mount *mount);

/** spool_janitor_dismiss() - nothing is left to do. */
void spool_janitor_dismiss(struct spool_janitor *janitor);

/** spool_janitor_leave() - the mount is covered: it is to wait until it is not. */
void spool_janitor_leave(struct spool_janitor *janitor);
