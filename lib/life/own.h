/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The daemon's own processes are in the same sessions as whoever started it: they have his uid, and
 * what else he had. They end with the mount, so they keep no session alive.
 *
 * They are known by number and start, never by name or number alone: who got the number of one that
 * has ended is somebody else. A start that is read while the number is ours on both sides of that
 * is ours.
 *
 * Those of other daemons of this program that he has started are the same, for their mounts: with
 * two mounts each daemon would keep the other's sessions. Who they are is another's to say; it is
 * asked about a number that means the same process before and afterwards.
 */

#include "life/sessions_internal.h"

/** struct own - them, as they were a moment ago; @n: how many */
struct own {
	size_t n;
	struct {
		pid_t pid;
		uint64_t start;
	} ids[SPOOL_SESSION_OWN_MAX];
};

/** own_find() - Return: 0; -EAGAIN one of them is just being started; -errno. Lock: none. */
int own_find(struct spool_sessions *sessions, struct own *ret);

/** own_has() - is process @pid one of them, now? */
bool own_has(const struct spool_sessions *sessions, const struct own *own, pid_t pid);

/** own_may_be_daemon() - is it called as one is? */
bool own_may_be_daemon(const struct spool_sessions *sessions, const struct spool_process *process);

/** own_is_daemon() - is @process, which has just been read, one of another daemon? false also where
 * its number means somebody else by now. Lock: none. */
bool own_is_daemon(const struct spool_sessions *sessions, const struct spool_process *process);

/** own_has_new() - is a process or thread that may have begun after own_find() one of them, or of
 * one? @status: the text of its "status". Return: 1; 0; as own_find(). */
int own_has_new(struct spool_sessions *sessions, const char *status);
