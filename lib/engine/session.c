/* SPDX-License-Identifier: MIT */
#include "engine/session.h"

#include <assert.h>
#include <errno.h>

#include "life/sessions.h"
#include "util/host.h"

#define MALLOC_EXTRA 16u /* as in ns/node.c */

static int compare(const struct engine_session *a, const struct engine_session *b)
{
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return a->expired_of < b->expired_of ? -1 : a->expired_of > b->expired_of;
}

SPOOL_RB_GENERATE(engine_session_tree, engine_session, by_id, compare)

uint64_t engine_session_bytes(void)
{
	return sizeof(struct engine_session) + MALLOC_EXTRA;
}

static struct spool_charge charge_of_one(void)
{
	const uint64_t bytes = engine_session_bytes();

	return (struct spool_charge){{bytes, bytes, 0}};
}

static struct engine_session *make(struct spool_engine *engine, uint64_t id, uid_t expired_of)
{
	struct engine_session *session = spool_alloc(engine->host, sizeof(*session));

	if (!session)
		return NULL;
	session->id = id;
	session->expired_of = expired_of;
	session->ended = id == 0;
	session->refs = 1;
	TAILQ_INIT(&session->nodes);
	TAILQ_INIT(&session->waiting);
	return session;
}

int engine_session_init(struct spool_engine *engine)
{
	struct engine_life *life = &engine->life;

	spool_mutex_init(&life->lock);
	RB_INIT(&life->sessions);
	engine_ended_init(life);
	life->expired = make(engine, 0, SPOOL_UID_UNKNOWN);
	return life->expired ? 0 : -ENOMEM;
}

/* @expired_of: of session 0, else 0 */
static struct engine_session *look_up_locked(struct engine_life *life, uint64_t id,
					     uid_t expired_of) SPOOL_REQUIRES(life->lock)
{
	struct engine_session key = {.id = id, .expired_of = expired_of};

	return RB_FIND(engine_session_tree, &life->sessions, &key);
}

/* The session @id with a reference, or NULL. */
static struct engine_session *find_locked(struct engine_life *life, uint64_t id, uid_t expired_of)
	SPOOL_REQUIRES(life->lock)
{
	struct engine_session *session = look_up_locked(life, id, expired_of);

	if (session)
		atomic_fetch_add_explicit(&session->refs, 1, memory_order_relaxed);
	return session;
}

static void destroy(struct spool_engine *engine, struct engine_session *session)
{
	const struct spool_charge charge = charge_of_one();

	if (session->user)
		spool_quota_uncharge_names(session->user, &charge);
	spool_quota_user_put(session->user);
	spool_free(engine->host, session);
}

/* What is left had names that nobody has told any more. */
void engine_session_fini(struct spool_engine *engine) SPOOL_UNCHECKED
{
	struct engine_session *session;

	while ((session = RB_ROOT(&engine->life.sessions)) != NULL) {
		assert(session->refs == session->n_untold);
		RB_REMOVE(engine_session_tree, &engine->life.sessions, session);
		destroy(engine, session);
	}
	spool_free(engine->host, engine->life.expired);
	spool_mutex_fini(&engine->life.lock);
}

static int make_charged(struct spool_engine *engine, uint64_t id, struct spool_quota_user *payer,
			struct engine_session **ret)
{
	const struct spool_charge charge = charge_of_one();
	struct engine_session *session = make(engine, id, 0);
	int r;

	if (!session)
		return -ENOMEM;
	r = spool_quota_charge(payer, &charge, SPOOL_CHARGE_NAME);
	if (r < 0) {
		spool_free(engine->host, session);
		return r;
	}
	session->user = spool_quota_user_ref(payer);
	*ret = session;
	return 0;
}

static struct engine_session *find(struct engine_life *life, uint64_t id, uid_t expired_of)
{
	struct engine_session *session;

	spool_mutex_lock(&life->lock, SPOOL_RANK_LEAF);
	session = find_locked(life, id, expired_of);
	spool_mutex_unlock(&life->lock);
	return session;
}

/* Return: @fresh, or who was faster: then @fresh is destroyed. */
static struct engine_session *add(struct spool_engine *engine, struct engine_session *fresh)
{
	struct engine_life *life = &engine->life;
	struct engine_session *session;

	spool_mutex_lock(&life->lock, SPOOL_RANK_LEAF);
	session = find_locked(life, fresh->id, fresh->expired_of);
	if (!session) {
		RB_INSERT(engine_session_tree, &life->sessions, fresh);
		life->n_sessions += fresh->id != 0;
	}
	spool_mutex_unlock(&life->lock);
	if (session)
		destroy(engine, fresh);
	return session ?: fresh;
}

int engine_session_get(struct spool_engine *engine, uint64_t id, struct spool_quota_user *payer,
		       struct engine_session **ret)
{
	struct engine_session *session = find(&engine->life, id, 0), *fresh;
	int r;

