/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One look at all processes, for all sessions that wait.
 *
 * What proves that nobody of a session is left? A list of processes is no picture of one moment:
 * who is in it may end before he is read, and the process that he has started by then may have a
 * number that the list has passed. But the kernel gives numbers in ascending order. So a look has
 * two parts, with L the number that was given last before it:
 *
 * 1. All that are in the list. A member who lives until the list is done was in it, and is found.
 * 2. All numbers above L, in their order, until none was given since we last asked. A member who is
 *    still missing began after L, as did all that he starts, and they have higher numbers than he:
 *    whoever has not been looked at yet is always ahead. When nobody is ahead nobody is left.
 *
 * Why it does not matter that a process has gone when we come to it: if it has left anybody he is
 * ahead. So others who come and go keep no session alive. They only make part 2 longer, which gains
 * on them as long as a process takes longer to be started than to be looked at (a few microseconds,
 * against 50 and more). If it does not, or when the numbers begin again (pid_max, proc(5)), the
 * look has failed, and is made again later.
 *
 * Each thread has a uid, an audit session and a cgroup of its own; all of a process have one POSIX
 * session. So threads are looked at as well, but only in the look that would end somebody, as there
 * may be many more of them than processes. They come before their process: one that executes a
 * program takes its number (execve(2)). A session of which only threads are left is looked for from
 * time to time: that they end, or take another uid, is told by nothing.
 *
 * The daemon's own processes are left out, with their threads, and those of others (own.h).
 *
 * Two things are taken for granted: that fewer than pid_max processes begin during one look, and
 * that nobody chooses numbers (set_tid, clone3(2), which needs privileges). One look is never
 * enough (judge.c), so a mistake needs that in each of two.
 */

#include "life/sessions_internal.h"

/** What of a process must be read: a bit for each kind of session that somebody waits for. */
#define SCAN_NEEDS(kind) (1u << (kind))

/** And the threads of each process as well: somebody is over if nobody is found. */
#define SCAN_THREADS (1u << 31)

/** scan_begin_locked() - all that wait take part in the next look, which begins at @begin_ms;
 * *@ret_needs: for whom processes must be read, 0: nobody. */
void scan_begin_locked(struct spool_sessions *sessions, uint64_t begin_ms, unsigned int *ret_needs)
	SPOOL_REQUIRES(sessions->lock);

/** scan_processes() - finds their members: session->found, ->oldest. No lock is held. Return: 0;
 * -errno: there may be more members than were found. */
int scan_processes(struct spool_sessions *sessions, unsigned int needs);

/** scan_takes_part() - does it take part in the look that is on? */
static inline bool scan_takes_part(const struct spool_sessions *sessions,
				   const struct session *session)
{
	return session->look == sessions->look && session->state != SPOOL_SESSION_OVER &&
	       session->state != SPOOL_SESSION_WATCHED;
}
