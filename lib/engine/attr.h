/* SPDX-License-Identifier: MIT */
#pragma once

/* Attributes of inodes, for operations that return them. */

#include "engine/engine_internal.h"

/** engine_attr(), engine_attr_locked(): the attributes of @node. The first takes node->lock as
 * SPOOL_RANK_NODE, the second is called with it. */
void engine_attr(struct spool_engine *engine, struct spool_node *node, struct spool_attr *ret);

void engine_attr_locked(const struct spool_engine *engine, const struct spool_node *node,
			struct spool_attr *ret) SPOOL_REQUIRES(node->lock);
