/* SPDX-License-Identifier: MIT */
#pragma once

/* The directories to whose entries something is to be done, see tree.h. Their payers take turns:
 * who has a large tree does not hold up who has a small one. */

#include "engine/engine_internal.h"

/** struct engine_changer - @uid, for whom something is to be done to @n directories' entries */
struct engine_changer {
	RB_ENTRY(engine_changer) by_uid;
	uid_t uid;
	uint64_t n;
};

/** engine_worklist_init() - none. */
void engine_worklist_init(struct spool_engine *engine);

/** engine_worklist_add_locked() - the directory @node comes behind those of its payer, if it is not
 * on the list. Lock: node->lock. */
void engine_worklist_add_locked(struct spool_engine *engine, struct spool_node *node)
	SPOOL_REQUIRES(node->lock);

/** engine_worklist_remove() - the directory @node is not on it any more. Any locks. */
void engine_worklist_remove(struct spool_engine *engine, struct spool_node *node);

/** engine_worklist_count() - something is to be done to the entries of @node, for dir->work_uid;
 * @is_done: no more. Without memory it is not counted. Locks: node->lock. */
void engine_worklist_count(struct spool_engine *engine, struct spool_node *node, bool is_done)
	SPOOL_REQUIRES(node->lock);

/** engine_worklist_is_for() - is something of @uid counted? */
bool engine_worklist_is_for(struct spool_engine *engine, uid_t uid);

/** engine_worklist_is_empty() - is nothing to be done to any? */
bool engine_worklist_is_empty(struct spool_engine *engine);

/** engine_worklist_take() - takes one off, of the payer whose turn it is. Return: its inode number;
 * 0: there is none. */
uint64_t engine_worklist_take(struct spool_engine *engine);
