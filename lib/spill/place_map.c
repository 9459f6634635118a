/* SPDX-License-Identifier: MIT */
#include "spill/place_map.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "util/macros.h"

#define N_GROUPS (SPOOL_PLACE_MAP_MAX / SPOOL_PLACE_GROUP)

_Static_assert(SPOOL_PLACE_GROUP == 64 * 64 && N_GROUPS == 64 * 64, "both are one set's members");

struct spool_place_group {
	struct spool_place_set free;
	struct spool_place_set waiting;
};

static void set_add(struct spool_place_set *set, unsigned int i)
{
	set->words[i / 64] |= (uint64_t)1 << i % 64;
	set->top |= (uint64_t)1 << i / 64;
}

static void set_remove(struct spool_place_set *set, unsigned int i)
{
	set->words[i / 64] &= ~((uint64_t)1 << i % 64);
	if (set->words[i / 64] == 0)
		set->top &= ~((uint64_t)1 << i / 64);
}

static bool set_has(const struct spool_place_set *set, unsigned int i)
{
	return set->words[i / 64] >> i % 64 & 1;
}

/* The lowest member of a set that is not empty. */
static unsigned int set_first(const struct spool_place_set *set)
{
	unsigned int word = (unsigned int)__builtin_ctzll(set->top);

	return word * 64 + (unsigned int)__builtin_ctzll(set->words[word]);
}

/* Takes out the lowest member and up to @max - 1 that follow right after. Return: how many. */
static unsigned int set_take_run(struct spool_place_set *set, unsigned int max,
				 unsigned int *ret_first)
{
	unsigned int first = set_first(set), n = 0;

	while (n < max && first + n < SPOOL_PLACE_GROUP && set_has(set, first + n))
		set_remove(set, first + n++);
	*ret_first = first;
	return n;
}

void spool_place_map_init(struct spool_place_map *map, uint64_t max_file)
{
	uint64_t groups = max_file >> SPOOL_BLOCK_SHIFT >> SPOOL_PLACE_GROUP_SHIFT;

	assert(max_file >= SPOOL_BACKING_FILE_MIN && groups > 0);
	memset(map, 0, sizeof(*map));
	map->limit = (uint32_t)spool_min_u64(groups, N_GROUPS);
}

void spool_place_map_fini(const struct spool_host *host, struct spool_place_map *map)
{
	for (uint32_t i = 0; i < map->n_groups; i++)
		spool_free(host, map->groups[i]);
	spool_free(host, map->groups);
}

bool spool_place_map_has_room(const struct spool_place_map *map)
{
	return map->with_free.top != 0 || map->n_groups < map->limit;
}

static int add_group(const struct spool_host *host, struct spool_place_map *map)
{
	struct spool_place_group *group;

	if (map->n_groups == map->max_groups) {
		uint32_t max = map->max_groups ? map->max_groups * 2 : 1;
		struct spool_place_group **groups = spool_alloc(host, max * sizeof(group));

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

int spool_place_map_take(const struct spool_host *host, struct spool_place_map *map, unsigned int n,
			 uint32_t *ret_first)
{
	struct spool_place_group *group;
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
	*ret_first = (uint32_t)number << SPOOL_PLACE_GROUP_SHIFT | first;
	return (int)n;
}

void spool_place_map_give(struct spool_place_map *map, uint32_t place)
{
	struct spool_place_group *group = map->groups[place >> SPOOL_PLACE_GROUP_SHIFT];
	unsigned int i = place % SPOOL_PLACE_GROUP;

	assert(map->used > 0 && !set_has(&group->free, i) && !set_has(&group->waiting, i));
	set_add(&group->waiting, i);
	set_add(&map->with_waiting, place >> SPOOL_PLACE_GROUP_SHIFT);
	map->used--;
	map->waiting++;
}

unsigned int spool_place_map_batch(struct spool_place_map *map, struct spool_place_run *runs)
{
	unsigned int n = 0, total = 0;

	while (map->with_waiting.top != 0 && total < SPOOL_PLACE_BATCH) {
		unsigned int number = set_first(&map->with_waiting), first, got;
		struct spool_place_group *group = map->groups[number];
		uint32_t at =
			(uint32_t)number << SPOOL_PLACE_GROUP_SHIFT | set_first(&group->waiting);
		bool next = n > 0 && runs[n - 1].first + runs[n - 1].n == at;

		if (!next && n == SPOOL_PLACE_RUNS)
			break;
		got = set_take_run(&group->waiting, SPOOL_PLACE_BATCH - total, &first);
		if (group->waiting.top == 0)
			set_remove(&map->with_waiting, number);
		if (next)
			runs[n - 1].n += got;
		else
			runs[n++] = (struct spool_place_run){.first = at, .n = got};
		total += got;
	}
	return n;
}

void spool_place_map_freed(struct spool_place_map *map, struct spool_place_run run)
{
	assert(map->waiting >= run.n);
	for (uint32_t at = run.first; at < run.first + run.n; at++) {
		set_add(&map->groups[at >> SPOOL_PLACE_GROUP_SHIFT]->free, at % SPOOL_PLACE_GROUP);
		set_add(&map->with_free, at >> SPOOL_PLACE_GROUP_SHIFT);
	}
	map->waiting -= run.n;
}
