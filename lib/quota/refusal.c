/* SPDX-License-Identifier: MIT */
#include "quota/refusal.h"

/* Often enough to be found by an administrator who looks for the reason, seldom enough not to fill
 * a log. A guess. */
#define AGAIN_NS ((int64_t)60 * 1000000000)

void spool_refusal_add(struct spool_refusal_note *note, uint64_t used, uint64_t limit,
		       uint64_t amount)
{
	note->used = used;
	note->limit = limit;
	note->amount = amount;
	note->n++;
	note->pending = true;
}

bool spool_refusal_take(struct spool_refusal_note *note, int64_t now_ns)
{
	int64_t age = now_ns - note->told_ns;

	if (!note->pending)
		return false;
	note->pending = false;
	if (note->told_ns != 0 && age >= 0 && age < AGAIN_NS)
		return false;
	note->told_ns = now_ns;
	return true;
}
