/* SPDX-License-Identifier: MIT */
#include "store/disk_record.h"

#include <stdatomic.h>

#include "store/disk.h"
#include "util/host.h"

size_t spool_disk_record_bytes(unsigned int n_pieces)
{
	return sizeof(struct spool_disk_record) + n_pieces * sizeof(struct spool_disk_record_piece);
}

void spool_disk_record_put(struct spool_disk *disk, struct spool_disk_record *record)
{
	if (atomic_fetch_sub_explicit(&record->refs, 1, memory_order_acq_rel) > 1)
		return;
	if (record->slot) {
		spool_disk_slots_give(disk->slots, record->slot);
		disk->gave(disk->ctx);
	}
	spool_free(disk->host, record);
}

unsigned int spool_disk_record_span(unsigned int stored, unsigned int i, unsigned int *ret_from)
{
	unsigned int pages = stored & ((1u << PIECE_PAGES) - 1) << (i * PIECE_PAGES);
	unsigned int first, last;

	if (!pages)
		return 0;
	first = (unsigned int)__builtin_ctz(pages);
	last = 31 - (unsigned int)__builtin_clz(pages);
	*ret_from = first << SPOOL_PAGE_SHIFT;
	return (last + 1 - first) << SPOOL_PAGE_SHIFT;
}
