/* SPDX-License-Identifier: MIT */
#include "store/pool_internal.h"

#include "util/host.h"
#include "util/macros.h"

/*
 * Free memory that is kept for reuse: at least 16 MiB (a compile job's turnover), a quarter of
 * what is in use, so that a large mount does not punch and fault the same pages again and again,
 * and what spool_pool_set_keep() allows. spool_pool_age() gives back what was not needed since its
 * last call.
 * Chunks are given back in batches of 32, 2 MiB: an unlink that causes one waits for some 0.2 ms.
 * All three are guesses.
 */
#define SLACK_CHUNKS_MIN (16u << 20 >> SPOOL_BLOCK_SHIFT)
#define SLACK_DIVISOR 4
#define BATCH 32u

void pool_remove_hot_locked(struct spool_pool *pool, struct chunk *chunk) SPOOL_REQUIRES(pool->lock)
{
	TAILQ_REMOVE(&pool->hot, chunk, link);
	pool->n_hot--;
	if (pool->n_hot < pool->least_hot)
		pool->least_hot = pool->n_hot;
}

/* Is @page of @chunk free: does no slot that is in use lie on it? The bytes behind the last slot
 * are free. */
static bool is_free_page(const struct chunk *chunk, unsigned int page)
{
	size_t size = pool_class_size(chunk->class);
	unsigned int first = (unsigned int)(((size_t)page << SPOOL_PAGE_SHIFT) / size);
	unsigned int last =
		(unsigned int)((((size_t)page + 1) << SPOOL_PAGE_SHIFT) - 1) / (unsigned int)size;

	for (unsigned int i = first; i <= last && i < pool_class_slots(chunk->class); i++) {
		if (!(chunk->bits[i / 64] >> i % 64 & 1))
			return false;
	}
	return true;
}

/* Bytes of memory that the arena has from the system. */
static uint64_t held_locked(const struct spool_pool *pool) SPOOL_REQUIRES(pool->lock)
{
	return ((uint64_t)pool->n_held << SPOOL_BLOCK_SHIFT) - (pool->n_gone << SPOOL_PAGE_SHIFT);
}

bool pool_is_wasteful_locked(const struct spool_pool *pool) SPOOL_REQUIRES(pool->lock)
{
	uint64_t hot = (uint64_t)pool->n_hot << SPOOL_BLOCK_SHIFT;

	return held_locked(pool) - hot > pool->used + pool->used / SLACK_DIVISOR +
						 ((uint64_t)SLACK_CHUNKS_MIN << SPOOL_BLOCK_SHIFT);
}

void pool_punch_pages_locked(struct spool_pool *pool, struct chunk *chunk, unsigned int pages)
	SPOOL_REQUIRES(pool->lock)
{
	const struct spool_host *host = pool->host;

	pages &= ~(unsigned int)chunk->gone;
	for (unsigned int page = 0; page < SPOOL_BLOCK_PAGES; page++) {
		unsigned int n = 0;

		while (page + n < SPOOL_BLOCK_PAGES && (pages >> (page + n) & 1) &&
		       is_free_page(chunk, page + n))
			n++;
		if (n == 0)
			continue;
		if (host->arena_punch(host->ctx, pool->fd,
				      ((uint64_t)chunk->number << SPOOL_BLOCK_SHIFT) +
					      ((uint64_t)page << SPOOL_PAGE_SHIFT),
				      (size_t)n << SPOOL_PAGE_SHIFT) < 0)
			return;
		chunk->gone |= (uint16_t)(((1u << n) - 1) << page);
		pool->n_gone += n;
		page += n - 1;
	}
}

static uint32_t slack_locked(const struct spool_pool *pool) SPOOL_REQUIRES(pool->lock)
{
	uint64_t slack = pool->used / SLACK_DIVISOR >> SPOOL_BLOCK_SHIFT;

	slack = spool_max_u64(slack, pool->keep);
	return (uint32_t)spool_max_u64(slack, SLACK_CHUNKS_MIN);
}

bool pool_surplus_locked(const struct spool_pool *pool, uint64_t *ret_keep)
{
	*ret_keep = slack_locked(pool);
	return pool->n_hot >= *ret_keep + BATCH && pool->n_hot >= pool->retry_at;
}

