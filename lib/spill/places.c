/* SPDX-License-Identifier: MIT */
#include "spill/places.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sys/queue.h>

#include "spill/place_map.h"
#include "util/lock.h"

/*
 * A segment is one file of the backing store, with a map of its places (spill/place_map.h). It is
 * closed only by spool_places_tidy(), and only when no place of it is used: whoever holds a place
 * may use its segment without the lock. It is one of these:
 *
 *	filling	shared, in an entry of places->filling: places are taken from it
 *	spare	shared, on places->spare: it has left its entry, and has room again
 *	full	shared, in neither
 *	own	of one file; gone when that file has gone
 *
 * and besides, on places->work when tidy() has something to do for it, or in tidy's hand (busy).
 */

#define NUMBER_SHIFT 48
#define MAX_FILES 65535u
#define MAX_RUN 64u

/* Shared segments that are filled in turn: a file has one lock for all its writers. A guess: as
 * many as there are writers at a time, on most machines. */
#define N_FILLING 4u

struct filling {
	struct segment *segment; /* or NULL */
	bool opening;            /* a thread is at it, without the lock */
};

struct segment {
	int file;            /* constant */
	unsigned int number; /* constant */
	bool own;            /* constant */
	/* lock: places->lock, all that follow */
	bool gone, busy, queued, is_spare;
	bool stale; /* cannot be punched: what is free may still hold old data and disk space */
	struct filling *entry;
	TAILQ_ENTRY(segment) work_link, spare_link;
	struct spool_place_map map;
};

TAILQ_HEAD(segment_list, segment);

struct spool_places {
	const struct spool_host *host;
	struct spool_backing *backing;
	unsigned int max_files;
	struct spool_mutex lock;
	pthread_cond_t opened; /* lock; an entry is no longer opening */
	struct filling filling[N_FILLING];
	unsigned int turn;
	struct segment_list spare, work;
	uint64_t n_work;
	uint64_t used, waiting;
	unsigned int n_own, n_files;
	unsigned int n_numbers;
	uint16_t *numbers; /* those of no segment, a stack */
	/* Written under the lock. Who holds a place of a segment may read its pointer without, as
	 * it does not change while places of it are used. */
	struct segment **segments;
};

int spool_places_new(const struct spool_host *host, struct spool_backing *backing,
		     unsigned int max_files, struct spool_places **ret_places)
{
	struct spool_places *places;

	assert(max_files >= 2 && max_files <= MAX_FILES);
	places = spool_alloc(host, sizeof(*places));
	if (!places)
		return -ENOMEM;
	places->numbers = spool_alloc(host, max_files * sizeof(*places->numbers));
	places->segments = spool_alloc(host, (max_files + 1) * sizeof(struct segment *));
	if (!places->numbers || !places->segments) {
		spool_free(host, places->numbers);
		spool_free(host, places->segments);
		spool_free(host, places);
		return -ENOMEM;
	}
	places->host = host;
	places->backing = backing;
	places->max_files = max_files;
	spool_mutex_init(&places->lock);
	pthread_cond_init(&places->opened, NULL);
	TAILQ_INIT(&places->spare);
	TAILQ_INIT(&places->work);
	for (unsigned int number = max_files; number > 0; number--)
		places->numbers[places->n_numbers++] = (uint16_t)number;
	*ret_places = places;
	return 0;
}

static void close_segment(struct spool_places *places, struct segment *segment)
{
	places->backing->ops->close(places->backing, segment->file);
	spool_place_map_fini(places->host, &segment->map);
	spool_free(places->host, segment);
}

void spool_places_free(struct spool_places *places)
{
	if (!places)
		return;
	assert(places->used == 0);
	for (unsigned int number = 1; number <= places->max_files; number++) {
		if (places->segments[number])
			close_segment(places, places->segments[number]);
	}
	pthread_cond_destroy(&places->opened);
	spool_mutex_fini(&places->lock);
	spool_free(places->host, places->segments);
	spool_free(places->host, places->numbers);
	spool_free(places->host, places);
}

/* May it be closed? Asked when no thread has it in hand. */
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

static void queue_locked(struct spool_places *places, struct segment *segment)
	SPOOL_REQUIRES(places->lock)
{
	if (segment->queued || segment->busy || !needs_work(segment))
		return;
	TAILQ_INSERT_TAIL(&places->work, segment, work_link);
	segment->queued = true;
	places->n_work++;
}

