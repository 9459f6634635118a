/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is done to all that is below a directory: to its entries first, a few at a time, and each
 * directory among them comes to the end of those of its payer whose entries are to follow. So there
 * is no stack, and however large a tree is no lock is held for longer, and nobody else waits for
 * longer. What is made meanwhile is below a directory that has it already, or is met there; what is
 * moved meanwhile may be missed.
 */

#include "engine/engine_internal.h"

enum engine_tree_work {
	ENGINE_TREE_LIFETIME = 1 << 0,    /* gets another lifetime, unless it was wiped */
	ENGINE_TREE_EXPIRE = 1 << 1,      /* goes, but for what stays until the mount ends */
	ENGINE_TREE_EXPIRE_KEPT = 1 << 2, /* with EXPIRE: that as well */
	ENGINE_TREE_BIND = 1 << 3,        /* directories: are bound as this one is, or is not */
};

/**
 * struct engine_tree - @uid: to whose inodes; SPOOL_UID_UNKNOWN: to all. BIND is done to all
 * @lifetime_at, @expire_at, @kept_at: when that was asked for, by engine->life.asked; @kept_at is
 *	for EXPIRE_KEPT, and @expire_at for EXPIRE, not before it. What was asked for
 *	first is done first, and not to an inode that something later was done to. So whoever asks
 *	for something below a tree that is not done yet gets what he would get afterwards; and what
 *	has not expired yet when it is given a lifetime, whichever, does not: in doubt it stays.
 */
struct engine_tree {
	unsigned int work;
	enum spool_lifetime lifetime;
	uid_t uid;
	uint64_t lifetime_at;
	uint64_t expire_at;
	uint64_t kept_at;
};

/** engine_may_change() - may @uid say how long @node lives? In private and single the owner of the
 * tree, in shared that of the inode, and root. */
bool engine_may_change(const struct spool_engine *engine, const struct spool_node *node, uid_t uid);

/** engine_tree_apply_locked() - does that to @node itself, but for ENGINE_TREE_BIND. Lock:
 * node->lock. */
void engine_tree_apply_locked(struct spool_engine *engine, struct spool_node *node,
			      const struct engine_tree *tree) SPOOL_REQUIRES(node->lock);

/** engine_tree_begin_locked() - and to all below the directory @dir. Return: 0; -EBUSY something is
 * being done there for somebody else, or was asked for later. Lock: dir->lock. */
int engine_tree_begin_locked(struct spool_engine *engine, struct spool_node *dir,
			     const struct engine_tree *tree) SPOOL_REQUIRES(dir->lock);

/**
 * engine_tree_above() - what was asked for last above the directory @node, and has not got there
 * @ret: LIFETIME, or EXPIRE_KEPT, for whoever asked; @work 0: nothing. What was asked for before
 *	that makes no difference to what is below @node, as only these two do to what stays
 * Lock: the rename lock, under which requests begin and are done. Takes those of all directories
 * above, one at a time, if anything is to be done anywhere.
 */
void engine_tree_above(struct spool_engine *engine, struct spool_node *node,
		       struct engine_tree *ret) SPOOL_REQUIRES(engine->rename_lock);

/** engine_tree_moved_locked() - the directory @child has come into @dir: what is made below it from
 * now on has the session that @dir is bound to. Locks: dir->lock, child->lock. */
void engine_tree_moved_locked(struct spool_engine *engine, struct spool_node *dir,
			      struct spool_node *child) SPOOL_REQUIRES(dir->lock, child->lock);

/** engine_tree_step() - does it to a few. Return: whether there was anything to do. */
bool engine_tree_step(struct spool_engine *engine);

/** engine_expire_locked() - @node goes, if it is one that can. Lock: node->lock. */
void engine_expire_locked(struct spool_engine *engine, struct spool_node *node)
	SPOOL_REQUIRES(node->lock);
