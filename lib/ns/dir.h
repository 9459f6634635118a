/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The entries of one directory, found by name and walked by cookie.
 *
 * By name: a balanced tree ordered by (hash, name). The hash is seeded with a random number that
 * users do not know; should all names collide all the same, a search still takes O(log n)
 * comparisons. By cookie: a second balanced tree. Cookies count up from SPOOL_COOKIE_FIRST and
 * are never used twice in a directory, so a position in a listing stays right whatever comes and
 * goes: an entry that is not itself changed is seen exactly once.
 *
 * The lock of the node that the directory belongs to protects everything here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "util/rbtree.h"
#include "util/turn.h"

struct spool_host;
struct spool_node;
struct engine_session;
struct spool_quota_user;

#define SPOOL_COOKIE_DOT 1u
#define SPOOL_COOKIE_DOTDOT 2u
#define SPOOL_COOKIE_FIRST 3u

/** struct spool_entry - a name. @user is charged for it; @node and @user hold a reference each.
 * @dir: in which it is, or will be; constant. It lives as long as it has entries */
struct spool_entry {
	RB_ENTRY(spool_entry) by_name;
	RB_ENTRY(spool_entry) by_cookie;
	LIST_ENTRY(spool_entry) of_node; /* lock: node's */
	uint64_t hash;
	uint64_t cookie;
	struct spool_node *node; /* changed with its lock and that of the new one held as well */
	struct spool_node *dir;
	struct spool_quota_user *user;
	uint8_t len;
	char name[]; /* NUL-terminated */
};

RB_HEAD(spool_name_tree, spool_entry);
RB_HEAD(spool_cookie_tree, spool_entry);

struct spool_dir {
	struct spool_name_tree names;
	struct spool_cookie_tree cookies;
	uint64_t next_cookie;
	uint64_t n_entries;
	/* The directory above, with a reference so that a walk up never meets freed memory; the
	 * root is its own, without one. Changed under the rename lock and both parents' locks. */
	struct spool_node *parent;
	struct engine_session *bound; /* that of what is made in it, a reference; NULL: none */
	bool bound_here;              /* itself, not for a directory above; lock: the node's */
	bool missed;                  /* a name was looked up that is not there */
	uint64_t work_cookie;         /* what is to be done to its entries, see engine/tree.h */
	uint64_t work_lifetime_at;
	uint64_t work_expire_at;
	uint64_t work_kept_at;
	uint64_t work_ino; /* lock: the engine's life.lock, as the following */
	struct spool_turn work_turn;
	bool work_queued;
	bool work_counted;     /* as work of work_uid */
	uint8_t work_lifetime; /* lock: the node's again */
	uint8_t work;
	uid_t work_uid;
};

/** struct spool_hash - the hash of names; a test may put one that collides */
struct spool_hash {
	uint64_t (*fn)(const void *name, size_t len, uint64_t seed);
	uint64_t seed;
};

/** spool_hash_xxh3() - the real one. */
uint64_t spool_hash_xxh3(const void *name, size_t len, uint64_t seed);

/** spool_dir_init() - an empty directory, without a parent. */
void spool_dir_init(struct spool_dir *dir);

/** spool_entry_new() - an entry that is in no directory yet. Return: NULL without memory. */
struct spool_entry *spool_entry_new(const struct spool_host *host, const struct spool_hash *hash,
				    const char *name, size_t len);

/** spool_entry_bytes() - memory of an entry whose name has @len bytes, as charged. */
uint64_t spool_entry_bytes(size_t len);

/** spool_dir_find() - Return: the entry, or NULL. */
struct spool_entry *spool_dir_find(struct spool_dir *dir, const struct spool_hash *hash,
				   const char *name, size_t len);

/** spool_dir_insert() - adds @entry, whose name is not there yet, behind all others. */
void spool_dir_insert(struct spool_dir *dir, struct spool_entry *entry);

/** spool_dir_remove() - takes @entry out; it is the caller's to free. */
void spool_dir_remove(struct spool_dir *dir, struct spool_entry *entry);

/** spool_dir_after() - the first entry with a cookie above @cookie, or NULL. */
struct spool_entry *spool_dir_after(struct spool_dir *dir, uint64_t cookie);