	if (!session) {
		r = make_charged(engine, id, payer, &fresh);
		if (r < 0)
			return r;
		session = add(engine, fresh);
	}
	if (!engine_session_is_live(session)) {
		engine_session_put(engine, session);
		session = NULL;
	}
	*ret = session;
	return 0;
}

uint64_t engine_session_where(struct spool_engine *engine, uint64_t id)
{
	const struct engine_session *session;
	uint64_t ino;

	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	session = look_up_locked(&engine->life, id, 0);
	ino = session && engine_session_is_live(session) ? session->bound_ino : 0;
	spool_mutex_unlock(&engine->life.lock);
	return ino;
}

/* Return: true when that was the last: the caller destroys it, without the lock. */
static bool put_locked(struct engine_life *life, struct engine_session *session)
	SPOOL_REQUIRES(life->lock)
{
	if (atomic_fetch_sub_explicit(&session->refs, 1, memory_order_relaxed) > 1)
		return false;
	RB_REMOVE(engine_session_tree, &life->sessions, session);
	life->n_sessions -= session->id != 0;
	engine_ended_remove_locked(life, session);
	return true;
}

void engine_session_put(struct spool_engine *engine, struct engine_session *session)
{
	bool last;

	if (!session)
		return;
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	last = put_locked(&engine->life, session);
	spool_mutex_unlock(&engine->life.lock);
	if (last)
		destroy(engine, session);
}

/* A reference more on what somebody has who holds still: no lock, and never from none. */
static struct engine_session *ref(struct engine_session *session)
{
	atomic_fetch_add_explicit(&session->refs, 1, memory_order_relaxed);
	return session;
}

/* Nobody has removed by the end of a session what he could not remove with unlink(2): what others
 * make in directories of their own. */
static bool takes(const struct spool_engine *engine, const struct engine_session *session,
		  const struct spool_node *dir, const struct spool_quota_user *payer)
	SPOOL_REQUIRES(dir->lock)
{
	if (!engine_session_is_live(session))
		return false;
	return !session->has_owner || engine->config.layout != SPOOL_LAYOUT_SHARED ||
	       spool_quota_user_uid(payer) == session->owner ||
	       spool_quota_user_uid(dir->user) == session->owner;
}

int engine_session_choose(struct spool_engine *engine, const struct spool_cred *cred,
			  struct spool_node *dir, struct spool_quota_user *payer,
			  struct engine_session **ret)
{
	struct engine_session *own = dir->session;

	if (takes(engine, dir->dir->bound, dir, payer)) {
		*ret = ref(dir->dir->bound);
		return 0;
	}
	if (cred->session == SPOOL_SESSION_STAYS) {
		*ret = NULL;
		return 0;
	}
	if (cred->session != 0 && !(own && own->id == cred->session))
		return engine_session_get(engine, cred->session, payer, ret);
	*ret = takes(engine, own, dir, payer) ? ref(own) : NULL;
	return 0;
}

/* What is on a list is an ordinary inode that does not stay until the mount ends. */
static void list_locked(struct engine_life *life, struct spool_node *node)
	SPOOL_REQUIRES(life->lock, node->lock)
{
	struct engine_session *session = node->session;

	if (node->lifetime == SPOOL_LIFETIME_MOUNT || node->role != SPOOL_NODE_ORDINARY)
		return;
	/* what was made last goes first: what is in a directory before the directory itself */
	TAILQ_INSERT_HEAD(&session->nodes, node, session_link);
	node->flags |= SPOOL_NODE_LISTED;
	if (session->ended)
		engine_ended_add_locked(life, session);
}

static void unlist_locked(struct engine_life *life, struct spool_node *node)
	SPOOL_REQUIRES(life->lock, node->lock)
{
	struct engine_session *session = node->session;

	if (!(node->flags & SPOOL_NODE_LISTED))
		return;
	if (node->flags & SPOOL_NODE_WAITS) {
		TAILQ_REMOVE(&session->waiting, node, session_link);
		life->n_waiting--;
	} else {
		TAILQ_REMOVE(&session->nodes, node, session_link);
	}
	node->flags &= (uint8_t) ~(SPOOL_NODE_LISTED | SPOOL_NODE_WAITS);
}

/* Tells the owner of the sessions how many inodes one has more, or less. */
static void tell(const struct spool_engine *engine, uint64_t id, int n)
{
	if (id != 0 && engine->config.session_inodes)
		engine->config.session_inodes(engine->config.life_ctx, id, n);
}

/* Something is on the list of those that go: wakes who removes it. */
static void listed(const struct spool_engine *engine, const struct engine_session *session)
{
	if (!engine_session_is_live(session))
		engine_life_wake(engine);
}

void engine_session_join_locked(struct spool_engine *engine, struct spool_node *node,
				struct engine_session *session)
{
	node->session = session;
	if (!session)
		return;
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	list_locked(&engine->life, node);
	spool_mutex_unlock(&engine->life.lock);
	listed(engine, session);
	tell(engine, session->id, 1);
}

/* What has expired of what @uid pays for, with a reference. Nothing may fail: without memory, what
 * has of all such. */
