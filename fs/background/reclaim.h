/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Gives memory back that is no longer used. File data are in our memory and, while they are used,
 * in the kernel's page cache as well. When a file has been closed for a while the kernel is told to
 * drop its pages (notify.h). Memory that we keep for reuse goes back to the system.
 *
 * A thread does this, in rounds of ROUND_NS. It sleeps while no file is closed.
 */

struct spool_engine;
struct spool_notify;
struct spool_reclaim;

/** spool_reclaim_new() - starts the thread; @notify tells the kernel. Return: 0; -errno. */
int spool_reclaim_new(struct spool_engine *engine, struct spool_notify *notify,
		      struct spool_reclaim **ret);

/** spool_reclaim_stop() - end the thread. NULL is allowed. */
void spool_reclaim_stop(struct spool_reclaim *reclaim);

/** spool_reclaim_free() - after the stop, when no request is served any more. NULL is allowed. */
void spool_reclaim_free(struct spool_reclaim *reclaim);

/** spool_reclaim_kick() - a file was closed or forgotten. Cheap while a round goes on. Any locks.
 * NULL is allowed. */
void spool_reclaim_kick(struct spool_reclaim *reclaim);
