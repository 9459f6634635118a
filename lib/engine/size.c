/* SPDX-License-Identifier: MIT */
#include "engine/size.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "engine/ahead.h"
#include "engine/evict.h"
#include "engine/file.h"
#include "engine/inode.h"
#include "store/object.h"

int engine_truncate(struct spool_engine *engine, struct spool_node *node, uint64_t size,
		    unsigned int flags)
{
	struct spool_file *file;
	int r;

	if (!S_ISREG(node->type))
		return S_ISDIR(node->type) ? -EISDIR : -EINVAL;
	if (size > SPOOL_OBJECT_MAX)
		return -EFBIG;
	if (node->wiped)
		return -EIO;
	file = engine_file_of(node);
	if (!file && size == 0)
		return 0;
	r = file ? 0 : engine_make_file(engine, node, &file);
	if (r < 0)
		return r;
	spool_rwlock_wrlock(&file->lock, SPOOL_RANK_OBJECT);
	engine_evict_begin(engine);
	r = spool_object_truncate(file->object, node->user, size);
	engine_file_mirror(node);
	engine_evict_end(engine, node);
	spool_rwlock_unlock(&file->lock);
	engine_ahead_forget(engine, node);
	return (int)engine_no_room(r, flags);
}

void engine_free_data(struct spool_engine *engine, struct spool_node *node, struct spool_file *file)
{
	struct spool_wanted wanted;

	spool_rwlock_wrlock(&file->lock, SPOOL_RANK_OBJECT);
	/* whole blocks go, so it cannot fail */
	spool_object_fallocate(file->object, node->user, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       0, SPOOL_OBJECT_MAX, &wanted);
	engine_file_mirror(node);
	engine_evict_update(engine, node);
	spool_rwlock_unlock(&file->lock);
	engine_ahead_forget(engine, node);
}

int engine_fallocate(struct spool_engine *engine, struct spool_node *node, struct spool_file *file,
		     int mode, uint64_t off, uint64_t len, unsigned int flags)
{
	struct spool_wanted wanted;
	int r;

	do {
		spool_rwlock_wrlock(&file->lock, SPOOL_RANK_OBJECT);
		engine_evict_begin(engine);
		r = spool_object_fallocate(file->object, node->user, mode, off, len, &wanted);
		engine_file_mirror(node);
		engine_evict_end(engine, node);
		spool_rwlock_unlock(&file->lock);
		if (r == SPOOL_WOULD_BLOCK)
			r = engine_bring_back(engine, node, &wanted, flags) ?: 1;
	} while (r > 0);
	return (int)engine_no_room(r, flags);
}

int spool_engine_fallocate(struct spool_engine *engine, uint64_t ino, int mode, uint64_t off,
			   uint64_t len, unsigned int flags)
{
	struct spool_node *node;
	struct spool_file *file;
	int r;

	r = engine_get_made_file(engine, ino, &node, &file);
	if (r < 0)
		return r;
	r = engine_fallocate(engine, node, file, mode, off, len, flags);
	if (r == 0)
		engine_file_changed(engine, node, flags);
	engine_put(engine, node);
	return r;
}

int64_t spool_engine_seek(struct spool_engine *engine, uint64_t ino, uint64_t off, int whence)
{
	struct spool_node *node;
	struct spool_file *file;
	int64_t r;

	r = engine_get_file(engine, ino, &node);
	if (r < 0)
		return r;
	file = engine_file_of(node);
	r = -ENXIO; /* an empty file has neither data nor a hole */
	if (file) {
		spool_rwlock_rdlock(&file->lock, SPOOL_RANK_OBJECT);
		r = spool_object_seek(file->object, off, whence);
		spool_rwlock_unlock(&file->lock);
	}
	engine_put(engine, node);
	return r;
}
