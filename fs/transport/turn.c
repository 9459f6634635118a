/* SPDX-License-Identifier: MIT */
#include "transport/turn.h"

#include <stddef.h>

void spool_turns_init(struct spool_turns *turns)
{
	TAILQ_INIT(&turns->firsts);
	turns->n_payers = 0;
}

static struct spool_request *first_of(struct spool_turns *turns, uid_t payer)
{
	struct spool_request *first;

	TAILQ_FOREACH (first, &turns->firsts, link) {
		if (first->payer == payer)
			break;
	}
	return first;
}

static void add_payer(struct spool_turns *turns, struct spool_request *first)
{
	TAILQ_INSERT_TAIL(&turns->firsts, first, link);
	turns->n_payers++;
}

static void remove_payer(struct spool_turns *turns, struct spool_request *first)
{
	TAILQ_REMOVE(&turns->firsts, first, link);
	turns->n_payers--;
}

void spool_turns_add(struct spool_turns *turns, struct spool_request *request)
{
	struct spool_request *first = first_of(turns, request->payer);

	TAILQ_INIT(&request->behind);
	if (first)
		TAILQ_INSERT_TAIL(&first->behind, request, link);
	else
		add_payer(turns, request);
}

struct spool_request *spool_turns_find(struct spool_turns *turns,
				       bool (*may)(const void *ctx, uid_t payer), const void *ctx)
{
	for (unsigned int i = turns->n_payers; i > 0; i--) {
		struct spool_request *first = TAILQ_FIRST(&turns->firsts);

		if (may(ctx, first->payer))
			return first;
		spool_turns_put_back(turns, spool_turns_next(turns));
	}
	return NULL;
}

struct spool_request *spool_turns_next(struct spool_turns *turns)
{
	struct spool_request *request = TAILQ_FIRST(&turns->firsts), *second;

	if (!request)
		return NULL;
	remove_payer(turns, request);
	second = TAILQ_FIRST(&request->behind);
	if (second) {
		TAILQ_REMOVE(&request->behind, second, link);
		TAILQ_CONCAT(&second->behind, &request->behind, link); /* it had none */
		add_payer(turns, second);
	}
	return request;
}

void spool_turns_put_back(struct spool_turns *turns, struct spool_request *request)
{
	struct spool_request *first = first_of(turns, request->payer);

	TAILQ_INIT(&request->behind);
	if (first) {
		remove_payer(turns, first);
		TAILQ_INSERT_TAIL(&request->behind, first, link);
		TAILQ_CONCAT(&request->behind, &first->behind, link);
	}
	add_payer(turns, request);
}
