/* SPDX-License-Identifier: MIT */
#include "transport/turn.h"

#include <stddef.h>

void spool_turns_init(struct spool_turns *turns)
{
	TAILQ_INIT(&turns->firsts);
	turns->n_payers = 0;
}

static struct spool_message *first_of(struct spool_turns *turns, uid_t payer)
{
	struct spool_message *first;

	TAILQ_FOREACH (first, &turns->firsts, link) {
		if (first->payer == payer)
			break;
	}
	return first;
}

static void add_payer(struct spool_turns *turns, struct spool_message *first)
{
	TAILQ_INSERT_TAIL(&turns->firsts, first, link);
	turns->n_payers++;
}

static void remove_payer(struct spool_turns *turns, struct spool_message *first)
{
	TAILQ_REMOVE(&turns->firsts, first, link);
	turns->n_payers--;
}

void spool_turns_add(struct spool_turns *turns, struct spool_message *message)
{
	struct spool_message *first = first_of(turns, message->payer);

	TAILQ_INIT(&message->behind);
	if (first)
		TAILQ_INSERT_TAIL(&first->behind, message, link);
	else
		add_payer(turns, message);
}

struct spool_message *spool_turns_next(struct spool_turns *turns)
{
	struct spool_message *message = TAILQ_FIRST(&turns->firsts), *second;

	if (!message)
		return NULL;
	remove_payer(turns, message);
	second = TAILQ_FIRST(&message->behind);
	if (second) {
		TAILQ_REMOVE(&message->behind, second, link);
		TAILQ_CONCAT(&second->behind, &message->behind, link); /* it had none */
		add_payer(turns, second);
	}
	return message;
}

void spool_turns_put_back(struct spool_turns *turns, struct spool_message *message)
{
	struct spool_message *first = first_of(turns, message->payer);

	TAILQ_INIT(&message->behind);
	if (first) {
		remove_payer(turns, first);
		TAILQ_INSERT_TAIL(&message->behind, first, link);
		TAILQ_CONCAT(&message->behind, &first->behind, link);
	}
	add_payer(turns, message);
}
