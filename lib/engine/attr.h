/* SPDX-License-Identifier: MIT */
#pragma once

/* Attributes of inodes, for those who answer with them. */

#include "engine/engine_internal.h"

/** The attributes of @node. Takes node->lock as SPOOL_RANK_NODE. */
void engine_attr(struct spool_engine *engine, struct spool_node *node, struct spool_attr *ret);

void engine_attr_locked(const struct spool_engine *engine, const struct spool_node *node,
			struct spool_attr *ret) SPOOL_REQUIRES(node->lock);
