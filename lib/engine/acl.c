/* SPDX-License-Identifier: MIT */

/*
 * ACLs in private and single, where they are not kept: nobody whom an ACL could name reaches a file
 * there. Yet programs that copy a file copy its ACL (cp -p sets even modes so), and complain or
 * fail when that is refused. So an ACL is accepted and cut, as modes are: one that says no more
 * than a mode is a chmod; of any other the owner's bits count, and nobody else gets more than he
 * had in the place where the file came from. What new files of a directory would get is dropped.
 *
 * Reading one is EOPNOTSUPP, not ENODATA: all is said by the mode, and ls then asks once, instead
 * of for every file.
 */

#include "engine/acl.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/policy.h"
#include "ns/acl.h"

bool engine_acl_is_cut(const struct spool_engine *engine, const char *name)
{
	return engine->config.layout != SPOOL_LAYOUT_SHARED && spool_acl_is_name(name);
}

/* Before Linux 6.2 the kernel does not ask whose file it is. */
static int check(const struct spool_engine *engine, const struct spool_cred *cred,
		 const struct spool_node *node)
{
	if (engine_is_private_root(engine, node) || node->role == SPOOL_NODE_SELF)
		return -EPERM;
	if (S_ISLNK(node->type))
		return -EOPNOTSUPP;
	return cred->uid == 0 || cred->uid == node->uid ? 0 : -EPERM;
}

int engine_acl_set_locked(struct spool_engine *engine, const struct spool_cred *cred,
			  struct spool_node *node, const char *name, const void *value, size_t size,
			  int flags)
{
	bool access = strcmp(name, SPOOL_ACL_ACCESS) == 0;
	mode_t mode = node->mode & 07777, bits = 0;
	struct timespec now;
	bool plain;
	int r = check(engine, cred, node);

	if (r == 0)
		r = spool_acl_check(value, size);
	if (r == 0 && !access && !S_ISDIR(node->type))
		r = -EACCES; /* as setfacl -d on a file elsewhere */
	if (r < 0)
		return r;
	if (flags & SPOOL_XATTR_KILL_SGID)
		mode &= ~(mode_t)S_ISGID;
	plain = spool_acl_mode(value, size, &mode);
	r = engine_policy_chmod(engine, node, mode, &bits);
	if (r < 0 || node->role == SPOOL_NODE_TOP)
		return r;
	if (access)
		node->mode = node->type | (plain ? bits : bits & ~(mode_t)077);
	engine_now(engine, &now);
	spool_node_set_times_locked(node, "c", &now);
	return 0;
}

int engine_acl_remove(const struct spool_engine *engine, const struct spool_cred *cred,
		      const struct spool_node *node)
{
	return check(engine, cred, node);
}
