/* SPDX-License-Identifier: MIT */
#include "store/ahead.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "store/disk.h"
#include "util/lock.h"
#include "util/macros.h"

#define RUN_SIZE ((size_t)SPOOL_AHEAD_BLOCKS * SPOOL_BLOCK_SIZE)

/* Readers in order who are known at a time. A guess. */
#define STREAMS 8u

/* It begins when so much has been read in order, by two requests at least; goes as far ahead as has
 * been read in order, at most WINDOW. What comes up to SLACK before or behind its turn is the
 * same stream: several threads take requests. WINDOW holds what four threads read, and as much that
 * has been read. Guesses. */
#define START ((uint64_t)256 << 10)
#define WINDOW ((uint64_t)2 << 20)
#define SLACK ((uint64_t)1 << 20)

/* What nobody has come for goes after this. A guess. */
#define AGE_NS UINT64_C(1000000000)

struct ahead_stream {
	uint64_t ino;   /* 0: none */
	uint64_t next;  /* where the next request would begin */
	uint64_t bytes; /* read in order so far */
	uint64_t until; /* what was wanted ends here */
	unsigned int n; /* requests in order */
	uint64_t at_ns;
};

enum run_state { RUN_FREE, RUN_WANTED, RUN_READING, RUN_READY };

struct ahead_run {
	enum run_state state;
	bool gone; /* to be freed as soon as nobody uses it */
	unsigned int n, n_pins;
	unsigned int unread; /* blocks, a bit for each */
	uint64_t ino, off;
	const void *payer;
	uint64_t number; /* in the order in which they were added */
	uint64_t at_ns;
	struct spool_disk_record *records[SPOOL_AHEAD_BLOCKS];
	char *data; /* NULL before its first use */
	void *allocated;
};

struct spool_ahead {
	struct spool_disk *disk;
	struct spool_mutex lock;
	struct spool_cond changed; /* lock; a run is no longer being read */
	_Atomic unsigned int n_used;
	unsigned int n_runs; /* constant */
	uint64_t n_added;    /* lock, as the following */
	uint64_t at_ns;      /* when a run was last added */
	struct ahead_stream streams[STREAMS];
	struct ahead_run runs[];
};

static uint64_t now_ns(const struct spool_ahead *ahead)
{
	return ahead->disk->host->monotonic_ns(ahead->disk->host->ctx);
}

int spool_ahead_new(struct spool_disk *disk, uint64_t max, struct spool_ahead **ret)
{
	unsigned int n = (unsigned int)(max / RUN_SIZE);
	struct spool_ahead *ahead =
		spool_alloc(disk->host, sizeof(*ahead) + n * sizeof(ahead->runs[0]));

	if (!ahead)
		return -ENOMEM;
	ahead->disk = disk;
	ahead->n_runs = n;
	spool_mutex_init(&ahead->lock);
	spool_cond_init(&ahead->changed);
	*ret = ahead;
	return 0;
}

/* Ends a run that nobody uses. Drops the lock for a moment: a slot that is given back wakes
 * somebody. */
static void end_locked(struct spool_ahead *ahead, struct ahead_run *run) SPOOL_REQUIRES(ahead->lock)
{
	struct spool_disk_record *records[SPOOL_AHEAD_BLOCKS];
	unsigned int n = run->n;

	assert(run->state != RUN_FREE && run->state != RUN_READING && run->n_pins == 0);
	memcpy(records, run->records, sizeof(records));
	run->state = RUN_FREE;
	run->gone = false;
	ahead->n_used--;
	spool_mutex_unlock(&ahead->lock);
	for (unsigned int i = 0; i < n; i++)
		spool_disk_record_put(ahead->disk, records[i]);
	spool_mutex_lock(&ahead->lock, SPOOL_RANK_LEAF);
}

/* The same as soon as nobody uses it. */
static void give_up_locked(struct spool_ahead *ahead, struct ahead_run *run)
	SPOOL_REQUIRES(ahead->lock)
{
	if (run->state == RUN_READING || run->n_pins > 0)
		run->gone = true;
	else
		end_locked(ahead, run);
}

static void free_memory_locked(struct spool_ahead *ahead) SPOOL_REQUIRES(ahead->lock)
{
	for (unsigned int i = 0; i < ahead->n_runs; i++) {
		spool_free(ahead->disk->host, ahead->runs[i].allocated);
		ahead->runs[i].allocated = NULL;
		ahead->runs[i].data = NULL;
	}
}

void spool_ahead_free(struct spool_ahead *ahead)
{
	if (!ahead)
		return;
	spool_mutex_lock(&ahead->lock, SPOOL_RANK_LEAF);
	for (unsigned int i = 0; i < ahead->n_runs; i++) {
		if (ahead->runs[i].state != RUN_FREE)
			end_locked(ahead, &ahead->runs[i]);
	}
	free_memory_locked(ahead);
	spool_mutex_unlock(&ahead->lock);
	spool_cond_fini(&ahead->changed);
	spool_mutex_fini(&ahead->lock);
	spool_free(ahead->disk->host, ahead);
}

