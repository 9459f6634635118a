/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What all parts of the engine share: the mount itself. Each part has a header of its own for what
 * other parts call; what fs/ calls is in engine.h. Those that deal with the disk share
 * tier_internal.h besides.
 */

#include "engine/engine.h"
#include "ns/dir.h"
#include "ns/node.h"
#include "ns/table.h"
#include "util/host.h"
#include "util/lock.h"
#include "util/log.h"
#include "util/turn.h"

struct spool_pool;
struct engine_tier;
struct engine_session;
struct engine_lingerer;
struct engine_wipe;

RB_HEAD(engine_session_tree, engine_session);
RB_HEAD(engine_lingerer_tree, engine_lingerer);
TAILQ_HEAD(engine_lingerer_list, engine_lingerer);
RB_HEAD(engine_changer_tree, engine_changer);
TAILQ_HEAD(engine_wipe_list, engine_wipe);

/** struct engine_life - what goes, and when; see session.h */
struct engine_life {
	struct spool_mutex lock;
	struct engine_session_tree sessions; /* lock, as the following */
	struct spool_turns ended;            /* those of which something goes, by payer */
	uint64_t n_sessions;
	uint64_t n_ended;   /* of which something goes */
	uint64_t n_waiting; /* directories that are not empty yet */
	struct engine_lingerer_tree lingerers;
	struct engine_lingerer_list lingering; /* those who have closed files whose names go */
	uint64_t n_lingering;
	_Atomic uint64_t asked;  /* requests for another lifetime, or to expire, so far */
	struct spool_turns work; /* directories whose entries something is done to */
	struct engine_changer_tree changers; /* for whom */
	struct engine_wipe_list wipes;
	uint64_t n_removed; /* names, ever */
	uint64_t n_failed;  /* tries at those that had been moved, ever */
	_Atomic uint64_t linger_ns;
	struct engine_lingerer *lingerer; /* constant; of all who got none of their own */
	struct engine_session *expired; /* constant; what goes for another reason, without memory */
};

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
	struct timespec born; /* all times of a private root, and of what is in it */
	_Atomic uint64_t next_ino;
	_Atomic uint64_t open_files;
	_Atomic uint64_t n_orphans;  /* nodes with nlink 0 */
	_Atomic uint64_t n_returned; /* how often room of one has come back */
	struct spool_mutex closed_lock;
	struct spool_file_list young;   /* closed_lock: files closed since the last round */
	struct spool_file_list old;     /* closed_lock: and before */
	struct spool_file_list orphans; /* closed_lock: those that nobody has open */
	struct engine_life life;
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

/** engine_is_private_root() - is @node the root directory of layout=private? */
static inline bool engine_is_private_root(const struct spool_engine *engine,
					  const struct spool_node *node)
{
	return engine->config.layout == SPOOL_LAYOUT_PRIVATE && node == engine->root;
}

/** engine_life_wake() - spool_engine_reap() has something to do. Any locks. */
static inline void engine_life_wake(const struct spool_engine *engine)
{
	if (engine->config.reap)
		engine->config.reap(engine->config.life_ctx);
}

/** engine_payer() - who pays for what @uid has. */
static inline uid_t engine_payer(const struct spool_engine *engine, uid_t uid)
{
	return engine->config.payer ? engine->config.payer(engine->config.payer_ctx, uid) : uid;
}
