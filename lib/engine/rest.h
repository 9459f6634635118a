/* SPDX-License-Identifier: MIT */
#pragma once

/* Data that were changed just now, and are left alone while there is RAM; see rest.c. */

#include "engine/tier_internal.h"

/** engine_rest_fill() - which blocks of @node are to go to the disk, as its turn has come. Return:
 * false: none, yet. No locks held. */
bool engine_rest_fill(struct spool_engine *engine, struct spool_node *node,
		      enum spool_fill *ret_which);

/** engine_rest_begin() - all that were to go have gone: a new rest begins for the others. No locks
 * held. */
void engine_rest_begin(struct spool_engine *engine, struct spool_node *node);

/** engine_rest_ends() - data of @node have come to RAM: is there so little left that write-back
 * must not wait for the end of a rest? Lock: node->file->lock. */
bool engine_rest_ends(struct spool_engine *engine, const struct spool_node *node);
