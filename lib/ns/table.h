/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The inode table: inode number -> node, with the reference counts.
 *
 * Sharded by the low bits of the number. A shard is a linear hash: it grows by one bucket with
 * each insertion, so that no operation ever waits for a whole table to be rehashed. Inode numbers
 * are counted up by ourselves, so their own bits spread evenly and need no hashing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/lock.h"

struct spool_host;
struct spool_node;

#define SPOOL_TABLE_SHARDS 16u /* a guess: more than the threads that serve at a time */
#define SPOOL_TABLE_SEGMENTS 40u

struct spool_shard {
	struct spool_mutex lock;
	struct spool_node **segments[SPOOL_TABLE_SEGMENTS]; /* lock; segment i has 2^i buckets */
	uint64_t n_buckets;                                 /* lock */
	uint64_t n_nodes;                                   /* lock */
};

struct spool_table {
	const struct spool_host *host;
	struct spool_shard shards[SPOOL_TABLE_SHARDS];
};

/** spool_table_init() - Return: 0; -ENOMEM. */
int spool_table_init(struct spool_table *table, const struct spool_host *host);

/** spool_table_fini() - frees the table itself; it should be empty, see spool_table_pop(). */
void spool_table_fini(struct spool_table *table);

/** spool_table_add() - publishes @node with @refs references, @lookups of them the kernel's. */
void spool_table_add(struct spool_table *table, struct spool_node *node, uint64_t refs,
		     uint64_t lookups);

/** spool_table_get() - Return: the node of @ino with one more reference, or NULL. */
struct spool_node *spool_table_get(struct spool_table *table, uint64_t ino);

/** spool_table_ref() - @refs more references on a node that the caller knows to have one; @lookups
 * of them are the kernel's. */
void spool_table_ref(struct spool_table *table, struct spool_node *node, uint64_t refs,
		     uint64_t lookups);

/**
 * spool_table_put() - gives @refs references back, @lookups of them the kernel's
 * Return: true when those were the last: the node is out of the table and the caller's to free.
 */
bool spool_table_put(struct spool_table *table, struct spool_node *node, uint64_t refs,
		     uint64_t lookups);

/**
 * spool_table_forget() - gives @count of the kernel's lookups back
 * @keep: so many lookups stay, even if @count is larger than the rest
 * @ret_excess: what of @count could not be given back
 * Return: the node when that was its last reference: it is out of the table and the caller's to
 * free. Otherwise NULL.
 */
struct spool_node *spool_table_forget(struct spool_table *table, uint64_t ino, uint64_t count,
				      uint64_t keep, uint64_t *ret_excess);

/** struct spool_table_pos - where a listing goes on; zero at its beginning */
struct spool_table_pos {
	unsigned int shard;
	uint64_t bucket;
	uint64_t after; /* the last of that bucket */
};

/**
 * struct spool_table_wanted - which inodes are listed
 * @known: those that the kernel has looked up, else all
 * @tree: of these those of one tree; NULL: of any
 */
struct spool_table_wanted {
	bool known;
	const uid_t *tree;
};

/**
 * spool_table_list() - some inodes that are @wanted, up to @n
 * With a tree it goes through some thousand others at most, and so may find none before the end.
 * @pos: moved on. Inodes that are there from the first call to the last are listed, whatever others
 * are added or removed meanwhile. Those that are added may be listed or not; and where the table
 * grows for them, others may be listed twice.
 * Return: how many numbers are in @ret_inos; 0: there are no more, with a tree if
 * spool_table_at_end() says so as well.
 */
size_t spool_table_list(struct spool_table *table, struct spool_table_pos *pos,
			const struct spool_table_wanted *wanted, uint64_t *ret_inos, size_t n);

/** spool_table_at_end() - has a listing gone through all? */
bool spool_table_at_end(const struct spool_table_pos *pos);

/** spool_table_pop() - takes any node out, whatever its references (end of a mount), or NULL. */
struct spool_node *spool_table_pop(struct spool_table *table);

/** spool_table_count() - nodes in the table. */
uint64_t spool_table_count(struct spool_table *table);
