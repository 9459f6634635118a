/* SPDX-License-Identifier: MIT */
#include "store/fetch.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "util/host.h"

void spool_fetch_drop(struct spool_disk *disk, struct spool_fetch *fetch)
{
	spool_disk_record_put(disk, fetch->record);
	fetch->record = NULL;
}

/* @data holds bytes @from to @from + @len of the block. Copies those of them that were asked for.
 */
static void hand_out(const struct spool_fetch *fetch, const char *data, unsigned int from,
		     unsigned int len)
{
	unsigned int stop = from + len;

	for (unsigned int at = from; at < stop; at += SPOOL_PAGE_SIZE) {
		unsigned int a = at > fetch->from ? at : fetch->from;
		unsigned int b = at + SPOOL_PAGE_SIZE, limit = fetch->from + fetch->len;

		limit = limit < fetch->end ? limit : fetch->end;
		b = b < limit ? b : limit;
		if (a < b && (fetch->mask >> (at >> SPOOL_PAGE_SHIFT) & 1))
			memcpy(fetch->to + (a - fetch->from), data + (a - from), b - a);
	}
}

/* Reads and opens piece number @n of the record, quarter @i of the block. */
static int fetch_piece(struct spool_disk *disk, struct spool_key *key,
		       const struct spool_fetch *fetch, unsigned int i, unsigned int n,
		       char *bounce)
{
	const struct spool_disk_record *record = fetch->record;
	unsigned int from = 0, len = spool_disk_record_span(record->stored, i, &from);
	struct iovec iov = {bounce, len};
	struct spool_piece piece = {
		.in = bounce, .out = bounce, .len = len, .nonce = record->pieces[n].nonce};
	int r;

	memcpy(piece.tag, record->pieces[n].tag, SPOOL_TAG_SIZE);
	r = spool_disk_slots_read(disk->slots, record->slot, from, &iov, 1);
	if (r < 0)
		return r == -ENOMEM ? r : -EIO;
	atomic_fetch_add_explicit(&disk->fetched, len, memory_order_relaxed);
	r = spool_open_pieces(disk->seal, key, &piece, 1);
	if (r == -EBADMSG) {
		atomic_fetch_add_explicit(&disk->n_bad, 1, memory_order_relaxed);
		return -EIO;
	}
	if (r < 0)
		return r;
	hand_out(fetch, bounce, from, len);
	return 0;
}

/* The pages of quarter @i of a block. */
static unsigned int piece_pages(unsigned int i)
{
	return ((1u << PIECE_PAGES) - 1) << (i * PIECE_PAGES);
}

int spool_fetch_run(struct spool_disk *disk, struct spool_key *key, struct spool_fetch *fetch)
{
	unsigned int stop = fetch->from + fetch->len, n = 0;
	void *allocated = NULL;
	char *bounce =
		spool_alloc_aligned(disk->host, SPOOL_PIECE_SIZE, SPOOL_BACKING_ALIGN, &allocated);
	int r = bounce ? 0 : -ENOMEM;

	for (unsigned int i = 0; i < BLOCK_PIECES && r == 0; i++) {
		unsigned int from = 0,
			     len = spool_disk_record_span(fetch->record->stored, i, &from);

		if (!len)
			continue;
		if (from < stop && from + len > fetch->from && from < fetch->end &&
		    (fetch->mask & piece_pages(i)))
			r = fetch_piece(disk, key, fetch, i, n, bounce);
		n++;
	}
	if (r < 0)
		memset(fetch->to, 0, fetch->len);
	spool_free(disk->host, allocated);
	return r;
}
