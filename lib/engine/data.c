/* SPDX-License-Identifier: MIT */
#include "engine/data.h"

#include <errno.h>
#include <sys/stat.h>

#include "engine/ahead.h"
#include "engine/evict.h"
#include "engine/file.h"
#include "engine/inode.h"
#include "engine/load.h"
#include "engine/orphan.h"
#include "store/fetch.h"
#include "store/object.h"

/* engine_file_changed() by a write; or by stores through a mapping, which the kernel writes out
 * only now: when a program has set the time since, they were before that. */
static void written(struct spool_engine *engine, struct spool_node *node, unsigned int flags)
{
	bool set;

	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	set = (flags & SPOOL_WRITE_PAGEOUT) && !(flags & SPOOL_KILL_SUIDGID) &&
	      (node->flags & SPOOL_NODE_MTIME_SET);
	if (set)
		engine_orphan_add_locked(engine, node);
	spool_mutex_unlock(&node->lock);
	if (!set)
		engine_file_changed(engine, node, flags);
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
	if (node->wiped) {
		n = 0;
		got = -EIO;
	} else {
		got = spool_object_read(file->object, buf, len, off, fetches, &n);
	}
	spool_rwlock_unlock(&file->lock);
	if (n > 0)
		engine_ahead_follow(engine, node, off, len);
	if (n > 0 && nowait)
		r = spool_fetch_run_ahead(disk, spool_object_key(file->object), fetches, n);
	else if (n > 0)
		r = spool_fetch_run_all(disk, spool_object_key(file->object), fetches, n);
	for (size_t i = 0; i < n; i++)
		spool_fetch_drop(disk, &fetches[i]);
	if (r < 0 && r != SPOOL_WOULD_BLOCK)
		engine_note_fetch(engine, node, r);
	return r < 0 ? r : got;
}

ssize_t engine_read_file(struct spool_engine *engine, struct spool_node *node, char *buf,
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

	r = engine_get_file(engine, ino, &node);
	if (r < 0)
		return r;
	file = engine_file_of(node);
	if (file)
		r = engine_read_file(engine, node, buf, len, off, flags);
	if (r >= 0)
		engine_file_accessed(engine, node);
	engine_put(engine, node);
	return r;
}

ssize_t engine_write_file(struct spool_engine *engine, struct spool_node *node,
			  struct spool_file *file, const char *buf, size_t len, uint64_t off,
			  unsigned int flags)
{
	unsigned int charge_flags = (flags & SPOOL_WRITE_PAGEOUT ? SPOOL_CHARGE_PAGEOUT : 0) |
				    (flags & SPOOL_LAST_TRY ? SPOOL_CHARGE_FIRM : 0) |
				    (flags & SPOOL_WAITED ? 0 : SPOOL_CHARGE_ASK);
	size_t done = 0;
	ssize_t r;

	do {
		struct spool_wanted wanted;

		spool_rwlock_wrlock(&file->lock, SPOOL_RANK_OBJECT);
		engine_evict_begin(engine);
		r = node->wiped ? -EIO
				: spool_object_write(file->object, node->user, buf + done,
						     len - done, off + done, charge_flags, &wanted);
		engine_file_mirror(node);
		engine_evict_end(engine, node);
		spool_rwlock_unlock(&file->lock);
		if (r > 0)
			done += (size_t)r;
		else if (r == SPOOL_WOULD_BLOCK)
			r = engine_bring_back(engine, node, &wanted, flags) ?: 1;
	} while (r > 0 && done < len && engine->tier);
	return done > 0 ? (ssize_t)done : engine_no_room(r, flags);
}

ssize_t spool_engine_write(struct spool_engine *engine, uint64_t ino, const void *buf, size_t len,
			   uint64_t off, unsigned int flags)
{
	struct spool_node *node;
	struct spool_file *file;
	ssize_t r;

	r = engine_get_made_file(engine, ino, &node, &file);
	if (r < 0)
		return r;
	r = engine_write_file(engine, node, file, buf, len, off, flags);
	if (r > 0)
		written(engine, node, flags);
	engine_put(engine, node);
	return r;
}

void spool_engine_lose(struct spool_engine *engine, uint64_t ino, uint64_t off, size_t len,
		       int error)
{
	struct spool_node *node;
	struct spool_file *file;
	bool said;

	if (len == 0 || engine_get_file(engine, ino, &node) < 0)
		return;
	if (engine_make_file(engine, node, &file) == 0) {
		spool_rwlock_wrlock(&file->lock, SPOOL_RANK_OBJECT);
		spool_object_lose(file->object, node->user, off, off + len);
		engine_file_mirror(node);
		engine_evict_update(engine, node);
		spool_rwlock_unlock(&file->lock);
	}
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	said = node->flags & SPOOL_NODE_LOST_SAID;
	node->flags |= SPOOL_NODE_LOST_SAID;
	spool_mutex_unlock(&node->lock);
	if (!said)
		spool_log_with(
			engine->log, SPOOL_LOG_WARNING,
			&(const struct spool_log_field){.name = "SPOOLFS_INODE", .number = ino}, 1,
			"inode %llu: there is no room for what was stored through a mapping (error "
			"%d): it is lost, EIO to whoever reads it",
			(unsigned long long)ino, -error);
	engine_put(engine, node);
}

int spool_engine_tiers(struct spool_engine *engine, uint64_t ino, struct spool_tiers *ret)
{
	struct spool_node *node = engine_get(engine, ino);
	struct spool_file *file;

	if (!node)
		return -ESTALE;
	*ret = (struct spool_tiers){0};
	file = S_ISREG(node->type) ? engine_file_of(node) : NULL;
	if (file) {
		spool_rwlock_rdlock(&file->lock, SPOOL_RANK_OBJECT);
		ret->ram = spool_object_ram(file->object);
		ret->disk = spool_object_stored(file->object);
		spool_rwlock_unlock(&file->lock);
	}
	engine_put(engine, node);
	return 0;
}
