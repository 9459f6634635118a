/* SPDX-License-Identifier: MIT */
#include "engine/tree.h"

#include <errno.h>
#include <sys/stat.h>

#include "engine/inode.h"
#include "engine/linger.h"
#include "engine/session.h"
#include "engine/worklist.h"
#include "util/macros.h"

/* Entries that are looked at with one lock of their directory. A guess: some ten microseconds. */
#define ENTRIES_PER_STEP 32

/* What is done to the inodes of one uid only. Binding is done to all, and so for nobody. */
#define OF_UID ((unsigned int)~ENGINE_TREE_BIND)

bool engine_may_change(const struct spool_engine *engine, const struct spool_node *node, uid_t uid)
{
	if (uid == SPOOL_UID_UNKNOWN || uid == 0)
		return true;
	return engine->config.layout == SPOOL_LAYOUT_SHARED ? node->uid == uid : node->tree == uid;
}

void engine_expire_locked(struct spool_engine *engine, struct spool_node *node)
{
	if (node == engine->root || node->role != SPOOL_NODE_ORDINARY || node->nlink == 0)
		return;
	engine_linger_remove_locked(engine, node);
	engine_session_leave_locked(engine, node);
	node->lifetime = SPOOL_LIFETIME_SESSION;
	engine_session_join_expired_locked(engine, node);
}

/* What is to be done to the entries of @dir. */
static struct engine_tree work_of(const struct spool_dir *dir)
{
	return (struct engine_tree){
		.work = dir->work,
		.lifetime = (enum spool_lifetime)dir->work_lifetime,
		.uid = dir->work_uid,
		.lifetime_at = dir->work_lifetime_at,
		.expire_at = dir->work_expire_at,
		.kept_at = dir->work_kept_at,
	};
}

static void expire_locked(struct spool_engine *engine, struct spool_node *node, uint64_t at,
			  bool kept) SPOOL_REQUIRES(node->lock)
{
	if (node->asked > at)
		return;
	node->asked = at;
	if (node->lifetime != SPOOL_LIFETIME_MOUNT || kept)
		engine_expire_locked(engine, node);
}

static void set_locked(struct spool_engine *engine, struct spool_node *node,
		       const struct engine_tree *tree) SPOOL_REQUIRES(node->lock)
{
	if (!(tree->work & ENGINE_TREE_LIFETIME) || node->asked > tree->lifetime_at || node->wiped)
		return;
	node->asked = tree->lifetime_at;
	engine_linger_remove_locked(engine, node);
	engine_session_lifetime_locked(engine, node, tree->lifetime);
}

void engine_tree_apply_locked(struct spool_engine *engine, struct spool_node *node,
			      const struct engine_tree *tree)
{
	uint64_t kept_at = tree->work & ENGINE_TREE_EXPIRE_KEPT ? tree->kept_at : 0;
	uint64_t expire_at = tree->work & ENGINE_TREE_EXPIRE ? tree->expire_at : 0;

	if (tree->lifetime_at <= kept_at)
		set_locked(engine, node, tree);
	if (kept_at)
		expire_locked(engine, node, kept_at, true);
	if (tree->lifetime_at > kept_at && tree->lifetime_at <= expire_at)
		set_locked(engine, node, tree);
	if (expire_at)
		expire_locked(engine, node, expire_at, false);
	if (tree->lifetime_at > expire_at)
		set_locked(engine, node, tree);
}

static uint64_t asked_last(const struct engine_tree *tree)
{
	return spool_max_u64(tree->lifetime_at, tree->expire_at);
}

/* Another lifetime comes after an expiry: what has not gone yet stays, or goes all the same. */
static void pass_expiry(struct engine_tree *to, enum spool_lifetime lifetime)
{
	const unsigned int expire = ENGINE_TREE_EXPIRE | ENGINE_TREE_EXPIRE_KEPT;
	bool is_kept = to->work & ENGINE_TREE_EXPIRE_KEPT;
	bool had = (to->work & ENGINE_TREE_LIFETIME) && to->lifetime_at < to->expire_at;

	if (lifetime == SPOOL_LIFETIME_MOUNT ||
	    (had && to->lifetime == SPOOL_LIFETIME_MOUNT && !is_kept)) {
		to->work &= ~expire;
	} else if (had && to->lifetime == SPOOL_LIFETIME_MOUNT) {
		to->expire_at = to->kept_at;
	} else if (had) { /* all that had got the lifetime before */
		to->kept_at =
			is_kept ? spool_max_u64(to->kept_at, to->lifetime_at) : to->lifetime_at;
		to->work |= ENGINE_TREE_EXPIRE_KEPT;
	}
}

/* Adds the lifetime of @tree to what is to be done. There is one place for a lifetime, one for an
 * expiry of all, and one for an expiry. */
