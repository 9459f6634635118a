/* SPDX-License-Identifier: MIT */
#pragma once

/* Threads that bring data to the disk: they sleep until the engine has something for them. */

struct spool_fs;
struct spool_spiller;

/** spool_spiller_new() - Return: 0; -errno. */
int spool_spiller_new(struct spool_fs *fs, struct spool_spiller **ret);

/** spool_spiller_free() - ends the threads; blocks as long as the disk does. NULL is allowed. */
void spool_spiller_free(struct spool_spiller *spiller);

/** spool_spiller_hurry() - the same, though the disk has just refused. Any locks. NULL is allowed.
 */
void spool_spiller_hurry(struct spool_spiller *spiller);

/** spool_spiller_wake() - there is something to do. Any locks. NULL is allowed. */
void spool_spiller_wake(struct spool_spiller *spiller);
