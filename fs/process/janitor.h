/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The process that unmounts when the supervisor was killed, whether the worker was as well or not.
 *
 * The kernel ends a connection by itself when its last descriptor is closed. The mount stays, and
 * every access to it fails. A process that unmounts it must be alive, must be allowed to, and must
 * not have been killed with the others. So this process does nothing else.
 *
 * It is forked before anything is mounted, in a session of its own. It holds /dev/fuse, the covered
 * directory, and one end of a socket; it sleeps until the other end is closed. While it holds
 * /dev/fuse no other filesystem can get the number of our device, so that it can tell our mount
 * from a stranger's. It takes a few pages of memory, and shares the rest with the supervisor.
 *
 * When the supervisor ends in order it dismisses the janitor. Only when another mount covers ours
 * the janitor stays until that has gone, and then unmounts ours.
 */

#include <sys/types.h>

#include "process/mountpoint.h"
#include "util/log.h"

/** struct spool_janitor - a janitor that was started; @pid 0 and @socket -1: there is none */
struct spool_janitor {
	pid_t pid;
	int socket;
};

/**
 * spool_janitor_start() - fork it, before or after the mount
 * @mount: it keeps copies of all of it
 * @worker: it kills this process when that does not end with the supervisor
 * @arena: the file with file data, which it empties then
 * The calling process must have one thread. Return: 0; -errno.
 */
int spool_janitor_start(const struct spool_options *options, struct spool_log *log,
			const struct spool_mount *mount, pid_t worker, int arena,
			struct spool_janitor *ret);

/** spool_janitor_tell() - tell it that @mount is mounted now. Return: 0; -errno. */
int spool_janitor_tell(struct spool_janitor *janitor, const struct spool_mount *mount);

/** spool_janitor_has_ended() - Return: it is dead, and not reaped yet, so its number is its own. */
bool spool_janitor_has_ended(const struct spool_janitor *janitor);

/** spool_janitor_dismiss() - kill it, as nothing is left to do. */
void spool_janitor_dismiss(struct spool_janitor *janitor);

/** spool_janitor_leave() - the mount is covered: leave it to the janitor to unmount it later. */
void spool_janitor_leave(struct spool_janitor *janitor);
