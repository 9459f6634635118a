/* SPDX-License-Identifier: MIT */
#include "store/batch.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "util/host.h"

int spool_batch_new(struct spool_disk *disk, struct spool_batch **ret_batch)
{
	struct spool_batch *batch = spool_alloc(disk->host, sizeof(*batch));

	if (!batch)
		return -ENOMEM;
	batch->disk = disk;
	batch->buffer =
		spool_alloc_aligned(disk->host, (size_t)SPOOL_BATCH_BLOCKS * SPOOL_BLOCK_SIZE,
				    SPOOL_BACKING_ALIGN, &batch->allocated);
	if (!batch->buffer) {
		spool_free(disk->host, batch);
		return -ENOMEM;
	}
	*ret_batch = batch;
	return 0;
}

void spool_batch_free(struct spool_batch *batch)
{
	if (!batch)
		return;
	assert(!batch->object);
	spool_free(batch->disk->host, batch->allocated);
	spool_free(batch->disk->host, batch);
}

static int seal_block(struct spool_batch *batch, unsigned int at)
{
	struct spool_disk_record *record = batch->blocks[at].record;
	char *data = batch->buffer + (size_t)at * SPOOL_BLOCK_SIZE;
	struct spool_piece pieces[BLOCK_PIECES];
	unsigned int n = 0;
	int r;

	for (unsigned int i = 0; i < BLOCK_PIECES; i++) {
		unsigned int from = 0, len = spool_disk_record_span(record->stored, i, &from);

		if (len)
			pieces[n++] = (struct spool_piece){
				.in = data + from, .out = data + from, .len = len};
	}
	r = spool_seal_pieces(batch->disk->seal, batch->key, pieces, n);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < n; i++) {
		record->pieces[i].nonce = pieces[i].nonce;
		memcpy(record->pieces[i].tag, pieces[i].tag, SPOOL_TAG_SIZE);
	}
	return 0;
}

/* Reads what the pages of blocks that were on the disk lay over. Return: 0; -ENOMEM. */
static int complete(struct spool_batch *batch)
{
	int r = 0;

	batch->n_bad = 0;
	for (unsigned int i = 0; i < batch->n && r == 0; i++) {
		struct spool_batch_block *block = &batch->blocks[i];

		if (!block->rest.record)
			continue;
		r = spool_fetch_run(batch->disk, batch->key, &block->rest);
		block->bad = r == -EIO;
		if (!block->bad)
			continue;
		batch->n_bad++;
		r = 0;
	}
	return r;
}

/* Writes [@from, @end) of the buffer; disk slot @first is at @base of it. */
static int write_range(struct spool_batch *batch, spool_disk_slot_t first, size_t base, size_t from,
		       size_t end)
{
	struct iovec iov = {batch->buffer + from, end - from};
	spool_disk_slot_t slot = first + ((from - base) >> SPOOL_BLOCK_SHIFT);

	atomic_fetch_add_explicit(&batch->disk->written, end - from, memory_order_relaxed);
	batch->bytes += end - from;
	return spool_disk_slots_write(batch->disk->slots, slot,
				      (unsigned int)(from & (SPOOL_BLOCK_SIZE - 1)), &iov, 1);
}

/* Writes blocks @at to @at + @n, whose disk slots follow one another from @first on. Bytes that
 * follow one another go with one call. */
static int write_run(struct spool_batch *batch, unsigned int at, unsigned int n,
		     spool_disk_slot_t first)
{
	size_t base = (size_t)at * SPOOL_BLOCK_SIZE, from = 0, end = 0;
	int r = 0;

	for (unsigned int i = at; i < at + n; i++) {
		for (unsigned int piece = 0; piece < BLOCK_PIECES; piece++) {
			unsigned int in_block = 0;
			unsigned int len = spool_disk_record_span(batch->blocks[i].record->stored,
								  piece, &in_block);
			size_t start = (size_t)i * SPOOL_BLOCK_SIZE + in_block;

			if (!len)
				continue;
			if (end && start != end)
				r = write_range(batch, first, base, from, end);
			if (r < 0)
				return r;
			from = end && start == end ? from : start;
			end = start + len;
		}
	}
	return write_range(batch, first, base, from, end);
}

/* How many blocks from @at on are to be written. */
static unsigned int good_run(const struct spool_batch *batch, unsigned int at)
{
	unsigned int n = 0;

	while (at + n < batch->n && !batch->blocks[at + n].bad)
		n++;
	return n;
}

int spool_batch_write(struct spool_batch *batch)
{
	int r;

	batch->bytes = 0;
	r = complete(batch);
	for (unsigned int i = 0; i < batch->n && r == 0; i++) {
		if (!batch->blocks[i].bad)
			r = seal_block(batch, i);
	}
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < batch->n;) {
		unsigned int run = good_run(batch, i);
		spool_disk_slot_t first;
		int n;

		if (run == 0) {
			i++;
			continue;
		}
		n = spool_disk_slots_take(batch->disk->slots, batch->segment, run, &first);

		if (n < 0)
			return n;
		for (unsigned int k = 0; k < (unsigned int)n; k++)
			batch->blocks[i + k].record->slot = first + k;
		r = write_run(batch, i, (unsigned int)n, first);
		if (r < 0)
			return r;
		i += (unsigned int)n;
	}
	return 0;
}
