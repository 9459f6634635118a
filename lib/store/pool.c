/* SPDX-License-Identifier: MIT */
#include "store/pool.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/queue.h>

#include "util/host.h"
#include "util/lock.h"
#include "util/macros.h"

/*
 * Where a slot is: chunk number * 64 KiB + index * class size, both in the arena file and, by
 * segments, in memory. A chunk is in exactly one of these states:
 *
 *	fresh	never handed out: number >= pool->fresh
 *	hot	free, its memory is ours: on pool->hot
 *	cold	free, its memory was given back: on pool->cold
 *	partial	cut into slots of a class, some of them free: on pool->partial[class]
 *	full	cut into slots of a class, none free: on no list
 *	leaving	on its way from hot to cold: on no list, owned by the thread that punches it
 *
 * Of a partial chunk, single pages that no slot uses are given back as well when too much is held
 * in this way (they are "gone", until a slot that lies on them is taken).
 *
 * Taking prefers hot, the one freed last first; what is given back comes from the other end.
 * Empty chunks leave their class at once: cutting a chunk anew costs no more than filling in a
 * bitmap, and any class can then use it.
 */

#define CLASS_MIN_SHIFT 6 /* 64 bytes: a cache line; smaller files do not get cheaper than that */
#define N_CLASSES 21      /* 64 bytes to 64 KiB by powers of two and the halfs between them */
#define BITMAP_WORDS (SPOOL_BLOCK_SIZE / (1u << CLASS_MIN_SHIFT) / 64)

#define CHUNK_BITS 26
#define INDEX_BITS 10
#define CLASS_BITS 5
#define INDEX_SHIFT CLASS_BITS
#define CHUNK_SHIFT (CLASS_BITS + INDEX_BITS)

/*
 * Chunks per segment. Mapping takes three system calls and no memory but the bookkeeping below
 * (160 bytes for 64 KiB), so 64 MiB is rare enough and small enough to come one at a time. A guess.
 */
#define SEGMENT_CHUNK_SHIFT 10
#define SEGMENT_CHUNKS (1u << SEGMENT_CHUNK_SHIFT)
#define SEGMENT_SIZE ((size_t)SEGMENT_CHUNKS << SPOOL_BLOCK_SHIFT)
#define N_SEGMENTS (1u << (CHUNK_BITS - SEGMENT_CHUNK_SHIFT))

/*
 * Free memory that is kept for reuse: at least 16 MiB (a compile job's turnover), a quarter of
 * what is in use, so that a large mount does not punch and fault the same pages again and again,
 * and what the owner allows; until it was not needed between two calls of spool_pool_age().
 * Given back in batches of 32 chunks, 2 MiB: an unlink that triggers one waits for some 0.2 ms.
 * All three are guesses.
 */
#define SLACK_CHUNKS_MIN (16u << 20 >> SPOOL_BLOCK_SHIFT)
#define SLACK_DIVISOR 4
#define BATCH 32u

struct chunk {
	TAILQ_ENTRY(chunk) link;
	uint32_t number;
	uint16_t free;  /* free slots */
	uint16_t words; /* bit i: bits[i] has a free slot */
	uint16_t gone;  /* bit i: page i is free, and the system has it */
	bool cut;       /* partial or full */
	uint8_t class;
	uint64_t bits[BITMAP_WORDS]; /* free slots */
};

TAILQ_HEAD(chunk_list, chunk);

struct segment {
	char *base;
	struct chunk chunks[SEGMENT_CHUNKS]; /* lock: pool->lock */
};