static void add_lifetime(struct engine_tree *to, const struct engine_tree *tree)
{
	if ((to->work & ENGINE_TREE_LIFETIME) && to->lifetime_at > tree->lifetime_at)
		return;
	if ((to->work & ENGINE_TREE_EXPIRE) && to->expire_at < tree->lifetime_at)
		pass_expiry(to, tree->lifetime);
	to->work |= ENGINE_TREE_LIFETIME;
	to->lifetime = tree->lifetime;
	to->lifetime_at = tree->lifetime_at;
}

static void add_expire(struct engine_tree *to, const struct engine_tree *tree)
{
	bool is_kept = to->work & ENGINE_TREE_EXPIRE_KEPT;

	to->expire_at = to->work & ENGINE_TREE_EXPIRE
				? spool_max_u64(to->expire_at, tree->expire_at)
				: tree->expire_at;
	if (tree->work & ENGINE_TREE_EXPIRE_KEPT)
		to->kept_at = is_kept ? spool_max_u64(to->kept_at, tree->kept_at) : tree->kept_at;
	to->work |= tree->work & (ENGINE_TREE_EXPIRE | ENGINE_TREE_EXPIRE_KEPT);
}

/* Adds @tree to what is to be done to the entries of @dir. */
static void merge(struct spool_dir *dir, const struct engine_tree *tree)
{
	struct engine_tree to = dir->work == 0 ? (struct engine_tree){0} : work_of(dir);
	bool expires_last = tree->expire_at >= tree->lifetime_at;

	if ((tree->work & ENGINE_TREE_EXPIRE) && !expires_last)
		add_expire(&to, tree);
	if (tree->work & ENGINE_TREE_LIFETIME)
		add_lifetime(&to, tree);
	if ((tree->work & ENGINE_TREE_EXPIRE) && expires_last)
		add_expire(&to, tree);
	dir->work = (uint8_t)(to.work | (tree->work & ENGINE_TREE_BIND));
	dir->work_lifetime = (uint8_t)to.lifetime;
	dir->work_lifetime_at = to.lifetime_at;
	dir->work_expire_at = to.expire_at;
	dir->work_kept_at = to.kept_at;
}

int engine_tree_begin_locked(struct spool_engine *engine, struct spool_node *node,
			     const struct engine_tree *tree)
{
	struct spool_dir *dir = node->dir;
	const struct engine_tree pending = work_of(dir);
	bool is_of_uid = dir->work & OF_UID;
	uid_t uid = tree->work & OF_UID ? tree->uid : is_of_uid ? dir->work_uid : node->tree;

	if (is_of_uid && (tree->work & OF_UID) &&
	    (uid != dir->work_uid || asked_last(tree) < asked_last(&pending)))
		return -EBUSY;
	if (uid != dir->work_uid)
		engine_worklist_count(engine, node, true);
	merge(dir, tree);
	dir->work_uid = uid;
	engine_worklist_count(engine, node, false);
	dir->work_cookie = 0;
	engine_worklist_add_locked(engine, node);
	return 0;
}

static const struct engine_session *binds(const struct spool_node *dir)
{
	return engine_session_is_live(dir->dir->bound) ? dir->dir->bound : NULL;
}

/* A directory is bound as that above it, unless it is bound to another itself. */
static void bind_locked(struct spool_engine *engine, struct spool_node *dir,
			struct spool_node *child) SPOOL_REQUIRES(dir->lock, child->lock)
{
	if (child->dir->bound_here && binds(child))
		return;
	engine_session_bind_locked(engine, child, NULL);
	engine_session_hand_down_locked(dir, child);
	child->dir->bound_here = false;
}

void engine_tree_moved_locked(struct spool_engine *engine, struct spool_node *dir,
			      struct spool_node *child)
{
	const struct engine_tree tree = {.work = ENGINE_TREE_BIND, .uid = SPOOL_UID_UNKNOWN};

	if (binds(dir) == binds(child) || (child->dir->bound_here && binds(child)))
		return;
	bind_locked(engine, dir, child);
	engine_tree_begin_locked(engine, child, &tree); /* which no other change refuses */
}

/* Return: 0; -EBUSY: not yet. */
static int do_entry(struct spool_engine *engine, struct spool_node *dir, struct spool_node *node,
		    const struct engine_tree *all) SPOOL_REQUIRES(dir->lock)
{
	struct engine_tree tree = *all;
	int r = 0;

	spool_mutex_lock(&node->lock, SPOOL_RANK_NODE);
	if (!engine_may_change(engine, node, tree.uid))
		tree.work &= ENGINE_TREE_BIND;
	if (S_ISDIR(node->type) && tree.work)
		r = engine_tree_begin_locked(engine, node, &tree);
	if (r == 0 && S_ISDIR(node->type) && (tree.work & ENGINE_TREE_BIND))
		bind_locked(engine, dir, node);
	if (r == 0)
		engine_tree_apply_locked(engine, node, &tree);
	spool_mutex_unlock(&node->lock);
	return r;
}

