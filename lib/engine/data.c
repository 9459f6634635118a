/* SPDX-License-Identifier: MIT */
#include "engine/engine_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "engine/closed.h"
#include "engine/evict.h"
#include "engine/inode.h"
#include "engine/load.h"
#include "engine/orphan.h"
#include "store/object.h"
#include "store/fetch.h"
#include "util/host.h"
#include "util/macros.h"

/* The node of @ino when it has data. Return: 0 and a reference; -ESTALE; -EISDIR; -EINVAL. */
static int get_file(struct spool_engine *engine, uint64_t ino, struct spool_node **ret)
{
	struct spool_node *node = engine_get(engine, ino);

	if (!node)
		return -ESTALE;
	if (!S_ISREG(node->type)) {
		int r = S_ISDIR(node->type) ? -EISDIR : -EINVAL;

		engine_put(engine, node);
		return r;
	}
	*ret = node;
	return 0;
}

/* The data of @node, or NULL as long as nothing was written. They stay as long as the node does. */
static struct spool_file *file_of(struct spool_node *node)
{
	struct spool_file *file;

	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	file = node->file;
	spool_mutex_unlock(&node->lock);
	return file;
}

/* file_of(), made when there is none; the node has been charged for it all along. It stays also
 * when the write that wants it fails then. Return: 0; -ENOMEM. */
static int make_file(struct spool_engine *engine, struct spool_node *node, struct spool_file **ret)
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

/* What stat shows of the data; the file's lock is held for writing. */
static void mirror(struct spool_node *node)
{
	node->size = spool_object_size(node->file->object);
	node->blocks = spool_object_blocks(node->file->object);
}

/* @r is no more than a wait for RAM, and the caller does not want to wait. */
static ssize_t no_room(ssize_t r, unsigned int flags)
{
	return r == -EAGAIN && (flags & SPOOL_LAST_TRY) ? -ENOSPC : r;
}

/* After an operation that came to block @index on the disk: brings it back, if the caller may wait.
 * Return: 0: try again; SPOOL_WOULD_BLOCK; as engine_load(). */
static int bring_back(struct spool_engine *engine, struct spool_node *node, uint64_t index,
		      unsigned int flags)
{
	if (flags & SPOOL_NOWAIT_DISK)
		return SPOOL_WOULD_BLOCK;
	return engine_load(engine, node, index);
}

static void changed(struct spool_engine *engine, struct spool_node *node, bool kill_suidgid,
		    unsigned int flags)
{
	struct timespec now;

	engine_now(engine, &now);
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	spool_node_set_times_locked(node, "mc", &now);
	node->flags &= (uint8_t)~SPOOL_NODE_MTIME_SET;
	engine_orphan_add_locked(engine, node); /* the kernel may write pages out rather late */
	if (kill_suidgid)
		spool_node_kill_set_ids_locked(node, flags & SPOOL_OUTSIDER);
	spool_mutex_unlock(&node->lock);
}

/* changed() by a write, or by stores through a mapping that the kernel writes out now: those were
 * before a time that somebody has set since. */
static void written(struct spool_engine *engine, struct spool_node *node, unsigned int flags)
{
	bool set;

	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	set = (flags & SPOOL_WRITE_PAGEOUT) && !(flags & SPOOL_WRITE_KILL_SUIDGID) &&
	      (node->flags & SPOOL_NODE_MTIME_SET);
	if (set)
		engine_orphan_add_locked(engine, node);
	spool_mutex_unlock(&node->lock);
	if (!set)
		changed(engine, node, flags & SPOOL_WRITE_KILL_SUIDGID, flags);
}

