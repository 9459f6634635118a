/* SPDX-License-Identifier: MIT */
#include "engine/engine_internal.h"

#include <errno.h>
#include <fcntl.h>

#include "engine/data.h"
#include "engine/evict.h"
#include "engine/file.h"
#include "engine/inode.h"
#include "engine/size.h"
#include "store/object.h"
#include "util/host.h"
#include "util/macros.h"

/* How it is locked depends on what is done, which the check of locks cannot follow. */
static void lock_file(struct spool_file *file, bool writes, enum spool_rank rank) SPOOL_UNCHECKED
{
	if (writes)
		spool_rwlock_wrlock(&file->lock, rank);
	else
		spool_rwlock_rdlock(&file->lock, rank);
}

/* Copies with both files' locks held, the lower inode number's first. */
static ssize_t copy_locked(struct spool_engine *engine, struct spool_node *src, uint64_t src_off,
			   struct spool_node *dst, uint64_t dst_off, size_t len) SPOOL_UNCHECKED
{
	struct spool_node *first = src->ino < dst->ino ? src : dst;
	struct spool_node *second = src->ino < dst->ino ? dst : src;
	ssize_t r;

	lock_file(first->file, first == dst, SPOOL_RANK_OBJECT);
	if (first != second)
		lock_file(second->file, second == dst, SPOOL_RANK_OBJECT2);
	engine_evict_begin(engine);
	r = src->wiped || dst->wiped
		    ? -EIO
		    : spool_object_copy(src->file->object, src_off, dst->file->object, dst->user,
					dst_off, len);
	engine_file_mirror(dst);
	engine_evict_end(engine, dst);
	if (first != second)
		spool_rwlock_unlock(&second->file->lock);
	spool_rwlock_unlock(&first->file->lock);
	return r;
}

/* The next stretch of a copy: data through @bounce, or a hole. Return: its length; 0 at the end. */
static ssize_t copy_stretch(struct spool_engine *engine, struct spool_node *src, uint64_t src_off,
			    struct spool_node *dst, uint64_t dst_off, size_t len, char *bounce,
			    unsigned int flags)
{
	struct spool_file *from = src->file, *to = dst->file;
	uint64_t size, stop;
	bool data;
	ssize_t r;

	spool_rwlock_rdlock(&from->lock, SPOOL_RANK_OBJECT);
	size = spool_object_size(from->object);
	stop = src_off + spool_min_u64(len, size > src_off ? size - src_off : 0);
	stop = spool_object_stretch(from->object, src_off, stop, &data);
	spool_rwlock_unlock(&from->lock);
	if (stop <= src_off)
		return 0;
	if (!data) {
		r = engine_fallocate(engine, dst, to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				     dst_off, stop - src_off, flags);
		if (r == 0 && dst_off + (stop - src_off) > dst->size)
			r = engine_truncate(engine, dst, dst_off + (stop - src_off), flags);
		return r < 0 ? r : (ssize_t)(stop - src_off);
	}
	r = engine_read_file(engine, src, bounce, spool_min_u64(stop - src_off, SPOOL_BLOCK_SIZE),
			     src_off, flags);
	return r > 0 ? engine_write_file(engine, dst, to, bounce, (size_t)r, dst_off, flags) : r;
}

/* A copy of which a part is on the disk: piece by piece, with no lock held in between. */
static ssize_t copy_by_disk(struct spool_engine *engine, struct spool_node *src, uint64_t src_off,
			    struct spool_node *dst, uint64_t dst_off, size_t len,
			    unsigned int flags)
{
	char *bounce = spool_alloc(engine->host, SPOOL_BLOCK_SIZE);
	size_t done = 0;
	ssize_t r = bounce ? 1 : -ENOMEM;

	len = spool_min_u64(len, SPOOL_OBJECT_MAX - dst_off);
	/* of the source as it is now: a copy to its own end does not copy what it has copied */
	len = spool_min_u64(len, src->size > src_off ? src->size - src_off : 0);
	while (r > 0 && done < len) {
		r = copy_stretch(engine, src, src_off + done, dst, dst_off + done, len - done,
				 bounce, flags);
		if (r > 0)
			done += (size_t)r;
	}
	spool_free(engine->host, bounce);
	return done > 0 ? (ssize_t)done : r;
}

ssize_t spool_engine_copy_range(struct spool_engine *engine, uint64_t src, uint64_t src_off,
				uint64_t dst, uint64_t dst_off, size_t len, unsigned int flags)
{
	struct spool_node *from, *to;
	struct spool_file *file;
	ssize_t r;

	r = engine_get_file(engine, src, &from);
	if (r < 0)
		return r;
	r = engine_get_file(engine, dst, &to);
	if (r < 0)
		goto put_from;
	if (!engine_file_of(from))
		goto out; /* empty: nothing to copy */
	r = engine_make_file(engine, to, &file);
	if (r < 0)
		goto out;
	r = copy_locked(engine, from, src_off, to, dst_off, len);
	if (r == SPOOL_WOULD_BLOCK && !(flags & SPOOL_NOWAIT_DISK))
		r = copy_by_disk(engine, from, src_off, to, dst_off, len, flags);
	r = engine_no_room(r, flags);
	if (r > 0) {
		engine_file_changed(engine, to, flags);
		engine_file_accessed(engine, from);
	}
out:
	engine_put(engine, to);
put_from:
	engine_put(engine, from);
	return r;
}
