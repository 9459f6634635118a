/* SPDX-License-Identifier: MIT */
#include "spill/disk_slots.h"

#include <assert.h>
#include <errno.h>
#include <sys/queue.h>

#include "spill/disk_slot_map.h"
#include "util/lock.h"

/*
 * A segment is one file of the backing store, with a map of its slots (spill/disk_slot_map.h). It
 * is closed only by spool_disk_slots_reclaim(), and only when no slot of it is used: a thread that
 * holds a slot may use the segment without the lock. A segment is one of these:
 *
 *	filling	shared, in an entry of slots->filling: slots are taken from it
 *	spare	shared, on slots->spare: it has left its entry, and has room again
 *	full	shared, in neither
 *	own	of one file; gone when that file has gone
 *
 * Besides, it is on slots->work when spool_disk_slots_reclaim() has something to do for it, and
 * busy while a thread does that.
 */

#define NUMBER_SHIFT 48
#define MAX_FILES 65535u
#define MAX_RUN 64u

/* Shared segments that are filled in turn, as the kernel has one lock for all writers of a file. A
 * guess: most machines have no more writers at a time. */
#define N_FILLING 4u

struct filling {
	struct segment *segment; /* or NULL */
	bool opening;            /* a thread opens a segment for it, without the lock */
};

struct segment {
	int file;            /* constant */
	unsigned int number; /* constant */
	bool own;            /* constant */
	/* lock: slots->lock, all that follow */
	bool gone, busy, queued, is_spare;
	bool stale; /* cannot be punched: free slots may still take disk space */
	struct filling *entry;
	TAILQ_ENTRY(segment) work_link, spare_link;
	struct spool_disk_slot_map map;
};

TAILQ_HEAD(segment_list, segment);

struct spool_disk_slots {
	const struct spool_host *host;
	struct spool_backing *backing;
	unsigned int max_files;
	struct spool_mutex lock;
	struct spool_cond opened; /* lock; an entry is no longer opening */
	struct filling filling[N_FILLING];
	unsigned int turn;
	struct segment_list spare, work;
	uint64_t n_work;
	uint64_t used, waiting;
	unsigned int n_own, n_files;
	unsigned int n_numbers;
	uint16_t *numbers; /* numbers that no segment has, a stack */
	/* Written under the lock. A thread that holds a slot may read the pointer of its segment
	 * without the lock, as that does not change while slots of the segment are used. */
	struct segment **segments;
};

