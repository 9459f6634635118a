/* SPDX-License-Identifier: MIT */
#include "engine/engine_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/closed.h"
#include "engine/orphan.h"
#include "ns/acl.h"
#include "ns/xattr.h"
#include "spill/backing.h"
#include "store/object.h"
#include "store/pool.h"
#include "util/host.h"
#include "util/macros.h"
#include "util/probe.h"

void engine_now(const struct spool_engine *engine, struct timespec *ret)
{
	engine->host->now(engine->host->ctx, ret);
}

int engine_charge(struct spool_quota_user *user, uint64_t bytes, uint64_t inodes)
{
	const struct spool_charge charge = {{bytes, bytes, inodes}};

	return spool_quota_charge(user, &charge, SPOOL_CHARGE_NAME);
}

void engine_uncharge(struct spool_quota_user *user, uint64_t bytes, uint64_t inodes)
{
	const struct spool_charge charge = {{bytes, bytes, inodes}};

	spool_quota_uncharge(user, &charge);
}

/* Data, xattrs and the account of a node; what is left is memory for spool_node_free(). A
 * caller that finds no room looks for orphans first, and then whether room has come back: so an
 * orphan is counted until its room is back. */
void engine_destroy_node(struct spool_engine *engine, struct spool_node *node)
{
	struct spool_quota_user *user = node->user;
	bool orphan = node->nlink == 0;

	if (S_ISREG(node->type) && node->file) {
		engine_closed_remove(engine, node->file);
		engine_orphan_remove(engine, node->file);
		engine_tier_remove(engine, node);
		spool_object_free(node->file->object, node->user);
		node->file->object = NULL;
	}
	while (node->xattrs) {
		struct spool_xattr *xattr = node->xattrs;

		node->xattrs = xattr->next;
		spool_free(engine->host, xattr);
	}
	if (user)
		engine_uncharge(user, node->charged, 1);
	node->user = NULL;
	spool_node_free(engine->host, node);
	if (orphan) {
		engine_orphan_returned(engine);
		engine_orphan_count(engine, user, -1);
	}
	spool_quota_user_put(user);
}

/* Frees a node that is out of the table. A directory holds a reference on the one above: a loop, as
 * chains may be long. */
static void destroy_upwards(struct spool_engine *engine, struct spool_node *node)
{
	while (node) {
		struct spool_node *above = S_ISDIR(node->type) ? node->dir->parent : NULL;

		spool_probe_file_removed(node->ino);
		engine_destroy_node(engine, node);
		node = above && spool_table_put(&engine->table, above, 1, 0) ? above : NULL;
	}
}

void engine_put_many(struct spool_engine *engine, struct spool_node *node, uint64_t refs)
{
	if (spool_table_put(&engine->table, node, refs, 0))
		destroy_upwards(engine, node);
}

void engine_put(struct spool_engine *engine, struct spool_node *node)
{
	if (node)
		engine_put_many(engine, node, 1);
}

static uint64_t metadata_bytes(const struct engine_make *make)
{
	uint64_t bytes = spool_node_bytes(make->mode);

	if (make->target)
		bytes += strlen(make->target) + 1;
	return bytes;
}

/* Default ACLs of the directory, or the umask where it has none. */
static int inherit_acl(struct spool_engine *engine, const struct spool_cred *cred,
		       struct spool_node *parent, struct spool_node *node)
{
	mode_t mode = node->mode;
	int r;

	if (!engine->config.acl || !parent)
		return 0;
	r = spool_acl_inherit(engine->host, parent->xattrs, &mode, &node->xattrs);
	if (r < 0)
		return r;
	if (r == 0) {
		if (!S_ISLNK(mode))
			node->mode &= ~(cred->umask & (mode_t)0777);
		return 0;
	}
	node->mode = mode;
	for (struct spool_xattr *xattr = node->xattrs; xattr; xattr = xattr->next) {
		uint64_t bytes = spool_xattr_bytes(xattr->name_len, xattr->size);

		r = engine_charge(node->user, bytes, 0);
		if (r < 0)
			return r;
		node->charged += bytes;
	}
	return 0;
}

/* Nobody else sees the node yet, so its lock is not held. */
static int fill_node(struct spool_engine *engine, const struct spool_cred *cred,
		     struct spool_node *parent, const struct engine_make *make,
		     struct spool_node *node) SPOOL_UNCHECKED
{
	struct timespec now;
	int r;

	node->uid = cred->uid;
	node->gid = cred->gid;
	node->tree = parent && !engine_is_private_root(engine, parent) ? parent->tree : cred->uid;
	if (parent && (parent->mode & S_ISGID)) {
		node->gid = parent->gid;
		if (S_ISDIR(node->type))
			node->mode |= S_ISGID;
	}
	if (make->tmpfile) {
		node->flags |= SPOOL_NODE_TMPFILE;
		engine_orphan_count(engine, node->user, 1);
	} else {
		node->nlink = S_ISDIR(make->mode) ? 2 : 1;
	}
	if (S_ISCHR(make->mode) || S_ISBLK(make->mode))
		node->rdev = make->rdev;
	r = inherit_acl(engine, cred, parent, node);
	if (r < 0)
		return r;
	if (make->target) {
		size_t len = strlen(make->target);

		node->target = spool_alloc(engine->host, len + 1);
		if (!node->target)
			return -ENOMEM;
		memcpy(node->target, make->target, len + 1);
		node->size = len;
	}
	engine_now(engine, &now);
	spool_node_set_times_locked(node, "amc", &now);
	node->btime_sec = now.tv_sec;
	node->btime_ns = (uint32_t)now.tv_nsec;
	return 0;
}