/* Drops the lock while the file is opened. There must be a free number. */
static int open_segment_locked(struct spool_places *places, bool own, struct segment **ret_segment)
	SPOOL_REQUIRES(places->lock)
{
	struct segment *segment = spool_alloc(places->host, sizeof(*segment));
	int file;

	if (!segment)
		return -ENOMEM;
	assert(places->n_numbers > 0);
	segment->number = places->numbers[--places->n_numbers];
	segment->own = own;
	spool_place_map_init(&segment->map, places->backing->max_file);
	spool_mutex_unlock(&places->lock);
	file = places->backing->ops->open(places->backing);
	spool_mutex_lock(&places->lock, SPOOL_RANK_POOL);
	if (file < 0) {
		places->numbers[places->n_numbers++] = (uint16_t)segment->number;
		spool_free(places->host, segment);
		return file;
	}
	segment->file = file;
	places->segments[segment->number] = segment;
	places->n_files++;
	*ret_segment = segment;
	return 0;
}

int spool_places_own(struct spool_places *places)
{
	struct segment *segment;
	int r = -EMFILE;

	spool_mutex_lock(&places->lock, SPOOL_RANK_POOL);
	if (places->n_numbers == 0 || places->n_own >= places->max_files * 3 / 4)
		goto out;
	places->n_own++;
	r = open_segment_locked(places, true, &segment);
	if (r < 0)
		places->n_own--;
	else
		r = (int)segment->number;
out:
	spool_mutex_unlock(&places->lock);
	return r;
}

void spool_places_disown(struct spool_places *places, int segment)
{
	if (segment == 0)
		return;
	spool_mutex_lock(&places->lock, SPOOL_RANK_POOL);
	assert(places->segments[segment]->own && !places->segments[segment]->gone);
	places->segments[segment]->gone = true;
	queue_locked(places, places->segments[segment]);
	spool_mutex_unlock(&places->lock);
}

/* From a segment that has room. Return: as spool_places_take(). */
static int take_from_locked(struct spool_places *places, struct segment *segment, unsigned int n,
			    spool_place_t *ret_first) SPOOL_REQUIRES(places->lock)
{
	uint32_t first;
	int r = spool_place_map_take(places->host, &segment->map, n, &first);

	if (r < 0)
		return r;
	places->used += (unsigned int)r;
	*ret_first = (spool_place_t)segment->number << NUMBER_SHIFT | first;
	return r;
}

/* Sees to it that an entry's segment has room. Drops the lock while it opens one. */
static int fill_entry_locked(struct spool_places *places, struct filling *entry)
	SPOOL_REQUIRES(places->lock)
{
	struct segment *segment = entry->segment;
	int r;

	if (segment) {
		if (spool_place_map_has_room(&segment->map))
			return 0;
		entry->segment = NULL;
		segment->entry = NULL;
	}
	segment = TAILQ_FIRST(&places->spare);
	if (segment) {
		TAILQ_REMOVE(&places->spare, segment, spare_link);
		segment->is_spare = false;
	} else {
		if (places->n_numbers == 0)
			return -ENOSPC;
		entry->opening = true;
		r = open_segment_locked(places, false, &segment);
		entry->opening = false;
		pthread_cond_broadcast(&places->opened);
		if (r < 0)
			return r;
	}
	entry->segment = segment;
	segment->entry = entry;
	return 0;
}

static bool is_opening_locked(const struct spool_places *places) SPOOL_REQUIRES(places->lock)
{
	bool opening = false;

	for (unsigned int i = 0; i < N_FILLING; i++)
		opening |= places->filling[i].opening;
	return opening;
}

/* The entries in turn. One that cannot be used is passed over as long as another can. */
static int take_shared_locked(struct spool_places *places, unsigned int n, spool_place_t *ret_first)
	SPOOL_REQUIRES(places->lock)
{
	unsigned int turn = places->turn++;

	for (;;) {
		bool skipped = false;
		int error = -ENOSPC;

		for (unsigned int i = 0; i < N_FILLING; i++) {
			struct filling *entry = &places->filling[(turn + i) % N_FILLING];
			int r;

			if (entry->opening) {
				skipped = true;
				continue;
			}
			r = fill_entry_locked(places, entry);
			if (r == 0)
				r = take_from_locked(places, entry->segment, n, ret_first);
			if (r > 0)
				return r;
			error = r;
		}
		if (!skipped)
			return error;
		/* it may be open by now, as our own attempts have dropped the lock */
		if (is_opening_locked(places))
			pthread_cond_wait(&places->opened, &places->lock.mutex);
	}
}

int spool_places_take(struct spool_places *places, int segment, unsigned int n,
		      spool_place_t *ret_first)
{
	int r;

	assert(n >= 1 && n <= MAX_RUN);
	spool_mutex_lock(&places->lock, SPOOL_RANK_POOL);
	if (segment != 0 && spool_place_map_has_room(&places->segments[segment]->map)) {
		assert(places->segments[segment]->own && !places->segments[segment]->gone);
		r = take_from_locked(places, places->segments[segment], n, ret_first);
	} else {
		r = take_shared_locked(places, n, ret_first);
	}
	spool_mutex_unlock(&places->lock);
	return r;
}