/* Is a request at @off the next one of the stream, or one that has changed places with it? */
static bool continues(const struct ahead_stream *stream, uint64_t ino, uint64_t off)
{
	if (stream->ino != ino)
		return false;
	if (off <= stream->next)
		return stream->next - off <= (stream->n > 1 ? SLACK : 0);
	return stream->n > 1 && off - stream->next <= SLACK;
}

/* The stream that a request belongs to; a new one takes the place of the one that matters least:
 * of one request rather than of several, and of these the oldest. */
static struct ahead_stream *stream_locked(struct spool_ahead *ahead, uint64_t ino, uint64_t off)
	SPOOL_REQUIRES(ahead->lock)
{
	struct ahead_stream *least = &ahead->streams[0];
	uint64_t now = now_ns(ahead);

	for (unsigned int i = 0; i < STREAMS; i++) {
		struct ahead_stream *stream = &ahead->streams[i];
		bool passing = stream->n <= 1 || now - stream->at_ns > AGE_NS;
		bool least_passing = least->n <= 1 || now - least->at_ns > AGE_NS;

		if (continues(stream, ino, off)) {
			stream->at_ns = now;
			return stream;
		}
		if (passing > least_passing ||
		    (passing == least_passing && stream->at_ns < least->at_ns))
			least = stream;
	}
	*least = (struct ahead_stream){.ino = ino, .next = off, .at_ns = now};
	return least;
}

/* How many runs @payer may have more. */
static unsigned int room_locked(const struct spool_ahead *ahead, const void *payer)
	SPOOL_REQUIRES(ahead->lock)
{
	unsigned int mine = 0, left = ahead->n_runs - ahead->n_used;

	for (unsigned int i = 0; i < ahead->n_runs; i++)
		mine += ahead->runs[i].state != RUN_FREE && ahead->runs[i].payer == payer;
	return left > mine ? (left - mine + 1) / 2 : 0;
}

/* What its reader has passed over. */
static void end_passed_locked(struct spool_ahead *ahead, uint64_t ino, uint64_t next)
	SPOOL_REQUIRES(ahead->lock)
{
	for (unsigned int i = 0; i < ahead->n_runs; i++) {
		struct ahead_run *run = &ahead->runs[i];

		if ((run->state == RUN_WANTED || run->state == RUN_READY) && !run->gone &&
		    run->ino == ino && run->off + RUN_SIZE + SLACK <= next &&
		    run->off + WINDOW + SLACK > next)
			give_up_locked(ahead, run);
	}
}

bool spool_ahead_follow(struct spool_ahead *ahead, const void *payer, uint64_t ino, uint64_t off,
			size_t len, struct spool_ahead_range *ret)
{
	struct ahead_stream *stream;
	uint64_t end = off + len, limit, n = 0;

	spool_mutex_lock(&ahead->lock, SPOOL_RANK_LEAF);
	stream = stream_locked(ahead, ino, off);
	if (end > stream->next) {
		stream->bytes += end - spool_max_u64(off, stream->next);
		stream->next = end;
		stream->n++;
	}
	if (stream->n > 1 && stream->bytes >= START) {
		end = stream->next;
		if (stream->until < end)
			stream->until = end & ~(uint64_t)(SPOOL_BLOCK_SIZE - 1);
		limit = end + spool_min_u64(stream->bytes, WINDOW);
		if (limit > stream->until)
			n = spool_min_u64((limit - stream->until) / RUN_SIZE,
					  room_locked(ahead, payer));
		*ret = (struct spool_ahead_range){stream->until, stream->until + n * RUN_SIZE};
		stream->until = ret->end;
		end_passed_locked(ahead, ino, end);
	}
	spool_mutex_unlock(&ahead->lock);
	return n > 0;
}

bool spool_ahead_add(struct spool_ahead *ahead, const void *payer, uint64_t ino, uint64_t off,
		     struct spool_disk_record *const *records, unsigned int n)
{
	struct ahead_run *run = NULL;

	assert(n >= 1 && n <= SPOOL_AHEAD_BLOCKS);
	spool_mutex_lock(&ahead->lock, SPOOL_RANK_LEAF);
	for (unsigned int i = 0; i < ahead->n_runs && !run; i++)
		run = ahead->runs[i].state == RUN_FREE ? &ahead->runs[i] : NULL;
	if (run) {
		run->state = RUN_WANTED;
		run->n = n;
		run->n_pins = 0;
		run->unread = (1u << n) - 1;
		run->ino = ino;
		run->off = off;
		run->payer = payer;
		run->number = ahead->n_added++;
		run->at_ns = ahead->at_ns = now_ns(ahead);
		memcpy(run->records, records, n * sizeof(struct spool_disk_record *));
		ahead->n_used++;
	}
	spool_mutex_unlock(&ahead->lock);
	return run != NULL;
}

