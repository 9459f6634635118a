/* SPDX-License-Identifier: MIT */
#include "ns/names.h"

#include "ns/dir.h"
#include "ns/node.h"

void spool_entry_set_node(struct spool_entry *entry, struct spool_node *node)
{
	if (entry->node)
		LIST_REMOVE(entry, of_node);
	entry->node = node;
	LIST_INSERT_HEAD(&node->names, entry, of_node);
}

void spool_entry_take_off(struct spool_entry *entry)
{
	LIST_REMOVE(entry, of_node);
}