/* Takes up to BATCH chunks that were freed longest ago off the hot list, sorted by their number. */
static unsigned int take_batch_locked(struct spool_pool *pool, uint64_t keep, struct chunk **batch)
	SPOOL_REQUIRES(pool->lock)
{
	unsigned int n = 0;

	while (n < BATCH && pool->n_hot > keep) {
		struct chunk *chunk = TAILQ_LAST(&pool->hot, chunk_list);
		unsigned int at = n++;

		pool_remove_hot_locked(pool, chunk);
		for (; at > 0 && batch[at - 1]->number > chunk->number; at--)
			batch[at] = batch[at - 1];
		batch[at] = chunk;
	}
	return n;
}

bool pool_give_back(struct spool_pool *pool, uint64_t keep)
{
	const struct spool_host *host = pool->host;
	struct chunk *batch[BATCH];
	unsigned int n, done = 0;

	spool_mutex_lock(&pool->lock, SPOOL_RANK_POOL);
	n = take_batch_locked(pool, keep, batch);
	spool_mutex_unlock(&pool->lock);
	while (done < n) {
		unsigned int run = 1;

		while (done + run < n && batch[done + run]->number == batch[done]->number + run)
			run++;
		if (host->arena_punch(host->ctx, pool->fd,
				      (uint64_t)batch[done]->number << SPOOL_BLOCK_SHIFT,
				      (size_t)run << SPOOL_BLOCK_SHIFT) < 0)
			break;
		done += run;
	}
	spool_mutex_lock(&pool->lock, SPOOL_RANK_POOL);
	for (unsigned int i = 0; i < done; i++) {
		batch[i]->memory = CHUNK_ABSENT;
		TAILQ_INSERT_HEAD(&pool->cold, batch[i], link);
	}
	pool->n_held -= done;
	for (unsigned int i = done; i < n; i++)
		TAILQ_INSERT_TAIL(&pool->hot, batch[i], link);
	pool->n_hot += n - done;
	pool->retry_at = done < n ? pool->n_hot + BATCH : 0;
	spool_mutex_unlock(&pool->lock);
	return n == BATCH && done == n;
}

void spool_pool_stat(struct spool_pool *pool, struct spool_pool_stat *ret)
{
	spool_mutex_lock(&pool->lock, SPOOL_RANK_POOL);
	ret->used = pool->used;
	ret->held = held_locked(pool);
	spool_mutex_unlock(&pool->lock);
}

void spool_pool_trim(struct spool_pool *pool, uint64_t keep)
{
	bool more = true;

	while (pool_give_back(pool, keep >> SPOOL_BLOCK_SHIFT))
		;
	for (uint32_t number = 0; more; number++) { /* the lock is not held for long */
		spool_mutex_lock(&pool->lock, SPOOL_RANK_POOL);
		more = number < pool->fresh && pool_is_wasteful_locked(pool);
		if (more && pool_chunk_at(pool, number)->cut)
			pool_punch_pages_locked(pool, pool_chunk_at(pool, number), UINT16_MAX);
		spool_mutex_unlock(&pool->lock);
	}
}

void spool_pool_set_keep(struct spool_pool *pool, uint64_t bytes)
{
	spool_mutex_lock(&pool->lock, SPOOL_RANK_POOL);
	pool->keep = (uint32_t)spool_min_u64(bytes >> SPOOL_BLOCK_SHIFT, UINT32_MAX);
	spool_mutex_unlock(&pool->lock);
}

bool spool_pool_age(struct spool_pool *pool)
{
	uint64_t needed;
	bool more;

	spool_mutex_lock(&pool->lock, SPOOL_RANK_POOL);
	needed = pool->n_hot - pool->least_hot;
	spool_mutex_unlock(&pool->lock);
	spool_pool_trim(pool, needed << SPOOL_BLOCK_SHIFT);
	spool_mutex_lock(&pool->lock, SPOOL_RANK_POOL);
	pool->least_hot = pool->n_hot;
	more = pool->n_hot > 0;
	spool_mutex_unlock(&pool->lock);
	return more;
}