/* Reads a run that is wanted, without the lock. What cannot be read goes: who wants it will see. */
static void read_locked(struct spool_ahead *ahead, struct ahead_run *run)
	SPOOL_REQUIRES(ahead->lock)
{
	struct spool_disk *disk = ahead->disk;
	size_t len = (size_t)run->n * SPOOL_BLOCK_SIZE;
	struct iovec iov;
	int r = -ENOMEM;

	run->state = RUN_READING;
	spool_mutex_unlock(&ahead->lock);
	if (!run->data)
		run->data = spool_alloc_aligned(disk->host, RUN_SIZE, SPOOL_BACKING_ALIGN,
						&run->allocated);
	iov = (struct iovec){run->data, len};
	if (run->data)
		r = spool_disk_slots_read(disk->slots, run->records[0]->slot, 0, &iov, 1);
	if (r == 0)
		atomic_fetch_add_explicit(&disk->fetched, len, memory_order_relaxed);
	spool_mutex_lock(&ahead->lock, SPOOL_RANK_LEAF);
	run->state = RUN_READY;
	run->at_ns = now_ns(ahead);
	spool_cond_wake_all(&ahead->changed);
	if (r < 0 || run->gone)
		give_up_locked(ahead, run);
}

enum spool_ahead_next spool_ahead_work(struct spool_ahead *ahead)
{
	enum spool_ahead_next next = SPOOL_AHEAD_LATER;
	struct ahead_run *wanted = NULL;
	uint64_t now = now_ns(ahead);

	spool_mutex_lock(&ahead->lock, SPOOL_RANK_LEAF);
	for (unsigned int i = 0; i < ahead->n_runs; i++) {
		struct ahead_run *run = &ahead->runs[i];

		if (run->state == RUN_WANTED && (!wanted || run->number < wanted->number))
			wanted = run;
	}
	for (unsigned int i = 0; i < ahead->n_runs && !wanted; i++) {
		struct ahead_run *run = &ahead->runs[i];

		if (run->state == RUN_READY && run->n_pins == 0 && now - run->at_ns >= AGE_NS &&
		    now > run->at_ns)
			end_locked(ahead, run);
	}
	if (wanted) {
		read_locked(ahead, wanted);
		next = SPOOL_AHEAD_MORE;
	} else if (ahead->n_used == 0 && now - ahead->at_ns >= AGE_NS && now > ahead->at_ns) {
		free_memory_locked(ahead);
		next = SPOOL_AHEAD_NOTHING;
	}
	spool_mutex_unlock(&ahead->lock);
	return next;
}

/* The run that has @slot; or NULL. */
static struct ahead_run *find_locked(struct spool_ahead *ahead, spool_disk_slot_t slot)
	SPOOL_REQUIRES(ahead->lock)
{
	for (unsigned int i = 0; i < ahead->n_runs; i++) {
		struct ahead_run *run = &ahead->runs[i];

		if (run->state != RUN_FREE && !run->gone && slot >= run->records[0]->slot &&
		    slot < run->records[0]->slot + run->n)
			return run;
	}
	return NULL;
}

bool spool_ahead_get(struct spool_ahead *ahead, spool_disk_slot_t slot, bool may_wait,
		     struct spool_ahead_block *ret)
{
	struct ahead_run *run;
	bool found;

	if (!ahead || ahead->n_used == 0)
		return false;
	spool_mutex_lock(&ahead->lock, SPOOL_RANK_LEAF);
	while ((run = find_locked(ahead, slot)) && run->state != RUN_READY && may_wait) {
		if (run->state == RUN_WANTED)
			read_locked(ahead, run);
		else
			spool_cond_wait(&ahead->changed, &ahead->lock, SPOOL_FOREVER);
	}
	found = run && run->state == RUN_READY;
	if (found) {
		run->n_pins++;
		run->at_ns = now_ns(ahead);
		ret->run = run;
		ret->at = (unsigned int)(slot - run->records[0]->slot);
		ret->data = run->data + (size_t)ret->at * SPOOL_BLOCK_SIZE;
	}
	spool_mutex_unlock(&ahead->lock);
	return found;
}

void spool_ahead_put(struct spool_ahead *ahead, const struct spool_ahead_block *block, bool used)
{
	struct ahead_run *run = block->run;

	spool_mutex_lock(&ahead->lock, SPOOL_RANK_LEAF);
	assert(run->state == RUN_READY && run->n_pins > 0);
	run->n_pins--;
	if (used)
		run->unread &= ~(1u << block->at);
	if (run->n_pins == 0 && (run->gone || run->unread == 0))
		end_locked(ahead, run);
	spool_mutex_unlock(&ahead->lock);
}

void spool_ahead_forget(struct spool_ahead *ahead, uint64_t ino)
{
	if (!ahead || ahead->n_used == 0)
		return;
	spool_mutex_lock(&ahead->lock, SPOOL_RANK_LEAF);
	for (unsigned int i = 0; i < ahead->n_runs; i++) {
		struct ahead_run *run = &ahead->runs[i];

		if (run->state != RUN_FREE && !run->gone && run->ino == ino)
			give_up_locked(ahead, run);
	}
	spool_mutex_unlock(&ahead->lock);
}