struct spool_pool {
	const struct spool_host *host;
	int fd;
	struct spool_mutex lock;
	struct chunk_list hot;                /* lock */
	struct chunk_list cold;               /* lock */
	struct chunk_list partial[N_CLASSES]; /* lock */
	uint32_t n_hot;                       /* lock */
	uint32_t least_hot; /* lock; what n_hot was never below since spool_pool_age() */
	uint32_t keep;      /* lock; chunks that may be kept for reuse */
	uint32_t n_held;    /* lock; chunks whose memory is ours: hot, partial, full, leaving */
	uint32_t retry_at;  /* lock; n_hot at which punching is tried again after a failure */
	uint32_t fresh;     /* lock; the lowest chunk number that was never handed out */
	uint32_t mapped;    /* lock; chunks in mapped segments */
	uint64_t used;      /* lock; bytes in slots */
	uint64_t n_gone;    /* lock; pages of partial chunks that are gone */
	/*
	 * Written under the lock before the first slot of the segment is handed out, never
	 * changed until the pool is freed. Whoever holds a slot got it from spool_pool_alloc(),
	 * or from another thread by way of a lock, and so sees its segment without ours.
	 */
	struct segment *segments[N_SEGMENTS];
};

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

static inline size_t class_size(unsigned int class)
{
	size_t size = (size_t)1 << (CLASS_MIN_SHIFT + class / 2);

	return class % 2 ? size + size / 2 : size;
}

static inline unsigned int slot_class(spool_pool_slot_t slot)
{
	return slot & ((1u << CLASS_BITS) - 1);
}

static inline unsigned int slot_index(spool_pool_slot_t slot)
{
	return slot >> INDEX_SHIFT & ((1u << INDEX_BITS) - 1);
}

static inline uint32_t slot_chunk(spool_pool_slot_t slot)
{
	return (uint32_t)(slot >> CHUNK_SHIFT);
}

static struct chunk *chunk_at(const struct spool_pool *pool, uint32_t number)
{
	return &pool->segments[number >> SEGMENT_CHUNK_SHIFT]->chunks[number % SEGMENT_CHUNKS];
}

size_t spool_pool_slot_size(size_t size)
{
	assert(size > 0 && size <= SPOOL_BLOCK_SIZE);
	return class_size(class_of(size));
}

size_t spool_pool_size(spool_pool_slot_t slot)
{
	return class_size(slot_class(slot));
}

void *spool_pool_ptr(const struct spool_pool *pool, spool_pool_slot_t slot)
{
	uint32_t number = slot_chunk(slot);

	return pool->segments[number >> SEGMENT_CHUNK_SHIFT]->base +
	       ((size_t)(number % SEGMENT_CHUNKS) << SPOOL_BLOCK_SHIFT) +
	       slot_index(slot) * class_size(slot_class(slot));
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
	for (uint32_t i = 0; i < pool->mapped >> SEGMENT_CHUNK_SHIFT; i++) {
		host->arena_unmap(host->ctx, pool->segments[i]->base, SEGMENT_SIZE);
		spool_free(host, pool->segments[i]);
	}
	host->arena_close(host->ctx, pool->fd);
	spool_mutex_fini(&pool->lock);
	spool_free(host, pool);
}

static int map_segment_locked(struct spool_pool *pool) SPOOL_REQUIRES(pool->lock)
{
	const struct spool_host *host = pool->host;
	uint32_t n = pool->mapped >> SEGMENT_CHUNK_SHIFT;
	struct segment *segment;
	void *base;

	if (n == N_SEGMENTS)
		return -ENOSPC;
	segment = spool_alloc(host, sizeof(*segment));
	if (!segment)
		return -ENOSPC;
	if (host->arena_map(host->ctx, pool->fd, (uint64_t)n * SEGMENT_SIZE, SEGMENT_SIZE, &base) <
	    0) {
		spool_free(host, segment);
		return -ENOSPC;
	}
	segment->base = base;
	pool->segments[n] = segment;
	pool->mapped += SEGMENT_CHUNKS;
	return 0;
}

static void remove_hot_locked(struct spool_pool *pool, struct chunk *chunk)
	SPOOL_REQUIRES(pool->lock)
{
	TAILQ_REMOVE(&pool->hot, chunk, link);
	pool->n_hot--;
	if (pool->n_hot < pool->least_hot)
		pool->least_hot = pool->n_hot;
}

