/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Whose turn it is. What waits stands in a line for each payer, and the payers are served round
 * robin: whoever asks for a hundred things makes others wait for one of them, and two who do so
 * together for two.
 *
 * Takes no memory and no lock: the caller has one, or is the only one who knows of the lines. Time
 * grows with the number of payers that wait, not of what they wait for.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <sys/types.h>

TAILQ_HEAD(spool_turn_list, spool_turn);

/** struct spool_turn - a part of whatever waits for its turn; @behind: of the first of a line */
struct spool_turn {
	uid_t payer;
	TAILQ_ENTRY(spool_turn) link;
	struct spool_turn_list behind;
};

/**
 * struct spool_turns - the lines
 * @firsts: the first of each payer, the payer whose turn it is in front; those behind it
 * are in its own list
 */
struct spool_turns {
	struct spool_turn_list firsts;
	unsigned int n_payers;
};

/** spool_turns_init() - nobody waits. */
void spool_turns_init(struct spool_turns *turns);

/** spool_turns_is_empty() - does nobody wait? */
static inline bool spool_turns_is_empty(const struct spool_turns *turns)
{
	return TAILQ_EMPTY(&turns->firsts);
}

/** spool_turns_add() - behind all others of its payer; a payer who had none comes last. */
void spool_turns_add(struct spool_turns *turns, struct spool_turn *turn, uid_t payer);

/**
 * spool_turns_find() - whose turn is it, of those payers that @may be served?
 * He comes to the front. @ctx: for @may. Return: his first, which stays; NULL: nobody's.
 */
struct spool_turn *spool_turns_find(struct spool_turns *turns,
				    bool (*may)(const void *ctx, uid_t payer), const void *ctx);

/**
 * spool_turns_next() - take the first of the payer whose turn it is
 * The payer is behind all others then. Return: the caller's; NULL when nobody waits.
 */
struct spool_turn *spool_turns_next(struct spool_turns *turns);

/** spool_turns_put_back() - what spool_turns_next() has given could not be served: it stays the
 * first of its payer, whose turn is over all the same. */
void spool_turns_put_back(struct spool_turns *turns, struct spool_turn *turn);

/** spool_turns_remove() - @turn, which waits, does not any more. */
void spool_turns_remove(struct spool_turns *turns, struct spool_turn *turn);
