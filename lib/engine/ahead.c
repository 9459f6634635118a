/* SPDX-License-Identifier: MIT */
#include "engine/ahead.h"

#include "store/fetch.h"

unsigned int engine_ahead_want(struct spool_engine *engine, struct spool_node *node,
			       struct spool_ahead_range range)
{
	struct spool_ahead *ahead = engine->tier->disk.ahead;
	struct spool_disk_record *records[SPOOL_AHEAD_BLOCKS];
	struct spool_file *file = node->file;
	unsigned int n_runs = 0;
	bool room = true;

	spool_rwlock_rdlock(&file->lock, SPOOL_RANK_OBJECT);
	while (room && !node->wiped && range.from < range.end) {
		unsigned int n = spool_object_ahead(file->object, range.from, records);

		range.from += (uint64_t)(n ?: 1) * SPOOL_BLOCK_SIZE;
		if (n == 0)
			continue;
		room = spool_ahead_add(ahead, node->user, node->ino,
				       range.from - (uint64_t)n * SPOOL_BLOCK_SIZE, records, n);
		n_runs += room;
		for (unsigned int i = 0; i < n && !room; i++)
			spool_disk_record_put(&engine->tier->disk, records[i]);
	}
	spool_rwlock_unlock(&file->lock);
	return n_runs;
}

void engine_ahead_follow(struct spool_engine *engine, struct spool_node *node, uint64_t off,
			 size_t len)
{
	const struct spool_tier_config *config = &engine->tier->config;
	struct spool_ahead_range range;
	unsigned int n;

	if (!spool_ahead_follow(engine->tier->disk.ahead, node->user, node->ino, off, len, &range))
		return;
	for (n = engine_ahead_want(engine, node, range); n > 0 && config->ahead; n--)
		config->ahead(config->ctx);
}

void engine_ahead_forget(struct spool_engine *engine, const struct spool_node *node)
{
	if (engine->tier)
		spool_ahead_forget(engine->tier->disk.ahead, node->ino);
}

int spool_engine_read_ahead(struct spool_engine *engine)
{
	static const enum spool_spill_result results[] = {
		[SPOOL_AHEAD_NOTHING] = SPOOL_SPILL_IDLE,
		[SPOOL_AHEAD_LATER] = SPOOL_SPILL_LATER,
		[SPOOL_AHEAD_MORE] = SPOOL_SPILL_MORE,
	};

	return results[spool_ahead_work(engine->tier->disk.ahead)];
}
