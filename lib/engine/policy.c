/* SPDX-License-Identifier: MIT */

/*
 * What the layouts and modes= ask for beyond POSIX. Ordinary permissions have been checked before
 * a request comes here; nothing here depends on the caller that the kernel would cache
 * for others, but for three things: the listing of the private root, the target of its self link,
 * and statfs.
 */

#include "engine/policy.h"

#include <errno.h>
#include <sys/stat.h>

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

bool engine_policy_sees(const struct spool_engine *engine, const struct spool_cred *cred,
			const struct spool_node *dir, const struct spool_entry *entry)
{
	if (!engine_is_private_root(engine, dir) || cred->uid == 0)
		return true;
	return entry->node->role != SPOOL_NODE_TOP || entry->node->uid == cred->uid;
}
