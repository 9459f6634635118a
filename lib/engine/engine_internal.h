/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the parts of the engine share: engine.c makes and frees nodes; the other files are named by
 * the operations that they hold. policy.c decides on layouts and modes, closed.c knows
 * the closed files. Those that spill share tier.h besides.
 */

#include "engine/engine.h"
#include "ns/dir.h"
#include "ns/node.h"
#include "ns/table.h"
#include "util/host.h"
#include "util/lock.h"
#include "util/log.h"

struct spool_pool;
struct engine_tier;

struct spool_engine {
	struct spool_config config;
	const struct spool_host *host;
	struct spool_log *log;
	struct spool_quota *quota;
	struct spool_pool *pool;
	struct engine_tier *tier; /* NULL: RAM only */
	struct spool_table table;
	struct spool_mutex rename_lock; /* parents of directories */
	struct spool_hash hash;
	struct spool_node *root;
	struct timespec born; /* times of what must not tell anything: private roots and tops */
	_Atomic uint64_t next_ino;
	_Atomic uint64_t open_files;
	_Atomic uint64_t n_orphans;  /* nodes with nlink 0 */
	_Atomic uint64_t n_returned; /* how often room of one has come back */
	struct spool_mutex closed_lock;
	struct spool_file_list young;   /* closed_lock: files closed since the last round */
	struct spool_file_list old;     /* closed_lock: and before */
	struct spool_file_list orphans; /* closed_lock: those that nobody has open */
};

/** The node of @ino with a reference, or NULL. */
static inline struct spool_node *engine_get(struct spool_engine *engine, uint64_t ino)
{
	return spool_table_get(&engine->table, ino);
}

/** engine_now() - the host's wall clock, for times of inodes. */
static inline void engine_now(const struct spool_engine *engine, struct timespec *ret)
{
	engine->host->now(engine->host->ctx, ret);
}

/* data.c */

/** Sets the size of a regular file. Return: 0; -EISDIR, -EINVAL; -EFBIG; -ENOMEM, -ENOSPC, -EDQUOT.
 */
int engine_truncate(struct spool_engine *engine, struct spool_node *node, uint64_t size,
		    unsigned int flags);

/* evict.c */

/** engine_tier_new() - by engine->config.tier; after the quota. Return: 0; -ENOMEM; of the parts.
 */
int engine_tier_new(struct spool_engine *engine);

/** engine_tier_wipe() - overwrites all keys, for the end of the process. */
void engine_tier_wipe(struct spool_engine *engine);

/** engine_tier_free() - when all files have gone. NULL is allowed. */
void engine_tier_free(struct spool_engine *engine);

/** The struct spool_disk of the engine, or NULL. */
struct spool_disk *engine_disk(struct spool_engine *engine);

/** engine_tier_update() - the data of @node have changed. Lock: node->file->lock, exclusive. */
void engine_tier_update(struct spool_engine *engine, struct spool_node *node);

/** engine_tier_remove() - @node, which has data, goes. */
void engine_tier_remove(struct spool_engine *engine, struct spool_node *node);

/** engine_tier_move() - the data of @node are @to's from now on. Lock: node->file->lock, exclusive.
 */
void engine_tier_move(struct spool_engine *engine, struct spool_node *node,
		      struct spool_quota_user *to);

/** engine_load() - block @index of @node's file back into RAM. Blocks. Return: 0; -EIO; -ENOMEM;
 * -EAGAIN, -ENOSPC, -EDQUOT. No locks held. */
int engine_load(struct spool_engine *engine, struct spool_node *node, uint64_t index);

/** engine_note_fetch() - after spool_fetch_run() of the data of @node answered @r: what is bad is
 * logged, once for each file, and for a few files a minute; how often it happens is counted in the
 * tier's numbers. No locks held. */
void engine_note_fetch(struct spool_engine *engine, struct spool_node *node, int r);

/** engine_keep_memory() - how much free memory the pool keeps for reuse, by @limits. */
void engine_keep_memory(struct spool_engine *engine, const struct spool_limits *limits);

/** engine_is_private_root() - is @node the root directory of layout=private? */
static inline bool engine_is_private_root(const struct spool_engine *engine,
					  const struct spool_node *node)
{
	return engine->config.layout == SPOOL_LAYOUT_PRIVATE && node == engine->root;
}

/** engine_payer() - who pays for what @uid has. */
static inline uid_t engine_payer(const struct spool_engine *engine, uid_t uid)
{
	return engine->config.payer ? engine->config.payer(engine->config.payer_ctx, uid) : uid;
}