static struct segment *segment_of(const struct spool_places *places, spool_place_t place)
{
	return places->segments[place >> NUMBER_SHIFT];
}

static uint64_t index_of(spool_place_t place)
{
	return place & (((spool_place_t)1 << NUMBER_SHIFT) - 1);
}

void spool_places_give(struct spool_places *places, spool_place_t place)
{
	struct segment *segment;

	spool_mutex_lock(&places->lock, SPOOL_RANK_POOL);
	segment = segment_of(places, place);
	spool_place_map_give(&segment->map, (uint32_t)index_of(place));
	places->used--;
	places->waiting++;
	queue_locked(places, segment);
	spool_mutex_unlock(&places->lock);
}

int spool_places_write(struct spool_places *places, spool_place_t place, unsigned int from,
		       const struct iovec *iov, int n)
{
	return places->backing->ops->write(places->backing, segment_of(places, place)->file, iov, n,
					   (index_of(place) << SPOOL_BLOCK_SHIFT) + from);
}

int spool_places_read(struct spool_places *places, spool_place_t place, unsigned int from,
		      const struct iovec *iov, int n)
{
	return places->backing->ops->read(places->backing, segment_of(places, place)->file, iov, n,
					  (index_of(place) << SPOOL_BLOCK_SHIFT) + from);
}

/* Drops the lock while it punches. What cannot be punched is free all the same. */
static void punch_locked(struct spool_places *places, struct segment *segment)
	SPOOL_REQUIRES(places->lock)
{
	struct spool_backing *backing = places->backing;
	struct spool_place_run runs[SPOOL_PLACE_RUNS];
	unsigned int n = spool_place_map_batch(&segment->map, runs);
	bool stale = segment->stale;

	segment->busy = true;
	spool_mutex_unlock(&places->lock);
	for (unsigned int i = 0; i < n && !stale; i++)
		stale = backing->ops->punch(backing, segment->file,
					    (uint64_t)runs[i].first << SPOOL_BLOCK_SHIFT,
					    (uint64_t)runs[i].n << SPOOL_BLOCK_SHIFT) < 0;
	spool_mutex_lock(&places->lock, SPOOL_RANK_POOL);
	segment->busy = false;
	segment->stale = stale;
	for (unsigned int i = 0; i < n; i++) {
		spool_place_map_freed(&segment->map, runs[i]);
		places->waiting -= runs[i].n;
	}
	if (!segment->own && !segment->entry && !segment->is_spare) {
		TAILQ_INSERT_TAIL(&places->spare, segment, spare_link);
		segment->is_spare = true;
	}
	queue_locked(places, segment);
}

/* Drops the lock while it closes; nobody can come to the segment any more. */
static void close_locked(struct spool_places *places, struct segment *segment)
	SPOOL_REQUIRES(places->lock)
{
	uint32_t waiting = segment->map.waiting;
	unsigned int number = segment->number;
	bool own = segment->own;

	if (segment->entry)
		segment->entry->segment = NULL;
	if (segment->is_spare)
		TAILQ_REMOVE(&places->spare, segment, spare_link);
	places->segments[number] = NULL;
	spool_mutex_unlock(&places->lock);
	close_segment(places, segment);
	spool_mutex_lock(&places->lock, SPOOL_RANK_POOL);
	places->waiting -= waiting;
	places->n_own -= own;
	places->n_files--;
	places->numbers[places->n_numbers++] = (uint16_t)number;
}

bool spool_places_tidy(struct spool_places *places)
{
	struct segment *segment;
	bool found = false;
	uint64_t left;

	spool_mutex_lock(&places->lock, SPOOL_RANK_POOL);
	/* Enough for all there is now, and no end to it if others give as fast as we punch: each
	 * round frees a place or closes or drops a segment. */
	left = places->waiting + places->n_work;
	for (; left > 0 && (segment = TAILQ_FIRST(&places->work)); left--) {
		TAILQ_REMOVE(&places->work, segment, work_link);
		segment->queued = false;
		places->n_work--;
		if (!needs_work(segment))
			continue;
		found = true;
		if (is_over(segment))
			close_locked(places, segment);
		else
			punch_locked(places, segment);
	}
	spool_mutex_unlock(&places->lock);
	return found;
}

void spool_places_stat(struct spool_places *places, struct spool_places_stat *ret)
{
	spool_mutex_lock(&places->lock, SPOOL_RANK_POOL);
	ret->used = places->used;
	ret->waiting = places->waiting;
	ret->files = places->n_files;
	spool_mutex_unlock(&places->lock);
}
