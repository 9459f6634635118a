/* SPDX-License-Identifier: MIT */
#include "engine/root.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/attr.h"
#include "engine/entry.h"
#include "engine/inode.h"
#include "ns/names.h"
#include "util/parse.h"

#define SELF_NAME "self"

/* A directory or link in the private root, which is locked. Owned and paid for by @owner. */
static int add_to_root(struct spool_engine *engine, const struct spool_cred *owner,
		       const char *name, const struct engine_make *make, enum spool_node_role role,
		       uint64_t lookups, struct spool_node **ret)
{
	struct spool_node *node;
	struct spool_entry *entry;
	int r;

	r = engine_make_node(engine, owner, engine->root, make, &node);
	if (r < 0)
		return r;
	r = engine_make_entry(engine, engine->root, owner, name, NULL, NULL, &entry, NULL);
	if (r < 0) {
		engine_destroy_node(engine, node);
		return r;
	}
	node->role = (uint8_t)role;
	if (S_ISDIR(node->type)) {
		node->dir->parent = engine->root;
		spool_table_ref(&engine->table, engine->root, 1, 0);
	}
	spool_entry_set_node(entry, node);
	spool_table_add(&engine->table, node, 1 + lookups, lookups);
	spool_dir_insert(engine->root->dir, entry);
	*ret = node;
	return 0;
}

int engine_root_make_top(struct spool_engine *engine, const struct spool_cred *cred,
			 const char *name, struct spool_attr *ret)
{
	const struct engine_make make = {.mode = S_IFDIR | 0700};
	struct spool_cred owner = {.umask = 077};
	struct spool_entry *entry;
	struct spool_node *node;
	int r = 0;

	if (spool_parse_id(name, &owner.uid) < 0)
		return -ENOENT;
	if (cred->uid != owner.uid && cred->uid != 0)
		return -ENOENT;
	/* Whose group it is does not matter at 0700; the caller's own is right for the owner. */
	owner.gid = cred->uid == owner.uid ? cred->gid : owner.uid;
	spool_mutex_lock(&engine->root->lock, SPOOL_RANK_DIR);
	entry = engine_find_entry_locked(engine, engine->root, name);
	if (entry) { /* somebody was faster */
		node = entry->node;
		spool_table_ref(&engine->table, node, 1, 1);
	} else {
		r = add_to_root(engine, &owner, name, &make, SPOOL_NODE_TOP, 1, &node);
	}
	spool_mutex_unlock(&engine->root->lock);
	if (r == 0)
		engine_attr(engine, node, ret);
	return r;
}

int engine_root_make_self(struct spool_engine *engine)
{
	const struct spool_cred root = {0};
	const struct engine_make make = {.mode = S_IFLNK | 0777};
	struct spool_node *node;
	int r;

	spool_mutex_lock(&engine->root->lock, SPOOL_RANK_DIR);
	r = add_to_root(engine, &root, SELF_NAME, &make, SPOOL_NODE_SELF, 0, &node);
	spool_mutex_unlock(&engine->root->lock);
	return r;
}