/* Return: whether all entries have been done. */
static bool do_entries(struct spool_engine *engine, struct spool_node *dir,
		       const struct engine_tree *tree) SPOOL_REQUIRES(dir->lock)
{
	for (int i = 0; i < ENTRIES_PER_STEP; i++) {
		struct spool_entry *entry = spool_dir_after(dir->dir, dir->dir->work_cookie);

		if (!entry)
			return true;
		if (do_entry(engine, dir, entry->node, tree) < 0)
			return false; /* somebody else's work there goes first */
		dir->dir->work_cookie = entry->cookie;
	}
	return false;
}

static void do_dir(struct spool_engine *engine, struct spool_node *dir) SPOOL_REQUIRES(dir->lock)
{
	const struct engine_tree tree = work_of(dir->dir);

	if (!do_entries(engine, dir, &tree)) {
		engine_worklist_add_locked(engine, dir); /* at the end once more */
		return;
	}
	dir->dir->work = 0;
	engine_worklist_count(engine, dir, true);
}

/* Where a walk up from a directory has come to. */
struct way {
	const struct spool_node *node;
	uint64_t cookie; /* of its name; 0: it has none */
	uid_t owner;     /* who may change it and all on the way, in shared */
	bool has_owner;
};

static void look_at(const struct spool_engine *engine, struct spool_node *node, struct way *way)
	SPOOL_REQUIRES(node->lock)
{
	const struct spool_entry *entry = LIST_FIRST(&node->names);
	uid_t owner = engine->config.layout == SPOOL_LAYOUT_SHARED ? node->uid : node->tree;

	way->has_owner = !way->node || (way->has_owner && way->owner == owner);
	way->owner = owner;
	way->cookie = entry ? entry->cookie : 0;
	way->node = node;
}

/* Of the work of the directory @dir, what gets down the way from it and is later than *@last. */
static void look_down(const struct spool_node *dir, const struct way *way, struct engine_tree *last)
	SPOOL_REQUIRES(dir->lock)
{
	const struct engine_tree tree = work_of(dir->dir);
	bool is_all = tree.uid == 0 || tree.uid == SPOOL_UID_UNKNOWN;

	if (dir->dir->work_cookie >= way->cookie ||
	    (!is_all && !(way->has_owner && way->owner == tree.uid)))
		return;
	if ((tree.work & ENGINE_TREE_LIFETIME) && tree.lifetime_at > last->lifetime_at)
		*last = (struct engine_tree){
			ENGINE_TREE_LIFETIME, tree.lifetime,    tree.uid,
			tree.lifetime_at,     tree.lifetime_at, tree.lifetime_at};
	if ((tree.work & ENGINE_TREE_EXPIRE_KEPT) && tree.kept_at >= last->lifetime_at)
		*last = (struct engine_tree){ENGINE_TREE_EXPIRE | ENGINE_TREE_EXPIRE_KEPT,
					     tree.lifetime,
					     tree.uid,
					     tree.kept_at,
					     tree.kept_at,
					     tree.kept_at};
}

void engine_tree_above(struct spool_engine *engine, struct spool_node *node,
		       struct engine_tree *ret)
{
	struct way way = {.node = NULL};

	*ret = (struct engine_tree){.work = 0};
	while (!engine_worklist_is_empty(engine)) {
		spool_mutex_lock(&node->lock, SPOOL_RANK_DIR);
		if (way.node)
			look_down(node, &way, ret);
		look_at(engine, node, &way);
		spool_mutex_unlock(&node->lock);
		if (way.cookie == 0)
			break;
		node = node->dir->parent;
	}
}

static void step(struct spool_engine *engine, struct spool_node *dir)
{
	spool_mutex_lock(&dir->lock, SPOOL_RANK_DIR);
	do_dir(engine, dir);
	spool_mutex_unlock(&dir->lock);
}

/* Under the rename lock, so that who looks above a directory finds what is on its way down. */
bool engine_tree_step(struct spool_engine *engine)
{
	struct spool_node *dir;
	uint64_t ino;

	if (engine_worklist_is_empty(engine))
		return false;
	spool_mutex_lock(&engine->rename_lock, SPOOL_RANK_RENAME);
	ino = engine_worklist_take(engine);
	dir = ino ? engine_get(engine, ino) : NULL; /* it may have gone meanwhile */
	if (dir)
		step(engine, dir);
	spool_mutex_unlock(&engine->rename_lock);
	engine_put(engine, dir);
	return true;
}
