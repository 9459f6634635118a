/* SPDX-License-Identifier: MIT */
#pragma once

/* What the tests of the tier share: an engine with a disk in memory that fails on demand. */

#include "engine_rig.h"
#include "fault_backing.h"

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define BLOCK (64 * KIB)

/**
 * struct tier_rig - the one rig of a test program
 * @n_wakes, @n_hurries, @n_rooms, @n_aheads: calls of the engine since tier_set_up()
 * @asked: the answers to what was asked for: how many, and the last
 * @data: what tier_make() writes; @got: room for what is read
 */
struct tier_rig {
	struct engine_rig rig;
	struct fault_backing disk;
	struct spool_batch *batch;
	unsigned int n_wakes, n_hurries, n_rooms;
	_Atomic unsigned int n_aheads; /* several threads may read */
	struct {
		unsigned int n;
		uint64_t id;
		int result;
	} asked;
	char data[MIB], got[MIB];
};

extern struct tier_rig tier;

/** tier_set_up() - an empty shared mount; the limits are bytes of RAM. */
void tier_set_up(uint64_t threshold, uint64_t ram, uint64_t user_ram);

/** tier_tear_down() - fails the test when anything is left, in memory or on the disk. */
void tier_tear_down(void);

/** tier_stat() - spool_engine_tier_stat(). */
struct spool_tier_stat tier_stat(void);

/** tier_make() - a file of @uid with @size bytes. Return: its inode number. */
uint64_t tier_make(const char *name, uid_t uid, size_t size);

/** tier_spilled() - set up a mount that spills only what it is asked to, with a file of @size bytes
 * that are all on the disk. Return: its inode number. */
uint64_t tier_spilled(size_t size);

/** tier_write() - @len bytes of tier.data at @off, again as long as some of them find room. Return:
 * the error that has stopped it; 0: all are written. */
ssize_t tier_write(uint64_t ino, size_t len, uint64_t off);

/** tier_spill_all() - spill until there is nothing to do; blocks that were written lately get a
 * second, and what is then left another. Return: the last answer. */
int tier_spill_all(void);

/** tier_rest() - what there is and was written just now begins a rest, which is over then. */
void tier_rest(void);

/** tier_same() - fails the test unless the file has tier.data there. */
void tier_same(uint64_t ino, size_t len, uint64_t off);
