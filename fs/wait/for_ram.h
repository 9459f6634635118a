/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Requests that wait for RAM: data are on their way to the disk, and what they leave is for these.
 * One request of each payer is tried in turn (turn.h), so that many of one do not come before the
 * few of another. Nobody waits for ever: when no room has come for RAM_LIMIT_S, the request is
 * answered as it stands (ENOSPC, or a short count); so it is when its caller has a signal that ends
 * him, and not for any other signal, as a write to a disk. Nobody waits in the meantime but its
 * caller: one that also needs the disk is handed to a thread that may wait for it (for_disk.h), and
 * comes back here when there is no room again.
 */

struct spool_for_ram;
struct spool_fs;
struct spool_waitq;

/** spool_for_ram_new() - empty, with a thread that sleeps. Return: 0; -errno. */
int spool_for_ram_new(struct spool_fs *fs, struct spool_for_ram **ret);

/** spool_for_ram_stop() - ends the thread; what waits, or would from now on, is answered as it
 * stands. NULL is allowed. */
void spool_for_ram_stop(struct spool_for_ram *queue);

/** spool_for_ram_free() - when nobody serves any more. NULL is allowed. */
void spool_for_ram_free(struct spool_for_ram *queue);

/** spool_for_ram_waitq() - wants what is answered -EAGAIN. */
struct spool_waitq *spool_for_ram_waitq(struct spool_for_ram *queue);

/** spool_for_ram_kick() - RAM has come free, or will not. Any locks; cheap when nobody waits. NULL
 * is allowed. */
void spool_for_ram_kick(struct spool_for_ram *queue);

/** spool_for_ram_waiting() - how many wait now. NULL: none. */
unsigned int spool_for_ram_waiting(struct spool_for_ram *queue);
