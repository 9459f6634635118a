/* SPDX-License-Identifier: MIT */
#pragma once

/* Threads that bring data to the disk: they sleep until the engine has something for them. */

struct spool_engine;
struct spool_writeback;

/** spool_writeback_new() - Return: 0; -errno. */
int spool_writeback_new(struct spool_engine *engine, struct spool_writeback **ret);

/** spool_writeback_free() - ends the threads; blocks as long as the disk does. NULL is allowed. */
void spool_writeback_free(struct spool_writeback *writeback);

/** spool_writeback_hurry() - the same, though the disk has just refused. Any locks. NULL is
 * allowed.
 */
void spool_writeback_hurry(struct spool_writeback *writeback);

/** spool_writeback_wake() - there is something to do. Any locks. NULL is allowed. */
void spool_writeback_wake(struct spool_writeback *writeback);
