/* SPDX-License-Identifier: MIT */
#include "engine/engine_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/attr.h"
#include "engine/entry.h"
#include "engine/inode.h"
#include "engine/orphan.h"
#include "engine/root.h"
#include "engine/session.h"
#include "ns/names.h"

int spool_engine_lookup(struct spool_engine *engine, const struct spool_cred *cred, uint64_t parent,
			const char *name, struct spool_attr *ret)
{
	struct spool_node *dir, *node = NULL;
	struct spool_entry *entry;
	int r = engine_check_name(name);

	if (r < 0)
		return r;
	r = engine_get_dir(engine, parent, &dir);
	if (r < 0)
		return r;
	spool_mutex_lock(&dir->lock, SPOOL_RANK_DIR);
	entry = engine_find_entry_locked(engine, dir, name);
	if (entry) {
		node = entry->node;
		spool_table_ref(&engine->table, node, 1, 1);
	} else {
		dir->dir->missed = true;
	}
	spool_mutex_unlock(&dir->lock);
	if (node)
		engine_attr(engine, node, ret);
	else if (engine_is_private_root(engine, dir))
		r = engine_root_make_top(engine, cred, name, ret);
	else
		r = -ENOENT;
	engine_put(engine, dir);
	return r;
}

bool spool_engine_was_looked_into(struct spool_engine *engine, uint64_t ino)
{
	struct spool_node *dir;
	bool yes;

	if (engine_get_dir(engine, ino, &dir) < 0)
		return false;
	spool_mutex_lock(&dir->lock, SPOOL_RANK_DIR);
	yes = dir->dir->n_entries > 0 || dir->dir->missed;
	spool_mutex_unlock(&dir->lock);
	engine_put(engine, dir);
	return yes;
}

int spool_engine_lookup_ino(struct spool_engine *engine, uint64_t ino, struct spool_attr *ret)
{
	struct spool_node *node = engine_get(engine, ino);
	int r = 0;

	if (!node)
		return -ESTALE;
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	if (node->nlink == 0 && node->n_open == 0 && !(node->flags & SPOOL_NODE_TMPFILE))
		r = -ESTALE;
	else
		engine_attr_locked(engine, node, ret);
	spool_mutex_unlock(&node->lock);
	if (r == 0)
		spool_table_ref(&engine->table, node, 1, 1);
	engine_put(engine, node);
	return r;
}

int spool_engine_lookup_parent(struct spool_engine *engine, uint64_t ino, struct spool_attr *ret)
{
	struct spool_node *dir, *parent;
	int r = engine_get_dir(engine, ino, &dir);

	if (r < 0)
		return r;
	spool_mutex_lock(&dir->lock, SPOOL_RANK_DIR);
	parent = dir->dir->parent; /* referenced by @dir */
	spool_table_ref(&engine->table, parent, 1, 1);
	spool_mutex_unlock(&dir->lock);
	engine_attr(engine, parent, ret);
	engine_put(engine, dir);
	return 0;
}

/* Names a new node in @dir (locked), which must not have the name yet. Nobody sees the node before
 * that, so its lock is not held. */
static int publish_named(struct spool_engine *engine, const struct spool_cred *cred,
			 struct spool_node *dir, const char *name, const struct engine_make *make,
			 struct spool_node **ret) SPOOL_REQUIRES(dir->lock) SPOOL_UNCHECKED
{
	struct engine_session *session = NULL;
	struct spool_node *node;
	struct spool_entry *entry;
	struct timespec now;
	int r;

	r = engine_make_node(engine, cred, dir, make, &node);
	if (r < 0)
		return r;
	r = engine_session_choose(engine, cred, dir, node->user, &session);
	if (r == 0)
		r = engine_make_entry(engine, dir, cred, name, NULL, NULL, &entry, NULL);
	if (r < 0) {
		engine_session_put(engine, session);
		engine_destroy_node(engine, node);
		return r;
	}
	spool_entry_set_node(entry, node);
	engine_now(engine, &now);
	if (S_ISDIR(node->type)) {
		node->dir->parent = dir;
		spool_table_ref(&engine->table, dir, 1, 0);
		dir->nlink++;
		engine_session_hand_down_locked(dir, node);
	}
	node->n_open = make->open;
	spool_dir_insert(dir->dir, entry);
	/* A wipe finds it in the table, and who removes what has ended on the list of its session:
	 * both wait until it is whole. */
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	/* held by: the name, the kernel's lookup, the open */
	spool_table_add(&engine->table, node, 2u + make->open, 1);
	engine_session_join_locked(engine, node, session);
	spool_mutex_unlock(&node->lock);
	engine_entries_changed_locked(engine, dir, &now);
	*ret = node;
	return 0;
}

