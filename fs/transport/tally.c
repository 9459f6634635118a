/* SPDX-License-Identifier: MIT */
#include "transport/tally.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

struct spool_tally {
	struct {
		_Atomic uint64_t owner; /* uid + 1; 0: free */
		_Atomic uint64_t n;
	} cells[SPOOL_TALLY_CELLS];
};

int spool_tally_new(struct spool_tally **ret)
{
	struct spool_tally *tally = calloc(1, sizeof(*tally));

	if (!tally)
		return -ENOMEM;
	*ret = tally;
	return 0;
}

void spool_tally_free(struct spool_tally *tally)
{
	free(tally);
}

/* Uids that follow each other have cells that do. */
static size_t cell_of(uid_t payer, unsigned int probe)
{
	return (payer + probe) % SPOOL_TALLY_CELLS;
}

void spool_tally_add(struct spool_tally *tally, uid_t payer)
{
	uint64_t wanted = (uint64_t)payer + 1;

	for (unsigned int i = 0; tally && i < SPOOL_TALLY_PROBES; i++) {
		size_t at = cell_of(payer, i);
		uint64_t owner =
			atomic_load_explicit(&tally->cells[at].owner, memory_order_relaxed);

		/* when it fails, @owner is who was faster: perhaps the same payer */
		if (owner == 0 &&
		    atomic_compare_exchange_strong(&tally->cells[at].owner, &owner, wanted))
			owner = wanted;
		if (owner == wanted) {
			atomic_fetch_add_explicit(&tally->cells[at].n, 1, memory_order_relaxed);
			return;
		}
	}
}

bool spool_tally_get(const struct spool_tally *tally, uid_t payer, uint64_t *ret)
{
	for (unsigned int i = 0; i < SPOOL_TALLY_PROBES; i++) {
		size_t at = cell_of(payer, i);
		uint64_t owner =
			atomic_load_explicit(&tally->cells[at].owner, memory_order_relaxed);

		if (owner != 0 && owner != (uint64_t)payer + 1)
			continue;
		*ret = owner ? atomic_load_explicit(&tally->cells[at].n, memory_order_relaxed) : 0;
		return true;
	}
	return false;
}
