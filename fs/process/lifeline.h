/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How the supervisor notices that the worker dies: the kernel tells of the end of a process when
 * its last thread has ended, and a user can hold one for as long as he likes (remains.h). So a
 * thread of the worker does nothing but have the end of a pipe. It is the only one that has it, as
 * its table of files is its own. Nobody can hold this thread: it ends with the process, and the
 * pipe with it.
 */

/** spool_lifeline_new() - @ret_hold: for the worker alone; @ret_watch: reports POLLHUP when the
 * worker dies. Both are the caller's. Return: 0; -errno. */
int spool_lifeline_new(int *ret_hold, int *ret_watch);

/**
 * spool_lifeline_hold() - start that thread
 * @hold: is its own from now on. Where the kernel has no close_range(2) (Linux 5.9), or there is no
 *	thread, it stays the process's, and the pipe ends with the last thread of it.
 */
void spool_lifeline_hold(int hold);
