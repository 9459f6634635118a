/* SPDX-License-Identifier: MIT */
#pragma once

/* The threads that read ahead of who reads files in order from the disk. They are started when
 * there is something for them, and sleep until there is. */

struct spool_engine;
struct spool_ahead_threads;

/** spool_ahead_threads_new() - no threads yet. Return: 0; -ENOMEM. */
int spool_ahead_threads_new(struct spool_engine *engine, struct spool_ahead_threads **ret);

/** spool_ahead_threads_free() - end the threads; blocks as long as the disk does. NULL is allowed.
 */
void spool_ahead_threads_free(struct spool_ahead_threads *ahead);

/** spool_ahead_threads_wake() - there is something to be read, for one thread more. Locks: any of
 * the engine. NULL is allowed. */
void spool_ahead_threads_wake(struct spool_ahead_threads *ahead);
