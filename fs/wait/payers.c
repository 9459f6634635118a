/* SPDX-License-Identifier: MIT */
#include "wait/payers.h"

#include <stdlib.h>

static int compare(const struct payers_entry *a, const struct payers_entry *b)
{
	return a->uid < b->uid ? -1 : a->uid > b->uid;
}

SPOOL_RB_GENERATE(payers, payers_entry, by_uid, compare)

void *payers_find(const struct payers *payers, uid_t uid)
{
	struct payers_entry *entry = RB_ROOT(payers);

	while (entry && entry->uid != uid)
		entry = uid < entry->uid ? RB_LEFT(entry, by_uid) : RB_RIGHT(entry, by_uid);
	return entry;
}

void *payers_get(struct payers *payers, uid_t uid, size_t size, bool *ret_new)
{
	struct payers_entry *entry = payers_find(payers, uid);

	*ret_new = !entry;
	if (entry)
		return entry;
	entry = calloc(1, size);
	if (!entry)
		return NULL;
	entry->uid = uid;
	RB_INSERT(payers, payers, entry);
	return entry;
}

void *payers_from(struct payers *payers, uid_t uid)
{
	struct payers_entry wanted = {.uid = uid};

	return RB_NFIND(payers, payers, &wanted);
}

void *payers_after(struct payers_entry *entry)
{
	return RB_NEXT(payers, NULL, entry);
}

void payers_remove(struct payers *payers, struct payers_entry *entry)
{
	RB_REMOVE(payers, payers, entry);
	free(entry);
}
