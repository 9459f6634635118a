/* SPDX-License-Identifier: MIT */
#include "engine/engine_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "engine/ahead.h"
#include "engine/closed.h"
#include "engine/evict.h"
#include "engine/file.h"
#include "engine/inode.h"
#include "engine/linger.h"
#include "engine/orphan.h"
#include "engine/size.h"
#include "store/object.h"

/* Nothing of @node is left to open: its data have gone, or the kernel has asked by a name that went
 * without it. What the kernel has removed is opened by who has it in other ways (O_PATH). */
static bool is_stale_locked(const struct spool_node *node) SPOOL_REQUIRES(node->lock)
{
	if ((node->flags & SPOOL_NODE_DROPPED) || (node->wiped && S_ISREG(node->type)))
		return true;
	return (node->flags & SPOOL_NODE_REAPED) && !S_ISDIR(node->type) && node->nlink == 0 &&
	       node->n_open == 0;
}

int spool_engine_open(struct spool_engine *engine, uint64_t ino, unsigned int flags)
{
	struct spool_node *node = engine_get(engine, ino);
	struct spool_file *file;
	int r = 0;

	if (!node)
		return -ESTALE;
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	if (is_stale_locked(node))
		r = -ESTALE;
	else
		node->n_open++;
	if (r == 0 && (flags & SPOOL_OPEN_WRITE))
		node->flags &= (uint8_t)~SPOOL_NODE_MTIME_SET;
	file = S_ISREG(node->type) ? node->file : NULL;
	if (r == 0)
		engine_linger_remove_locked(engine, node);
	if (r == 0 && file) {
		engine_closed_remove(engine, file);
		engine_orphan_remove(engine, file);
	}
	spool_mutex_unlock(&node->lock);
	if (r < 0) {
		engine_put(engine, node);
		return r;
	}
	/* the reference from engine_get() is the open's from here on */
	atomic_fetch_add_explicit(&engine->open_files, 1, memory_order_relaxed);
	if ((flags & SPOOL_OPEN_TRUNCATE) && S_ISREG(node->type)) {
		r = engine_truncate(engine, node, 0, flags);
		if (r == 0)
			engine_file_changed(engine, node, flags);
		else
			spool_engine_release(engine, ino);
	}
	return r;
}

/* Frees the data of an orphan that nobody has open; from here on it cannot be opened. */
static bool drop_data(struct spool_engine *engine, struct spool_node *node)
{
	struct spool_file *file = NULL;

	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	if (S_ISREG(node->type) && node->nlink == 0 && node->n_open == 0) {
		file = node->file;
		node->flags |= SPOOL_NODE_DROPPED;
	}
	spool_mutex_unlock(&node->lock);
	if (!file)
		return false;
	engine_free_data(engine, node, file);
	engine_orphan_returned(engine);
	return true;
}

size_t spool_engine_drop_orphans(struct spool_engine *engine)
{
	size_t n = 0;
	uint64_t ino;

	while ((ino = engine_orphan_take(engine)) != 0) {
		struct spool_node *node = engine_get(engine, ino);

		if (!node)
			continue; /* the kernel has forgotten it meanwhile */
		n += drop_data(engine, node);
		engine_put(engine, node);
	}
	return n;
}

void spool_engine_release(struct spool_engine *engine, uint64_t ino)
{
	struct spool_node *node = engine_get(engine, ino);
	bool was_open, is_open;

	if (!node)
		return;
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	was_open = node->n_open > 0;
	if (was_open) {
		node->n_open--;
		engine_linger_add_locked(engine, node);
	}
	engine_closed_add_locked(engine, node);
	is_open = node->n_open > 0;
	spool_mutex_unlock(&node->lock);
	if (!is_open)
		engine_ahead_forget(engine, node);
	if (was_open)
		atomic_fetch_sub_explicit(&engine->open_files, 1, memory_order_relaxed);
	else
		spool_log(engine->log, SPOOL_LOG_DEBUG, "release of inode %llu, which is not open",
			  (unsigned long long)ino);
	engine_orphan_note(engine, node);
	engine_put_many(engine, node, was_open ? 2 : 1);
}
