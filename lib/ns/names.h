/* SPDX-License-Identifier: MIT */
#pragma once

/* The names of an inode: which entries mean it. */

struct spool_entry;
struct spool_node;

/** spool_entry_set_node() - @entry is a name of @node from now on: on its list, and on none other.
 * Locks: those of both nodes; one that nobody sees yet needs none. */
void spool_entry_set_node(struct spool_entry *entry, struct spool_node *node);

/** spool_entry_take_off() - @entry is a name of its node no more; @entry->node still says of which
 * it was. Lock: node's. */
void spool_entry_take_off(struct spool_entry *entry);
