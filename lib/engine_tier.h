/* SPDX-License-Identifier: MIT */
#pragma once

/* What engine_tier.c (which file goes next) and engine_spill.c (how it goes) share. */

#include <stdatomic.h>
#include <sys/queue.h>

#include "engine_internal.h"
#include "quota/quota.h"
#include "store/spill.h"
#include "util/tree.h"

/* Lists by the power of two of the bytes in RAM: all that 64 bits can say. */
#define TIER_SIZES 64u

/* A file larger than this gets a segment of its own, which goes as a whole: a guess at where that
 * is cheaper than punching its blocks out of a shared one. */
#define OWN_SIZE ((uint64_t)16 << 20)

/* Percent of what metadata leave of the ram limit, down to which data leave RAM once they do. A
 * guess: a tenth between the two is enough for a burst. */
#define RAM_LOW 80u

struct engine_tier_user {
	RB_ENTRY(engine_tier_user) by_uid;
	uid_t uid;
	struct spool_file_list sizes[TIER_SIZES];
};

RB_HEAD(engine_tier_users, engine_tier_user);

struct engine_tier {
	struct spool_tier_config config;
	struct spool_spill spill;
	_Atomic uint64_t threshold, reserve;
	atomic_bool awake;    /* wake() was called, and who it woke has not gone back to sleep */
	atomic_bool said_bad; /* that data came back bad was logged */
	atomic_bool failing;  /* the last batch was not taken */
	atomic_bool stuck;    /* RAM is used up by what cannot leave it */
	atomic_bool evicting;
	atomic_bool second_round; /* of a search while RAM is short */
	atomic_bool more;      /* a file was left before it was done, for others to have a turn */
	atomic_uint n_working; /* batches under way */
	struct spool_mutex lock;
	struct spool_file_list over;    /* lock; past the threshold */
	struct engine_tier_users users; /* lock */
	uint64_t n_files;               /* lock; on lists */
	uint64_t round;                 /* lock; a file is visited once in each */
};

/** struct engine_pick - @ino: a file to spill; @is_short: RAM is short; @over: there are files past
 * the threshold, visited all; @any: there is anything in RAM that could go */
struct engine_pick {
	uint64_t ino;
	bool is_short, over, any;
};

/** engine_tier_pick() - Return: false when all were visited: a new round begins. */
bool engine_tier_pick(struct spool_engine *engine, struct engine_pick *ret);

/** engine_tier_set_stuck() - whether anything can leave RAM: if not, nobody is to wait for it. */
void engine_tier_set_stuck(struct spool_engine *engine, bool stuck);

/** engine_tier_wake() - there is something to do. Any locks. */
void engine_tier_wake(struct engine_tier *tier);
