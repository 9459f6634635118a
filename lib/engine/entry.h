/* SPDX-License-Identifier: MIT */
#pragma once

/* Entries of directories: checked, charged to the user who pays for the name, freed. */

#include "engine/engine_internal.h"

/** engine_check_name() - Return: 0; -EINVAL; -ENAMETOOLONG. */
int engine_check_name(const char *name);

/**
 * A charged entry in no directory, for a name that @cred makes in @parent.
 * @node: what gets a further name, with its lock held; NULL: a new inode, or one that is renamed
 * @old: an entry that goes in exchange, or NULL: what it is charged counts towards the new one
 *	where the account is the same, so that a rename works when nothing is left
 * @ret_credit: bytes of @old's charge that the new entry has taken over; may be NULL without @old
 * Return: 0; -ENOMEM, -ENOSPC, -EDQUOT.
 */
int engine_make_entry(struct spool_engine *engine, struct spool_node *parent,
		      const struct spool_cred *cred, const char *name,
		      const struct spool_node *node, const struct spool_entry *old,
		      struct spool_entry **ret, uint64_t *ret_credit);

/** Frees an entry that is in no directory and gives its charge back, but for @credit bytes that
 * another has taken over. NULL is a no-op. No locks above SPOOL_RANK_QUOTA. */
void engine_free_entry(struct spool_engine *engine, struct spool_entry *entry, uint64_t credit);

/** engine_find_entry_locked() - Return: the entry of @name in @dir, whose lock is held; or NULL. */
struct spool_entry *engine_find_entry_locked(struct spool_engine *engine, struct spool_node *dir,
					     const char *name) SPOOL_REQUIRES(dir->lock);

/** engine_entries_changed_locked() - what stat shows of @dir after it; one that is empty now may
 * have waited for that. Lock: dir->lock. */
void engine_entries_changed_locked(struct spool_engine *engine, struct spool_node *dir,
				   const struct timespec *now) SPOOL_REQUIRES(dir->lock);

/** engine_remove_entry_locked() - takes @entry, a name of @node, out of @dir
 * engine_entry_removed() follows. Locks: those of both. */
void engine_remove_entry_locked(struct spool_engine *engine, struct spool_node *dir,
				struct spool_node *node, struct spool_entry *entry,
				const struct timespec *now) SPOOL_REQUIRES(dir->lock, node->lock);

/** engine_entry_removed() - frees it, and gives up the reference that it held. No locks. */
void engine_entry_removed(struct spool_engine *engine, struct spool_entry *entry);
