/* SPDX-License-Identifier: MIT */
#include "store/pool_internal.h"

#include <string.h>

#include "util/host.h"

/* The kernel maps what is there around a page that is read for the first time, 64 KiB unless it was
 * told otherwise, but a page that is stored to alone. */
static void map_chunk(const char *bytes)
{
	(void)*(const volatile char *)bytes;
	(void)*(const volatile char *)(bytes + SPOOL_BLOCK_SIZE - 1); /* in the next 64 KiB */
}

/* Only one thread at a time, as the kernel locks the file meanwhile, and faults run side by side.
 * Return: false: it was not written, or not all of it. */
static bool write_chunk(struct spool_pool *pool, uint32_t number, const void *buf)
{
	const struct spool_host *host = pool->host;
	int r;

	if (!host->arena_write || atomic_exchange(&pool->writing, true))
		return false;
	r = host->arena_write(host->ctx, pool->fd, (uint64_t)number << SPOOL_BLOCK_SHIFT, buf,
			      SPOOL_BLOCK_SIZE);
	atomic_store(&pool->writing, false);
	return r == 0;
}

void spool_pool_fill(struct spool_pool *pool, spool_pool_slot_t slot, size_t at, const void *buf,
		     size_t len)
{
	uint32_t number = pool_slot_chunk(slot);
	struct chunk *chunk = pool_chunk_at(pool, number);
	char *bytes = spool_pool_ptr(pool, slot);
	bool whole = spool_pool_size(slot) == SPOOL_BLOCK_SIZE;

	if (whole && len == SPOOL_BLOCK_SIZE && chunk->memory == CHUNK_ABSENT &&
	    write_chunk(pool, number, buf)) {
		chunk->memory = CHUNK_WRITTEN;
		return;
	}
	if (whole && chunk->memory == CHUNK_WRITTEN)
		map_chunk(bytes);
	if (whole && (len == SPOOL_BLOCK_SIZE || chunk->memory == CHUNK_WRITTEN))
		chunk->memory = CHUNK_MAPPED;
	memcpy(bytes + at, buf, len);
}
