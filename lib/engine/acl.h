/* SPDX-License-Identifier: MIT */
#pragma once

/* ACLs where they are not kept; see acl.c. */

#include "engine/engine_internal.h"

/** engine_acl_is_cut() - is @name an ACL, and of a layout that keeps none? */
bool engine_acl_is_cut(const struct spool_engine *engine, const char *name);

/** engine_acl_set_locked() - takes from the ACL @name of @size bytes at @value what is a mode.
 * @flags: SPOOL_XATTR_KILL_SGID. Lock: node->lock. Return: 0; -EINVAL, -EOPNOTSUPP; -EACCES a
 * default ACL of what is no directory; -EPERM it is not @cred's, or gives more than modes=refuse
 * allows. */
int engine_acl_set_locked(struct spool_engine *engine, const struct spool_cred *cred,
			  struct spool_node *node, const char *name, const void *value, size_t size,
			  int flags) SPOOL_REQUIRES(node->lock);

/** engine_acl_remove() - does nothing, as there is no ACL. Lock: node->lock. Return: 0;
 * -EOPNOTSUPP; -EPERM. */
int engine_acl_remove(const struct spool_engine *engine, const struct spool_cred *cred,
		      const struct spool_node *node);
