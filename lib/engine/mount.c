/* SPDX-License-Identifier: MIT */
#include "engine/tier_internal.h"

#include <errno.h>
#include <sys/stat.h>

#include "engine/budget.h"
#include "engine/closed.h"
#include "engine/entry.h"
#include "engine/inode.h"
#include "engine/linger.h"
#include "engine/root.h"
#include "engine/session.h"
#include "engine/tier.h"
#include "engine/wipe.h"
#include "engine/worklist.h"
#include "spill/backing.h"
#include "store/pool.h"
#include "util/host.h"
#include "util/macros.h"

static int make_root(struct spool_engine *engine)
{
	const struct spool_config *config = &engine->config;
	const struct spool_cred owner = {.uid = config->root_uid, .gid = config->root_gid};
	const struct engine_make make = {.mode = S_IFDIR | config->root_mode};
	int r;

	r = engine_make_node(engine, &owner, NULL, &make, &engine->root);
	if (r < 0)
		return r;
	engine->root->mode = S_IFDIR | config->root_mode;
	engine->root->lifetime = (uint8_t)config->lifetime;
	engine->root->dir->parent = engine->root;
	/* One reference for the mount itself, one lookup that the kernel never gives back. */
	spool_table_add(&engine->table, engine->root, 2, 1);
	if (config->layout == SPOOL_LAYOUT_PRIVATE)
		return engine_root_make_self(engine);
	return 0;
}

static int init_parts(struct spool_engine *engine)
{
	const struct spool_host *host = engine->host;
	int r;

	r = host->random(host->ctx, &engine->hash.seed, sizeof(engine->hash.seed));
	if (r < 0)
		return r;
	r = spool_quota_new(host, &engine->config.limits, &engine->quota);
	if (r < 0)
		return r;
	engine_worklist_init(engine);
	engine_wipe_init(engine);
	r = engine_session_init(engine);
	if (r == 0)
		r = engine_linger_init(engine);
	if (r < 0)
		return r;
	r = spool_pool_new(host, &engine->pool);
	if (r == 0)
		engine_budget_keep(engine, &engine->config.limits);
	if (r == 0 && engine->config.tier)
		r = engine_tier_new(engine);
	if (r < 0)
		return r;
	return make_root(engine);
}

/* The backing belongs to the engine, also when there will be none. */
static int give_up(const struct spool_config *config, int r)
{
	if (config->tier)
		config->tier->backing->ops->free(config->tier->backing);
	return r;
}

int spool_engine_new(const struct spool_config *config, const struct spool_host *host,
		     struct spool_log *log, struct spool_engine **ret_engine)
{
	struct spool_engine *engine;
	int r;

	if (config->layout > SPOOL_LAYOUT_SHARED || config->modes > SPOOL_MODES_STRICT ||
	    config->lifetime > SPOOL_LIFETIME_MOUNT || config->linger_ms > SPOOL_LINGER_MAX_MS)
		return give_up(config, -EINVAL);
	engine = spool_alloc(host, sizeof(*engine));
	if (!engine)
		return give_up(config, -ENOMEM);
	engine->config = *config;
	if (config->layout == SPOOL_LAYOUT_PRIVATE) {
		engine->config.root_uid = 0;
		engine->config.root_gid = 0;
		engine->config.root_mode = 0755;
	}
	if (config->layout == SPOOL_LAYOUT_SHARED)
		engine->config.modes = SPOOL_MODES_KEEP;
	engine->host = host;
	engine->log = log;
	engine->hash.fn = spool_hash_xxh3;
	engine->next_ino = SPOOL_INO_ROOT;
	engine_now(engine, &engine->born);
	r = spool_table_init(&engine->table, host);
	if (r < 0) {
		spool_free(host, engine);
		return give_up(config, r);
	}
	spool_mutex_init(&engine->rename_lock);
	engine_closed_init(engine);
	r = init_parts(engine);
	engine->config.tier = NULL; /* the caller's; evict.c has a copy */
	if (r < 0) {
		bool had_tier = engine->tier;

		spool_engine_free(engine);
		return had_tier ? r : give_up(config, r);
	}
	*ret_engine = engine;
	return 0;
}

/* At the end every node goes, whatever still refers to it: references are only counted, and nobody
 * is left who could follow one. */
static void drop_nodes(struct spool_engine *engine)
{
	struct spool_node *node;

	while ((node = spool_table_pop(&engine->table))) {
		struct spool_entry *entry;

		while (S_ISDIR(node->type) && (entry = spool_dir_after(node->dir, 0))) {
			spool_dir_remove(node->dir, entry);
			engine_free_entry(engine, entry, 0);
		}
		engine_destroy_node(engine, node);
	}
}

void spool_engine_abandon(struct spool_engine *engine)
{
	if (!engine)
		return;
	engine_tier_wipe(engine);
	spool_pool_abandon(engine->pool);
}

bool spool_engine_free(struct spool_engine *engine)
{
	bool clean;

	if (!engine)
		return true;
	drop_nodes(engine);
	spool_table_fini(&engine->table);
	engine_tier_free(engine);
	spool_pool_free(engine->pool);
	engine_wipe_fini(engine);
	engine_linger_fini(engine);
	engine_session_fini(engine);
	clean = spool_quota_free(engine->quota);
	if (!clean)
		spool_log(engine->log, SPOOL_LOG_ERROR, "accounts are not balanced at the end");
	spool_mutex_fini(&engine->rename_lock);
	engine_closed_fini(engine);
	spool_free(engine->host, engine);
	return clean;
}