static int publish_tmpfile(struct spool_engine *engine, const struct spool_cred *cred,
			   struct spool_node *dir, const struct engine_make *make,
			   struct spool_node **ret)
{
	int r = engine_make_node(engine, cred, dir, make, ret);

	if (r < 0)
		return r;
	(*ret)->n_open = 1;
	spool_table_add(&engine->table, *ret, 2, 1); /* the kernel's lookup, the open */
	return 0;
}

/* All ways to make an inode; @name is NULL for O_TMPFILE. */
static int make(struct spool_engine *engine, const struct spool_cred *cred, uint64_t parent,
		const char *name, const struct engine_make *make, struct spool_attr *ret)
{
	struct spool_node *dir, *node = NULL;
	int r = name ? engine_check_name(name) : 0;

	if (r < 0)
		return r;
	r = engine_get_dir(engine, parent, &dir);
	if (r < 0)
		return r;
	spool_mutex_lock(&dir->lock, SPOOL_RANK_DIR);
	if (dir->nlink == 0)
		r = -ENOENT;
	else if (name && engine_find_entry_locked(engine, dir, name))
		r = -EEXIST;
	else if (engine_is_private_root(engine, dir))
		r = -EPERM;
	else if (name)
		r = publish_named(engine, cred, dir, name, make, &node);
	else
		r = publish_tmpfile(engine, cred, dir, make, &node);
	if (r == 0 && make->open)
		atomic_fetch_add_explicit(&engine->open_files, 1, memory_order_relaxed);
	/* The node cannot go: the lookup that the caller will owe back holds it. */
	if (r == 0)
		engine_attr(engine, node, ret);
	spool_mutex_unlock(&dir->lock);
	engine_put(engine, dir);
	return r;
}

int spool_engine_create(struct spool_engine *engine, const struct spool_cred *cred, uint64_t parent,
			const char *name, mode_t mode, struct spool_attr *ret)
{
	const struct engine_make what = {.mode = S_IFREG | (mode & 07777), .open = true};

	return make(engine, cred, parent, name, &what, ret);
}

int spool_engine_tmpfile(struct spool_engine *engine, const struct spool_cred *cred,
			 uint64_t parent, mode_t mode, struct spool_attr *ret)
{
	const struct engine_make what = {
		.mode = S_IFREG | (mode & 07777), .open = true, .tmpfile = true};

	return make(engine, cred, parent, NULL, &what, ret);
}

int spool_engine_mknod(struct spool_engine *engine, const struct spool_cred *cred, uint64_t parent,
		       const char *name, mode_t mode, dev_t rdev, struct spool_attr *ret)
{
	struct engine_make what = {.mode = mode & (S_IFMT | 07777), .rdev = rdev};

	switch (mode & S_IFMT) {
	case 0:
		what.mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFCHR:
	case S_IFBLK:
		if (engine->config.layout != SPOOL_LAYOUT_SHARED)
			return -EPERM;
		break;
	default:
		return -EINVAL;
	}
	return make(engine, cred, parent, name, &what, ret);
}

int spool_engine_mkdir(struct spool_engine *engine, const struct spool_cred *cred, uint64_t parent,
		       const char *name, mode_t mode, struct spool_attr *ret)
{
	const struct engine_make what = {.mode = S_IFDIR | (mode & 07777)};

	return make(engine, cred, parent, name, &what, ret);
}

int spool_engine_symlink(struct spool_engine *engine, const struct spool_cred *cred,
			 uint64_t parent, const char *name, const char *target,
			 struct spool_attr *ret)
{
	const struct engine_make what = {.mode = S_IFLNK | 0777, .target = target};
	size_t len = strnlen(target, SPOOL_SYMLINK_MAX + 1);

	if (len == 0)
		return -ENOENT;
	if (len > SPOOL_SYMLINK_MAX)
		return -ENAMETOOLONG;
	return make(engine, cred, parent, name, &what, ret);
}

static int link_locked(struct spool_engine *engine, const struct spool_cred *cred,
		       struct spool_node *dir, struct spool_node *node, const char *name)
	SPOOL_REQUIRES(dir->lock)
{
	struct engine_session *session = NULL;
	struct spool_entry *entry;
	struct timespec now;
	int r = 0;

	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	if ((node->nlink == 0 && !(node->flags & SPOOL_NODE_TMPFILE)) || node->wiped)
		r = -ENOENT;
	else if (node->nlink >= SPOOL_LINK_MAX)
		r = -EMLINK;
	else if (node->nlink == 0) /* the first name of an O_TMPFILE file */
		r = engine_session_choose(engine, cred, dir, node->user, &session);
	if (r == 0)
		r = engine_make_entry(engine, dir, cred, name, node, NULL, &entry, NULL);
	if (r == 0) {
		spool_entry_set_node(entry, node);
		if (node->nlink++ == 0) {
			engine_orphan_gone(engine, node->user, false);
			engine_session_join_locked(engine, node, session);
		}
		node->flags &= (uint8_t)~SPOOL_NODE_TMPFILE;
		engine_now(engine, &now);
		spool_node_set_times_locked(node, "c", &now);
		spool_table_ref(&engine->table, node, 2, 1); /* the name, the kernel's lookup */
		spool_dir_insert(dir->dir, entry);
		engine_entries_changed_locked(engine, dir, &now);
	} else {
		engine_session_put(engine, session);
	}
	spool_mutex_unlock(&node->lock);
	return r;
}

