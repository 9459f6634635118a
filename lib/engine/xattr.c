/* SPDX-License-Identifier: MIT */
#include "engine/engine_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <linux/limits.h>
#include <linux/xattr.h>

#include "engine/acl.h"
#include "engine/inode.h"
#include "engine/lifetime.h"
#include "ns/acl.h"
#include "ns/xattr.h"
#include "util/host.h"

#define USER_PREFIX "user."
#define TRUSTED_PREFIX "trusted."  /* the kernel asks for CAP_SYS_ADMIN, but not for the names */
#define OWN_PREFIX "user.spoolfs." /* what this filesystem says of itself */

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Namespaces that the kernel guards, and of which all is kept in shared: an overlay's upper layer
 * needs them. */
static bool is_guarded(const struct spool_engine *engine, const char *name)
{
	return engine->config.layout == SPOOL_LAYOUT_SHARED &&
	       (starts_with(name, TRUSTED_PREFIX) || strcmp(name, XATTR_NAME_CAPS) == 0);
}

/* Is @name one that can be stored on @node? Return: 0; -EOPNOTSUPP; -ERANGE; -EINVAL; -EPERM. */
static int check_name(const struct spool_engine *engine, const struct spool_node *node,
		      const char *name)
{
	size_t len = strnlen(name, XATTR_NAME_MAX + 1);

	if (len > XATTR_NAME_MAX)
		return -ERANGE;
	if (engine_is_private_root(engine, node))
		return -EPERM;
	if (spool_acl_is_name(name) && (engine->config.acl || engine_acl_is_cut(engine, name)))
		return 0;
	if (is_guarded(engine, name))
		return strcmp(name, TRUSTED_PREFIX) == 0 ? -EINVAL : 0;
	if (!starts_with(name, USER_PREFIX) || starts_with(name, OWN_PREFIX))
		return -EOPNOTSUPP;
	if (len == strlen(USER_PREFIX))
		return -EINVAL;
	return S_ISREG(node->type) || S_ISDIR(node->type) ? 0 : -EPERM;
}

static void touch_locked(struct spool_engine *engine, struct spool_node *node)
	SPOOL_REQUIRES(node->lock)
{
	struct timespec now;

	engine_now(engine, &now);
	spool_node_set_times_locked(node, "c", &now);
}

/* Puts @fresh (charged by the difference) in the place of @at's attribute, or takes that out. */
static int replace_locked(struct spool_engine *engine, struct spool_node *node,
			  struct spool_xattr **at, struct spool_xattr *fresh)
	SPOOL_REQUIRES(node->lock)
{
	struct spool_xattr *old = *at;
	uint64_t more = fresh ? spool_xattr_bytes(fresh->name_len, fresh->size) : 0;
	uint64_t less = old ? spool_xattr_bytes(old->name_len, old->size) : 0;
	int r = 0;

	if (more > less)
		r = engine_charge(node->user, more - less, 0);
	if (r < 0)
		return r;
	if (less > more)
		engine_uncharge(node->user, less - more, 0);
	node->charged += more - less;
	if (fresh)
		fresh->next = old ? old->next : NULL;
	*at = fresh ? fresh : old->next;
	spool_free(engine->host, old);
	touch_locked(engine, node);
	return 0;
}

static int set_locked(struct spool_engine *engine, struct spool_node *node, const char *name,
		      const void *value, size_t size, int flags) SPOOL_REQUIRES(node->lock)
{
	struct spool_xattr **at = spool_xattr_find(&node->xattrs, name), *fresh;
	int r;

	if (*at && (flags & XATTR_CREATE))
		return -EEXIST;
	if (!*at && (flags & XATTR_REPLACE))
		return -ENODATA;
	if (!*at &&
	    spool_xattr_names(node->xattrs, NULL, NULL) + strlen(name) + 1 > SPOOL_XATTR_LIST_MAX)
		return -ENOSPC;
	fresh = spool_xattr_new(engine->host, name, value, size);
	if (!fresh)
		return -ENOMEM;
	r = replace_locked(engine, node, at, fresh);
	if (r < 0)
		spool_free(engine->host, fresh);
	return r;
}

/* An ACL changes the mode with it; one that says no more than a mode is not kept. */
static int set_acl_locked(struct spool_engine *engine, struct spool_node *node, const char *name,
			  const void *value, size_t size, int flags) SPOOL_REQUIRES(node->lock)
{
	struct spool_xattr **at = spool_xattr_find(&node->xattrs, name);
	bool access = strcmp(name, SPOOL_ACL_ACCESS) == 0;
	mode_t mode = node->mode & ~(flags & SPOOL_XATTR_KILL_SGID ? (mode_t)S_ISGID : 0);
	bool plain;
	int r = spool_acl_check(value, size);

	if (r < 0)
		return r;
	if (!access && !S_ISDIR(node->type))
		return -EACCES; /* as setfacl -d on a file elsewhere */
	if (S_ISLNK(node->type))
		return -EOPNOTSUPP;
	plain = spool_acl_mode(value, size, &mode);
	if (access ? plain : size <= sizeof(uint32_t))
		r = *at ? replace_locked(engine, node, at, NULL) : 0;
	else
		r = set_locked(engine, node, name, value, size, 0);
	if (r == 0 && access)
		node->mode = mode;
	if (r == 0)
		touch_locked(engine, node); /* also when only the mode has changed */
	return r;
}

