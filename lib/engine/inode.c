/* SPDX-License-Identifier: MIT */
#include "engine/inode.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/ahead.h"
#include "engine/closed.h"
#include "engine/evict.h"
#include "engine/linger.h"
#include "engine/orphan.h"
#include "engine/policy.h"
#include "engine/session.h"
#include "engine/worklist.h"
#include "ns/acl.h"
#include "ns/xattr.h"
#include "store/object.h"
#include "util/host.h"
#include "util/probe.h"

int engine_charge(struct spool_quota_user *user, uint64_t bytes, uint64_t inodes)
{
	const struct spool_charge charge = {{bytes, bytes, inodes}};

	return spool_quota_charge(user, &charge, SPOOL_CHARGE_NAME);
}

void engine_uncharge(struct spool_quota_user *user, uint64_t bytes, uint64_t inodes)
{
	const struct spool_charge charge = {{bytes, bytes, inodes}};

	spool_quota_uncharge_names(user, &charge);
}

/* Data, xattrs and the account of a node; what is left is memory for spool_node_free(). A
 * caller that finds no room looks for orphans first, and then whether room has come back: so an
 * orphan is counted until its room is back. */
void engine_destroy_node(struct spool_engine *engine, struct spool_node *node) SPOOL_UNCHECKED
{
	struct spool_quota_user *user = node->user;
	bool orphan = node->nlink == 0;

	engine_session_leave_locked(engine, node);
	engine_linger_remove_locked(engine, node);
	if (S_ISDIR(node->type)) {
		engine_session_bind_locked(engine, node, NULL);
		engine_worklist_remove(engine, node);
		engine_worklist_count(engine, node, true);
	}
	if (S_ISREG(node->type) && node->file) {
		engine_closed_remove(engine, node->file);
		engine_orphan_remove(engine, node->file);
		engine_evict_remove(engine, node);
		engine_ahead_forget(engine, node);
		spool_object_free(node->file->object, node->user);
		node->file->object = NULL;
	}
	while (node->xattrs) {
		struct spool_xattr *xattr = node->xattrs;

		node->xattrs = xattr->next;
		spool_free(engine->host, xattr);
	}
	if (user)
		engine_uncharge(user, node->charged, 1);
	node->user = NULL;
	spool_node_free(engine->host, node);
	if (orphan)
		engine_orphan_gone(engine, user, true);
	spool_quota_user_put(user);
}

/* Frees a node that is out of the table. A directory holds a reference on the one above: a loop, as
 * chains may be long. */
static void destroy_upwards(struct spool_engine *engine, struct spool_node *node)
{
	while (node) {
		struct spool_node *above = S_ISDIR(node->type) ? node->dir->parent : NULL;

		spool_probe_file_removed(node->ino);
		engine_destroy_node(engine, node);
		node = above && spool_table_put(&engine->table, above, 1, 0) ? above : NULL;
	}
}

void engine_put_many(struct spool_engine *engine, struct spool_node *node, uint64_t refs)
{
	if (spool_table_put(&engine->table, node, refs, 0))
		destroy_upwards(engine, node);
}

void engine_put(struct spool_engine *engine, struct spool_node *node)
{
	if (node)
		engine_put_many(engine, node, 1);
}

static uint64_t metadata_bytes(const struct engine_make *make)
{
	uint64_t bytes = spool_node_bytes(make->mode);

	if (make->target)
		bytes += strlen(make->target) + 1;
	return bytes;
}

/* Default ACLs of the directory, or the umask where it has none. */
static int inherit_acl(struct spool_engine *engine, const struct spool_cred *cred,
		       struct spool_node *parent, struct spool_node *node)
{
	mode_t mode = node->mode;
	int r;

	if (!engine->config.acl || !parent)
		return 0;
	r = spool_acl_inherit(engine->host, parent->xattrs, &mode, &node->xattrs);
	if (r < 0)
		return r;
	if (r == 0) {
		if (!S_ISLNK(mode))
			node->mode &= ~(cred->umask & (mode_t)0777);
		return 0;
	}
	node->mode = mode;
	for (struct spool_xattr *xattr = node->xattrs; xattr; xattr = xattr->next) {
		uint64_t bytes = spool_xattr_bytes(xattr->name_len, xattr->size);

		r = engine_charge(node->user, bytes, 0);
		if (r < 0)
			return r;
		node->charged += bytes;
	}
	return 0;
}

