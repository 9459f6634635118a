/* SPDX-License-Identifier: MIT */
#include "ns/table.h"

#include <assert.h>
#include <errno.h>

#include "ns/node.h"
#include "util/host.h"
#include "util/macros.h"

/* Buckets that one listing of a tree goes through, some of them with several inodes of others: some
 * 10 us. A guess. */
#define BUCKETS_PER_LIST 1024u

static struct spool_shard *shard_of(struct spool_table *table, uint64_t ino)
{
	return &table->shards[ino % SPOOL_TABLE_SHARDS];
}

/* Bucket b lies in segment s of 2^s buckets, where s is the highest bit of b + 1. */
static struct spool_node **bucket_at(struct spool_shard *shard, uint64_t bucket)
{
	unsigned int segment = 63 - (unsigned int)__builtin_clzll(bucket + 1);

	return &shard->segments[segment][bucket + 1 - ((uint64_t)1 << segment)];
}

/* The bucket of a key: modulo the next power of two, or the one before where that is not there yet.
 */
static uint64_t bucket_of(const struct spool_shard *shard, uint64_t ino)
{
	uint64_t key = ino / SPOOL_TABLE_SHARDS;
	unsigned int bits = 64 - (unsigned int)__builtin_clzll(shard->n_buckets);
	uint64_t bucket = key & (((uint64_t)1 << bits) - 1);

	if (bucket >= shard->n_buckets)
		bucket = key & (((uint64_t)1 << (bits - 1)) - 1);
	return bucket;
}

int spool_table_init(struct spool_table *table, const struct spool_host *host)
{
	*table = (struct spool_table){.host = host};
	for (unsigned int i = 0; i < SPOOL_TABLE_SHARDS; i++) {
		struct spool_shard *shard = &table->shards[i];

		spool_mutex_init(&shard->lock);
		shard->segments[0] = spool_alloc(host, sizeof(*shard->segments[0]));
		shard->n_buckets = 1;
		if (!shard->segments[0]) {
			spool_table_fini(table);
			return -ENOMEM;
		}
	}
	return 0;
}

void spool_table_fini(struct spool_table *table)
{
	for (unsigned int i = 0; i < SPOOL_TABLE_SHARDS; i++) {
		struct spool_shard *shard = &table->shards[i];

		if (shard->n_buckets == 0)
			continue; /* never initialised */
		for (unsigned int s = 0; s < SPOOL_TABLE_SEGMENTS; s++)
			spool_free(table->host, shard->segments[s]);
		spool_mutex_fini(&shard->lock);
	}
}

/* One bucket more; its nodes come from the bucket that had them until now. Without memory the
 * chains just get longer. */
static void grow_locked(struct spool_table *table, struct spool_shard *shard)
	SPOOL_REQUIRES(shard->lock)
{
	uint64_t bucket = shard->n_buckets;
	unsigned int segment = 63 - (unsigned int)__builtin_clzll(bucket + 1);
	unsigned int top = 63 - (unsigned int)__builtin_clzll(bucket);
	struct spool_node **from, **to;

	if (segment >= SPOOL_TABLE_SEGMENTS)
		return;
	if (!shard->segments[segment]) {
		shard->segments[segment] =
			spool_alloc(table->host, sizeof(*shard->segments[0]) << segment);
		if (!shard->segments[segment])
			return;
	}
	from = bucket_at(shard, bucket - ((uint64_t)1 << top));
	to = bucket_at(shard, bucket);
	shard->n_buckets++;
	while (*from) {
		struct spool_node *node = *from;

		if (bucket_of(shard, node->ino) != bucket) {
			from = &node->table_next;
			continue;
		}
		*from = node->table_next;
		node->table_next = *to;
		*to = node;
	}
}

void spool_table_add(struct spool_table *table, struct spool_node *node, uint64_t refs,
		     uint64_t lookups)
{
	struct spool_shard *shard = shard_of(table, node->ino);
	struct spool_node **bucket;

	spool_mutex_lock(&shard->lock, SPOOL_RANK_TABLE);
	if (shard->n_nodes >= shard->n_buckets)
		grow_locked(table, shard);
	bucket = bucket_at(shard, bucket_of(shard, node->ino));
	node->table_next = *bucket;
	*bucket = node;
	node->refs = refs;
	node->n_lookup = lookups;
	shard->n_nodes++;
	spool_mutex_unlock(&shard->lock);
}

static struct spool_node *find_locked(struct spool_shard *shard, uint64_t ino)
	SPOOL_REQUIRES(shard->lock)
{
	struct spool_node *node = *bucket_at(shard, bucket_of(shard, ino));

	while (node && node->ino != ino)
		node = node->table_next;
	return node;
}

struct spool_node *spool_table_get(struct spool_table *table, uint64_t ino)
{
	struct spool_shard *shard = shard_of(table, ino);
	struct spool_node *node;

	spool_mutex_lock(&shard->lock, SPOOL_RANK_TABLE);
	node = find_locked(shard, ino);
	if (node)
		node->refs++;
	spool_mutex_unlock(&shard->lock);
	return node;
}

void spool_table_ref(struct spool_table *table, struct spool_node *node, uint64_t refs,
		     uint64_t lookups)
{
	struct spool_shard *shard = shard_of(table, node->ino);

	spool_mutex_lock(&shard->lock, SPOOL_RANK_TABLE);
	assert(node->refs > 0);
	node->refs += refs;
	node->n_lookup += lookups;
	spool_mutex_unlock(&shard->lock);
}

