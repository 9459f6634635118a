/* SPDX-License-Identifier: MIT */
#pragma once

/* Of the engine: what is going on, and what is to be used less. Errors and locks as in engine.h. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/types.h"

struct spool_engine;

/** struct spool_engine_stat - @ram_held: bytes of the arena that the system has given us */
struct spool_engine_stat {
	struct spool_usage usage;
	uint64_t ram_held;
	uint64_t inodes;
	uint64_t open_files;
};

/**
 * spool_engine_drop_orphans() - frees the data of removed files that nobody has open
 * The kernel forgets them soon, and then they are freed anyway. This is for a caller that wants the
 * room, or counts it, before that. Return: how many files lost their data.
 */
size_t spool_engine_drop_orphans(struct spool_engine *engine);

/** spool_engine_orphans() - how many there are. Their room comes back when they are closed; until
 * it has, they are counted. */
uint64_t spool_engine_orphans(struct spool_engine *engine);

/** spool_engine_orphans_of() - how many @payer is charged for. Takes the quota's lock. */
uint64_t spool_engine_orphans_of(struct spool_engine *engine, uid_t payer);

/**
 * spool_engine_returned() - how often room of orphans has come back so far
 * A caller that was refused room may try again when there are orphans, or when this count is not
 * what it was before the refusal; otherwise it was refused for good. Look at the orphans first.
 */
uint64_t spool_engine_returned(struct spool_engine *engine);

/**
 * spool_engine_payer() - who is charged for what a request does
 * @cred: whose it is, as the kernel says: uid and pid 0, or SPOOL_UID_UNKNOWN, when nobody's
 * @ino: what it is about; it may have gone
 * The owner of the caller's uid, if that is a subordinate one. Of what nobody has asked for, and of
 * root's requests in a user's tree (private and single): who pays for the inode. Locks: a node's.
 */
uid_t spool_engine_payer(struct spool_engine *engine, const struct spool_cred *cred, uint64_t ino);

/**
 * spool_engine_take_closed() - files with data that have been closed for a whole round, up to @n
 * The caller makes the kernel drop their pages. Return: how many inode numbers are in @ret_inos.
 */
size_t spool_engine_take_closed(struct spool_engine *engine, uint64_t *ret_inos, size_t n);

/** spool_engine_next_round() - a round begins. Return: whether take_closed() has any now. */
bool spool_engine_next_round(struct spool_engine *engine);

/** struct spool_engine_pos - where spool_engine_list_known() goes on; zero at its beginning */
struct spool_engine_pos {
	unsigned int shard;
	uint64_t bucket, after;
};

/**
 * spool_engine_list_known() - inodes of which the kernel may have cached something, up to @n
 * @pos: moved on; for listings while nothing is made or removed, in bounded steps
 * All that it has looked up, with a name or without, and the root. Some may come twice. Return: how
 * many numbers are in @ret_inos; 0: there are no more.
 */
size_t spool_engine_list_known(struct spool_engine *engine, struct spool_engine_pos *pos,
			       uint64_t *ret_inos, size_t n);

/** spool_engine_is_open() - has anybody this inode open? Locks: the node's. */
bool spool_engine_is_open(struct spool_engine *engine, uint64_t ino);

/**
 * spool_engine_trim() - gives memory that was not used again in a round back to the system
 * Return: whether some is still kept.
 */
bool spool_engine_trim(struct spool_engine *engine);

/**
 * spool_engine_squeeze() - the machine is short of memory: use less
 * The RAM for data becomes three quarters of what they use, data above it go to the disk, and free
 * memory to the system. Without a disk only the latter. Metadata stay, and each payer has a share
 * whatever others use; who has more than that in metadata alone has none for data. Return: the
 * budget in bytes.
 */
uint64_t spool_engine_squeeze(struct spool_engine *engine);

/** spool_engine_relax() - a step back. Return: whether there are more. */
bool spool_engine_relax(struct spool_engine *engine);

/** spool_engine_stat() - the mount as a whole; a snapshot. */
void spool_engine_stat(struct spool_engine *engine, struct spool_engine_stat *ret);

/** spool_engine_next_refusal() - as spool_quota_next_refusal(), by the host's clock. */
bool spool_engine_next_refusal(struct spool_engine *engine, struct spool_refusal *ret);

/** spool_engine_user_usage(), spool_engine_next_user(): as in quota.h. */
void spool_engine_user_usage(struct spool_engine *engine, uid_t uid, struct spool_usage *ret);
bool spool_engine_next_user(struct spool_engine *engine, uint64_t from, uid_t *ret_uid,
			    struct spool_usage *ret);
