/* SPDX-License-Identifier: MIT */
#include "store/pool_internal.h"

#include <assert.h>
#include <errno.h>

#include "util/host.h"

static inline unsigned int class_of(size_t size)
{
	unsigned int shift;

	if (size <= 1u << CLASS_MIN_SHIFT)
		return 0;
	shift = 31 - (unsigned int)__builtin_clz((unsigned int)size - 1);
	if (size <= 3u << (shift - 1))
		return (shift - CLASS_MIN_SHIFT) * 2 + 1;
	return (shift - CLASS_MIN_SHIFT) * 2 + 2;
}

size_t spool_pool_slot_size(size_t size)
{
	assert(size > 0 && size <= SPOOL_BLOCK_SIZE);
	return pool_class_size(class_of(size));
}

size_t spool_pool_size(spool_pool_slot_t slot)
{
	return pool_class_size(pool_slot_class(slot));
}

void *spool_pool_ptr(const struct spool_pool *pool, spool_pool_slot_t slot)
{
	uint32_t number = pool_slot_chunk(slot);

	return pool->areas[number >> AREA_CHUNK_SHIFT]->base +
	       ((size_t)(number % AREA_CHUNKS) << SPOOL_BLOCK_SHIFT) +
	       pool_slot_index(slot) * pool_class_size(pool_slot_class(slot));
}

int spool_pool_new(const struct spool_host *host, struct spool_pool **ret_pool)
{
	struct spool_pool *pool = spool_alloc(host, sizeof(*pool));
	int fd;

	if (!pool)
		return -ENOMEM;
	fd = host->arena_open(host->ctx);
	if (fd < 0) {
		spool_free(host, pool);
		return fd;
	}
	pool->host = host;
	pool->fd = fd;
	spool_mutex_init(&pool->lock);
	TAILQ_INIT(&pool->hot);
	TAILQ_INIT(&pool->cold);
	for (unsigned int i = 0; i < N_CLASSES; i++)
		TAILQ_INIT(&pool->partial[i]);
	*ret_pool = pool;
	return 0;
}

void spool_pool_free(struct spool_pool *pool)
{
	const struct spool_host *host;

	if (!pool)
		return;
	assert(pool->used == 0);
	host = pool->host;
	for (uint32_t i = 0; i < pool->mapped >> AREA_CHUNK_SHIFT; i++) {
		host->arena_unmap(host->ctx, pool->areas[i]->base, AREA_SIZE);
		spool_free(host, pool->areas[i]);
	}
	host->arena_close(host->ctx, pool->fd);
	spool_mutex_fini(&pool->lock);
	spool_free(host, pool);
}

void spool_pool_abandon(struct spool_pool *pool) SPOOL_UNCHECKED
{
	const struct spool_host *host = pool->host;

	for (uint64_t i = 0; i < pool->mapped >> AREA_CHUNK_SHIFT; i++)
		host->arena_punch(host->ctx, pool->fd, i * AREA_SIZE, AREA_SIZE);
}

static int map_area_locked(struct spool_pool *pool) SPOOL_REQUIRES(pool->lock)
{
	const struct spool_host *host = pool->host;
	uint32_t n = pool->mapped >> AREA_CHUNK_SHIFT;
	struct area *area;
	void *base;

	if (n == N_AREAS)
		return -ENOSPC;
	area = spool_alloc(host, sizeof(*area));
	if (!area)
		return -ENOSPC;
	if (host->arena_map(host->ctx, pool->fd, (uint64_t)n * AREA_SIZE, AREA_SIZE, &base) < 0) {
		spool_free(host, area);
		return -ENOSPC;
	}
	area->base = base;
	pool->areas[n] = area;
	pool->mapped += AREA_CHUNKS;
	return 0;
}

/* Takes a free chunk off its list. Return: NULL when the machine gives no more. */
static struct chunk *take_chunk_locked(struct spool_pool *pool) SPOOL_REQUIRES(pool->lock)
{
	struct chunk *chunk = TAILQ_FIRST(&pool->hot);

	if (chunk) {
		pool_remove_hot_locked(pool, chunk);
		return chunk;
	}
	chunk = TAILQ_FIRST(&pool->cold);
	if (chunk) {
		TAILQ_REMOVE(&pool->cold, chunk, link);
	} else {
		if (pool->fresh == pool->mapped && map_area_locked(pool) < 0)
			return NULL;
		chunk = pool_chunk_at(pool, pool->fresh);
		chunk->number = pool->fresh++;
	}
	pool->n_held++;
	return chunk;
}

