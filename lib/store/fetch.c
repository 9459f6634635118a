/* SPDX-License-Identifier: MIT */
#include "store/fetch.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "store/ahead.h"
#include "util/errors.h"
#include "util/host.h"

/* Pieces that are read with one call: 256 KiB. While they are decrypted the disk works for others;
 * with 1 MiB at a time a stream was 10% slower, with 128 KiB no faster. Of these some may be wanted
 * in part, or not where they can be read to: a request has two ends. */
#define RUN_PIECES 16u
#define RUN_BOUNCES 2u

/* Pieces that follow one another on the disk, and are to be read. */
struct run {
	spool_disk_slot_t slot, next_slot; /* of the first, and where the next one would be */
	unsigned int from, next_from;      /* bytes of these */
	unsigned int n, n_iov, n_bounced;
	struct iovec iov[RUN_PIECES];
	struct spool_piece pieces[RUN_PIECES];
	struct {
		const struct spool_fetch *fetch;
		const char *data;
		unsigned int from, len;
	} bounced[RUN_BOUNCES]; /* to be copied to where they are wanted */
	char *bounce;           /* for these; NULL before the first */
	void *allocated;
};

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

/* Opens pieces, and hands out those that the run has bounced. */
static int open_pieces(struct spool_disk *disk, struct spool_key *key, const struct run *run,
		       struct spool_piece *pieces, unsigned int n)
{
	int r = spool_open_pieces(disk->seal, key, pieces, n);

	if (r == -EBADMSG) {
		atomic_fetch_add_explicit(&disk->n_bad, 1, memory_order_relaxed);
		return -EIO;
	}
	for (unsigned int i = 0; i < run->n_bounced && r == 0; i++)
		hand_out(run->bounced[i].fetch, run->bounced[i].data, run->bounced[i].from,
			 run->bounced[i].len);
	return r;
}

/* Reads and opens what is in the run, which is empty then. */
static int run_read(struct spool_disk *disk, struct spool_key *key, struct run *run)
{
	unsigned int n = run->n;
	uint64_t len = 0;
	int r;

	if (n == 0)
		return 0;
	run->n = 0;
	for (unsigned int i = 0; i < n; i++)
		len += run->pieces[i].len;
	r = spool_disk_slots_read(disk->slots, run->slot, run->from, run->iov, (int)run->n_iov);
	if (r < 0)
		return r == -ENOMEM ? r : -EIO;
	atomic_fetch_add_explicit(&disk->fetched, len, memory_order_relaxed);
	return open_pieces(disk, key, run, run->pieces, n);
}

/* The pages of quarter @i of a block. */
static unsigned int piece_pages(unsigned int i)
{
	return ((1u << PIECE_PAGES) - 1) << (i * PIECE_PAGES);
}

/* Whether bytes @from to @from + @len of the block are all wanted, where the disk can put them. */
static bool goes_straight(const struct spool_fetch *fetch, unsigned int from, unsigned int len)
{
	unsigned int first = from >> SPOOL_PAGE_SHIFT, n = len >> SPOOL_PAGE_SHIFT;
	unsigned int pages = ((1u << n) - 1) << first;

	return from >= fetch->from && from + len <= fetch->from + fetch->len &&
	       from + len <= fetch->end && (fetch->mask & pages) == pages &&
	       (uintptr_t)(fetch->to + (from - fetch->from)) % SPOOL_BACKING_ALIGN == 0;
}

/* Where a piece of @fetch that does not go straight is read to. Return: NULL: no memory. */
static char *add_bounced(struct spool_disk *disk, struct run *run, const struct spool_fetch *fetch,
			 unsigned int from, unsigned int len)
{
	char *data;

	if (!run->bounce)
		run->bounce =
			spool_alloc_aligned(disk->host, (size_t)RUN_BOUNCES * SPOOL_PIECE_SIZE,
					    SPOOL_BACKING_ALIGN, &run->allocated);
	if (!run->bounce)
		return NULL;
	data = run->bounce + (size_t)run->n_bounced * SPOOL_PIECE_SIZE;
	run->bounced[run->n_bounced].fetch = fetch;
	run->bounced[run->n_bounced].data = data;
	run->bounced[run->n_bounced].from = from;
	run->bounced[run->n_bounced++].len = len;
	return data;
}

static void add_iov(struct run *run, char *to, unsigned int len)
{
	struct iovec *last = run->n > 0 ? &run->iov[run->n_iov - 1] : NULL;

	if (last && (char *)last->iov_base + last->iov_len == to)
		last->iov_len += len;
	else
		run->iov[run->n_iov++] = (struct iovec){to, len};
}

/* Adds piece number @n of the record, bytes @from to @from + @len of the block; reads what is there
 * before when it does not go with that. */
static int run_add(struct spool_disk *disk, struct spool_key *key, struct run *run,
		   const struct spool_fetch *fetch, unsigned int n, unsigned int from,
		   unsigned int len)
{
	const struct spool_disk_record *record = fetch->record;
	bool straight = goes_straight(fetch, from, len);
	struct spool_piece *piece;
	char *to;
	int r = 0;

	if (run->n == RUN_PIECES || record->slot != run->next_slot || from != run->next_from ||
	    (!straight && run->n_bounced == RUN_BOUNCES))
		r = run_read(disk, key, run);
	if (r < 0)
		return r;
	if (run->n == 0) {
		run->slot = record->slot;
		run->from = from;
		run->n_iov = run->n_bounced = 0;
	}
	to = straight ? fetch->to + (from - fetch->from) : add_bounced(disk, run, fetch, from, len);
	if (!to)
		return -ENOMEM;
	add_iov(run, to, len);
	piece = &run->pieces[run->n++];
	*piece = (struct spool_piece){
		.in = to, .out = to, .len = len, .nonce = record->pieces[n].nonce};
	memcpy(piece->tag, record->pieces[n].tag, SPOOL_TAG_SIZE);
	run->next_slot = record->slot + (from + len == SPOOL_BLOCK_SIZE);
	run->next_from = (from + len) % SPOOL_BLOCK_SIZE;
	return 0;
}