int engine_make_node(struct spool_engine *engine, const struct spool_cred *cred,
		     struct spool_node *parent, const struct engine_make *make,
		     struct spool_node **ret)
{
	mode_t mode = engine_policy_create_mode(engine, cred, parent, make->mode);
	struct spool_node *node = spool_node_new(engine->host, mode);
	uint64_t bytes = metadata_bytes(make);
	struct spool_quota_user *user;
	int r;

	if (!node)
		return -ENOMEM;
	r = engine_policy_payer(engine, cred, parent, &user);
	if (r < 0)
		goto free_node;
	r = engine_charge(user, bytes, 1);
	if (r < 0) {
		spool_quota_user_put(user);
		goto free_node;
	}
	node->user = user;
	node->charged = bytes;
	r = fill_node(engine, cred, parent, make, node);
	if (r < 0) {
		engine_destroy_node(engine, node);
		return r;
	}
	node->ino = atomic_fetch_add_explicit(&engine->next_ino, 1, memory_order_relaxed);
	*ret = node;
	return 0;
free_node:
	spool_node_free(engine->host, node);
	return r;
}

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
	engine->root->dir->parent = engine->root;
	/* One reference for the mount itself, one lookup that the kernel never gives back. */
	spool_table_add(&engine->table, engine->root, 2, 1);
	if (config->layout == SPOOL_LAYOUT_PRIVATE)
		return engine_policy_make_self(engine);
	return 0;
}

/* Memory for reuse: as much as a mount in use turns over, without going far beyond its ram=. Both
 * are guesses. */
#define KEEP_MAX ((uint64_t)512 << 20)
#define KEEP_DIVISOR 2

void engine_keep_memory(struct spool_engine *engine, const struct spool_limits *limits)
{
	spool_pool_set_keep(engine->pool,
			    spool_min_u64(limits->mount[SPOOL_RES_RAM] / KEEP_DIVISOR, KEEP_MAX));
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
	r = spool_pool_new(host, &engine->pool);
	if (r == 0)
		engine_keep_memory(engine, &engine->config.limits);
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

	if (config->layout > SPOOL_LAYOUT_SHARED || config->modes > SPOOL_MODES_STRICT)
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
	if (engine)
		engine_tier_wipe(engine);
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
	clean = spool_quota_free(engine->quota);
	if (!clean)
		spool_log(engine->log, SPOOL_LOG_ERROR, "accounts are not balanced at the end");
	spool_mutex_fini(&engine->rename_lock);
	engine_closed_fini(engine);
	spool_free(engine->host, engine);
	return clean;
}

int engine_get_dir(struct spool_engine *engine, uint64_t ino, struct spool_node **ret)
{
	struct spool_node *node = engine_get(engine, ino);

	if (!node)
		return -ESTALE;
	if (!S_ISDIR(node->type)) {
		engine_put(engine, node);
		return -ENOTDIR;
	}
	*ret = node;
	return 0;
}

void spool_engine_forget(struct spool_engine *engine, uint64_t ino, uint64_t count)
{
	uint64_t keep = ino == SPOOL_INO_ROOT; /* the root's first is never given back */
	uint64_t excess;

	destroy_upwards(engine, spool_table_forget(&engine->table, ino, count, keep, &excess));
	if (excess > 0)
		spool_log(engine->log, SPOOL_LOG_DEBUG,
			  "forget of %llu on inode %llu: %llu too many", (unsigned long long)count,
			  (unsigned long long)ino, (unsigned long long)excess);
}

void spool_engine_stat(struct spool_engine *engine, struct spool_engine_stat *ret)
{
	struct spool_pool_stat pool;

	spool_quota_usage(engine->quota, &ret->usage);
	spool_pool_stat(engine->pool, &pool);
	ret->ram_held = pool.held;
	ret->inodes = spool_table_count(&engine->table);
	ret->open_files = engine->open_files;
}

bool spool_engine_next_refusal(struct spool_engine *engine, struct spool_refusal *ret)
{
	struct timespec now;

	engine_now(engine, &now);
	return spool_quota_next_refusal(engine->quota,
					(int64_t)now.tv_sec * 1000000000 + now.tv_nsec, ret);
}

void spool_engine_user_usage(struct spool_engine *engine, uid_t uid, struct spool_usage *ret)
{
	spool_quota_user_usage(engine->quota, engine_payer(engine, uid), ret);
}

bool spool_engine_next_user(struct spool_engine *engine, uint64_t from, uid_t *ret_uid,
			    struct spool_usage *ret)
{
	return spool_quota_next_user(engine->quota, from, ret_uid, ret);
}
