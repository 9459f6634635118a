/* SPDX-License-Identifier: MIT */
#pragma once

/* The threads that write file data to the disk. They sleep until the engine has some for them. */

struct spool_engine;
struct spool_writeback;

/** spool_writeback_new() - start the threads. Return: 0; -errno. */
int spool_writeback_new(struct spool_engine *engine, struct spool_writeback **ret);

/** spool_writeback_free() - end the threads; blocks as long as the disk does. NULL is allowed. */
void spool_writeback_free(struct spool_writeback *writeback);

/** spool_writeback_wake() - the engine has data to be written. Any locks. NULL is allowed. */
void spool_writeback_wake(struct spool_writeback *writeback);

/** spool_writeback_hurry() - wake the threads even if the disk has just refused data. Any locks.
 * NULL is allowed. */
void spool_writeback_hurry(struct spool_writeback *writeback);
