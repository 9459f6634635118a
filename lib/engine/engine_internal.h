/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the parts of the engine share: engine.c makes and frees nodes; the other files are named by
 * the operations that they hold. policy.c decides on layouts and modes, closed.c knows
 * the closed files. Those that spill share tier.h besides.
 */

#include "engine/engine.h"
#include "ns/dir.h"
#include "ns/node.h"
#include "ns/table.h"
#include "util/host.h"
#include "util/lock.h"
#include "util/log.h"

struct spool_pool;
struct engine_tier;

struct spool_engine {
	struct spool_config config;
	const struct spool_host *host;
	struct spool_log *log;
	struct spool_quota *quota;
	struct spool_pool *pool;
	struct engine_tier *tier; /* NULL: RAM only */
	struct spool_table table;
	struct spool_mutex rename_lock; /* parents of directories */
	struct spool_hash hash;
	struct spool_node *root;
	struct timespec born; /* times of what must not tell anything: private roots and tops */
	_Atomic uint64_t next_ino;
	_Atomic uint64_t open_files;
	_Atomic uint64_t n_orphans;  /* nodes with nlink 0 */
	_Atomic uint64_t n_returned; /* how often room of one has come back */
	struct spool_mutex closed_lock;
	struct spool_file_list young;   /* closed_lock: files closed since the last round */
	struct spool_file_list old;     /* closed_lock: and before */
	struct spool_file_list orphans; /* closed_lock: those that nobody has open */
};

/** The node of @ino with a reference, or NULL. */
static inline struct spool_node *engine_get(struct spool_engine *engine, uint64_t ino)
{
	return spool_table_get(&engine->table, ino);
}

/** engine_now() - the host's wall clock, for times of inodes. */
static inline void engine_now(const struct spool_engine *engine, struct timespec *ret)
{
	engine->host->now(engine->host->ctx, ret);
}

/** The attributes of @node. Takes node->lock as SPOOL_RANK_NODE. */
void engine_attr(struct spool_engine *engine, struct spool_node *node, struct spool_attr *ret);
void engine_attr_locked(const struct spool_engine *engine, const struct spool_node *node,
			struct spool_attr *ret) SPOOL_REQUIRES(node->lock);

/* name.c */

/** Return: 0; -EINVAL; -ENAMETOOLONG. */
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

/* data.c */

/** Sets the size of a regular file. Return: 0; -EISDIR, -EINVAL; -EFBIG; -ENOMEM, -ENOSPC, -EDQUOT.
 */
int engine_truncate(struct spool_engine *engine, struct spool_node *node, uint64_t size,
		    unsigned int flags);

/* evict.c */

/** engine_tier_new() - by engine->config.tier; after the quota. Return: 0; -ENOMEM; of the parts.
 */
int engine_tier_new(struct spool_engine *engine);

/** engine_tier_wipe() - overwrites all keys, for the end of the process. */
void engine_tier_wipe(struct spool_engine *engine);

/** engine_tier_free() - when all files have gone. NULL is allowed. */
void engine_tier_free(struct spool_engine *engine);

/** The struct spool_disk of the engine, or NULL. */
struct spool_disk *engine_disk(struct spool_engine *engine);

/** engine_tier_update() - the data of @node have changed. Lock: node->file->lock, exclusive. */
void engine_tier_update(struct spool_engine *engine, struct spool_node *node);

/** engine_tier_remove() - @node, which has data, goes. */
void engine_tier_remove(struct spool_engine *engine, struct spool_node *node);

/** engine_tier_move() - the data of @node are @to's from now on. Lock: node->file->lock, exclusive.
 */
void engine_tier_move(struct spool_engine *engine, struct spool_node *node,
		      struct spool_quota_user *to);

/** engine_load() - block @index of @node's file back into RAM. Blocks. Return: 0; -EIO; -ENOMEM;
 * -EAGAIN, -ENOSPC, -EDQUOT. No locks held. */
int engine_load(struct spool_engine *engine, struct spool_node *node, uint64_t index);

/** engine_note_fetch() - after spool_fetch_run() of the data of @node answered @r: what is bad is
 * logged, once for each file, and for a few files a minute; how often it happens is counted in the
 * tier's numbers. No locks held. */
void engine_note_fetch(struct spool_engine *engine, struct spool_node *node, int r);

/** engine_keep_memory() - how much free memory the pool keeps for reuse, by @limits. */
void engine_keep_memory(struct spool_engine *engine, const struct spool_limits *limits);

/* acl.c */

/** engine_acl_is_cut() - is @name an ACL, and of a layout that keeps none? */
bool engine_acl_is_cut(const struct spool_engine *engine, const char *name);

/** engine_acl_set_locked() - takes from the ACL @name of @size bytes at @value what is a mode.
 * Lock: node->lock. Return: 0; -EINVAL, -EOPNOTSUPP; -EACCES a default ACL of what is no directory;
 * -EPERM it is not @cred's, or gives more than modes=refuse allows. */
int engine_acl_set_locked(struct spool_engine *engine, const struct spool_cred *cred,
			  struct spool_node *node, const char *name, const void *value, size_t size)
	SPOOL_REQUIRES(node->lock);

/** engine_acl_remove() - there is none, which is what was asked for. Lock: node->lock. Return: 0;
 * -EOPNOTSUPP; -EPERM. */
int engine_acl_remove(const struct spool_engine *engine, const struct spool_cred *cred,
		      const struct spool_node *node);

/* policy.c */

/** engine_is_private_root() - is @node the root directory of layout=private? */
bool engine_is_private_root(const struct spool_engine *engine, const struct spool_node *node);

/** The permission bits of a new inode of @mode (with type) made by @cred below @parent. */
mode_t engine_policy_create_mode(const struct spool_engine *engine, const struct spool_cred *cred,
				 const struct spool_node *parent, mode_t mode);

/** chmod of @node: Return: 0 and the bits to set in *@ret; -EPERM. */
int engine_policy_chmod(const struct spool_engine *engine, const struct spool_node *node,
			mode_t mode, mode_t *ret);

/** chown: Return: 0; -EPERM. @uid, @gid: the wanted owner, the current one where not to change. */
int engine_policy_chown(const struct spool_engine *engine, const struct spool_cred *cred,
			const struct spool_node *node, uid_t uid, gid_t gid);

/** engine_payer() - who pays for what @uid has. */
static inline uid_t engine_payer(const struct spool_engine *engine, uid_t uid)
{
	return engine->config.payer ? engine->config.payer(engine->config.payer_ctx, uid) : uid;
}

/** Whose account pays for what @cred makes below @parent. Return: 0 and a reference; -ENOMEM. */
int engine_policy_payer(struct spool_engine *engine, const struct spool_cred *cred,
			const struct spool_node *parent, struct spool_quota_user **ret);

/** A name in the private root that is not there yet: makes the uid's directory if @cred may. */
int engine_policy_make_top(struct spool_engine *engine, const struct spool_cred *cred,
			   const char *name, struct spool_attr *ret);

/** Whether @cred sees @entry in a listing of @dir. */
bool engine_policy_sees(const struct spool_engine *engine, const struct spool_cred *cred,
			const struct spool_node *dir, const struct spool_entry *entry);

/** The "self" link of a private root. Return: 0; as engine_make_node(). */
int engine_policy_make_self(struct spool_engine *engine);
