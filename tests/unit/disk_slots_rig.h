/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Slots on a backing store that fails on demand, and what all tests of them do. There is one of
 * each; set_up() makes them, tear_down() checks that nothing is left.
 */

#include "fault_backing.h"
#include "fault_host.h"
#include "spill/disk_slots.h"

#define PAGE SPOOL_BACKING_ALIGN
#define MAX_FILES 64

extern struct fault_host host;
extern struct fault_backing disk;
extern struct spool_disk_slots *slots;

/** set_up() - with files of up to 1 TiB */
void set_up(unsigned int max_files);
void set_up_with(unsigned int max_files, uint64_t max_file);
void tear_down(void);

struct spool_disk_slots_stat stat_now(void);

/** reclaim_all() - until there is nothing to do */
void reclaim_all(void);

/** take() - as spool_disk_slots_take(); asserts that it returns @expected. Return: the first. */
spool_disk_slot_t take(int segment, unsigned int n, int expected);
void give(spool_disk_slot_t first, unsigned int n);

/** own() - asserts that there is one */
int own(void);
unsigned int segment_of(spool_disk_slot_t slot);

/** fill() - one page that tells a slot, a page in it, and a generation */
void fill(unsigned char *page, spool_disk_slot_t slot, unsigned int at, unsigned int salt);

/** put() - writes a page of fill(). Return: as spool_disk_slots_write(). */
int put(spool_disk_slot_t slot, unsigned int at, unsigned int salt);

/** look() - Return: 0 when the page holds what put() wrote; 1 when not; -errno. */
int look(spool_disk_slot_t slot, unsigned int at, unsigned int salt);