/* Nobody else sees the node yet, so its lock is not held. */
static int fill_node(struct spool_engine *engine, const struct spool_cred *cred,
		     struct spool_node *parent, const struct engine_make *make,
		     struct spool_node *node) SPOOL_UNCHECKED
{
	struct timespec now;
	int r;

	node->uid = cred->uid;
	node->gid = cred->gid;
	node->tree = parent && !engine_is_private_root(engine, parent) ? parent->tree : cred->uid;
	if (parent) {
		node->lifetime = parent->lifetime;
		node->asked = parent->asked;
	}
	if (parent && (parent->mode & S_ISGID)) {
		node->gid = parent->gid;
		if (S_ISDIR(node->type))
			node->mode |= S_ISGID;
	}
	if (make->tmpfile) {
		node->flags |= SPOOL_NODE_TMPFILE;
		engine_orphan_count(engine, node->user, 1);
	} else {
		node->nlink = S_ISDIR(make->mode) ? 2 : 1;
	}
	if (S_ISCHR(make->mode) || S_ISBLK(make->mode))
		node->rdev = make->rdev;
	r = inherit_acl(engine, cred, parent, node);
	if (r < 0)
		return r;
	if (make->target) {
		size_t len = strlen(make->target);

		node->target = spool_alloc(engine->host, len + 1);
		if (!node->target)
			return -ENOMEM;
		memcpy(node->target, make->target, len + 1);
		node->size = len;
	}
	engine_now(engine, &now);
	spool_node_set_times_locked(node, "amc", &now);
	node->btime_sec = now.tv_sec;
	node->btime_ns = (uint32_t)now.tv_nsec;
	return 0;
}

int engine_make_node(struct spool_engine *engine, const struct spool_cred *cred,
		     struct spool_node *parent, const struct engine_make *make,
		     struct spool_node **ret)
{
	mode_t mode = engine_policy_create_mode(engine, cred, parent, make->mode);
	struct spool_node *node = spool_node_new(engine->host, mode);
	uint64_t bytes = metadata_bytes(make);
	struct spool_quota_user *user;
	int r;

	if (!node)
		return -ENOMEM;
	r = engine_policy_payer(engine, cred, parent, &user);
	if (r < 0)
		goto free_node;
	r = engine_charge(user, bytes, 1);
	if (r < 0) {
		spool_quota_user_put(user);
		goto free_node;
	}
	node->user = user;
	node->charged = bytes;
	r = fill_node(engine, cred, parent, make, node);
	if (r < 0) {
		engine_destroy_node(engine, node);
		return r;
	}
	node->ino = atomic_fetch_add_explicit(&engine->next_ino, 1, memory_order_relaxed);
	*ret = node;
	return 0;
free_node:
	spool_node_free(engine->host, node);
	return r;
}

int engine_get_dir(struct spool_engine *engine, uint64_t ino, struct spool_node **ret)
{
	struct spool_node *node = engine_get(engine, ino);

	if (!node)
		return -ESTALE;
	if (!S_ISDIR(node->type)) {
		engine_put(engine, node);
		return -ENOTDIR;
	}
	*ret = node;
	return 0;
}

void spool_engine_forget(struct spool_engine *engine, uint64_t ino, uint64_t count)
{
	uint64_t keep = ino == SPOOL_INO_ROOT; /* the root's first is never given back */
	uint64_t excess;

	destroy_upwards(engine, spool_table_forget(&engine->table, ino, count, keep, &excess));
	if (excess > 0)
		spool_log(engine->log, SPOOL_LOG_DEBUG,
			  "forget of %llu on inode %llu: %llu too many", (unsigned long long)count,
			  (unsigned long long)ino, (unsigned long long)excess);
}

/* Reading moves atime as with relatime, mount(8): when it is not newer than the last change, or a
 * day old. Reads that the page cache answers are not seen here at all. */
#define ATIME_MAX_AGE_S 86400

static bool not_after(int64_t a_sec, uint32_t a_ns, int64_t b_sec, uint32_t b_ns)
{
	return a_sec != b_sec ? a_sec < b_sec : a_ns <= b_ns;
}

void engine_accessed_locked(const struct spool_engine *engine, struct spool_node *node)
{
	struct timespec now;

	engine_now(engine, &now);
	if (not_after(node->atime_sec, node->atime_ns, node->mtime_sec, node->mtime_ns) ||
	    not_after(node->atime_sec, node->atime_ns, node->ctime_sec, node->ctime_ns) ||
	    now.tv_sec - node->atime_sec >= ATIME_MAX_AGE_S)
		spool_node_set_times_locked(node, "a", &now);
}
