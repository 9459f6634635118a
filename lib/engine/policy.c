/* SPDX-License-Identifier: MIT */

/*
 * What the layouts and modes= ask for beyond POSIX. The kernel has checked ordinary permissions
 * before a request comes here; nothing here depends on the caller that the kernel would cache
 * for others, but for three things: the listing of the private root, the target of its self link,
 * and statfs.
 */

#include "engine/engine_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/inode.h"
#include "util/parse.h"

#define SELF_NAME "self"

bool engine_is_private_root(const struct spool_engine *engine, const struct spool_node *node)
{
	return engine->config.layout == SPOOL_LAYOUT_PRIVATE && node == engine->root;
}

/* Whether @cred is root and makes something in the tree of another. */
static bool in_anothers_tree(const struct spool_engine *engine, const struct spool_cred *cred,
			     const struct spool_node *parent)
{
	return cred->uid == 0 && parent && !engine_is_private_root(engine, parent) &&
	       parent->tree != 0;
}

mode_t engine_policy_create_mode(const struct spool_engine *engine, const struct spool_cred *cred,
				 const struct spool_node *parent, mode_t mode)
{
	bool keep = engine->config.modes == SPOOL_MODES_KEEP;

	if (S_ISLNK(mode))
		return S_IFLNK | 0777;
	/* the bits of root alone would shut the owner of the tree out of what root makes for him */
	if (engine->config.modes == SPOOL_MODES_OWNER)
		keep = in_anothers_tree(engine, cred, parent);
	if (keep) /* with ACLs the umask waits for them */
		return engine->config.acl ? mode : mode & ~(cred->umask & 0777);
	return mode & (S_IFMT | 0700);
}

int engine_policy_chmod(const struct spool_engine *engine, const struct spool_node *node,
			mode_t mode, mode_t *ret)
{
	/* the 0700 that isolates all that lies below it, whatever modes are there */
	bool isolates = engine->config.layout == SPOOL_LAYOUT_SINGLE && node == engine->root;

	mode &= 07777;
	if (engine->config.modes == SPOOL_MODES_REFUSE && (mode & ~0700u))
		return -EPERM;
	*ret = isolates || engine->config.modes == SPOOL_MODES_STRICT ? mode & 0700 : mode;
	return 0;
}

int engine_policy_chown(const struct spool_engine *engine, const struct spool_cred *cred,
			const struct spool_node *node, uid_t uid, gid_t gid)
{
	if (engine->config.layout == SPOOL_LAYOUT_SHARED)
		return 0; /* the kernel has checked all there is */
	if (uid == node->uid && gid == node->gid)
		return 0;
	if (node->role == SPOOL_NODE_SELF)
		return -EPERM;
	if (uid == node->uid)
		return 0; /* to one of the owner's groups: the kernel has checked that */
	if (node->role == SPOOL_NODE_TOP)
		return -EPERM;
	/* root: in root's own tree to anybody, in a user's tree back to that user */
	return cred->uid == 0 && (node->tree == 0 || uid == node->tree) ? 0 : -EPERM;
}

int engine_policy_payer(struct spool_engine *engine, const struct spool_cred *cred,
			const struct spool_node *parent, struct spool_quota_user **ret)
{
	if (parent && engine->config.layout != SPOOL_LAYOUT_SHARED &&
	    !engine_is_private_root(engine, parent)) {
		*ret = spool_quota_user_ref(parent->user);
		return 0;
	}
	return spool_quota_user_get(engine->quota, engine_payer(engine, cred->uid), ret);
}

uid_t spool_engine_payer(struct spool_engine *engine, const struct spool_cred *cred, uint64_t ino)
{
	bool nobody = cred->uid == SPOOL_UID_UNKNOWN || (cred->uid == 0 && cred->pid == 0);
	struct spool_node *node;
	uid_t payer = 0;

	if (cred->uid != 0 && !nobody)
		return engine_payer(engine, cred->uid);
	if (!nobody && engine->config.layout == SPOOL_LAYOUT_SHARED)
		return 0;
	node = engine_get(engine, ino);
	if (!node)
		return 0;
	if (!engine_is_private_root(engine, node)) {
		spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
		payer = spool_quota_user_uid(node->user);
		spool_mutex_unlock(&node->lock);
	}
	engine_put(engine, node);
	return payer;
}

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
	entry->node = node;
	spool_table_add(&engine->table, node, 1 + lookups, lookups);
	spool_dir_insert(engine->root->dir, entry);
	*ret = node;
	return 0;
}

int engine_policy_make_top(struct spool_engine *engine, const struct spool_cred *cred,
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
	entry = spool_dir_find(engine->root->dir, &engine->hash, name, strlen(name));
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

int engine_policy_make_self(struct spool_engine *engine)
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

bool engine_policy_sees(const struct spool_engine *engine, const struct spool_cred *cred,
			const struct spool_node *dir, const struct spool_entry *entry)
{
	if (!engine_is_private_root(engine, dir) || cred->uid == 0)
		return true;
	return entry->node->role != SPOOL_NODE_TOP || entry->node->uid == cred->uid;
}
