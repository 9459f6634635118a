/* SPDX-License-Identifier: MIT */
#pragma once

/* Which blocks of which file are read ahead; store/ahead.h has them. */

#include "engine/tier_internal.h"
#include "store/ahead.h"

/** engine_ahead_follow() - @len bytes at @off of @node, which has data on the disk, are being read.
 * What may be wanted next is wanted. No locks held. */
void engine_ahead_follow(struct spool_engine *engine, struct spool_node *node, uint64_t off,
			 size_t len);

/** engine_ahead_want() - what of @range of @node, which has been written to, is on the disk is
 * wanted, as far as there is room. Return: how many runs. No locks held. */
unsigned int engine_ahead_want(struct spool_engine *engine, struct spool_node *node,
			       struct spool_ahead_range range);

/** engine_ahead_forget() - nothing of @node is wanted any more. No locks held. */
void engine_ahead_forget(struct spool_engine *engine, const struct spool_node *node);