int engine_truncate(struct spool_engine *engine, struct spool_node *node, uint64_t size,
		    unsigned int flags)
{
	struct spool_file *file;
	int r;

	if (!S_ISREG(node->type))
		return S_ISDIR(node->type) ? -EISDIR : -EINVAL;
	if (size > SPOOL_OBJECT_MAX)
		return -EFBIG;
	file = file_of(node);
	if (!file && size == 0)
		return 0;
	r = file ? 0 : make_file(engine, node, &file);
	if (r < 0)
		return r;
	spool_rwlock_wrlock(&file->lock, SPOOL_RANK_OBJECT);
	r = spool_object_truncate(file->object, node->user, size);
	mirror(node);
	engine_evict_update(engine, node);
	spool_rwlock_unlock(&file->lock);
	return (int)no_room(r, flags);
}

int spool_engine_open(struct spool_engine *engine, uint64_t ino, unsigned int flags)
{
	struct spool_node *node = engine_get(engine, ino);
	struct spool_file *file;
	int r = 0;

	if (!node)
		return -ESTALE;
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	if (node->flags & SPOOL_NODE_DROPPED)
		r = -ESTALE;
	else
		node->n_open++;
	if (flags & SPOOL_OPEN_WRITE)
		node->flags &= (uint8_t)~SPOOL_NODE_MTIME_SET;
	file = S_ISREG(node->type) ? node->file : NULL;
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
			changed(engine, node, !(flags & SPOOL_OPEN_KEEP_SUIDGID), flags);
		else
			spool_engine_release(engine, ino);
	}
	return r;
}

/* Frees the data of an orphan that nobody has open; from here on it cannot be opened. */
static bool drop_data(struct spool_engine *engine, struct spool_node *node)
{
	struct spool_file *file = NULL;
	uint64_t index;

	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	if (S_ISREG(node->type) && node->nlink == 0 && node->n_open == 0) {
		file = node->file;
		node->flags |= SPOOL_NODE_DROPPED;
	}
	spool_mutex_unlock(&node->lock);
	if (!file)
		return false;
	spool_rwlock_wrlock(&file->lock, SPOOL_RANK_OBJECT);
	/* whole blocks go, so it cannot fail; the size that stat shows stays */
	spool_object_fallocate(file->object, node->user, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       0, SPOOL_OBJECT_MAX, &index);
	mirror(node);
	engine_evict_update(engine, node);
	spool_rwlock_unlock(&file->lock);
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
	bool was_open;

	if (!node)
		return;
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	was_open = node->n_open > 0;
	if (was_open)
		node->n_open--;
	engine_closed_add_locked(engine, node);
	spool_mutex_unlock(&node->lock);
	if (was_open)
		atomic_fetch_sub_explicit(&engine->open_files, 1, memory_order_relaxed);
	else
		spool_log(engine->log, SPOOL_LOG_DEBUG, "release of inode %llu, which is not open",
			  (unsigned long long)ino);
	engine_orphan_note(engine, node);
	engine_put_many(engine, node, was_open ? 2 : 1);
}

static void accessed(struct spool_engine *engine, struct spool_node *node)
{
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	engine_accessed_locked(engine, node);
	spool_mutex_unlock(&node->lock);
}

/* Blocks that are fetched with one look at the file: 1 MiB, and one more as a range may begin in
 * the middle of one. Larger requests take several looks. A guess. */
#define FETCHES 17u

/* What can be read with one look at the file. */
static ssize_t read_some(struct spool_engine *engine, struct spool_node *node, char *buf,
			 size_t len, uint64_t off, bool nowait)
{
	struct spool_file *file = node->file;
	struct spool_disk *disk = engine_disk(engine);
	struct spool_fetch fetches[FETCHES];
	size_t n = FETCHES;
	ssize_t got;
	int r = 0;

	spool_rwlock_rdlock(&file->lock, SPOOL_RANK_OBJECT);
	got = spool_object_read(file->object, buf, len, off, nowait ? NULL : fetches, &n);
	spool_rwlock_unlock(&file->lock);
	for (size_t i = 0; !nowait && i < n; i++) {
		if (r == 0)
			r = spool_fetch_run(disk, spool_object_key(file->object), &fetches[i]);
		spool_fetch_drop(disk, &fetches[i]);
	}
	if (r < 0)
		engine_note_fetch(engine, node, r);
	return r < 0 ? r : got;
}

