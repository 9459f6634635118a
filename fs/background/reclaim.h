/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Giving memory back when things have become quiet: data lie with us and, as long as they are used,
 * in the kernel's page cache as well. Pages of files that have been closed for a while are dropped
 * there, and memory that we keep for reuse goes back to the system.
 *
 * A thread of its own does it, by way of notify.h. It sleeps for good while nothing is closed, and
 * works in rounds of ROUND_NS otherwise.
 */

struct spool_engine;
struct spool_notify;
struct spool_reclaim;

/** spool_reclaim_new() - starts the thread; @notify tells the kernel. Return: 0; -errno. */
int spool_reclaim_new(struct spool_engine *engine, struct spool_notify *notify,
		      struct spool_reclaim **ret);

/** spool_reclaim_stop() - ends the thread. NULL is allowed. */
void spool_reclaim_stop(struct spool_reclaim *reclaim);

/** spool_reclaim_free() - when nobody serves any more. NULL is allowed. */
void spool_reclaim_free(struct spool_reclaim *reclaim);

/** spool_reclaim_kick() - something was closed or forgotten. Cheap while a round is on. */
void spool_reclaim_kick(struct spool_reclaim *reclaim);
