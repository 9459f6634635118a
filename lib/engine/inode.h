/* SPDX-License-Identifier: MIT */
#pragma once

/* Inodes: made with what they are charged, referenced, and freed with the last reference. */

#include "engine/engine_internal.h"

/** Gives one reference back; frees the node with the last. No locks held. NULL is a no-op. */
void engine_put(struct spool_engine *engine, struct spool_node *node);

/** Gives @refs references back. No locks held. */
void engine_put_many(struct spool_engine *engine, struct spool_node *node, uint64_t refs);

/** Charges @bytes of metadata (and @inodes) to @user. Return: 0; -ENOSPC; -EDQUOT; -EAGAIN: the
 * mount's RAM is used up. */
int engine_charge(struct spool_quota_user *user, uint64_t bytes, uint64_t inodes);
void engine_uncharge(struct spool_quota_user *user, uint64_t bytes, uint64_t inodes);

/** The node of @ino when it is a directory. Return: 0 and a reference; -ESTALE; -ENOTDIR. */
int engine_get_dir(struct spool_engine *engine, uint64_t ino, struct spool_node **ret);

/** struct engine_make - what a new node is to be */
struct engine_make {
	mode_t mode;        /* type and permissions as the caller asked for them */
	dev_t rdev;         /* devices */
	const char *target; /* symlinks */
	bool tmpfile;       /* O_TMPFILE: an orphan from the start */
	bool open;
};

/**
 * A charged node that is in no table yet, owned by @cred below @parent (locked) or by the policy.
 * Return: 0; -ENOMEM, -ENOSPC, -EDQUOT.
 */
int engine_make_node(struct spool_engine *engine, const struct spool_cred *cred,
		     struct spool_node *parent, const struct engine_make *make,
		     struct spool_node **ret);

/** Frees a node that is in no table (any more), with all that it holds, and its charges. */
void engine_destroy_node(struct spool_engine *engine, struct spool_node *node);

/** Moves atime as with relatime. Lock: node->lock. */
void engine_accessed_locked(const struct spool_engine *engine, struct spool_node *node)
	SPOOL_REQUIRES(node->lock);
