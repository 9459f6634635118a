/* SPDX-License-Identifier: MIT */
#include "engine/load.h"

#include <errno.h>

#include "engine/evict.h"
#include "store/fetch.h"
#include "store/object.h"
#include "util/host.h"

/* So many files that came back bad are named in a minute, as a disk that dies may have millions.
 * The others are named when they are read later. A guess. */
#define BAD_LINES 16u
#define BAD_NS ((int64_t)60 * 1000000000)

/* Whether there is to be a line for @file; and whether it is the last one for a while. */
static bool says_bad(struct spool_engine *engine, struct spool_file *file, bool *ret_last)
{
	struct engine_tier *tier = engine->tier;
	struct timespec now;
	int64_t age;
	bool says;

	engine_now(engine, &now);
	spool_mutex_lock(&tier->lock, SPOOL_RANK_TIER);
	age = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - tier->bad_ns;
	if (age < 0 || age >= BAD_NS) {
		tier->bad_ns += age;
		tier->n_bad = 0;
	}
	says = !file->said_bad && tier->n_bad < BAD_LINES;
	if (says) {
		file->said_bad = true;
		tier->n_bad++;
	}
	*ret_last = tier->n_bad == BAD_LINES;
	spool_mutex_unlock(&tier->lock);
	return says;
}

void engine_note_fetch(struct spool_engine *engine, struct spool_node *node, int r)
{
	const struct spool_log_field which = {.name = "SPOOLFS_INODE", .number = node->ino};
	bool last;

	if (r != -EIO || !says_bad(engine, node->file, &last))
		return;
	spool_log_with(
		engine->log, SPOOL_LOG_ERROR, &which, 1,
		"inode %llu: what came back from the backing directory is not what was written "
		"there, or cannot be read: EIO%s",
		(unsigned long long)node->ino, last ? " (more for a minute are not named)" : "");
}

int engine_load(struct spool_engine *engine, struct spool_node *node,
		const struct spool_wanted *wanted)
{
	struct spool_disk *disk = engine_disk(engine);
	struct spool_file *file = node->file;
	struct spool_fetch fetch;
	char *data = spool_alloc(engine->host, wanted->len);
	bool there;
	int r = 0;

	if (!data)
		return -ENOMEM;
	spool_rwlock_rdlock(&file->lock, SPOOL_RANK_OBJECT);
	there = spool_object_fetch(file->object, wanted, data, &fetch);
	spool_rwlock_unlock(&file->lock);
	if (!there)
		goto out;
	r = spool_fetch_run(disk, spool_object_key(file->object), &fetch);
	engine_note_fetch(engine, node, r);
	if (r == 0) {
		spool_rwlock_wrlock(&file->lock, SPOOL_RANK_OBJECT);
		engine_evict_begin(engine);
		r = spool_object_install(file->object, node->user, wanted, fetch.record, data);
		engine_evict_end(engine, node);
		spool_rwlock_unlock(&file->lock);
	}
	spool_fetch_drop(disk, &fetch);
out:
	spool_free(engine->host, data);
	return r;
}