int spool_engine_link(struct spool_engine *engine, const struct spool_cred *cred, uint64_t ino,
		      uint64_t parent, const char *name, struct spool_attr *ret)
{
	struct spool_node *dir, *node;
	int r = engine_check_name(name);

	if (r < 0)
		return r;
	r = engine_get_dir(engine, parent, &dir);
	if (r < 0)
		return r;
	node = engine_get(engine, ino);
	if (!node) {
		r = -ESTALE;
		goto out;
	}
	spool_mutex_lock(&dir->lock, SPOOL_RANK_DIR);
	if (dir->nlink == 0)
		r = -ENOENT;
	else if (engine_is_private_root(engine, dir) || S_ISDIR(node->type) ||
		 node->role == SPOOL_NODE_SELF)
		r = -EPERM;
	else if (engine_find_entry_locked(engine, dir, name))
		r = -EEXIST;
	else if (engine->config.layout == SPOOL_LAYOUT_PRIVATE && node->tree != dir->tree)
		r = -EXDEV; /* another user's tree is another filesystem */
	else
		r = link_locked(engine, cred, dir, node, name);
	spool_mutex_unlock(&dir->lock);
	if (r == 0)
		engine_attr(engine, node, ret);
	engine_put(engine, node);
out:
	engine_put(engine, dir);
	return r;
}

/* What both ways of removing share, with @dir locked. Return: 0 and the entry, out of @dir. */
static int remove_locked(struct spool_engine *engine, struct spool_node *dir, const char *name,
			 bool want_dir, struct spool_entry **ret) SPOOL_REQUIRES(dir->lock)
{
	struct spool_entry *entry = engine_find_entry_locked(engine, dir, name);
	struct spool_node *node;
	struct timespec now;
	int r = 0;

	if (!entry)
		return -ENOENT;
	node = entry->node;
	if (engine_is_private_root(engine, dir))
		return -EPERM;
	if (want_dir != S_ISDIR(node->type))
		return want_dir ? -ENOTDIR : -EISDIR;
	engine_now(engine, &now);
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	if (want_dir && node->dir->n_entries > 0) {
		r = -ENOTEMPTY;
	} else {
		engine_remove_entry_locked(engine, dir, node, entry, &now);
		*ret = entry;
	}
	spool_mutex_unlock(&node->lock);
	return r;
}

static int remove_name(struct spool_engine *engine, uint64_t parent, const char *name,
		       bool want_dir)
{
	struct spool_entry *entry = NULL;
	struct spool_node *dir;
	int r = engine_check_name(name);

	if (r < 0)
		return r;
	r = engine_get_dir(engine, parent, &dir);
	if (r < 0)
		return r;
	spool_mutex_lock(&dir->lock, SPOOL_RANK_DIR);
	r = remove_locked(engine, dir, name, want_dir, &entry);
	spool_mutex_unlock(&dir->lock);
	if (r == 0)
		engine_entry_removed(engine, entry);
	engine_put(engine, dir);
	return r;
}

int spool_engine_unlink(struct spool_engine *engine, const struct spool_cred *cred, uint64_t parent,
			const char *name)
{
	(void)cred;
	return remove_name(engine, parent, name, false);
}

int spool_engine_rmdir(struct spool_engine *engine, const struct spool_cred *cred, uint64_t parent,
		       const char *name)
{
	(void)cred;
	return remove_name(engine, parent, name, true);
}

int spool_engine_readlink(struct spool_engine *engine, const struct spool_cred *cred, uint64_t ino,
			  char *buf)
{
	struct spool_node *node = engine_get(engine, ino);
	int r = 0;

	if (!node)
		return -ESTALE;
	if (!S_ISLNK(node->type)) {
		r = -EINVAL;
	} else if (node->role == SPOOL_NODE_SELF) {
		snprintf(buf, SPOOL_SYMLINK_MAX + 1, "%u", (unsigned int)cred->uid);
	} else {
		memcpy(buf, node->target, node->size + 1);
		spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
		engine_accessed_locked(engine, node);
		spool_mutex_unlock(&node->lock);
	}
	engine_put(engine, node);
	return r;
}
