/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The disk beside the RAM. These share it, from below: budget.c (how much RAM there is), evict.c
 * (which file goes next), space.c (whether the disk has room), ask.c (which files were asked for),
 * load.c (how data come back), writeback.c (how they go), tier.c (which makes it of its parts).
 */

#include <stdatomic.h>
#include <sys/queue.h>

#include "engine/engine_internal.h"
#include "quota/quota.h"
#include "store/batch.h"
#include "util/rbtree.h"

/* Lists by the power of two of the bytes in RAM: all that 64 bits can say. */
#define TIER_SIZES 64u

struct engine_tier_user {
	RB_ENTRY(engine_tier_user) by_uid;
	uid_t uid;
	struct spool_file_list over; /* past the threshold */
	struct spool_file_list sizes[TIER_SIZES];
};

RB_HEAD(engine_tier_users, engine_tier_user);

/** struct engine_round - @n_asks, @n_unsaid, @n_changes: the tier's when a round began */
struct engine_round {
	uint64_t n_asks, n_unsaid, n_changes;
};

struct engine_tier {
	struct spool_tier_config config;
	struct spool_disk disk;
	_Atomic uint64_t threshold, reserve;
	atomic_bool awake;   /* wake() was called, and the thread has not gone back to sleep */
	atomic_bool failing; /* the last batch was not taken */
	/* space.c: */
	atomic_bool said;             /* that the disk takes no data, but not that it does again */
	_Atomic uint64_t say_from_ns; /* it is not said before */
	_Atomic uint64_t in_flight;   /* bytes of batches that may not yet be in the free space */
	_Atomic uint64_t n_gave;      /* disk slots given back so far */
	_Atomic uint64_t verdict_gave;
	_Atomic int64_t verdict_ns; /* n_gave and the time of the last batch that was not taken */
	_Atomic uint64_t n_asks;    /* how often another verdict was asked for */
	atomic_bool wanted;         /* and none has been given since */
	_Atomic uint64_t overtaken; /* n_asks when something that began before was found to say
				     * nothing, or 0 */
	_Atomic uint64_t n_unsaid;  /* batches that found no space and gave no verdict */
	atomic_bool space_wanted;   /* a batch has failed while space was on its way back */
	atomic_bool hurried;        /* hurry() was called, and the thread has not begun */
	/* what the backing filesystem had when it was last asked, and when that was; each is read
	 * by itself */
	_Atomic uint64_t space_free, space_total;
	_Atomic int64_t space_ns;
	atomic_bool look;           /* it is to be asked again */
	atomic_bool stuck;          /* RAM is used up by what cannot leave it */
	_Atomic uint64_t n_changes; /* how often data have come to RAM or left it */
	atomic_uint n_coming;       /* files whose data come to RAM at this moment */
	atomic_bool high;         /* RAM has become short since a thread began to nap, or went on */
	atomic_bool naps;         /* one waits for data to grow cold */
	bool evicting;            /* lock; the mount's RAM is short */
	uid_t last_short;         /* lock; whose file had to go last, as his own was */
	uid_t last_over;          /* lock; and as it is past the threshold */
	bool over_next;           /* lock; the last one was the former */
	atomic_bool second_round; /* of a search while RAM is short */
	atomic_bool asked;        /* the last turn was that of an ask */
	atomic_bool more;      /* a file was left before it was done, for others to have a turn */
	atomic_uint n_working; /* batches under way */
	struct spool_mutex lock;
	struct engine_tier_users users; /* lock */
	TAILQ_HEAD(, engine_ask) asks;  /* lock; in the order in which they came, ask.c */
	uint64_t last_turn;             /* lock; that was given to any of them */
	int64_t bad_ns;                 /* lock; when a minute of lines on bad files began, or 0 */
	unsigned int n_bad;             /* lock; such lines in it */
	uint64_t n_files;               /* lock; on lists */
	uint64_t round;                 /* lock; a file is visited once in each */
	struct engine_round began;      /* lock; what there was when it began */
};

/** engine_tier_wake() - there is something to do. Any locks. */
static inline void engine_tier_wake(struct engine_tier *tier)
{
	if (!atomic_exchange(&tier->awake, true))
		tier->config.wake(tier->config.ctx);
}

/** engine_tier_high() - RAM is short: also for who waits for data to grow cold. Any locks. */
static inline void engine_tier_high(struct engine_tier *tier)
{
	atomic_store(&tier->high, true); /* before it looks who naps: pairs with nap() */
	if (atomic_exchange(&tier->naps, false))
		tier->config.wake(tier->config.ctx);
	engine_tier_wake(tier);
}

/** engine_disk() - what the data of this engine need to go to the disk, or NULL. */
static inline struct spool_disk *engine_disk(struct spool_engine *engine)
{
	return engine->tier ? &engine->tier->disk : NULL;
}