/* Are pages of quarter @i, bytes @from to @from + @len of the block, wanted? */
static bool wants_piece(const struct spool_fetch *fetch, unsigned int i, unsigned int from,
			unsigned int len)
{
	return from < fetch->from + fetch->len && from + len > fetch->from && from < fetch->end &&
	       (fetch->mask & piece_pages(i));
}

static int add_fetch(struct spool_disk *disk, struct spool_key *key, struct run *run,
		     const struct spool_fetch *fetch)
{
	unsigned int n = 0;
	int r = 0;

	for (unsigned int i = 0; i < BLOCK_PIECES && r == 0; i++) {
		unsigned int from = 0,
			     len = spool_disk_record_span(fetch->record->stored, i, &from);

		if (!len)
			continue;
		if (wants_piece(fetch, i, from, len))
			r = run_add(disk, key, run, fetch, n, from, len);
		n++;
	}
	return r;
}

/* Opens what is wanted of a block that was read ahead as a whole. The run is empty. */
static int open_ahead(struct spool_disk *disk, struct spool_key *key, struct run *run,
		      const struct spool_fetch *fetch, const char *sealed)
{
	struct spool_piece pieces[BLOCK_PIECES];
	unsigned int n = 0;
	int r = 0;

	run->n_bounced = 0;
	for (unsigned int i = 0; i < BLOCK_PIECES && r == 0; i++) {
		unsigned int from = i * SPOOL_PIECE_SIZE;
		bool straight = goes_straight(fetch, from, SPOOL_PIECE_SIZE);
		char *to;

		if (!wants_piece(fetch, i, from, SPOOL_PIECE_SIZE))
			continue;
		if (!straight && run->n_bounced == RUN_BOUNCES) {
			r = open_pieces(disk, key, run, pieces, n);
			run->n_bounced = n = 0;
		}
		to = straight ? fetch->to + (from - fetch->from)
			      : add_bounced(disk, run, fetch, from, SPOOL_PIECE_SIZE);
		if (!to)
			return -ENOMEM;
		pieces[n] = (struct spool_piece){.in = sealed + from,
						 .out = to,
						 .len = SPOOL_PIECE_SIZE,
						 .nonce = fetch->record->pieces[i].nonce};
		memcpy(pieces[n++].tag, fetch->record->pieces[i].tag, SPOOL_TAG_SIZE);
	}
	return r < 0 ? r : open_pieces(disk, key, run, pieces, n);
}

/* Return: 1: it was read ahead, and has been opened; 0: it was not; -errno. */
static int take_ahead(struct spool_disk *disk, struct spool_key *key, struct run *run,
		      const struct spool_fetch *fetch, bool may_wait)
{
	struct spool_ahead_block block;
	int r;

	if (!spool_ahead_get(disk->ahead, fetch->record->slot, may_wait, &block))
		return 0;
	r = run_read(disk, key, run);
	if (r == 0)
		r = open_ahead(disk, key, run, fetch, block.data);
	spool_ahead_put(disk->ahead, &block, r < 0 || fetch->from + fetch->len >= fetch->end);
	return r < 0 ? r : 1;
}

int spool_fetch_run_all(struct spool_disk *disk, struct spool_key *key,
			const struct spool_fetch *fetches, size_t n)
{
	struct run run = {.bounce = NULL};
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++) {
		r = take_ahead(disk, key, &run, &fetches[i], true);
		if (r == 0)
			r = add_fetch(disk, key, &run, &fetches[i]);
	}
	if (r >= 0)
		r = run_read(disk, key, &run);
	for (size_t i = 0; i < n && r < 0; i++)
		memset(fetches[i].to, 0, fetches[i].len);
	spool_free(disk->host, run.allocated);
	return r;
}

/* Were all of them read ahead? They may have gone at once. */
static bool all_ahead(struct spool_disk *disk, const struct spool_fetch *fetches, size_t n)
{
	bool all = true;

	for (size_t i = 0; i < n && all; i++) {
		struct spool_ahead_block block;

		all = spool_ahead_get(disk->ahead, fetches[i].record->slot, false, &block);
		if (all)
			spool_ahead_put(disk->ahead, &block, false);
	}
	return all;
}

int spool_fetch_run_ahead(struct spool_disk *disk, struct spool_key *key,
			  const struct spool_fetch *fetches, size_t n)
{
	struct run run = {.bounce = NULL};
	int r = all_ahead(disk, fetches, n);

	for (size_t i = 0; i < n && r > 0; i++)
		r = take_ahead(disk, key, &run, &fetches[i], false);
	for (size_t i = 0; i < n && r < 0; i++)
		memset(fetches[i].to, 0, fetches[i].len);
	spool_free(disk->host, run.allocated);
	if (r == 0)
		return SPOOL_WOULD_BLOCK;
	return r < 0 ? r : 0;
}

int spool_fetch_run(struct spool_disk *disk, struct spool_key *key, struct spool_fetch *fetch)
{
	return spool_fetch_run_all(disk, key, fetch, 1);
}