int spool_disk_slots_new(const struct spool_host *host, struct spool_backing *backing,
			 unsigned int max_files, struct spool_disk_slots **ret_slots)
{
	struct spool_disk_slots *slots;

	assert(max_files >= 2 && max_files <= MAX_FILES);
	slots = spool_alloc(host, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	slots->numbers = spool_alloc(host, max_files * sizeof(*slots->numbers));
	slots->segments = spool_alloc(host, (max_files + 1) * sizeof(struct segment *));
	if (!slots->numbers || !slots->segments) {
		spool_free(host, slots->numbers);
		spool_free(host, slots->segments);
		spool_free(host, slots);
		return -ENOMEM;
	}
	slots->host = host;
	slots->backing = backing;
	slots->max_files = max_files;
	spool_mutex_init(&slots->lock);
	spool_cond_init(&slots->opened);
	TAILQ_INIT(&slots->spare);
	TAILQ_INIT(&slots->work);
	for (unsigned int number = max_files; number > 0; number--)
		slots->numbers[slots->n_numbers++] = (uint16_t)number;
	*ret_slots = slots;
	return 0;
}

static void close_segment(struct spool_disk_slots *slots, struct segment *segment)
{
	slots->backing->ops->close(slots->backing, segment->file);
	spool_disk_slot_map_fini(slots->host, &segment->map);
	spool_free(slots->host, segment);
}

void spool_disk_slots_free(struct spool_disk_slots *slots)
{
	if (!slots)
		return;
	assert(slots->used == 0);
	for (unsigned int number = 1; number <= slots->max_files; number++) {
		if (slots->segments[number])
			close_segment(slots, slots->segments[number]);
	}
	spool_cond_fini(&slots->opened);
	spool_mutex_fini(&slots->lock);
	spool_free(slots->host, slots->segments);
	spool_free(slots->host, slots->numbers);
	spool_free(slots->host, slots);
}

/* May the segment be closed? Asked when it is not busy. */
static bool is_over(const struct segment *segment)
{
	if (segment->map.used > 0)
		return false;
	return segment->own ? segment->gone : !segment->entry || segment->stale;
}

static bool needs_work(const struct segment *segment)
{
	return is_over(segment) || (segment->map.waiting > 0 && !segment->gone);
}

static void queue_locked(struct spool_disk_slots *slots, struct segment *segment)
	SPOOL_REQUIRES(slots->lock)
{
	if (segment->queued || segment->busy || !needs_work(segment))
		return;
	TAILQ_INSERT_TAIL(&slots->work, segment, work_link);
	segment->queued = true;
	slots->n_work++;
}

/* Drops the lock while the file is opened. There must be a free number. */
static int open_segment_locked(struct spool_disk_slots *slots, bool own,
			       struct segment **ret_segment) SPOOL_REQUIRES(slots->lock)
{
	struct segment *segment = spool_alloc(slots->host, sizeof(*segment));
	int file;

	if (!segment)
		return -ENOMEM;
	assert(slots->n_numbers > 0);
	segment->number = slots->numbers[--slots->n_numbers];
	segment->own = own;
	spool_disk_slot_map_init(&segment->map, slots->backing->max_file);
	spool_mutex_unlock(&slots->lock);
	file = slots->backing->ops->open(slots->backing);
	spool_mutex_lock(&slots->lock, SPOOL_RANK_POOL);
	if (file < 0) {
		slots->numbers[slots->n_numbers++] = (uint16_t)segment->number;
		spool_free(slots->host, segment);
		return file;
	}
	segment->file = file;
	slots->segments[segment->number] = segment;
	slots->n_files++;
	*ret_segment = segment;
	return 0;
}

int spool_disk_slots_own(struct spool_disk_slots *slots)
{
	struct segment *segment;
	int r = -EMFILE;

	spool_mutex_lock(&slots->lock, SPOOL_RANK_POOL);
	if (slots->n_numbers == 0 || slots->n_own >= slots->max_files * 3 / 4)
		goto out;
	slots->n_own++;
	r = open_segment_locked(slots, true, &segment);
	if (r < 0)
		slots->n_own--;
	else
		r = (int)segment->number;
out:
	spool_mutex_unlock(&slots->lock);
	return r;
}

void spool_disk_slots_disown(struct spool_disk_slots *slots, int segment)
{
	if (segment == 0)
		return;
	spool_mutex_lock(&slots->lock, SPOOL_RANK_POOL);
	assert(slots->segments[segment]->own && !slots->segments[segment]->gone);
	slots->segments[segment]->gone = true;
	queue_locked(slots, slots->segments[segment]);
	spool_mutex_unlock(&slots->lock);
}

/* Takes slots from a segment that has room. Return: as spool_disk_slots_take(). */
static int take_from_locked(struct spool_disk_slots *slots, struct segment *segment, unsigned int n,
			    spool_disk_slot_t *ret_first) SPOOL_REQUIRES(slots->lock)
{
	uint32_t first;
	int r = spool_disk_slot_map_take(slots->host, &segment->map, n, &first);

	if (r < 0)
		return r;
	slots->used += (unsigned int)r;
	*ret_first = (spool_disk_slot_t)segment->number << NUMBER_SHIFT | first;
	return r;
}

/* Gives @entry a segment that has room. Drops the lock while it opens one. */
static int fill_entry_locked(struct spool_disk_slots *slots, struct filling *entry)
	SPOOL_REQUIRES(slots->lock)
{
	struct segment *segment = entry->segment;
	int r;

	if (segment) {
		if (spool_disk_slot_map_has_room(&segment->map))
			return 0;
		entry->segment = NULL;
		segment->entry = NULL;
	}
	segment = TAILQ_FIRST(&slots->spare);
	if (segment) {
		TAILQ_REMOVE(&slots->spare, segment, spare_link);
		segment->is_spare = false;
	} else {
		if (slots->n_numbers == 0)
			return -ENOSPC;
		entry->opening = true;
		r = open_segment_locked(slots, false, &segment);
		entry->opening = false;
		spool_cond_wake_all(&slots->opened);
		if (r < 0)
			return r;
	}
	entry->segment = segment;
	segment->entry = entry;
	return 0;
}

static bool is_opening_locked(const struct spool_disk_slots *slots) SPOOL_REQUIRES(slots->lock)
{
	bool opening = false;

	for (unsigned int i = 0; i < N_FILLING; i++)
		opening |= slots->filling[i].opening;
	return opening;
}

/* Takes slots from the entries in turn. An entry that cannot be used is passed over while another
 * one can. */
static int take_shared_locked(struct spool_disk_slots *slots, unsigned int n,
			      spool_disk_slot_t *ret_first) SPOOL_REQUIRES(slots->lock)
{
	unsigned int turn = slots->turn++;

	for (;;) {
		bool skipped = false;
		int error = -ENOSPC;

		for (unsigned int i = 0; i < N_FILLING; i++) {
			struct filling *entry = &slots->filling[(turn + i) % N_FILLING];
			int r;

			if (entry->opening) {
				skipped = true;
				continue;
			}
			r = fill_entry_locked(slots, entry);
			if (r == 0)
				r = take_from_locked(slots, entry->segment, n, ret_first);
			if (r > 0)
				return r;
			error = r;
		}
		if (!skipped)
			return error;
		/* it may be open by now, as fill_entry_locked() has dropped the lock */
		if (is_opening_locked(slots))
			spool_cond_wait(&slots->opened, &slots->lock, SPOOL_FOREVER);
	}
}

int spool_disk_slots_take(struct spool_disk_slots *slots, int segment, unsigned int n,
			  spool_disk_slot_t *ret_first)
{
	int r;

	assert(n >= 1 && n <= MAX_RUN);
	spool_mutex_lock(&slots->lock, SPOOL_RANK_POOL);
	if (segment != 0 && spool_disk_slot_map_has_room(&slots->segments[segment]->map)) {
		assert(slots->segments[segment]->own && !slots->segments[segment]->gone);
		r = take_from_locked(slots, slots->segments[segment], n, ret_first);
	} else {
		r = take_shared_locked(slots, n, ret_first);
	}
	spool_mutex_unlock(&slots->lock);
	return r;
}

static struct segment *segment_of(const struct spool_disk_slots *slots, spool_disk_slot_t slot)
{
	return slots->segments[slot >> NUMBER_SHIFT];
}

static uint64_t index_of(spool_disk_slot_t slot)
{
	return slot & (((spool_disk_slot_t)1 << NUMBER_SHIFT) - 1);
}

void spool_disk_slots_give(struct spool_disk_slots *slots, spool_disk_slot_t slot)
{
	struct segment *segment;

	spool_mutex_lock(&slots->lock, SPOOL_RANK_POOL);
	segment = segment_of(slots, slot);
	spool_disk_slot_map_give(&segment->map, (uint32_t)index_of(slot));
	slots->used--;
	slots->waiting++;
	queue_locked(slots, segment);
	spool_mutex_unlock(&slots->lock);
}

int spool_disk_slots_write(struct spool_disk_slots *slots, spool_disk_slot_t slot,
			   unsigned int from, const struct iovec *iov, int n)
{
	return slots->backing->ops->write(slots->backing, segment_of(slots, slot)->file, iov, n,
					  (index_of(slot) << SPOOL_BLOCK_SHIFT) + from);
}

int spool_disk_slots_read(struct spool_disk_slots *slots, spool_disk_slot_t slot, unsigned int from,
			  const struct iovec *iov, int n)
{
	return slots->backing->ops->read(slots->backing, segment_of(slots, slot)->file, iov, n,
					 (index_of(slot) << SPOOL_BLOCK_SHIFT) + from);
}

/* Punches slots that were given back. Drops the lock meanwhile. Slots that cannot be punched become
 * free all the same. */
static void punch_locked(struct spool_disk_slots *slots, struct segment *segment)
	SPOOL_REQUIRES(slots->lock)
{
	struct spool_backing *backing = slots->backing;
	struct spool_disk_slot_run runs[SPOOL_DISK_SLOT_RUNS];
	unsigned int n = spool_disk_slot_map_take_waiting(&segment->map, runs);
	bool stale = segment->stale;

	segment->busy = true;
	spool_mutex_unlock(&slots->lock);
	for (unsigned int i = 0; i < n && !stale; i++)
		stale = backing->ops->punch(backing, segment->file,
					    (uint64_t)runs[i].first << SPOOL_BLOCK_SHIFT,
					    (uint64_t)runs[i].n << SPOOL_BLOCK_SHIFT) < 0;
	spool_mutex_lock(&slots->lock, SPOOL_RANK_POOL);
	segment->busy = false;
	segment->stale = stale;
	for (unsigned int i = 0; i < n; i++) {
		spool_disk_slot_map_freed(&segment->map, runs[i]);
		slots->waiting -= runs[i].n;
	}
	if (!segment->own && !segment->entry && !segment->is_spare) {
		TAILQ_INSERT_TAIL(&slots->spare, segment, spare_link);
		segment->is_spare = true;
	}
	queue_locked(slots, segment);
}

/* Closes a segment, which no other thread can find any more. Drops the lock meanwhile. */
static void close_locked(struct spool_disk_slots *slots, struct segment *segment)
	SPOOL_REQUIRES(slots->lock)
{
	uint32_t waiting = segment->map.waiting;
	unsigned int number = segment->number;
	bool own = segment->own;

	if (segment->entry)
		segment->entry->segment = NULL;
	if (segment->is_spare)
		TAILQ_REMOVE(&slots->spare, segment, spare_link);
	slots->segments[number] = NULL;
	spool_mutex_unlock(&slots->lock);
	close_segment(slots, segment);
	spool_mutex_lock(&slots->lock, SPOOL_RANK_POOL);
	slots->waiting -= waiting;
	slots->n_own -= own;
	slots->n_files--;
	slots->numbers[slots->n_numbers++] = (uint16_t)number;
}

bool spool_disk_slots_reclaim(struct spool_disk_slots *slots)
{
	struct segment *segment;
	bool found = false;
	uint64_t left;

	spool_mutex_lock(&slots->lock, SPOOL_RANK_POOL);
	/* The number of rounds is bounded, as other threads may give slots back as fast as this one
	 * punches. It is enough for what is there now, as each round frees a slot, or closes or
	 * drops a segment. */
	left = slots->waiting + slots->n_work;
	for (; left > 0 && (segment = TAILQ_FIRST(&slots->work)); left--) {
		TAILQ_REMOVE(&slots->work, segment, work_link);
		segment->queued = false;
		slots->n_work--;
		if (!needs_work(segment))
			continue;
		found = true;
		if (is_over(segment))
			close_locked(slots, segment);
		else
			punch_locked(slots, segment);
	}
	spool_mutex_unlock(&slots->lock);
	return found;
}

void spool_disk_slots_stat(struct spool_disk_slots *slots, struct spool_disk_slots_stat *ret)
{
	spool_mutex_lock(&slots->lock, SPOOL_RANK_POOL);
	ret->used = slots->used;
	ret->waiting = slots->waiting;
	ret->files = slots->n_files;
	spool_mutex_unlock(&slots->lock);
}
