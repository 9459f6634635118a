/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Files of lifetime close that nobody has open: their names go when they have been closed for as
 * long as linger= says. Those of each payer are on a list in the order of their last close, so the
 * first one is his next. Payers take turns: time grows with how many of them have such files.
 *
 * Lock order: node->lock, then life.lock. A node on the list has a name: it leaves it with that.
 */

#include "engine/engine_internal.h"

/** engine_linger_init(), engine_linger_fini(): no such files. Return: 0; -ENOMEM. */
int engine_linger_init(struct spool_engine *engine);
void engine_linger_fini(struct spool_engine *engine);

/** engine_linger_add_locked() - @node has just been closed: puts it on the list if its names are to
 * go: not those of a file that is empty and was never written, which is what mktemp(1) leaves for
 * the next program. Lock: node->lock. */
void engine_linger_add_locked(struct spool_engine *engine, struct spool_node *node)
	SPOOL_REQUIRES(node->lock);

/** engine_linger_remove_locked() - takes @node off the list, if it is on it. Lock: node->lock. */
void engine_linger_remove_locked(struct spool_engine *engine, struct spool_node *node)
	SPOOL_REQUIRES(node->lock);

/** engine_linger_left_locked() - for how long @node stays, in ns; SPOOL_FOREVER: it is not on the
 * list. Lock: node->lock. */
uint64_t engine_linger_left_locked(struct spool_engine *engine, struct spool_node *node)
	SPOOL_REQUIRES(node->lock);

/** engine_linger_next() - Return: the inode number of a file whose time is over, of the payer whose
 * turn it is; 0: none, and it will be in *@ret_ns, SPOOL_FOREVER when there is none at all. */
uint64_t engine_linger_next(struct spool_engine *engine, uint64_t *ret_ns);
