/* SPDX-License-Identifier: MIT */
#include "engine/engine_internal.h"

#include <string.h>
#include <sys/stat.h>

#include "engine/ended.h"
#include "engine/entry.h"
#include "engine/inode.h"
#include "engine/linger.h"
#include "engine/session.h"
#include "engine/tree.h"
#include "engine/wipe.h"

/*
 * What goes by itself is removed here, name by name. Nothing is searched for: an inode that is to
 * go is the first of a list, and it knows its entries. Nothing is allocated, so nothing can fail.
 *
 * Locks: which directory a name is in is read with the inode's lock alone. Then the directory is
 * locked, and the inode after it, and all is looked at again: the name may have moved, or been
 * removed, or the inode may stay. The inode is locked only after the entry was found in the
 * directory, as otherwise it might by now be above it.
 */

/* Looks for more names than it is to return, as some turn out to stay. */
#define LOOKS_PER_NAME 4u
#define NS_PER_MS 1000000u

/* Is @node to go, for either reason? */
static bool goes_locked(struct spool_engine *engine, struct spool_node *node)
	SPOOL_REQUIRES(node->lock)
{
	return engine_goes_locked(node) ||
	       (node->nlink > 0 && engine_linger_left_locked(engine, node) == 0);
}

/* The directory of a name of @node that is to go, with a reference, and where it is in there. */
static struct spool_node *find_name(struct spool_engine *engine, struct spool_node *node,
				    uint64_t *ret_cookie)
{
	struct spool_node *dir = NULL;

	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	if (goes_locked(engine, node)) {
		const struct spool_entry *entry = LIST_FIRST(&node->names);

		dir = entry->dir;
		*ret_cookie = entry->cookie;
		spool_table_ref(&engine->table, dir, 1, 0);
	}
	spool_mutex_unlock(&node->lock);
	return dir;
}

/* Removes @entry, a name of @node in @dir, which is locked. Return: was it removed, and who
 * waits for it to be told. */
static bool remove_locked(struct spool_engine *engine, struct spool_node *dir,
			  struct spool_node *node, struct spool_entry *entry,
			  struct spool_untold *ret) SPOOL_REQUIRES(dir->lock)
{
	struct timespec now;
	bool removed = false;

	engine_now(engine, &now);
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	if (goes_locked(engine, node)) {
		removed = !S_ISDIR(node->type) || node->dir->n_entries == 0;
		if (removed) {
			ret->session = engine_session_untold_locked(engine, node);
			engine_wipe_untold_locked(engine, node, ret);
			engine_remove_entry_locked(engine, dir, node, entry, &now);
			node->flags |= SPOOL_NODE_REAPED;
		} else {
			engine_session_wait_locked(engine, node);
		}
	}
	spool_mutex_unlock(&node->lock);
	return removed;
}

static void note(const struct spool_entry *entry, struct spool_removed *ret)
{
	ret->parent = entry->dir->ino;
	ret->ino = entry->node->ino;
	ret->len = entry->len;
	memcpy(ret->name, entry->name, entry->len + 1u);
}

static void count(struct spool_engine *engine, size_t removed, size_t failed)
{
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	engine->life.n_removed += removed;
	engine->life.n_failed += failed;
	spool_mutex_unlock(&engine->life.lock);
}

/* Removes one name of @node, if it is still to go. Return: whether it did, and *@ret. */
static bool remove_name(struct spool_engine *engine, struct spool_node *node,
			struct spool_removed *ret)
{
	uint64_t cookie;
	struct spool_node *dir = find_name(engine, node, &cookie);
	struct spool_entry *entry;
	bool removed = false, found;

	if (!dir)
		return false;
	spool_mutex_lock(&dir->lock, SPOOL_RANK_DIR);
	entry = spool_dir_after(dir->dir, cookie - 1);
	found = entry && entry->cookie == cookie && entry->node == node;
	if (found)
		removed = remove_locked(engine, dir, node, entry, &ret->untold);
	spool_mutex_unlock(&dir->lock);
	if (!found)
		count(engine, 0, 1); /* it stays on its list */
	if (removed) {
		note(entry, ret);
		engine_entry_removed(engine, entry);
	}
	engine_put(engine, dir);
	return removed;
}

/* The same by inode number: it may have gone meanwhile. */
static bool remove_one(struct spool_engine *engine, uint64_t ino, struct spool_removed *ret)
{
	struct spool_node *node = engine_get(engine, ino);
	bool removed = node && remove_name(engine, node, ret);

	engine_put(engine, node);
	return removed;
}

/* The next inode that is to go: of what lingers and of what has ended in turns. Return: 0: none,
 * but one lingers for *@ret_ns yet. */
static uint64_t next(struct spool_engine *engine, bool lingering_first, uint64_t *ret_ns)
{
	uint64_t ino = lingering_first ? engine_linger_next(engine, ret_ns) : 0;

	if (ino == 0)
		ino = engine_ended_next(engine);
	if (ino == 0 && !lingering_first)
		ino = engine_linger_next(engine, ret_ns);
	return ino;
}

int spool_engine_reap(struct spool_engine *engine, struct spool_removed *ret, size_t n,
		      size_t *ret_n, uint64_t *ret_ms)
{
	size_t looks = n * LOOKS_PER_NAME, done = 0, names = 0, open;
	uint64_t ino, ns = SPOOL_FOREVER;
	bool more;

	for (more = true; more && done < n && looks > 0; looks--) {
		more = engine_wipe_step(engine, &ret[done], n - done, &open);
		more |= engine_tree_step(engine);
		done += open;
		ino = done < n ? next(engine, looks & 1, &ns) : 0;
		if (ino == 0)
			continue;
		more = true;
		if (remove_one(engine, ino, &ret[done])) {
			done++;
			names++;
		}
	}
	count(engine, names, 0);
	*ret_n = done;
	if (more)
		return SPOOL_REAP_MORE;
	if (ns == SPOOL_FOREVER)
		return SPOOL_REAP_NOTHING;
	*ret_ms = (ns + NS_PER_MS - 1) / NS_PER_MS;
	return SPOOL_REAP_LATER;
}

void spool_engine_told(struct spool_engine *engine, const struct spool_untold *untold)
{
	engine_session_told(engine, untold->session);
	engine_wipe_told(engine, untold);
}
