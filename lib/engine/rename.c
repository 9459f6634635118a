/* SPDX-License-Identifier: MIT */
#include "engine/engine_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/entry.h"
#include "engine/inode.h"
#include "engine/orphan.h"
#include "engine/session.h"
#include "engine/tree.h"
#include "ns/names.h"

/*
 * rename(2). Everything that can fail is done before anything changes. A target that exists keeps
 * its entry, and so its place in the listing: only what the name means changes.
 *
 * Locks: the rename lock when two directories are involved (it keeps all parents still); both
 * directories, the one above first, otherwise the lower inode number; then the nodes that the
 * names mean, the lower inode number first. Of these two neither can lie above the other: that
 * is refused before.
 */

struct rename {
	struct spool_node *from_dir, *to_dir;
	struct spool_entry *from, *to; /* @to: NULL when the new name is not there yet */
	struct spool_entry *fresh;     /* the new entry for that case */
	struct spool_entry *old;       /* afterwards: the entry that was removed, to be freed */
	struct spool_node *white;      /* RENAME_WHITEOUT: what the old name is to mean */
	struct engine_session *white_session;
	uint64_t credit; /* what of its charge @fresh has taken over */
	unsigned int flags;
};

/* Whether @above is @node or one of its parents. The rename lock is held, or both are one. */
static bool is_above(const struct spool_node *above, const struct spool_node *node)
{
	for (;;) {
		if (above == node)
			return true;
		if (node->dir->parent == node)
			return false;
		node = node->dir->parent;
	}
}

/* Which locks a rename takes, and in what order, depends on what it renames: the functions that
 * take, hold and release them are left out of the check. */
static void lock_dirs(struct spool_engine *engine, struct spool_node *a,
		      struct spool_node *b) SPOOL_UNCHECKED
{
	bool b_first;

	if (a == b) {
		spool_mutex_lock(&a->lock, SPOOL_RANK_DIR);
		return;
	}
	spool_mutex_lock(&engine->rename_lock, SPOOL_RANK_RENAME);
	if (is_above(a, b))
		b_first = false;
	else if (is_above(b, a))
		b_first = true;
	else
		b_first = b->ino < a->ino;
	spool_mutex_lock(b_first ? &b->lock : &a->lock, SPOOL_RANK_DIR);
	spool_mutex_lock(b_first ? &a->lock : &b->lock, SPOOL_RANK_DIR2);
}

static void unlock_dirs(struct spool_engine *engine, struct spool_node *a,
			struct spool_node *b) SPOOL_UNCHECKED
{
	spool_mutex_unlock(&a->lock);
	if (a == b)
		return;
	spool_mutex_unlock(&b->lock);
	spool_mutex_unlock(&engine->rename_lock);
}

/* Would @node come to lie below itself when it is put into @dir, the other directory? */
static bool makes_loop(const struct rename *rn, const struct spool_node *node,
		       const struct spool_node *dir)
{
	return rn->from_dir != rn->to_dir && S_ISDIR(node->type) && is_above(node, dir);
}

/* Everything that needs no node's lock. Return: 0; 1 when there is nothing to do; -errno. */
static int check(const struct spool_engine *engine, const struct rename *rn)
{
	const struct spool_node *source, *target;

	if (rn->from_dir->nlink == 0 || rn->to_dir->nlink == 0)
		return -ENOENT;
	if (!rn->from || (!rn->to && (rn->flags & RENAME_EXCHANGE)))
		return -ENOENT;
	if (rn->to && (rn->flags & RENAME_NOREPLACE))
		return -EEXIST;
	if (engine_is_private_root(engine, rn->from_dir) ||
	    engine_is_private_root(engine, rn->to_dir))
		return -EPERM;
	if (engine->config.layout == SPOOL_LAYOUT_PRIVATE && rn->from_dir->tree != rn->to_dir->tree)
		return -EXDEV; /* another user's tree is another filesystem */
	source = rn->from->node;
	if (makes_loop(rn, source, rn->to_dir))
		return -EINVAL;
	if (!rn->to)
		return 0;
	target = rn->to->node;
	if (source == target)
		return 1; /* two names of one file: POSIX keeps both */
	if (rn->flags & RENAME_EXCHANGE)
		return makes_loop(rn, target, rn->from_dir) ? -EINVAL : 0;
	if (S_ISDIR(source->type) && !S_ISDIR(target->type))
		return -ENOTDIR;
	if (!S_ISDIR(source->type) && S_ISDIR(target->type))
		return -EISDIR;
	return makes_loop(rn, target, rn->from_dir) ? -ENOTEMPTY : 0;
}

