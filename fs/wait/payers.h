/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Payers, by uid. A module has a structure of its own for each payer for whom there is something to
 * do, which begins with a struct payers_entry. The module's lock covers the tree.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/rbtree.h"

/** struct payers_entry - what the structure of a payer begins with */
struct payers_entry {
	RB_ENTRY(payers_entry) by_uid;
	uid_t uid;
};

RB_HEAD(payers, payers_entry);

/** payers_find() - Return: the payer's structure; NULL: there is none. */
void *payers_find(const struct payers *payers, uid_t uid);

/** payers_get() - the same, made if need be. @size: of the structure, which is zero but for the
 * uid; *@ret_new: it was made. Return: NULL: no memory. */
void *payers_get(struct payers *payers, uid_t uid, size_t size, bool *ret_new);

/** payers_from() - Return: the first payer with @uid or a higher one; NULL. */
void *payers_from(struct payers *payers, uid_t uid);

/** payers_after() - Return: the payer behind @entry; NULL. */
void *payers_after(struct payers_entry *entry);

/** payers_remove() - takes it out, and frees it. */
void payers_remove(struct payers *payers, struct payers_entry *entry);
