/* SPDX-License-Identifier: MIT */
#include "engine/file.h"

#include <errno.h>
#include <sys/stat.h>

#include "engine/inode.h"
#include "engine/load.h"
#include "engine/orphan.h"
#include "store/object.h"
#include "util/host.h"

int engine_get_file(struct spool_engine *engine, uint64_t ino, struct spool_node **ret)
{
	struct spool_node *node = engine_get(engine, ino);

	if (!node)
		return -ESTALE;
	if (!S_ISREG(node->type)) {
		int r = S_ISDIR(node->type) ? -EISDIR : -EINVAL;

		engine_put(engine, node);
		return r;
	}
	if (node->wiped) {
		engine_put(engine, node);
		return -EIO;
	}
	*ret = node;
	return 0;
}

struct spool_file *engine_file_of(struct spool_node *node)
{
	struct spool_file *file;

	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	file = node->file;
	spool_mutex_unlock(&node->lock);
	return file;
}

int engine_make_file(struct spool_engine *engine, struct spool_node *node, struct spool_file **ret)
{
	struct spool_file *file;
	int r = 0;

	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	file = node->file;
	if (file)
		goto out;
	file = spool_alloc(engine->host, sizeof(*file));
	r = file ? spool_object_new(engine->host, engine->pool, engine_disk(engine), &file->object)
		 : -ENOMEM;
	if (r < 0) {
		spool_free(engine->host, file);
		goto out;
	}
	spool_rwlock_init(&file->lock);
	node->file = file;
out:
	spool_mutex_unlock(&node->lock);
	if (r == 0)
		*ret = file;
	return r;
}

int engine_get_made_file(struct spool_engine *engine, uint64_t ino, struct spool_node **ret,
			 struct spool_file **ret_file)
{
	struct spool_node *node;
	int r = engine_get_file(engine, ino, &node);

	if (r < 0)
		return r;
	r = engine_make_file(engine, node, ret_file);
	if (r < 0)
		engine_put(engine, node);
	else
		*ret = node;
	return r;
}

void engine_file_mirror(struct spool_node *node)
{
	node->size = spool_object_size(node->file->object);
	node->blocks = spool_object_blocks(node->file->object);
}

ssize_t engine_no_room(ssize_t r, unsigned int flags)
{
	return r == -EAGAIN && (flags & SPOOL_LAST_TRY) ? -ENOSPC : r;
}

int engine_bring_back(struct spool_engine *engine, struct spool_node *node,
		      const struct spool_wanted *wanted, unsigned int flags)
{
	if (flags & SPOOL_NOWAIT_DISK)
		return SPOOL_WOULD_BLOCK;
	return engine_load(engine, node, wanted);
}

void engine_file_changed(struct spool_engine *engine, struct spool_node *node, unsigned int flags)
{
	struct timespec now;

	engine_now(engine, &now);
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	spool_node_set_times_locked(node, "mc", &now);
	node->flags &= (uint8_t)~SPOOL_NODE_MTIME_SET;
	if (node->size > 0)
		node->flags |= SPOOL_NODE_WRITTEN;
	engine_orphan_add_locked(engine, node); /* the kernel may write pages out rather late */
	if (flags & SPOOL_KILL_SUIDGID)
		spool_node_kill_set_ids_locked(node, flags & SPOOL_OUTSIDER);
	spool_mutex_unlock(&node->lock);
}

void engine_file_accessed(struct spool_engine *engine, struct spool_node *node)
{
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	engine_accessed_locked(engine, node);
	spool_mutex_unlock(&node->lock);
}
