/* SPDX-License-Identifier: MIT */
#include "engine/lifetime.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/inode.h"
#include "engine/linger.h"
#include "engine/session.h"
#include "engine/tree.h"
#include "engine/worklist.h"

#define NS_PER_MS 1000000u

const char *engine_lifetime_name(enum spool_lifetime lifetime)
{
	static const char *const names[] = {"session", "close", "mount"};

	return names[lifetime];
}

enum spool_lifetime engine_lifetime_of(struct spool_node *node)
{
	enum spool_lifetime lifetime;

	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	lifetime = (enum spool_lifetime)node->lifetime;
	spool_mutex_unlock(&node->lock);
	return lifetime;
}

static uint64_t id_of(const struct engine_session *session)
{
	return engine_session_is_live(session) ? session->id : 0;
}

static uint64_t session_of_locked(const struct spool_node *dir, bool *ret_own)
	SPOOL_REQUIRES(dir->lock)
{
	uint64_t id = id_of(dir->dir->bound);

	*ret_own = id == 0;
	return id ? id : id_of(dir->session);
}

uint64_t spool_engine_session_of(struct spool_engine *engine, uint64_t ino, bool *ret_own)
{
	struct spool_node *dir;
	uint64_t id;

	*ret_own = true;
	if (engine_get_dir(engine, ino, &dir) < 0)
		return 0;
	spool_mutex_lock(&dir->lock, SPOOL_RANK_DIR);
	id = session_of_locked(dir, ret_own);
	spool_mutex_unlock(&dir->lock);
	engine_put(engine, dir);
	return id;
}

bool spool_engine_asks_session(struct spool_engine *engine, uint64_t ino, uint64_t *ret_session,
			       bool *ret_own)
{
	struct spool_node *dir;
	bool asks;

	if (engine_get_dir(engine, ino, &dir) < 0)
		return false;
	spool_mutex_lock(&dir->lock, SPOOL_RANK_DIR);
	asks = dir->lifetime != SPOOL_LIFETIME_MOUNT;
	if (asks)
		*ret_session = session_of_locked(dir, ret_own);
	spool_mutex_unlock(&dir->lock);
	engine_put(engine, dir);
	return asks;
}

/* One user's directory behind @cookie in the private root. Return: its cookie; 0: none. */
static uint64_t set_top_locked(struct spool_engine *engine, uint64_t cookie,
			       enum spool_lifetime lifetime) SPOOL_REQUIRES(engine->root->lock)
{
	struct spool_entry *entry = spool_dir_after(engine->root->dir, cookie);

	if (!entry)
		return 0;
	spool_mutex_lock(&entry->node->lock, SPOOL_RANK_NODE);
	if (entry->node->role == SPOOL_NODE_TOP)
		entry->node->lifetime = (uint8_t)lifetime;
	spool_mutex_unlock(&entry->node->lock);
	return entry->cookie;
}

void spool_engine_set_default_lifetime(struct spool_engine *engine, enum spool_lifetime lifetime)
{
	uint64_t cookie = SPOOL_COOKIE_FIRST - 1;

	spool_mutex_lock(&engine->root->lock, SPOOL_RANK_DIR);
	engine->root->lifetime = (uint8_t)lifetime;
	spool_mutex_unlock(&engine->root->lock);
	while (cookie != 0 && engine_is_private_root(engine, engine->root)) {
		spool_mutex_lock(&engine->root->lock, SPOOL_RANK_DIR);
		cookie = set_top_locked(engine, cookie, lifetime);
		spool_mutex_unlock(&engine->root->lock);
	}
}

static void fill_life(struct spool_engine *engine, struct spool_node *node, struct spool_life *ret)
	SPOOL_REQUIRES(node->lock)
{
	*ret = (struct spool_life){
		.lifetime = (enum spool_lifetime)node->lifetime,
		.session = node->session ? node->session->id : 0,
		.ended = node->session && !engine_session_is_live(node->session),
		.is_open = node->n_open > 0,
		.linger_ms = engine_linger_left_locked(engine, node),
	};
	if (ret->linger_ms != SPOOL_FOREVER)
		ret->linger_ms = (ret->linger_ms + NS_PER_MS - 1) / NS_PER_MS;
	if (!S_ISDIR(node->type))
		return;
	ret->bound = id_of(node->dir->bound);
	if (engine_goes_locked(node)) {
		const struct spool_entry *entry = spool_dir_after(node->dir, 0);

		if (entry)
			memcpy(ret->waits_for, entry->name, entry->len + 1u);
	}
}

