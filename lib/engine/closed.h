/* SPDX-License-Identifier: MIT */
#pragma once

/* Files with data that nobody has open; see closed.c. */

#include "engine/engine_internal.h"

/** engine_closed_init(), engine_closed_fini(): these lists, that of orphans, and their lock. */
void engine_closed_init(struct spool_engine *engine);
void engine_closed_fini(struct spool_engine *engine);

/** engine_closed_add_locked() - puts @node on the young list if it is a closed file with data.
 * Lock: node->lock. */
void engine_closed_add_locked(struct spool_engine *engine, struct spool_node *node)
	SPOOL_REQUIRES(node->lock);

/** engine_closed_remove() - takes @file off its list, if it is on one. */
void engine_closed_remove(struct spool_engine *engine, struct spool_file *file);
