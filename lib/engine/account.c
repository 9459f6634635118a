/* SPDX-License-Identifier: MIT */
/* What a mount and its users may use, and do. */

#include "engine/engine_internal.h"

#include "engine/inode.h"
#include "store/object.h"
#include "store/pool.h"
#include "util/macros.h"

uid_t spool_engine_payer(struct spool_engine *engine, const struct spool_cred *cred, uint64_t ino)
{
	bool nobody = cred->uid == SPOOL_UID_UNKNOWN || (cred->uid == 0 && cred->pid == 0);
	struct spool_node *node;
	uid_t payer = 0;

	if (cred->uid != 0 && !nobody)
		return engine_payer(engine, cred->uid);
	if (!nobody && engine->config.layout == SPOOL_LAYOUT_SHARED)
		return 0;
	node = engine_get(engine, ino);
	if (!node)
		return 0;
	if (!engine_is_private_root(engine, node)) {
		spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
		payer = spool_quota_user_uid(node->user);
		spool_mutex_unlock(&node->lock);
	}
	engine_put(engine, node);
	return payer;
}

/* Lowers *@total and *@left to what @usage has, and has left, of @res. */
static void left_of(const struct spool_usage *usage, enum spool_resource res, uint64_t *total,
		    uint64_t *left)
{
	uint64_t limit = usage->limit[res];
	uint64_t rest = limit > usage->used[res] ? limit - usage->used[res] : 0;

	*total = spool_min_u64(*total, limit);
	*left = spool_min_u64(*left, rest);
}

int spool_engine_statfs(struct spool_engine *engine, const struct spool_cred *cred,
			struct spool_statfs *ret)
{
	uint64_t bytes = INT64_MAX, bytes_left = INT64_MAX;
	uint64_t inodes = INT64_MAX, inodes_left = INT64_MAX;
	uid_t payer =
		engine->config.layout == SPOOL_LAYOUT_SINGLE ? engine->config.root_uid : cred->uid;
	struct spool_usage views[2];

	spool_quota_usage(engine->quota, &views[0]);
	spool_quota_user_usage(engine->quota, engine_payer(engine, payer), &views[1]);
	for (int i = 0; i < 2; i++) {
		left_of(&views[i], SPOOL_RES_SIZE, &bytes, &bytes_left);
		/* without a disk every byte takes RAM */
		if (!engine->tier)
			left_of(&views[i], SPOOL_RES_RAM, &bytes, &bytes_left);
		left_of(&views[i], SPOOL_RES_INODES, &inodes, &inodes_left);
	}
	ret->blocks = spool_max_u64(bytes >> SPOOL_PAGE_SHIFT, 1);
	ret->blocks_free = bytes_left >> SPOOL_PAGE_SHIFT;
	ret->inodes = spool_max_u64(inodes, 1);
	ret->inodes_free = inodes_left;
	return 0;
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
