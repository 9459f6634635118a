/* SPDX-License-Identifier: MIT */
#include "spill/disk_slot_map.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "util/macros.h"

#define N_GROUPS (SPOOL_DISK_SLOT_MAP_MAX / SPOOL_DISK_SLOT_GROUP)

_Static_assert(SPOOL_DISK_SLOT_GROUP == 64 * 64 && N_GROUPS == 64 * 64,
	       "both are one set's members");

struct spool_disk_slot_group {
	struct spool_disk_slot_set free;
	struct spool_disk_slot_set waiting;
};

static void set_add(struct spool_disk_slot_set *set, unsigned int i)
{
	set->words[i / 64] |= (uint64_t)1 << i % 64;
	set->top |= (uint64_t)1 << i / 64;
}

static void set_remove(struct spool_disk_slot_set *set, unsigned int i)
{
	set->words[i / 64] &= ~((uint64_t)1 << i % 64);
	if (set->words[i / 64] == 0)
		set->top &= ~((uint64_t)1 << i / 64);
}

static bool set_has(const struct spool_disk_slot_set *set, unsigned int i)
{
	return set->words[i / 64] >> i % 64 & 1;
}

/* The lowest member of a set that is not empty. */
static unsigned int set_first(const struct spool_disk_slot_set *set)
{
	unsigned int word = (unsigned int)__builtin_ctzll(set->top);

	return word * 64 + (unsigned int)__builtin_ctzll(set->words[word]);
}

/* Takes out the lowest member and up to @max - 1 that follow right after. Return: how many. */
static unsigned int set_take_run(struct spool_disk_slot_set *set, unsigned int max,
				 unsigned int *ret_first)
{
	unsigned int first = set_first(set), n = 0;

	while (n < max && first + n < SPOOL_DISK_SLOT_GROUP && set_has(set, first + n))
		set_remove(set, first + n++);
	*ret_first = first;
	return n;
}

void spool_disk_slot_map_init(struct spool_disk_slot_map *map, uint64_t max_file)
{
	uint64_t groups = max_file >> SPOOL_BLOCK_SHIFT >> SPOOL_DISK_SLOT_GROUP_SHIFT;

	assert(max_file >= SPOOL_BACKING_FILE_MIN && groups > 0);
	memset(map, 0, sizeof(*map));
	map->limit = (uint32_t)spool_min_u64(groups, N_GROUPS);
}

void spool_disk_slot_map_fini(const struct spool_host *host, struct spool_disk_slot_map *map)
{
	for (uint32_t i = 0; i < map->n_groups; i++)
		spool_free(host, map->groups[i]);
	spool_free(host, map->groups);
}

bool spool_disk_slot_map_has_room(const struct spool_disk_slot_map *map)
{
	return map->with_free.top != 0 || map->n_groups < map->limit;
}

static int add_group(const struct spool_host *host, struct spool_disk_slot_map *map)
{
	struct spool_disk_slot_group *group;

	if (map->n_groups == map->max_groups) {
		uint32_t max = map->max_groups ? map->max_groups * 2 : 1;
		struct spool_disk_slot_group **groups = spool_alloc(host, max * sizeof(group));

		if (!groups)
			return -ENOMEM;
		if (map->groups)
			memcpy(groups, map->groups, map->n_groups * sizeof(group));
		spool_free(host, map->groups);
		map->groups = groups;
		map->max_groups = max;
	}
	group = spool_alloc(host, sizeof(*group));
	if (!group)
		return -ENOMEM;
	memset(&group->free, 0xff, sizeof(group->free));
	set_add(&map->with_free, map->n_groups);
	map->groups[map->n_groups++] = group;
	return 0;
}

int spool_disk_slot_map_take(const struct spool_host *host, struct spool_disk_slot_map *map,
			     unsigned int n, uint32_t *ret_first)
{
	struct spool_disk_slot_group *group;
	unsigned int number, first;

	if (map->with_free.top == 0) {
		int r = add_group(host, map);

		if (r < 0)
			return r;
	}
	number = set_first(&map->with_free);
	group = map->groups[number];
	n = set_take_run(&group->free, n, &first);
	if (group->free.top == 0)
		set_remove(&map->with_free, number);
	map->used += n;
	*ret_first = (uint32_t)number << SPOOL_DISK_SLOT_GROUP_SHIFT | first;
	return (int)n;
}

void spool_disk_slot_map_give(struct spool_disk_slot_map *map, uint32_t slot)
{
	struct spool_disk_slot_group *group = map->groups[slot >> SPOOL_DISK_SLOT_GROUP_SHIFT];
	unsigned int i = slot % SPOOL_DISK_SLOT_GROUP;

	assert(map->used > 0 && !set_has(&group->free, i) && !set_has(&group->waiting, i));
	set_add(&group->waiting, i);
	set_add(&map->with_waiting, slot >> SPOOL_DISK_SLOT_GROUP_SHIFT);
	map->used--;
	map->waiting++;
}

unsigned int spool_disk_slot_map_take_waiting(struct spool_disk_slot_map *map,
					      struct spool_disk_slot_run *runs)
{
	unsigned int n = 0, total = 0;

	while (map->with_waiting.top != 0 && total < SPOOL_DISK_SLOT_RECLAIM) {
		unsigned int number = set_first(&map->with_waiting), first, got;
		struct spool_disk_slot_group *group = map->groups[number];
		uint32_t at = (uint32_t)number << SPOOL_DISK_SLOT_GROUP_SHIFT |
			      set_first(&group->waiting);
		bool next = n > 0 && runs[n - 1].first + runs[n - 1].n == at;

		if (!next && n == SPOOL_DISK_SLOT_RUNS)
			break;
		got = set_take_run(&group->waiting, SPOOL_DISK_SLOT_RECLAIM - total, &first);
		if (group->waiting.top == 0)
			set_remove(&map->with_waiting, number);
		if (next)
			runs[n - 1].n += got;
		else
			runs[n++] = (struct spool_disk_slot_run){.first = at, .n = got};
		total += got;
	}
	return n;
}

void spool_disk_slot_map_freed(struct spool_disk_slot_map *map, struct spool_disk_slot_run run)
{
	assert(map->waiting >= run.n);
	for (uint32_t at = run.first; at < run.first + run.n; at++) {
		set_add(&map->groups[at >> SPOOL_DISK_SLOT_GROUP_SHIFT]->free,
			at % SPOOL_DISK_SLOT_GROUP);
		set_add(&map->with_free, at >> SPOOL_DISK_SLOT_GROUP_SHIFT);
	}
	map->waiting -= run.n;
}
