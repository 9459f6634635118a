/* SPDX-License-Identifier: MIT */
#include "engine/ended.h"

#include "quota/quota.h"
#include "util/macros.h"

void engine_ended_init(struct engine_life *life)
{
	spool_turns_init(&life->ended);
}

void engine_ended_add_locked(struct engine_life *life, struct engine_session *session)
{
	uid_t payer = session->user ? spool_quota_user_uid(session->user) : session->expired_of;

	if (session->queued)
		return;
	spool_turns_add(&life->ended, &session->turn, payer);
	session->queued = true;
	life->n_ended++;
}

void engine_ended_remove_locked(struct engine_life *life, struct engine_session *session)
{
	if (!session->queued)
		return;
	spool_turns_remove(&life->ended, &session->turn);
	session->queued = false;
	life->n_ended--;
}

uint64_t engine_ended_next(struct spool_engine *engine)
{
	struct engine_life *life = &engine->life;
	struct spool_turn *turn;
	uint64_t ino = 0;

	spool_mutex_lock(&life->lock, SPOOL_RANK_LEAF);
	while (ino == 0 && (turn = spool_turns_next(&life->ended))) {
		struct engine_session *session =
			spool_container_of(turn, struct engine_session, turn);
		struct spool_node *node = TAILQ_FIRST(&session->nodes);

		session->queued = false;
		life->n_ended--;
		if (node) {
			ino = node->ino;
			engine_ended_add_locked(life, session);
		}
	}
	spool_mutex_unlock(&life->lock);
	return ino;
}
