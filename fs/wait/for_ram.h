/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Requests that wait for RAM: data are on their way to the disk, and what they leave is for these.
 * One request of each payer is tried in turn (turn.h), so that many of one do not come before the
 * few of another. Nobody waits for ever: when no room has come for ROOM_LIMIT_S, the request is
 * answered as it stands (ENOSPC, or a short count). Nobody waits in the meantime but its caller:
 * one that also needs the disk is handed to a thread that may wait for it (disk.h), and comes back
 * here when there is no room again.
 */

#include <stdint.h>

struct spool_fs;
struct spool_message;
struct spool_room;

/** spool_room_new() - empty, with a thread that sleeps. Return: 0; -errno. */
int spool_room_new(struct spool_fs *fs, struct spool_room **ret);

/** spool_room_stop() - ends the thread; what waits, or would from now on, is answered as it stands.
 * NULL is allowed. */
void spool_room_stop(struct spool_room *room);

/** spool_room_free() - when nobody serves any more. NULL is allowed. */
void spool_room_free(struct spool_room *room);

/** spool_room_take() - @message is ours until its finish(). */
void spool_room_take(struct spool_room *room, struct spool_message *message);

/** spool_room_kick() - RAM has come free, or will not. Any locks; cheap when nobody waits. NULL is
 * allowed. */
void spool_room_kick(struct spool_room *room);

/** spool_room_kicks() - how often it was called so far. NULL: 0. */
uint64_t spool_room_kicks(struct spool_room *room);

/** spool_room_waiting() - how many wait now. NULL: none. */
unsigned int spool_room_waiting(struct spool_room *room);