/* The pages that slot @index lies on. */
static unsigned int slot_pages(unsigned int class, unsigned int index)
{
	size_t from = index * pool_class_size(class), to = from + pool_class_size(class) - 1;

	return (2u << (to >> SPOOL_PAGE_SHIFT)) - (1u << (from >> SPOOL_PAGE_SHIFT));
}

/* @pages are not gone any more: a slot on them is taken, or the chunk is not partial any more. */
static void come_back_locked(struct spool_pool *pool, struct chunk *chunk, unsigned int pages)
	SPOOL_REQUIRES(pool->lock)
{
	pool->n_gone -= (unsigned int)__builtin_popcount(chunk->gone & pages);
	chunk->gone &= (uint16_t)~pages;
}

static void cut_chunk(struct chunk *chunk, unsigned int class)
{
	unsigned int n = pool_class_slots(class);
	unsigned int words = (n + 63) / 64;

	chunk->class = (uint8_t) class;
	if (n > 1)
		chunk->memory = CHUNK_MAPPED;
	chunk->cut = true;
	chunk->free = (uint16_t)n;
	chunk->words = (uint16_t)((1u << words) - 1);
	for (unsigned int i = 0; i < words; i++)
		chunk->bits[i] = UINT64_MAX;
	if (n % 64)
		chunk->bits[words - 1] = ((uint64_t)1 << n % 64) - 1;
}

int spool_pool_alloc(struct spool_pool *pool, size_t size, spool_pool_slot_t *ret_slot)
{
	unsigned int class = class_of(size);
	unsigned int word, bit;
	struct chunk *chunk;
	int r = 0;

	assert(size > 0 && size <= SPOOL_BLOCK_SIZE);
	spool_mutex_lock(&pool->lock, SPOOL_RANK_POOL);
	chunk = TAILQ_FIRST(&pool->partial[class]);
	if (!chunk) {
		chunk = take_chunk_locked(pool);
		if (!chunk) {
			r = -ENOSPC;
			goto out;
		}
		cut_chunk(chunk, class);
		TAILQ_INSERT_HEAD(&pool->partial[class], chunk, link);
	}
	word = (unsigned int)__builtin_ctz(chunk->words);
	bit = (unsigned int)__builtin_ctzll(chunk->bits[word]);
	chunk->bits[word] &= chunk->bits[word] - 1;
	if (chunk->bits[word] == 0)
		chunk->words &= (uint16_t) ~(1u << word);
	if (--chunk->free == 0)
		TAILQ_REMOVE(&pool->partial[class], chunk, link);
	pool->used += pool_class_size(class);
	if (chunk->gone)
		come_back_locked(pool, chunk, slot_pages(class, word * 64 + bit));
	*ret_slot = (uint64_t)chunk->number << CHUNK_SHIFT |
		    (uint64_t)(word * 64 + bit) << INDEX_SHIFT | class;
out:
	spool_mutex_unlock(&pool->lock);
	return r;
}

void spool_pool_release(struct spool_pool *pool, spool_pool_slot_t slot)
{
	unsigned int class = pool_slot_class(slot);
	unsigned int word = pool_slot_index(slot) / 64;
	uint64_t bit = (uint64_t)1 << pool_slot_index(slot) % 64;
	uint64_t keep = 0;
	struct chunk *chunk;
	bool give = false;

	spool_mutex_lock(&pool->lock, SPOOL_RANK_POOL);
	chunk = pool_chunk_at(pool, pool_slot_chunk(slot));
	assert(chunk->class == class && !(chunk->bits[word] & bit));
	if (chunk->free == 0)
		TAILQ_INSERT_HEAD(&pool->partial[class], chunk, link);
	chunk->bits[word] |= bit;
	chunk->words |= (uint16_t)(1u << word);
	chunk->free++;
	pool->used -= pool_class_size(class);
	if (chunk->free == pool_class_slots(class)) {
		come_back_locked(pool, chunk, UINT16_MAX);
		chunk->cut = false;
		TAILQ_REMOVE(&pool->partial[class], chunk, link);
		TAILQ_INSERT_HEAD(&pool->hot, chunk, link);
		pool->n_hot++;
		give = pool_surplus_locked(pool, &keep);
	} else if (pool_is_wasteful_locked(pool)) {
		pool_punch_pages_locked(pool, chunk, slot_pages(class, pool_slot_index(slot)));
	}
	spool_mutex_unlock(&pool->lock);
	if (give)
		pool_give_back(pool, keep);
}