int spool_engine_life(struct spool_engine *engine, uint64_t ino, struct spool_life *ret)
{
	struct spool_node *node = engine_get(engine, ino);

	if (!node)
		return -ESTALE;
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	fill_life(engine, node, ret);
	spool_mutex_unlock(&node->lock);
	engine_put(engine, node);
	return 0;
}

/* What stands at the root of a request, where there is nobody above to say whether it may. */
static int check_root(struct spool_engine *engine, struct spool_node *node,
		      const struct engine_tree *tree) SPOOL_REQUIRES(node->lock)
{
	if (engine_is_private_root(engine, node) || node->role == SPOOL_NODE_SELF)
		return -EPERM;
	return engine_may_change(engine, node, tree->uid) ? 0 : -EPERM;
}

/* What has been asked for above and is on its way comes first: it says whether @node stays until
 * the mount ends, and what below does. */
static int expire_after_locked(struct spool_engine *engine, struct spool_node *node,
			       const struct engine_tree *above, struct engine_tree *tree)
	SPOOL_REQUIRES(node->lock)
{
	if (above->work && above->uid != tree->uid)
		return -EBUSY;
	if (above->work && engine_tree_begin_locked(engine, node, above) == 0)
		engine_tree_apply_locked(engine, node, above);
	if (node->lifetime == SPOOL_LIFETIME_MOUNT)
		tree->work |= ENGINE_TREE_EXPIRE_KEPT;
	return 0;
}

static int change_locked(struct spool_engine *engine, struct spool_node *node,
			 struct engine_tree *tree, bool below) SPOOL_REQUIRES(engine->rename_lock)
{
	struct engine_tree above = {.work = 0};
	int r;

	if ((tree->work & ENGINE_TREE_EXPIRE) && S_ISDIR(node->type))
		engine_tree_above(engine, node, &above);
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	r = check_root(engine, node, tree);
	if (r == 0 && (tree->work & ENGINE_TREE_EXPIRE))
		r = expire_after_locked(engine, node, &above, tree);
	tree->lifetime_at = atomic_fetch_add(&engine->life.asked, 1) + 1;
	tree->expire_at = tree->kept_at = tree->lifetime_at;
	if (r == 0 && below && S_ISDIR(node->type))
		r = engine_tree_begin_locked(engine, node, tree);
	if (r == 0)
		engine_tree_apply_locked(engine, node, tree);
	spool_mutex_unlock(&node->lock);
	return r;
}

static int change(struct spool_engine *engine, uint64_t ino, struct engine_tree *tree, bool below)
{
	struct spool_node *node = engine_get(engine, ino);
	int r;

	if (!node)
		return -ESTALE;
	spool_mutex_lock(&engine->rename_lock, SPOOL_RANK_RENAME);
	r = change_locked(engine, node, tree, below);
	spool_mutex_unlock(&engine->rename_lock);
	engine_put(engine, node);
	return r;
}

int spool_engine_set_lifetime(struct spool_engine *engine, uid_t by, uint64_t ino,
			      enum spool_lifetime lifetime, bool tree)
{
	struct engine_tree what = {.work = ENGINE_TREE_LIFETIME, .lifetime = lifetime, .uid = by};

	return lifetime > SPOOL_LIFETIME_MOUNT ? -EINVAL : change(engine, ino, &what, tree);
}

bool spool_engine_may_change(struct spool_engine *engine, uid_t by, uint64_t ino)
{
	struct spool_node *node = engine_get(engine, ino);
	bool may;

	if (!node)
		return false;
	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	may = engine_may_change(engine, node, by);
	spool_mutex_unlock(&node->lock);
	engine_put(engine, node);
	return may;
}

int spool_engine_expire(struct spool_engine *engine, uid_t by, uint64_t ino)
{
	struct engine_tree what = {.work = ENGINE_TREE_EXPIRE, .uid = by};

	return change(engine, ino, &what, true);
}

bool spool_engine_is_changing(struct spool_engine *engine, uid_t uid, uint64_t ino)
{
	struct spool_node *node = engine_get(engine, ino);
	bool is_changing;

	if (!node)
		return false;
	is_changing =
		engine_worklist_is_for(engine, uid) || engine_worklist_is_for(engine, node->tree);
	engine_put(engine, node);
	return is_changing;
}