static ssize_t read_file(struct spool_engine *engine, struct spool_node *node, char *buf,
			 size_t len, uint64_t off, unsigned int flags)
{
	size_t done = 0;
	ssize_t r;

	do {
		r = read_some(engine, node, buf + done, len - done, off + done,
			      flags & SPOOL_NOWAIT_DISK);
		if (r > 0)
			done += (size_t)r;
	} while (r > 0 && done < len);
	return r < 0 ? r : (ssize_t)done;
}

ssize_t spool_engine_read(struct spool_engine *engine, uint64_t ino, void *buf, size_t len,
			  uint64_t off, unsigned int flags)
{
	struct spool_node *node;
	struct spool_file *file;
	ssize_t r;

	r = get_file(engine, ino, &node);
	if (r < 0)
		return r;
	file = file_of(node);
	if (file)
		r = read_file(engine, node, buf, len, off, flags);
	if (r >= 0)
		accessed(engine, node);
	engine_put(engine, node);
	return r;
}

/* All of it, or what fits. */
static ssize_t write_file(struct spool_engine *engine, struct spool_node *node,
			  struct spool_file *file, const char *buf, size_t len, uint64_t off,
			  unsigned int flags)
{
	unsigned int charge_flags = (flags & SPOOL_WRITE_PAGEOUT ? SPOOL_CHARGE_PAGEOUT : 0) |
				    (flags & SPOOL_LAST_TRY ? SPOOL_CHARGE_FIRM : 0) |
				    (flags & SPOOL_WAITED ? 0 : SPOOL_CHARGE_ASK);
	size_t done = 0;
	ssize_t r;

	do {
		uint64_t index = 0;

		spool_rwlock_wrlock(&file->lock, SPOOL_RANK_OBJECT);
		r = spool_object_write(file->object, node->user, buf + done, len - done, off + done,
				       charge_flags, &index);
		mirror(node);
		engine_evict_update(engine, node);
		spool_rwlock_unlock(&file->lock);
		if (r > 0)
			done += (size_t)r;
		else if (r == SPOOL_WOULD_BLOCK)
			r = bring_back(engine, node, index, flags) ?: 1;
	} while (r > 0 && done < len && engine->tier);
	if (r == SPOOL_WOULD_BLOCK || r == -EAGAIN)
		return r == -EAGAIN && (flags & SPOOL_LAST_TRY) && done > 0 ? (ssize_t)done
									    : no_room(r, flags);
	return done > 0 ? (ssize_t)done : r;
}

ssize_t spool_engine_write(struct spool_engine *engine, uint64_t ino, const void *buf, size_t len,
			   uint64_t off, unsigned int flags)
{
	struct spool_node *node;
	struct spool_file *file;
	ssize_t r;

	r = get_file(engine, ino, &node);
	if (r < 0)
		return r;
	r = make_file(engine, node, &file);
	if (r < 0)
		goto out;
	r = write_file(engine, node, file, buf, len, off, flags);
	if (r > 0)
		written(engine, node, flags);
out:
	engine_put(engine, node);
	return r;
}

void spool_engine_lose(struct spool_engine *engine, uint64_t ino, uint64_t off, size_t len,
		       int error)
{
	struct spool_node *node;
	struct spool_file *file;
	bool said;

	if (len == 0 || get_file(engine, ino, &node) < 0)
		return;
	if (make_file(engine, node, &file) == 0) {
		spool_rwlock_wrlock(&file->lock, SPOOL_RANK_OBJECT);
		spool_object_lose(file->object, node->user, off, off + len);
		mirror(node);
		engine_evict_update(engine, node);
		spool_rwlock_unlock(&file->lock);
	}
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	said = node->flags & SPOOL_NODE_LOST_SAID;
	node->flags |= SPOOL_NODE_LOST_SAID;
	spool_mutex_unlock(&node->lock);
	if (!said)
		spool_log(
			engine->log, SPOOL_LOG_WARNING,
			"inode %llu: there is no room for what was stored through a mapping (error "
			"%d): it is lost, EIO to whoever reads it",
			(unsigned long long)ino, -error);
	engine_put(engine, node);
}

