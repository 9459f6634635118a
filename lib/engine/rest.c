/* SPDX-License-Identifier: MIT */

/*
 * While RAM is plentiful, data past the threshold go to the disk only when they were left alone for
 * a second: what is removed or rewritten sooner does not cost the disk anything.
 *
 * Time is kept for each file, and a bit for each block. When a rest begins no block is hot; one
 * that is written to becomes hot. At its end those that are not hot were left alone for all of it,
 * and go; then the others get another rest.
 */

#include "engine/rest.h"

#include "store/object.h"
#include "util/host.h"

/* A little less than the second after which write-back looks again (fs/background/writeback.c), so
 * that it does not come too early. A guess: programs that write a file and remove it take less. */
#define REST_NS UINT64_C(900000000)

static uint64_t now_ns(const struct spool_engine *engine)
{
	return engine->host->monotonic_ns(engine->host->ctx);
}

void engine_rest_begin(struct spool_engine *engine, struct spool_node *node)
{
	struct spool_file *file = node->file;

	spool_rwlock_wrlock(&file->lock, SPOOL_RANK_OBJECT);
	spool_object_rest(file->object);
	file->rest_ns = now_ns(engine);
	spool_rwlock_unlock(&file->lock);
}

/* RAM is plentiful: is the rest over? The first one begins here. */
static bool is_over(struct spool_engine *engine, struct spool_node *node)
{
	struct spool_file *file = node->file;
	uint64_t began;
	bool rests;

	spool_rwlock_rdlock(&file->lock, SPOOL_RANK_OBJECT);
	rests = spool_object_rests(file->object);
	began = file->rest_ns;
	spool_rwlock_unlock(&file->lock);
	if (!rests)
		engine_rest_begin(engine, node);
	return rests && now_ns(engine) - began >= REST_NS;
}

bool engine_rest_fill(struct spool_engine *engine, struct spool_node *node,
		      enum spool_fill *ret_which)
{
	struct spool_file *file = node->file;
	bool all = atomic_load(&engine->tier->second_round);

	*ret_which = SPOOL_FILL_RESTED;
	if (!all && spool_quota_is_plenty(node->user))
		return is_over(engine, node);
	*ret_which = all ? SPOOL_FILL_ALL : SPOOL_FILL_COLD;
	spool_rwlock_wrlock(&file->lock, SPOOL_RANK_OBJECT);
	spool_object_end_rest(file->object);
	spool_rwlock_unlock(&file->lock);
	return true;
}

bool engine_rest_ends(struct spool_engine *engine, const struct spool_node *node)
{
	return atomic_load(&engine->tier->naps) && spool_object_rests(node->file->object) &&
	       !spool_quota_is_plenty(node->user);
}
