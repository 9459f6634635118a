/* SPDX-License-Identifier: MIT */
#pragma once

/* The list of directories to whose entries something is to be done, see tree.h. */

#include "engine/engine_internal.h"

/** engine_worklist_init() - an empty one. */
void engine_worklist_init(struct spool_engine *engine);

/** engine_worklist_add() - the directory @node comes to its end, if it is not on it. Any locks. */
void engine_worklist_add(struct spool_engine *engine, struct spool_node *node);

/** engine_worklist_remove() - the directory @node is not on it any more. Any locks. */
void engine_worklist_remove(struct spool_engine *engine, struct spool_node *node);

/** engine_worklist_take() - takes the first off. Return: its inode number; 0: there is none. */
uint64_t engine_worklist_take(struct spool_engine *engine);