static void unlink_locked(struct spool_shard *shard, struct spool_node *node)
	SPOOL_REQUIRES(shard->lock)
{
	struct spool_node **at = bucket_at(shard, bucket_of(shard, node->ino));

	while (*at != node)
		at = &(*at)->table_next;
	*at = node->table_next;
	shard->n_nodes--;
}

bool spool_table_put(struct spool_table *table, struct spool_node *node, uint64_t refs,
		     uint64_t lookups)
{
	struct spool_shard *shard = shard_of(table, node->ino);
	bool last;

	spool_mutex_lock(&shard->lock, SPOOL_RANK_TABLE);
	assert(node->refs >= refs && node->n_lookup >= lookups);
	node->refs -= refs;
	node->n_lookup -= lookups;
	last = node->refs == 0;
	if (last)
		unlink_locked(shard, node);
	spool_mutex_unlock(&shard->lock);
	return last;
}

struct spool_node *spool_table_forget(struct spool_table *table, uint64_t ino, uint64_t count,
				      uint64_t keep, uint64_t *ret_excess)
{
	struct spool_shard *shard = shard_of(table, ino);
	struct spool_node *node;
	uint64_t there = 0;
	bool last = false;

	spool_mutex_lock(&shard->lock, SPOOL_RANK_TABLE);
	node = find_locked(shard, ino);
	if (node && node->n_lookup > keep)
		there = spool_min_u64(count, node->n_lookup - keep);
	if (there > 0) {
		node->refs -= there;
		node->n_lookup -= there;
		last = node->refs == 0;
		if (last)
			unlink_locked(shard, node);
	}
	spool_mutex_unlock(&shard->lock);
	*ret_excess = count - there;
	return last ? node : NULL;
}

static bool is_wanted(const struct spool_node *node, const struct spool_table_wanted *wanted)
{
	return (!wanted->known || node->n_lookup > 0) &&
	       (!wanted->tree || node->tree == *wanted->tree);
}

/* The lowest numbers behind @after in a bucket, up to @n > 0, in their order. Return: how many. */
static size_t list_bucket(const struct spool_node *node, uint64_t after,
			  const struct spool_table_wanted *wanted, uint64_t *inos, size_t n)
{
	size_t found = 0, at;

	for (; node; node = node->table_next) {
		if (node->ino <= after || !is_wanted(node, wanted) ||
		    (found == n && node->ino > inos[n - 1]))
			continue;
		found += found < n;
		for (at = found - 1; at > 0 && inos[at - 1] > node->ino; at--)
			inos[at] = inos[at - 1];
		inos[at] = node->ino;
	}
	return found;
}

/* A bucket after the other: what moves when the table grows moves to a later one. In a bucket by
 * number: how many have been listed there says nothing when some of them have gone. */
static size_t list_locked(struct spool_shard *shard, struct spool_table_pos *pos,
			  const struct spool_table_wanted *wanted, uint64_t *inos, size_t n,
			  uint64_t *looks) SPOOL_REQUIRES(shard->lock)
{
	size_t found = 0;

	for (; found < n && pos->bucket<shard->n_buckets && * looks> 0; --*looks) {
		found += list_bucket(*bucket_at(shard, pos->bucket), pos->after, wanted,
				     inos + found, n - found);
		pos->after = found == n ? inos[n - 1] : 0;
		pos->bucket += found < n;
	}
	return found;
}

size_t spool_table_list(struct spool_table *table, struct spool_table_pos *pos,
			const struct spool_table_wanted *wanted, uint64_t *ret_inos, size_t n)
{
	uint64_t looks = wanted->tree ? BUCKETS_PER_LIST : UINT64_MAX;
	size_t found = 0;

	while (found < n && looks > 0 && !spool_table_at_end(pos)) {
		struct spool_shard *shard = &table->shards[pos->shard];
		bool more;

		spool_mutex_lock(&shard->lock, SPOOL_RANK_TABLE);
		found += list_locked(shard, pos, wanted, ret_inos + found, n - found, &looks);
		more = pos->bucket < shard->n_buckets;
		spool_mutex_unlock(&shard->lock);
		if (!more)
			*pos = (struct spool_table_pos){.shard = pos->shard + 1};
	}
	return found;
}

bool spool_table_at_end(const struct spool_table_pos *pos)
{
	return pos->shard >= SPOOL_TABLE_SHARDS;
}

struct spool_node *spool_table_pop(struct spool_table *table)
{
	for (unsigned int i = 0; i < SPOOL_TABLE_SHARDS; i++) {
		struct spool_shard *shard = &table->shards[i];

		while (shard->n_nodes > 0) {
			struct spool_node **bucket = bucket_at(shard, shard->n_buckets - 1);
			struct spool_node *node = *bucket;

			if (!node) { /* nothing is added any more: the last bucket can go */
				shard->n_buckets--;
				continue;
			}
			*bucket = node->table_next;
			shard->n_nodes--;
			return node;
		}
	}
	return NULL;
}

uint64_t spool_table_count(struct spool_table *table)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < SPOOL_TABLE_SHARDS; i++) {
		spool_mutex_lock(&table->shards[i].lock, SPOOL_RANK_TABLE);
		n += table->shards[i].n_nodes;
		spool_mutex_unlock(&table->shards[i].lock);
	}
	return n;
}