static void lock_nodes(struct spool_node *a, struct spool_node *b) SPOOL_UNCHECKED
{
	if (b && b->ino < a->ino) {
		spool_mutex_lock(&b->lock, SPOOL_RANK_NODE);
		spool_mutex_lock(&a->lock, SPOOL_RANK_NODE2);
		return;
	}
	spool_mutex_lock(&a->lock, SPOOL_RANK_NODE);
	if (b)
		spool_mutex_lock(&b->lock, SPOOL_RANK_NODE2);
}

/* A directory holds a reference on the one above. That of the old one is not the last: the
 * operation itself holds both. */
static void moved(struct spool_engine *engine, struct spool_node *node, struct spool_node *old_dir,
		  struct spool_node *new_dir, const struct timespec *now)
	SPOOL_REQUIRES(node->lock, new_dir->lock)
{
	spool_node_set_times_locked(node, "c", now);
	if (!S_ISDIR(node->type) || old_dir == new_dir)
		return;
	node->dir->parent = new_dir;
	spool_table_ref(&engine->table, new_dir, 1, 0);
	spool_table_put(&engine->table, old_dir, 1, 0);
	old_dir->nlink--;
	new_dir->nlink++;
	engine_tree_moved_locked(engine, new_dir, node);
}

/* The old name goes, or means a whiteout from now on. Its reference on the node has moved on. */
static void leave_place(struct spool_engine *engine, struct rename *rn) SPOOL_UNCHECKED
{
	if (rn->white) {
		spool_table_add(&engine->table, rn->white, 1, 0);
		engine_session_join_locked(engine, rn->white, rn->white_session);
		spool_entry_set_node(rn->from, rn->white);
		return;
	}
	spool_entry_take_off(rn->from);
	spool_dir_remove(rn->from_dir->dir, rn->from);
	rn->old = rn->from;
}

/* The point of no return. Return: the node that has lost its name, to be put; or NULL. */
static struct spool_node *apply(struct spool_engine *engine, struct rename *rn,
				const struct timespec *now) SPOOL_UNCHECKED
{
	struct spool_node *source = rn->from->node;
	struct spool_node *target = rn->to ? rn->to->node : NULL;
	struct spool_node *replaced = NULL;

	moved(engine, source, rn->from_dir, rn->to_dir, now);
	if (rn->flags & RENAME_EXCHANGE) {
		moved(engine, target, rn->to_dir, rn->from_dir, now);
		spool_entry_set_node(rn->from, target);
		spool_entry_set_node(rn->to, source);
	} else {
		if (target) {
			replaced = target;
			engine_unlink_locked(engine, rn->to_dir, target, now);
			spool_entry_set_node(rn->to, source);
		} else {
			spool_entry_set_node(rn->fresh, source);
			spool_dir_insert(rn->to_dir->dir, rn->fresh);
		}
		leave_place(engine, rn);
	}
	engine_entries_changed_locked(engine, rn->from_dir, now);
	engine_entries_changed_locked(engine, rn->to_dir, now);
	return replaced;
}

static void drop_white(struct spool_engine *engine, struct rename *rn)
{
	engine_session_put(engine, rn->white_session);
	if (rn->white)
		engine_destroy_node(engine, rn->white);
}

