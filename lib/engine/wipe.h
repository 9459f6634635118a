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

/** engine_wipe_untold_locked() - @node loses a name, or its pages: the wipes that mean it are not
 * done until engine_wipe_told(). @ret: gets which they are. Lock: node->lock. */
void engine_wipe_untold_locked(struct spool_engine *engine, const struct spool_node *node,
			       struct spool_untold *ret) SPOOL_REQUIRES(node->lock);

/** engine_wipe_told() - it is told. */
void engine_wipe_told(struct spool_engine *engine, const struct spool_untold *untold);