/* Takes a free chunk off its list. Return: NULL when the machine gives no more. */
static struct chunk *take_chunk_locked(struct spool_pool *pool) SPOOL_REQUIRES(pool->lock)
{
	struct chunk *chunk = TAILQ_FIRST(&pool->hot);

	if (chunk) {
		remove_hot_locked(pool, chunk);
		return chunk;
	}
	chunk = TAILQ_FIRST(&pool->cold);
	if (chunk) {
		TAILQ_REMOVE(&pool->cold, chunk, link);
	} else {
		if (pool->fresh == pool->mapped && map_segment_locked(pool) < 0)
			return NULL;
		chunk = chunk_at(pool, pool->fresh);
		chunk->number = pool->fresh++;
	}
	pool->n_held++;
	return chunk;
}

static unsigned int n_slots(unsigned int class)
{
	return (unsigned int)(SPOOL_BLOCK_SIZE / class_size(class));
}

/* The pages that slot @index lies on. */
static unsigned int slot_pages(unsigned int class, unsigned int index)
{
	size_t from = index * class_size(class), to = from + class_size(class) - 1;

	return (2u << (to >> SPOOL_PAGE_SHIFT)) - (1u << (from >> SPOOL_PAGE_SHIFT));
}

/* Whether no slot of @chunk that is in use lies on @page. What is behind the last slot is free. */
static bool is_free_page(const struct chunk *chunk, unsigned int page)
{
	size_t size = class_size(chunk->class);
	unsigned int first = (unsigned int)(((size_t)page << SPOOL_PAGE_SHIFT) / size);
	unsigned int last =
		(unsigned int)((((size_t)page + 1) << SPOOL_PAGE_SHIFT) - 1) / (unsigned int)size;

	for (unsigned int i = first; i <= last && i < n_slots(chunk->class); i++) {
		if (!(chunk->bits[i / 64] >> i % 64 & 1))
			return false;
	}
	return true;
}

/* Bytes that the system has given us, less what it has got back. */
static uint64_t held_locked(const struct spool_pool *pool) SPOOL_REQUIRES(pool->lock)
{
	return ((uint64_t)pool->n_held << SPOOL_BLOCK_SHIFT) - (pool->n_gone << SPOOL_PAGE_SHIFT);
}

/* Is more held in chunks that are used in part than we keep for reuse anyway? */
static bool is_wasteful_locked(const struct spool_pool *pool) SPOOL_REQUIRES(pool->lock)
{
	uint64_t hot = (uint64_t)pool->n_hot << SPOOL_BLOCK_SHIFT;

	return held_locked(pool) - hot > pool->used + pool->used / SLACK_DIVISOR +
						 ((uint64_t)SLACK_CHUNKS_MIN << SPOOL_BLOCK_SHIFT);
}

/*
 * Gives the free pages among @pages of a partial chunk back. The lock is held, as nobody may take a
 * slot there meanwhile: some microseconds for each run of pages.
 */
static void punch_pages_locked(struct spool_pool *pool, struct chunk *chunk, unsigned int pages)
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

/* Pages that are not gone any more: a slot on them is taken, or the chunk is none of the partial.
 */
static void come_back_locked(struct spool_pool *pool, struct chunk *chunk, unsigned int pages)
	SPOOL_REQUIRES(pool->lock)
{
	pool->n_gone -= (unsigned int)__builtin_popcount(chunk->gone & pages);
	chunk->gone &= (uint16_t)~pages;
}

static void cut_chunk(struct chunk *chunk, unsigned int class)
{
	unsigned int n = n_slots(class);
	unsigned int words = (n + 63) / 64;

	chunk->class = (uint8_t) class;
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
	pool->used += class_size(class);
	if (chunk->gone)
		come_back_locked(pool, chunk, slot_pages(class, word * 64 + bit));
	*ret_slot = (uint64_t)chunk->number << CHUNK_SHIFT |
		    (uint64_t)(word * 64 + bit) << INDEX_SHIFT | class;
out:
	spool_mutex_unlock(&pool->lock);
	return r;
}

