/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The end of the worker does not wait for the disk. Threads that are in a system call on the
 * backing directory are waited for, as all others are; when its server does not answer, or its
 * filesystem is frozen, that may take for ever. Then the keys and the data are destroyed without
 * them, and the process ends.
 */

struct spool_fs;
struct spool_overdue;

/**
 * spool_overdue_start() - from here on the worker has so long to end: 2 s, more where a test
 * wants it
 * @fs: borrowed until spool_overdue_stop(); no request is served any more
 * When the time has come the process ends in order, with status 0, whatever its threads do.
 * Return: what spool_overdue_stop() gets; NULL: there is no backing directory, or no thread or
 * memory to be had: the supervisor has a limit of its own (child.c).
 */
struct spool_overdue *spool_overdue_start(struct spool_fs *fs);

/** spool_overdue_stop() - all threads that use the disk have ended. NULL is allowed. Does not
 * return when the time has just come. */
void spool_overdue_stop(struct spool_overdue *overdue);
