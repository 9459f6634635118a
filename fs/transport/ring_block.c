/* SPDX-License-Identifier: MIT */

/* The memory of a ring's entries. */

#include "transport/ring_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

int ring_add_block(struct spool_ring *ring, unsigned int n)
{
	size_t size = ENTRY_HEAD + ring->rings->payload_size, all = size * n;
	struct ring_block block = {.n = n};
	char *memory;

	if (ring->n_blocks == RING_BLOCKS_MAX)
		return -ENOMEM;
	memory = mmap(NULL, all, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	block.memory = memory;
	block.entries = calloc(n, sizeof(block.entries[0]));
	if (!block.entries) {
		munmap(memory, all);
		return -ENOMEM;
	}
	madvise(memory, all, MADV_DONTDUMP);
	if (ring->n_blocks > 0) /* of most entries one page is ever used */
		madvise(memory, all, MADV_NOHUGEPAGE);
	for (unsigned int i = 0; i < n; i++, memory += size) {
		block.entries[i].ring = ring;
		block.entries[i].header = (struct spool_wire_uring_header *)(void *)memory;
		block.entries[i].payload = memory + ENTRY_HEAD;
	}
	ring->blocks[ring->n_blocks++] = block;
	ring->n_entries += n;
	return 0;
}

void ring_free_blocks(struct spool_ring *ring)
{
	for (unsigned int i = 0; i < ring->n_blocks; i++) {
		munmap(ring->blocks[i].memory,
		       (ENTRY_HEAD + ring->rings->payload_size) * ring->blocks[i].n);
		free(ring->blocks[i].entries);
	}
}