static uint32_t slack_locked(const struct spool_pool *pool) SPOOL_REQUIRES(pool->lock)
{
	uint64_t slack = pool->used / SLACK_DIVISOR >> SPOOL_BLOCK_SHIFT;

	slack = spool_max_u64(slack, pool->keep);
	return (uint32_t)spool_max_u64(slack, SLACK_CHUNKS_MIN);
}

/* Takes up to BATCH chunks that were freed longest ago off the hot list, sorted by place. */
static unsigned int take_batch_locked(struct spool_pool *pool, uint64_t keep, struct chunk **batch)
	SPOOL_REQUIRES(pool->lock)
{
	unsigned int n = 0;

	while (n < BATCH && pool->n_hot > keep) {
		struct chunk *chunk = TAILQ_LAST(&pool->hot, chunk_list);
		unsigned int at = n++;

		remove_hot_locked(pool, chunk);
		for (; at > 0 && batch[at - 1]->number > chunk->number; at--)
			batch[at] = batch[at - 1];
		batch[at] = chunk;
	}
	return n;
}

/*
 * Gives up to BATCH hot chunks beyond @keep back. The lock is not held while the system frees the
 * pages; nobody else can see the chunks meanwhile.
 * Return: true when there may be more to give.
 */
static bool give_back(struct spool_pool *pool, uint64_t keep)
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
	for (unsigned int i = 0; i < done; i++)
		TAILQ_INSERT_HEAD(&pool->cold, batch[i], link);
	pool->n_held -= done;
	for (unsigned int i = done; i < n; i++)
		TAILQ_INSERT_TAIL(&pool->hot, batch[i], link);
	pool->n_hot += n - done;
	pool->retry_at = done < n ? pool->n_hot + BATCH : 0;
	spool_mutex_unlock(&pool->lock);
	return n == BATCH && done == n;
}

void spool_pool_release(struct spool_pool *pool, spool_pool_slot_t slot)
{
	unsigned int class = slot_class(slot);
	unsigned int word = slot_index(slot) / 64;
	uint64_t bit = (uint64_t)1 << slot_index(slot) % 64;
	uint32_t slack = 0;
	struct chunk *chunk;
	bool give = false;

	spool_mutex_lock(&pool->lock, SPOOL_RANK_POOL);
	chunk = chunk_at(pool, slot_chunk(slot));
	assert(chunk->class == class && !(chunk->bits[word] & bit));
	if (chunk->free == 0)
		TAILQ_INSERT_HEAD(&pool->partial[class], chunk, link);
	chunk->bits[word] |= bit;
	chunk->words |= (uint16_t)(1u << word);
	chunk->free++;
	pool->used -= class_size(class);
	if (chunk->free == n_slots(class)) {
		come_back_locked(pool, chunk, UINT16_MAX);
		chunk->cut = false;
		TAILQ_REMOVE(&pool->partial[class], chunk, link);
		TAILQ_INSERT_HEAD(&pool->hot, chunk, link);
		pool->n_hot++;
		slack = slack_locked(pool);
		give = pool->n_hot >= slack + BATCH && pool->n_hot >= pool->retry_at;
	} else if (is_wasteful_locked(pool)) {
		punch_pages_locked(pool, chunk, slot_pages(class, slot_index(slot)));
	}
	spool_mutex_unlock(&pool->lock);
	if (give)
		give_back(pool, slack);
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

	while (give_back(pool, keep >> SPOOL_BLOCK_SHIFT))
		;
	for (uint32_t number = 0; more; number++) { /* the lock is not held for long */
		spool_mutex_lock(&pool->lock, SPOOL_RANK_POOL);
		more = number < pool->fresh && is_wasteful_locked(pool);
		if (more && chunk_at(pool, number)->cut)
			punch_pages_locked(pool, chunk_at(pool, number), UINT16_MAX);
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
