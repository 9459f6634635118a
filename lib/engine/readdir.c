/* SPDX-License-Identifier: MIT */
#include "engine/engine_internal.h"

#include <errno.h>
#include <sys/stat.h>

#include "engine/attr.h"
#include "engine/inode.h"
#include "engine/policy.h"

static bool emit_dot(spool_emit_fn emit, void *arg, const struct spool_node *node, const char *name,
		     size_t len, uint64_t cookie)
{
	const struct spool_attr attr = {.ino = node->ino, .mode = S_IFDIR};

	return emit(arg, name, len, &attr, cookie);
}

/* One entry; with @plus, complete attributes and a lookup that is taken back when @emit has no
 * room. */
static bool emit_entry(struct spool_engine *engine, const struct spool_entry *entry, bool plus,
		       spool_emit_fn emit, void *arg)
{
	struct spool_node *node = entry->node;
	struct spool_attr attr = {.ino = node->ino, .mode = node->type};

	if (!plus)
		return emit(arg, entry->name, entry->len, &attr, entry->cookie);
	engine_attr(engine, node, &attr);
	spool_table_ref(&engine->table, node, 1, 1);
	if (emit(arg, entry->name, entry->len, &attr, entry->cookie))
		return true;
	/* Not the last reference: the entry holds one. */
	spool_table_put(&engine->table, node, 1, 1);
	return false;
}

static void walk_locked(struct spool_engine *engine, const struct spool_cred *cred,
			struct spool_node *dir, uint64_t cookie, uint64_t end, bool plus,
			spool_emit_fn emit, void *arg) SPOOL_REQUIRES(dir->lock)
{
	struct spool_entry *entry;

	if (cookie < SPOOL_COOKIE_DOT && !emit_dot(emit, arg, dir, ".", 1, SPOOL_COOKIE_DOT))
		return;
	if (cookie < SPOOL_COOKIE_DOTDOT &&
	    !emit_dot(emit, arg, dir->dir->parent, "..", 2, SPOOL_COOKIE_DOTDOT))
		return;
	for (entry = spool_dir_after(dir->dir, cookie); entry && entry->cookie < end;
	     entry = spool_dir_after(dir->dir, entry->cookie)) {
		if (!engine_policy_sees(engine, cred, dir, entry))
			continue;
		if (!emit_entry(engine, entry, plus, emit, arg))
			return;
	}
}

int spool_engine_readdir(struct spool_engine *engine, const struct spool_cred *cred, uint64_t ino,
			 uint64_t cookie, uint64_t *end, bool plus, spool_emit_fn emit, void *arg)
{
	struct spool_node *dir;
	int r = engine_get_dir(engine, ino, &dir);

	if (r < 0)
		return r;
	spool_mutex_lock(&dir->lock, SPOOL_RANK_DIR);
	if (end && (cookie == 0 || *end == 0))
		*end = dir->dir->next_cookie;
	walk_locked(engine, cred, dir, cookie, end ? *end : UINT64_MAX, plus, emit, arg);
	engine_accessed_locked(engine, dir);
	spool_mutex_unlock(&dir->lock);
	engine_put(engine, dir);
	return 0;
}