static int fallocate_file(struct spool_engine *engine, struct spool_node *node,
			  struct spool_file *file, int mode, uint64_t off, uint64_t len,
			  unsigned int flags)
{
	uint64_t index;
	int r;

	do {
		spool_rwlock_wrlock(&file->lock, SPOOL_RANK_OBJECT);
		r = spool_object_fallocate(file->object, node->user, mode, off, len, &index);
		mirror(node);
		engine_evict_update(engine, node);
		spool_rwlock_unlock(&file->lock);
		if (r == SPOOL_WOULD_BLOCK)
			r = bring_back(engine, node, index, flags) ?: 1;
	} while (r > 0);
	return (int)no_room(r, flags);
}

int spool_engine_fallocate(struct spool_engine *engine, uint64_t ino, int mode, uint64_t off,
			   uint64_t len, unsigned int flags)
{
	struct spool_node *node;
	struct spool_file *file;
	int r;

	r = get_file(engine, ino, &node);
	if (r < 0)
		return r;
	r = make_file(engine, node, &file);
	if (r < 0)
		goto out;
	r = fallocate_file(engine, node, file, mode, off, len, flags);
	if (r == 0)
		changed(engine, node, !(flags & SPOOL_KEEP_SUIDGID), flags);
out:
	engine_put(engine, node);
	return r;
}

int64_t spool_engine_seek(struct spool_engine *engine, uint64_t ino, uint64_t off, int whence)
{
	struct spool_node *node;
	struct spool_file *file;
	int64_t r;

	r = get_file(engine, ino, &node);
	if (r < 0)
		return r;
	file = file_of(node);
	r = -ENXIO; /* an empty file has neither data nor a hole */
	if (file) {
		spool_rwlock_rdlock(&file->lock, SPOOL_RANK_OBJECT);
		r = spool_object_seek(file->object, off, whence);
		spool_rwlock_unlock(&file->lock);
	}
	engine_put(engine, node);
	return r;
}

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
	r = spool_object_copy(src->file->object, src_off, dst->file->object, dst->user, dst_off,
			      len);
	mirror(dst);
	engine_evict_update(engine, dst);
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
		r = fallocate_file(engine, dst, to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   dst_off, stop - src_off, flags);
		if (r == 0 && dst_off + (stop - src_off) > dst->size)
			r = engine_truncate(engine, dst, dst_off + (stop - src_off), flags);
		return r < 0 ? r : (ssize_t)(stop - src_off);
	}
	r = read_file(engine, src, bounce, spool_min_u64(stop - src_off, SPOOL_BLOCK_SIZE), src_off,
		      flags);
	return r > 0 ? write_file(engine, dst, to, bounce, (size_t)r, dst_off, flags) : r;
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

	r = get_file(engine, src, &from);
	if (r < 0)
		return r;
	r = get_file(engine, dst, &to);
	if (r < 0)
		goto put_from;
	if (!file_of(from))
		goto out; /* empty: nothing to copy */
	r = make_file(engine, to, &file);
	if (r < 0)
		goto out;
	r = copy_locked(engine, from, src_off, to, dst_off, len);
	if (r == SPOOL_WOULD_BLOCK && !(flags & SPOOL_NOWAIT_DISK))
		r = copy_by_disk(engine, from, src_off, to, dst_off, len, flags);
	r = no_room(r, flags);
	if (r > 0) {
		changed(engine, to, !(flags & SPOOL_KEEP_SUIDGID), flags);
		accessed(engine, from);
	}
out:
	engine_put(engine, to);
put_from:
	engine_put(engine, from);
	return r;
}