int spool_engine_bind(struct spool_engine *engine, uint64_t ino, uint64_t id, const uid_t *owner)
{
	const struct engine_tree tree = {.work = ENGINE_TREE_BIND, .uid = SPOOL_UID_UNKNOWN};
	struct engine_session *session = NULL;
	struct spool_node *dir;
	int r = engine_get_dir(engine, ino, &dir);

	if (r < 0)
		return r;
	spool_mutex_lock(&dir->lock, SPOOL_RANK_DIR);
	r = check_root(engine, dir, &tree);
	if (r == 0)
		r = engine_session_get(engine, id, dir->user, &session);
	if (r == 0 && session)
		r = engine_tree_begin_locked(engine, dir, &tree);
	if (r == 0 && session) {
		session->has_owner = owner;
		session->owner = owner ? *owner : 0;
		engine_session_bind_locked(engine, dir, session);
		engine_session_bound_at(engine, session, ino);
		dir->dir->bound_here = true;
	} else {
		engine_session_put(engine, session);
	}
	spool_mutex_unlock(&dir->lock);
	engine_put(engine, dir);
	return r;
}

static bool may_list(const struct spool_node *dir, const uid_t *uid) SPOOL_REQUIRES(dir->lock)
{
	const mode_t all = S_IROTH | S_IXOTH;

	return !uid || dir->uid == *uid || (dir->mode & all) == all;
}

/* Puts the name of @dir in front of what is at *@at in @buf. Return: 0; -ENOENT it has none;
 * -ENAMETOOLONG. */
static int put_name(struct spool_node *dir, const char *buf, char **at)
{
	const struct spool_entry *entry;
	int r = 0;

	spool_mutex_lock(&dir->lock, SPOOL_RANK_DIR);
	entry = LIST_FIRST(&dir->names);
	if (!entry)
		r = -ENOENT;
	else if (*at - buf < entry->len + (**at != '\0'))
		r = -ENAMETOOLONG;
	if (r == 0) {
		if (**at)
			*--*at = '/';
		*at -= entry->len;
		memcpy(*at, entry->name, entry->len);
	}
	spool_mutex_unlock(&dir->lock);
	return r;
}

static int walk_up(struct spool_node *dir, const uid_t *uid, const char *buf, char **at)
{
	int r = 0;

	while (r == 0 && dir->dir->parent != dir) {
		struct spool_node *above = dir->dir->parent;

		spool_mutex_lock(&above->lock, SPOOL_RANK_DIR);
		r = may_list(above, uid) ? 0 : -EACCES;
		spool_mutex_unlock(&above->lock);
		if (r == 0)
			r = put_name(dir, buf, at);
		dir = above;
	}
	return r;
}

int spool_engine_bound_path(struct spool_engine *engine, uint64_t id, const uid_t *uid, char *ret,
			    size_t size)
{
	uint64_t ino = engine_session_where(engine, id);
	char *at = ret + size - 1;
	struct spool_node *dir;
	int r;

	assert(size >= sizeof("."));
	if (!ino || engine_get_dir(engine, ino, &dir) < 0)
		return -ENOENT;
	*at = '\0';
	spool_mutex_lock(&engine->rename_lock, SPOOL_RANK_RENAME);
	r = walk_up(dir, uid, ret, &at);
	spool_mutex_unlock(&engine->rename_lock);
	engine_put(engine, dir);
	if (r < 0)
		return r;
	if (*at)
		memmove(ret, at, strlen(at) + 1);
	else
		memcpy(ret, ".", sizeof("."));
	return 0;
}

/* What it was bound to has ended: it is bound as the directory above, whatever is by now. */
static void bind_as_above(struct spool_engine *engine, uint64_t ino)
{
	struct spool_node *dir, *above;

	if (engine_get_dir(engine, ino, &dir) < 0)
		return;
	spool_mutex_lock(&engine->rename_lock, SPOOL_RANK_RENAME);
	above = dir->dir->parent;
	if (above != dir) {
		spool_mutex_lock(&above->lock, SPOOL_RANK_DIR);
		spool_mutex_lock(&dir->lock, SPOOL_RANK_DIR2);
		engine_tree_moved_locked(engine, above, dir);
		spool_mutex_unlock(&dir->lock);
		spool_mutex_unlock(&above->lock);
	}
	spool_mutex_unlock(&engine->rename_lock);
	engine_put(engine, dir);
}

void spool_engine_session_end(struct spool_engine *engine, uint64_t id)
{
	uint64_t bound_ino = engine_session_end(engine, id);

	if (bound_ino)
		bind_as_above(engine, bound_ino);
}

void spool_engine_life_stat(struct spool_engine *engine, struct spool_life_stat *ret)
{
	struct engine_life *life = &engine->life;

	spool_mutex_lock(&life->lock, SPOOL_RANK_LEAF);
	*ret = (struct spool_life_stat){
		.removed = life->n_removed,
		.failed = life->n_failed,
		.waiting = life->n_waiting,
		.lingering = life->n_lingering,
		.sessions = life->n_sessions,
		.ended = life->n_ended,
	};
	spool_mutex_unlock(&life->lock);
}