static struct engine_session *expired_of(struct spool_engine *engine, uid_t uid)
{
	struct engine_session *session = find(&engine->life, 0, uid), *fresh;

	if (session)
		return session;
	fresh = make(engine, 0, uid);
	return fresh ? add(engine, fresh) : ref(engine->life.expired);
}

void engine_session_join_expired_locked(struct spool_engine *engine, struct spool_node *node)
{
	uid_t payer = spool_quota_user_uid(node->user);

	engine_session_join_locked(engine, node, expired_of(engine, payer));
}

void engine_session_leave_locked(struct spool_engine *engine, struct spool_node *node)
{
	struct engine_session *session = node->session;
	bool last;
	uint64_t id;

	if (!session)
		return;
	id = session->id;
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	unlist_locked(&engine->life, node);
	last = put_locked(&engine->life, session);
	spool_mutex_unlock(&engine->life.lock);
	node->session = NULL;
	if (last)
		destroy(engine, session);
	tell(engine, id, -1);
}

void engine_session_bind_locked(struct spool_engine *engine, struct spool_node *dir,
				struct engine_session *session)
{
	engine_session_put(engine, dir->dir->bound);
	dir->dir->bound = session;
}

void engine_session_bound_at(struct spool_engine *engine, struct engine_session *session,
			     uint64_t ino)
{
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	session->bound_ino = ino;
	spool_mutex_unlock(&engine->life.lock);
}

void engine_session_hand_down_locked(struct spool_node *dir, struct spool_node *node)
{
	if (engine_session_is_live(dir->dir->bound))
		node->dir->bound = ref(dir->dir->bound);
}

bool engine_goes_locked(const struct spool_node *node)
{
	return (node->flags & SPOOL_NODE_LISTED) && !engine_session_is_live(node->session);
}

void engine_session_lifetime_locked(struct spool_engine *engine, struct spool_node *node,
				    enum spool_lifetime lifetime)
{
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	unlist_locked(&engine->life, node);
	node->lifetime = (uint8_t)lifetime;
	if (node->session)
		list_locked(&engine->life, node);
	spool_mutex_unlock(&engine->life.lock);
	if (node->session)
		listed(engine, node->session);
}

uint64_t engine_session_end(struct spool_engine *engine, uint64_t id)
{
	struct engine_life *life = &engine->life;
	struct engine_session *session;
	uint64_t bound_ino = 0;
	bool last = false;

	spool_mutex_lock(&life->lock, SPOOL_RANK_LEAF);
	session = find_locked(life, id, 0);
	if (session) {
		session->ended = true;
		bound_ino = session->bound_ino;
		if (!TAILQ_EMPTY(&session->nodes))
			engine_ended_add_locked(life, session);
		last = put_locked(life, session);
	}
	spool_mutex_unlock(&life->lock);
	if (last)
		destroy(engine, session);
	else if (session)
		engine_life_wake(engine);
	return bound_ino;
}

uint64_t engine_session_untold_locked(struct spool_engine *engine, struct spool_node *node)
{
	struct engine_session *session = node->session;

	if (!session || session->id == 0)
		return 0;
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	ref(session)->n_untold++;
	spool_mutex_unlock(&engine->life.lock);
	return session->id;
}

void engine_session_told(struct spool_engine *engine, uint64_t id)
{
	struct engine_session *session;
	bool last;

	if (id == 0)
		return;
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	session = look_up_locked(&engine->life, id, 0);
	assert(session && session->n_untold > 0);
	session->n_untold--;
	last = put_locked(&engine->life, session);
	spool_mutex_unlock(&engine->life.lock);
	if (last)
		destroy(engine, session);
}

bool spool_engine_session_goes(struct spool_engine *engine, uint64_t id)
{
	struct engine_life *life = &engine->life;
	struct engine_session *session;
	bool goes;

	spool_mutex_lock(&life->lock, SPOOL_RANK_LEAF);
	session = look_up_locked(life, id, 0);
	goes = session && session->ended &&
	       (!TAILQ_EMPTY(&session->nodes) || session->n_untold > 0);
	spool_mutex_unlock(&life->lock);
	return goes;
}

void engine_session_wait_locked(struct spool_engine *engine, struct spool_node *node)
{
	struct engine_session *session = node->session;

	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	if (!(node->flags & SPOOL_NODE_WAITS)) {
		TAILQ_REMOVE(&session->nodes, node, session_link);
		TAILQ_INSERT_HEAD(&session->waiting, node, session_link);
		node->flags |= SPOOL_NODE_WAITS;
		engine->life.n_waiting++;
	}
	spool_mutex_unlock(&engine->life.lock);
}

void engine_session_emptied_locked(struct spool_engine *engine, struct spool_node *dir)
{
	struct engine_session *session = dir->session;

	if (!(dir->flags & SPOOL_NODE_WAITS))
		return;
	spool_mutex_lock(&engine->life.lock, SPOOL_RANK_LEAF);
	unlist_locked(&engine->life, dir);
	list_locked(&engine->life, dir);
	spool_mutex_unlock(&engine->life.lock);
	listed(engine, session);
}
