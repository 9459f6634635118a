/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which processes are a daemon's? What runs our program is, whoever has started it: by the place
 * that its exe link names, not by what a process calls itself. An older one, whose file has been
 * replaced since, ran it from there, too.
 *
 * Most processes of a daemon cannot be looked at (PR_SET_DUMPABLE): then who has started them is,
 * the supervisor. All that they start themselves belongs to the daemon.
 *
 * Who passes for a daemon is no member of the sessions that he would be in, which are his own
 * user's. So that user may do himself harm, and nobody else. What cannot be told is no daemon.
 */

#include <stdbool.h>
#include <sys/types.h>

/** spool_is_daemon() - is process or thread @pid one of a daemon? The current directory is a procfs
 * where it has this number (host/procfs.h). It may end meanwhile, and then the answer is about
 * whoever has its number. */
bool spool_is_daemon(pid_t pid);
