/* SPDX-License-Identifier: MIT */
#pragma once

/* Data that come back from the disk. */

#include "engine/tier_internal.h"

struct spool_wanted;

/** engine_load() - @wanted of @node's file back into RAM. Blocks. Return: 0; -EIO; -ENOMEM;
 * -EAGAIN, -ENOSPC, -EDQUOT. No locks held. */
int engine_load(struct spool_engine *engine, struct spool_node *node,
		const struct spool_wanted *wanted);

/** engine_note_fetch() - to be called when spool_fetch_run() has answered @r for data of @node.
 * Data that came back bad are counted in the tier's numbers and logged: once for each file, and
 * for a few files a minute. No locks held. */
void engine_note_fetch(struct spool_engine *engine, struct spool_node *node, int r);
