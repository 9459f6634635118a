/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Wiping: all inodes of the mount, or of a uid's tree, lose their data and go. The whole inode
 * table is gone through for that, a few inodes at a time, as those without a name are in no tree.
 * What is made after the wipe has begun stays.
 */

#include "engine/engine_internal.h"

/** engine_wipe_init(), engine_wipe_fini(): the list of those that are being done. */
void engine_wipe_init(struct spool_engine *engine);
void engine_wipe_fini(struct spool_engine *engine);

/**
 * engine_wipe_step() - wipes a few inodes
 * @ret, @n: room for those among them that are open, @n > 0; *@ret_n: how many there are
 * Return: whether there was anything to do.
 */
bool engine_wipe_step(struct spool_engine *engine, struct spool_removed *ret, size_t n,
		      size_t *ret_n);

/** engine_wipe_ends() - is one done? Then it ends with the next call of spool_engine_reap(), when
 * the caller has had what this one has removed. */
bool engine_wipe_ends(struct spool_engine *engine);

/** engine_wipe_end() - ends those that are done. */
void engine_wipe_end(struct spool_engine *engine);
