/* SPDX-License-Identifier: MIT */
#pragma once

/* Finds and starts spoolfs(8). The tools run it as a child, never in their own process. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * daemon_path() - the spoolfs to run
 * @ret: a path, or "spoolfs" alone, for execvp(3) to find in PATH
 * @size: bytes at @ret; PATH_MAX is always enough
 *
 * Looked for beside the running program and where it is in a build tree, so that a build tree's
 * tools never start another version's daemon; then where this build would be installed.
 */
void daemon_path(char *ret, size_t size);

/**
 * struct daemon - one in the foreground, which lives as long as we do
 * @holder: our end of a pipe: closing it, or our end, ends the mount
 * @alive: our end of a pipe whose other end all its processes have
 */
struct daemon {
	pid_t pid; /* 0: it has ended, with @status */
	int status;
	int holder, alive;
};

/**
 * daemon_start() - start one, and wait until it has mounted
 * @who: in front of our lines on standard error
 * @program: daemon_path(), found out before anything changes how the file tree looks
 * @options: of -o
 * @source: what mount(8) shows as the device
 * @dir: the mount point
 * @own_session: with one it has not our terminal; without, a process group of its own, so that the
 *	terminal's signals are not for it, and CPU time of the same share as we (sched(7), "The
 *	autogroup feature")
 * It has not our standard input and output.
 * Return: 0; else an exit status (EXIT_FAILED, EXIT_USAGE), after a line; *@ret is unchanged.
 */
int daemon_start(const char *who, const char *program, const char *options, const char *source,
		 const char *dir, bool own_session, struct daemon *ret);

/** daemon_has_ended() - has it ended by itself? Does not wait. */
bool daemon_has_ended(struct daemon *daemon);

/** daemon_end() - end the mount, and wait until all of it is gone. Return: its exit status. */
int daemon_end(struct daemon *daemon);
