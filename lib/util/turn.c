/* SPDX-License-Identifier: MIT */
#include "util/turn.h"

void spool_turns_init(struct spool_turns *turns)
{
	TAILQ_INIT(&turns->firsts);
	turns->n_payers = 0;
}

static struct spool_turn *first_of(struct spool_turns *turns, uid_t payer)
{
	struct spool_turn *first;

	TAILQ_FOREACH (first, &turns->firsts, link) {
		if (first->payer == payer)
			break;
	}
	return first;
}

static void add_payer(struct spool_turns *turns, struct spool_turn *first)
{
	TAILQ_INSERT_TAIL(&turns->firsts, first, link);
	turns->n_payers++;
}

static void remove_payer(struct spool_turns *turns, struct spool_turn *first)
{
	TAILQ_REMOVE(&turns->firsts, first, link);
	turns->n_payers--;
}

void spool_turns_add(struct spool_turns *turns, struct spool_turn *turn, uid_t payer)
{
	struct spool_turn *first = first_of(turns, payer);

	turn->payer = payer;
	TAILQ_INIT(&turn->behind);
	if (first)
		TAILQ_INSERT_TAIL(&first->behind, turn, link);
	else
		add_payer(turns, turn);
}

struct spool_turn *spool_turns_find(struct spool_turns *turns,
				    bool (*may)(const void *ctx, uid_t payer), const void *ctx)
{
	for (unsigned int i = turns->n_payers; i > 0; i--) {
		struct spool_turn *first = TAILQ_FIRST(&turns->firsts);

		if (may(ctx, first->payer))
			return first;
		spool_turns_put_back(turns, spool_turns_next(turns));
	}
	return NULL;
}

struct spool_turn *spool_turns_next(struct spool_turns *turns)
{
	struct spool_turn *turn = TAILQ_FIRST(&turns->firsts), *second;

	if (!turn)
		return NULL;
	remove_payer(turns, turn);
	second = TAILQ_FIRST(&turn->behind);
	if (second) {
		TAILQ_REMOVE(&turn->behind, second, link);
		TAILQ_CONCAT(&second->behind, &turn->behind, link); /* it had none */
		add_payer(turns, second);
	}
	return turn;
}

void spool_turns_put_back(struct spool_turns *turns, struct spool_turn *turn)
{
	struct spool_turn *first = first_of(turns, turn->payer);

	TAILQ_INIT(&turn->behind);
	if (first) {
		remove_payer(turns, first);
		TAILQ_INSERT_TAIL(&turn->behind, first, link);
		TAILQ_CONCAT(&turn->behind, &first->behind, link);
	}
	add_payer(turns, turn);
}

void spool_turns_remove(struct spool_turns *turns, struct spool_turn *turn)
{
	struct spool_turn *first = first_of(turns, turn->payer), *second;

	if (first != turn) {
		TAILQ_REMOVE(&first->behind, turn, link);
		return;
	}
	second = TAILQ_FIRST(&turn->behind);
	if (second) { /* takes its place */
		TAILQ_REMOVE(&turn->behind, second, link);
		TAILQ_CONCAT(&second->behind, &turn->behind, link);
		TAILQ_INSERT_AFTER(&turns->firsts, turn, second, link);
		turns->n_payers++;
	}
	remove_payer(turns, turn);
}
