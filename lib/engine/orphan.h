/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Orphans: inodes without a name. How many there are, and how often room of one has come back, for
 * callers that find no room; and a list of the files among them that nobody has open.
 *
 * Lock order: node->lock, then closed_lock. A node on the list is alive: it leaves before it is
 * freed.
 */

#include "engine/engine_internal.h"

/** engine_orphan_count() - @n more orphans, for which @user is charged. Any locks. */
void engine_orphan_count(struct spool_engine *engine, struct spool_quota_user *user, int n);

/**
 * engine_unlink_locked() - @node loses a name in @dir, and a directory its only one
 * Counts links and orphans; the entry is the caller's. @now: the ctime of @node. Locks: those of
 * both nodes.
 */
void engine_unlink_locked(struct spool_engine *engine, struct spool_node *dir,
			  struct spool_node *node, const struct timespec *now)
	SPOOL_REQUIRES(dir->lock, node->lock);

/** engine_orphan_returned() - room of an orphan has come back. Any locks. */
void engine_orphan_returned(struct spool_engine *engine);

/**
 * engine_orphan_gone() - one orphan less, for which @user is charged. Any locks.
 * @freed: its room has come back. Who looks for orphans first and then for that misses neither; who
 * is told finds it counted no more.
 */
void engine_orphan_gone(struct spool_engine *engine, struct spool_quota_user *user, bool freed);

/**
 * engine_orphan_note() - @node has lost a name or an open: it may be an orphan now
 * The kernel forgets such a file soon, and then it is freed. Until then a process that has looked
 * it up just before can still open it. When room is wanted, or counted, before the kernel has
 * forgotten it, spool_engine_drop_orphans() frees the data. No locks held.
 */
void engine_orphan_note(struct spool_engine *engine, struct spool_node *node);

/** engine_orphan_add_locked(), engine_orphan_remove(): put @node on the list of orphans that nobody
 * has open, if it is one; take a file off. Lock: node->lock for the first. */
void engine_orphan_add_locked(struct spool_engine *engine, struct spool_node *node)
	SPOOL_REQUIRES(node->lock);
void engine_orphan_remove(struct spool_engine *engine, struct spool_file *file);

/** engine_orphan_take() - takes the first off the list. Return: its inode number; 0: none. */
uint64_t engine_orphan_take(struct spool_engine *engine);
