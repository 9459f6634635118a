/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which slots of one segment are taken. A slot is in exactly one of these states:
 *
 *	fresh	beyond the map's groups: never handed out
 *	free	in its group's set of free slots
 *	used	in no set: handed out
 *	waiting	in its group's set of waiting slots: given back, still on the disk
 *	leaving	in no set: a thread that reclaims is punching it
 *
 * Free slots are taken lowest first, which keeps runs together and files short.
 * Sets of slots in a group, and of groups in a map, are two levels of words: the lowest member is
 * found in two steps however many there are. A map begins with 1 KiB and grows by 1 KiB for each
 * 4096 slots.
 *
 * No locks: all functions are called with the one of spill/disk_slots.c held.
 */

#include <stdbool.h>
#include <stdint.h>

#include "spill/backing.h"
#include "util/host.h"
#include "util/units.h"

/* 2^12 slots in a group, at most 2^12 groups in a map: offsets up to 1 TiB. ext4 with blocks of
 * 4 KiB has files of up to 16 TiB (Documentation/filesystems/ext4/overview.rst). */
#define SPOOL_DISK_SLOT_GROUP_SHIFT 12
#define SPOOL_DISK_SLOT_GROUP (1u << SPOOL_DISK_SLOT_GROUP_SHIFT)
#define SPOOL_DISK_SLOT_MAP_MAX (1u << 2 * SPOOL_DISK_SLOT_GROUP_SHIFT)

/* What spool_disk_slot_map_take_waiting() takes at most: 64 runs, 256 MiB together. It bounds how
 * long the lock is held for it. A guess. */
#define SPOOL_DISK_SLOT_RUNS 64u
#define SPOOL_DISK_SLOT_RECLAIM SPOOL_DISK_SLOT_GROUP

/** struct spool_disk_slot_set - numbers below 4096. Bit i of @top: words[i] is not 0 */
struct spool_disk_slot_set {
	uint64_t top;
	uint64_t words[64];
};

struct spool_disk_slot_group;

/** struct spool_disk_slot_map - @used: slots; @waiting: and leaving; the rest is
 * private */
struct spool_disk_slot_map {
	uint32_t used, waiting;
	uint32_t limit, n_groups, max_groups;
	struct spool_disk_slot_group **groups;
	struct spool_disk_slot_set with_free, with_waiting; /* groups */
};

struct spool_disk_slot_run {
	uint32_t first, n;
};

/** spool_disk_slot_map_init() - in a file of at most @max_file bytes (SPOOL_BACKING_FILE_MIN or
 * more) */
void spool_disk_slot_map_init(struct spool_disk_slot_map *map, uint64_t max_file);

/** spool_disk_slot_map_fini() - gives its memory back, whatever state its slots are in. */
void spool_disk_slot_map_fini(const struct spool_host *host, struct spool_disk_slot_map *map);

/** spool_disk_slot_map_has_room() - is there any slot to take? */
bool spool_disk_slot_map_has_room(const struct spool_disk_slot_map *map);

/**
 * spool_disk_slot_map_take() - the lowest free slot, and those that follow it; there must be room
 * Return: how many (1 to @n), from *@ret_first on; -ENOMEM.
 */
int spool_disk_slot_map_take(const struct spool_host *host, struct spool_disk_slot_map *map,
			     unsigned int n, uint32_t *ret_first);

/** spool_disk_slot_map_give() - a used slot is waiting from now on. */
void spool_disk_slot_map_give(struct spool_disk_slot_map *map, uint32_t slot);

/**
 * spool_disk_slot_map_take_waiting() - makes waiting slots leaving, for the caller to punch
 * @runs: room for SPOOL_DISK_SLOT_RUNS; no two touch
 * Return: how many runs, 0 when no slot is waiting.
 */
unsigned int spool_disk_slot_map_take_waiting(struct spool_disk_slot_map *map,
					      struct spool_disk_slot_run *runs);

/** spool_disk_slot_map_freed() - the slots of a run of spool_disk_slot_map_take_waiting() are free.
 */
void spool_disk_slot_map_freed(struct spool_disk_slot_map *map, struct spool_disk_slot_run run);