/* Makes what there must be. Nothing that is made can be missing afterwards but for -ENOTEMPTY. */
static int prepare(struct spool_engine *engine, const struct spool_cred *cred, struct rename *rn,
		   const char *new_name) SPOOL_UNCHECKED
{
	const struct engine_make white = {.mode = S_IFCHR}; /* device 0:0, WHITEOUT_DEV */
	/* what is charged for a name that stays pays for no other */
	const struct spool_entry *old = rn->flags & RENAME_WHITEOUT ? NULL : rn->from;
	int r = 0;

	if (rn->flags & RENAME_WHITEOUT) {
		r = engine_make_node(engine, cred, rn->from_dir, &white, &rn->white);
		if (r < 0)
			return r;
		r = engine_session_choose(engine, cred, rn->from_dir, rn->white->user,
					  &rn->white_session);
	}
	if (r == 0 && !rn->to)
		r = engine_make_entry(engine, rn->to_dir, cred, new_name, NULL, old, &rn->fresh,
				      &rn->credit);
	if (r < 0)
		drop_white(engine, rn);
	return r;
}

static int rename_locked(struct spool_engine *engine, const struct spool_cred *cred,
			 struct rename *rn, const char *new_name, struct spool_node **ret_replaced)
	SPOOL_REQUIRES(rn->from_dir->lock, rn->to_dir->lock) SPOOL_UNCHECKED
{
	struct spool_node *source, *target;
	struct timespec now;
	int r = check(engine, rn);

	if (r != 0)
		return r < 0 ? r : 0;
	r = prepare(engine, cred, rn, new_name);
	if (r < 0)
		return r;
	source = rn->from->node;
	target = rn->to ? rn->to->node : NULL;
	engine_now(engine, &now);
	lock_nodes(source, target);
	if (target && S_ISDIR(target->type) && !(rn->flags & RENAME_EXCHANGE) &&
	    target->dir->n_entries > 0)
		r = -ENOTEMPTY; /* then there is a target, and no new entry */
	else
		*ret_replaced = apply(engine, rn, &now);
	spool_mutex_unlock(&source->lock);
	if (target)
		spool_mutex_unlock(&target->lock);
	if (r < 0)
		drop_white(engine, rn);
	return r;
}

static bool is_known(const struct spool_engine *engine, unsigned int flags)
{
	if (flags & RENAME_WHITEOUT) /* where there are device nodes */
		return engine->config.layout == SPOOL_LAYOUT_SHARED &&
		       (flags & ~RENAME_NOREPLACE) == RENAME_WHITEOUT;
	return flags == 0 || flags == RENAME_NOREPLACE || flags == RENAME_EXCHANGE;
}

int spool_engine_rename(struct spool_engine *engine, const struct spool_cred *cred, uint64_t parent,
			const char *name, uint64_t new_parent, const char *new_name,
			unsigned int flags) SPOOL_UNCHECKED
{
	struct rename rn = {.flags = flags};
	struct spool_node *replaced = NULL;
	int r;

	if (!is_known(engine, flags))
		return -EINVAL;
	r = engine_check_name(name);
	if (r == 0)
		r = engine_check_name(new_name);
	if (r == 0)
		r = engine_get_dir(engine, parent, &rn.from_dir);
	if (r < 0)
		return r;
	r = engine_get_dir(engine, new_parent, &rn.to_dir);
	if (r < 0) {
		engine_put(engine, rn.from_dir);
		return r;
	}
	lock_dirs(engine, rn.from_dir, rn.to_dir);
	rn.from = engine_find_entry_locked(engine, rn.from_dir, name);
	rn.to = engine_find_entry_locked(engine, rn.to_dir, new_name);
	r = rename_locked(engine, cred, &rn, new_name, &replaced);
	unlock_dirs(engine, rn.from_dir, rn.to_dir);
	engine_free_entry(engine, rn.old, rn.credit);
	if (replaced)
		engine_orphan_note(engine, replaced);
	engine_put(engine, replaced);
	engine_put(engine, rn.from_dir);
	engine_put(engine, rn.to_dir);
	return r;
}