/* The only one of our own: the kernel has asked for the right to write, not who owns it. */
static int set_lifetime(struct spool_engine *engine, const struct spool_cred *cred, uint64_t ino,
			const char *value, size_t size, int flags)
{
	if (flags & XATTR_CREATE)
		return -EEXIST; /* every inode has one */
	if (cred->uid == SPOOL_UID_UNKNOWN)
		return -EPERM; /* the kernel does not say who it is */
	for (int i = SPOOL_LIFETIME_SESSION; i <= SPOOL_LIFETIME_MOUNT; i++) {
		const char *name = engine_lifetime_name((enum spool_lifetime)i);

		if (size == strlen(name) && memcmp(value, name, size) == 0)
			return spool_engine_set_lifetime(engine, cred->uid, ino,
							 (enum spool_lifetime)i, false);
	}
	return -EINVAL;
}

int spool_engine_setxattr(struct spool_engine *engine, const struct spool_cred *cred, uint64_t ino,
			  const char *name, const void *value, size_t size, int flags)
{
	struct spool_node *node;
	int r;

	if (strcmp(name, SPOOL_XATTR_LIFETIME) == 0)
		return set_lifetime(engine, cred, ino, value, size, flags);
	node = engine_get(engine, ino);
	if (!node)
		return -ESTALE;
	r = check_name(engine, node, name);
	if (r == 0 && size > SPOOL_XATTR_SIZE_MAX)
		r = -E2BIG;
	if (r == 0) {
		spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
		if (engine_acl_is_cut(engine, name))
			r = engine_acl_set_locked(engine, cred, node, name, value, size, flags);
		else if (spool_acl_is_name(name))
			r = set_acl_locked(engine, node, name, value, size, flags);
		else
			r = set_locked(engine, node, name, value, size, flags);
		spool_mutex_unlock(&node->lock);
	}
	engine_put(engine, node);
	return r;
}

static ssize_t copy_out(const void *value, size_t len, void *buf, size_t size)
{
	if (size == 0)
		return (ssize_t)len;
	if (len > size)
		return -ERANGE;
	memcpy(buf, value, len);
	return (ssize_t)len;
}

ssize_t spool_engine_getxattr(struct spool_engine *engine, uint64_t ino, const char *name,
			      void *buf, size_t size)
{
	struct spool_node *node = engine_get(engine, ino);
	struct spool_xattr *xattr;
	ssize_t r;

	if (!node)
		return -ESTALE;
	if (strcmp(name, SPOOL_XATTR_LIFETIME) == 0) {
		const char *lifetime = engine_lifetime_name(engine_lifetime_of(node));

		r = copy_out(lifetime, strlen(lifetime), buf, size);
		goto out;
	}
	if (!starts_with(name, USER_PREFIX) && !is_guarded(engine, name) &&
	    !(engine->config.acl && spool_acl_is_name(name))) {
		r = -EOPNOTSUPP;
		goto out;
	}
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	xattr = *spool_xattr_find(&node->xattrs, name);
	r = xattr ? copy_out(spool_xattr_value(xattr), xattr->size, buf, size) : -ENODATA;
	spool_mutex_unlock(&node->lock);
out:
	engine_put(engine, node);
	return r;
}

ssize_t spool_engine_listxattr(struct spool_engine *engine, uint64_t ino, char *buf, size_t size,
			       bool *trusted)
{
	struct spool_node *node = engine_get(engine, ino);
	const char *hidden = trusted && *trusted ? NULL : TRUSTED_PREFIX;
	size_t len;
	ssize_t r;

	if (!node)
		return -ESTALE;
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	len = spool_xattr_names(node->xattrs, hidden, NULL);
	if (trusted)
		*trusted = spool_xattr_names(node->xattrs, NULL, NULL) > len;
	r = (ssize_t)len;
	if (size > 0 && len > size)
		r = -ERANGE;
	else if (size > 0)
		spool_xattr_names(node->xattrs, hidden, buf);
	spool_mutex_unlock(&node->lock);
	engine_put(engine, node);
	return r;
}

int spool_engine_removexattr(struct spool_engine *engine, const struct spool_cred *cred,
			     uint64_t ino, const char *name)
{
	struct spool_node *node = engine_get(engine, ino);
	struct spool_xattr **at;
	int r;

	if (!node)
		return -ESTALE;
	r = check_name(engine, node, name);
	if (r == 0) {
		spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
		at = spool_xattr_find(&node->xattrs, name);
		if (engine_acl_is_cut(engine, name))
			r = engine_acl_remove(engine, cred, node);
		else if (*at)
			r = replace_locked(engine, node, at, NULL);
		else if (spool_acl_is_name(name)) /* no ACL is what was asked for */
			touch_locked(engine, node);
		else
			r = -ENODATA;
		spool_mutex_unlock(&node->lock);
	}
	engine_put(engine, node);
	return r;
}
