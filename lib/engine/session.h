/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Sessions, as the engine knows them: a number, and the inodes that go when it has ended.
 *
 * An inode with a name has the session of its directory or of who made it; none is the mount's
 * own, which never ends. It is on its session's list unless it stays until the mount ends. A
 * session is there as long as an inode has it or a directory is bound to it, and its memory is
 * charged to who has made the first; but that of what has expired, one for each payer, to nobody.
 *
 * Locks: what an inode has, is changed with its lock held; lists and counts under life.lock, below
 * which nothing is taken.
 */

#include "engine/ended.h"

/** engine_session_init(), engine_session_fini(): the table, and what it is about to remove.
 * Return: 0; -ENOMEM. */
int engine_session_init(struct spool_engine *engine);
void engine_session_fini(struct spool_engine *engine);

/** engine_session_end() - marks session @id, if there is one. Return: the directory that is bound
 * to it, 0: none. */
uint64_t engine_session_end(struct spool_engine *engine, uint64_t id);

/** engine_session_bound_at() - directory @ino is bound to it; one only is known, the last. */
void engine_session_bound_at(struct spool_engine *engine, struct engine_session *session,
			     uint64_t ino);

/** engine_session_bytes() - memory of one, as charged. */
uint64_t engine_session_bytes(void);

/** engine_session_where() - Return: the directory that is bound to session @id; 0: none. */
uint64_t engine_session_where(struct spool_engine *engine, uint64_t id);

/**
 * engine_session_get() - the session @id, which is made if there is none
 * @payer: who pays for a new one
 * Return: 0 and a reference, or NULL if it has ended; -ENOMEM, -ENOSPC, -EDQUOT, -EAGAIN.
 */
int engine_session_get(struct spool_engine *engine, uint64_t id, struct spool_quota_user *payer,
		       struct engine_session **ret);

/** engine_session_put() - gives a reference back. NULL is a no-op. */
void engine_session_put(struct spool_engine *engine, struct engine_session *session);

/**
 * engine_session_choose() - the session of what @cred makes in @dir, for which @payer pays
 * That which @dir is bound to, in shared unless somebody else than its owner pays for both; else
 * @cred's; else @dir's. None that has ended.
 * Return: 0 and a reference, or NULL; as engine_session_get(). Lock: dir->lock.
 */
int engine_session_choose(struct spool_engine *engine, const struct spool_cred *cred,
			  struct spool_node *dir, struct spool_quota_user *payer,
			  struct engine_session **ret) SPOOL_REQUIRES(dir->lock);

/** engine_session_join_locked() - @node, which has none, gets @session with the caller's
 * reference; NULL: the mount's own. Lock: node->lock, unless nobody sees it yet. */
void engine_session_join_locked(struct spool_engine *engine, struct spool_node *node,
				struct engine_session *session) SPOOL_REQUIRES(node->lock);

/** engine_session_join_expired_locked() - @node, which has none, goes. Lock: node->lock. */
void engine_session_join_expired_locked(struct spool_engine *engine, struct spool_node *node)
	SPOOL_REQUIRES(node->lock);

/** engine_session_leave_locked() - @node has the mount's own from now on. Lock: node->lock. */
void engine_session_leave_locked(struct spool_engine *engine, struct spool_node *node)
	SPOOL_REQUIRES(node->lock);

/** engine_session_bind_locked() - what is made in @dir is of @session; NULL: of none in particular.
 * Takes over the caller's reference. Lock: dir->lock, unless nobody sees it yet. */
void engine_session_bind_locked(struct spool_engine *engine, struct spool_node *dir,
				struct engine_session *session) SPOOL_REQUIRES(dir->lock);

/** engine_session_hand_down_locked() - the new directory @node is bound to what @dir is. Locks:
 * dir->lock. */
void engine_session_hand_down_locked(struct spool_node *dir, struct spool_node *node)
	SPOOL_REQUIRES(dir->lock);

/** engine_session_is_live() - is there one, and has it not ended? */
static inline bool engine_session_is_live(const struct engine_session *session)
{
	return session && !atomic_load_explicit(&session->ended, memory_order_relaxed);
}

/** engine_goes_locked() - is @node to go, as its session has ended? Lock: node->lock. */
bool engine_goes_locked(const struct spool_node *node) SPOOL_REQUIRES(node->lock);

/** engine_session_untold_locked() - a name of @node is being removed by ourselves: its session is
 * there, and something of it goes, until engine_session_told(). Return: its id; 0: it has none.
 * Lock: node->lock. */
uint64_t engine_session_untold_locked(struct spool_engine *engine, struct spool_node *node)
	SPOOL_REQUIRES(node->lock);

/** engine_session_told() - it is told; 0 is a no-op. */
void engine_session_told(struct spool_engine *engine, uint64_t id);

/** engine_session_wait_locked() - the directory @node is to go, but is not empty: it is not handed
 * out again before it is. Lock: node->lock. */
void engine_session_wait_locked(struct spool_engine *engine, struct spool_node *node)
	SPOOL_REQUIRES(node->lock);

/** engine_session_emptied_locked() - @dir is empty now: goes, if it has waited for that. Lock:
 * dir->lock. */
void engine_session_emptied_locked(struct spool_engine *engine, struct spool_node *dir)
	SPOOL_REQUIRES(dir->lock);

/** engine_session_lifetime_locked() - changes the lifetime of @node, which decides whether it goes
 * with its session. Lock: node->lock. */
void engine_session_lifetime_locked(struct spool_engine *engine, struct spool_node *node,
				    enum spool_lifetime lifetime) SPOOL_REQUIRES(node->lock);
