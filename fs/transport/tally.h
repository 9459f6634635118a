/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How many requests of each payer there have been. Counted with every request, so without a lock: a
 * table of a fixed size, in which a payer keeps the cell that he has got. Who finds none is not
 * counted.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SPOOL_TALLY_CELLS 4096u /* 64 KiB; a guess, more payers than a machine has users */
#define SPOOL_TALLY_PROBES 16u  /* cells that are looked at for one; a guess */

struct spool_tally;

/** spool_tally_new() - nobody has made any. Return: 0; -ENOMEM. */
int spool_tally_new(struct spool_tally **ret);

/** spool_tally_free() - NULL is allowed. */
void spool_tally_free(struct spool_tally *tally);

/** spool_tally_add() - one more of @payer. Any locks. Without a @tally (NULL) nothing is
 * counted. */
void spool_tally_add(struct spool_tally *tally, uid_t payer);

/** spool_tally_get() - Return: whether @payer is counted, or could be; then *@ret of his so far. */
bool spool_tally_get(const struct spool_tally *tally, uid_t payer, uint64_t *ret);
