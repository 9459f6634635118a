/* SPDX-License-Identifier: MIT */
#pragma once

/* What evict.c (which file goes next), ask.c (which was asked for) and writeback.c
 * (how it goes) share. */

#include <stdatomic.h>
#include <sys/queue.h>

#include "engine/engine_internal.h"
#include "quota/quota.h"
#include "store/batch.h"
#include "util/rbtree.h"

/* Lists by the power of two of the bytes in RAM: all that 64 bits can say. */
#define TIER_SIZES 64u

/* A file larger than this gets a segment of its own, which goes as a whole: a guess at where that
 * is cheaper than punching its blocks out of a shared one. */
#define OWN_SIZE ((uint64_t)16 << 20)

/* Percent of what metadata leave of the ram limit, down to which data leave RAM once they do. A
 * guess: a tenth between the two is enough for a burst. */
#define RAM_LOW 80u

/* Batches of one file before another has its turn: 8 MiB, some 10 ms of a disk. A guess. */
#define ENGINE_TURN_BATCHES 8u

struct engine_tier_user {
	RB_ENTRY(engine_tier_user) by_uid;
	uid_t uid;
	struct spool_file_list sizes[TIER_SIZES];
};

RB_HEAD(engine_tier_users, engine_tier_user);

struct engine_tier {
	struct spool_tier_config config;
	struct spool_disk disk;
	_Atomic uint64_t threshold, reserve;
	atomic_bool awake;   /* wake() was called, and who it woke has not gone back to sleep */
	atomic_bool failing; /* the last batch was not taken */
	/* space.c: */
	_Atomic uint64_t in_flight; /* bytes of batches that may not yet be in the free space */
	_Atomic uint64_t n_gave;    /* disk slots given back so far */
	_Atomic uint64_t verdict_gave;
	_Atomic int64_t verdict_ns; /* n_gave and the time of the last batch that was not taken */
	_Atomic uint64_t n_asks;    /* how often another verdict was asked for */
	atomic_bool wanted;         /* and none has been given since */
	atomic_bool overtaken;      /* by such: the last batch, which therefore gave none */
	atomic_bool space_wanted;   /* a batch has failed while space was on its way back */
	atomic_bool hurried;        /* hurry() was called, and who it woke has not begun */
	/* what the backing filesystem had when it was last asked, each by itself, and when that was
	 */
	_Atomic uint64_t space_free, space_total;
	_Atomic int64_t space_ns;
	atomic_bool look;  /* it is to be asked again */
	atomic_bool stuck; /* RAM is used up by what cannot leave it */
	atomic_bool evicting;
	atomic_bool second_round; /* of a search while RAM is short */
	atomic_bool asked;        /* the last turn was of what was asked for */
	atomic_bool more;      /* a file was left before it was done, for others to have a turn */
	atomic_uint n_working; /* batches under way */
	struct spool_mutex lock;
	struct spool_file_list over;    /* lock; past the threshold */
	struct engine_tier_users users; /* lock */
	TAILQ_HEAD(, engine_ask) asks;  /* lock; in the order in which they came, ask.c */
	uint64_t last_turn;             /* lock; that was given to any of them */
	int64_t bad_ns;                 /* lock; when a minute of lines on bad files began, or 0 */
	unsigned int n_bad;             /* lock; such lines in it */
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

/** engine_tier_again() - @file was picked and could not go: it may be picked again in this round.
 */
void engine_tier_again(struct spool_engine *engine, struct spool_file *file);

/** engine_tier_set_stuck() - whether anything can leave RAM: if not, nobody is to wait for it. */
void engine_tier_set_stuck(struct spool_engine *engine, bool stuck);

/** engine_tier_set_ram() - what charges answer for want of RAM, by failing and stuck. No locks
 * above the tier's. */
void engine_tier_set_ram(struct spool_engine *engine);

/**
 * struct engine_space - what a batch finds on the backing filesystem; space.c
 * @taken: bytes that are in flight for it; 0: there was no space
 * @free: bytes free then; @others: so much is in flight for others that there may be more soon
 * @n_gave, @n_asks: the tier's when it began; @placed: disk slots that it has taken itself
 */
struct engine_space {
	uint64_t taken, free, n_gave, n_asks;
	unsigned int placed;
	bool others;
};

/** engine_space_begin() - before a batch is filled. */
void engine_space_begin(struct engine_tier *tier, struct engine_space *ret);

/** engine_space_look() - asks the backing filesystem what it has, and keeps that; what it had stays
 * when it does not say. Blocks as the disk does; no locks held. */
void engine_space_look(struct spool_engine *engine);

/** engine_space_wish() - whether somebody wanted a look since this was last asked. */
bool engine_space_wish(struct engine_tier *tier);

/** engine_space_stat() - what it had, and how long ago, for @ret. Any locks. */
void engine_space_stat(const struct spool_engine *engine, struct spool_tier_stat *ret);

/** engine_space_take() - room for @bytes beside the reserve and what is in flight. Blocks as the
 * disk does. Return: 0; -ENOSPC; -errno of the backing. */
int engine_space_take(struct spool_engine *engine, uint64_t bytes, struct engine_space *space);

/** engine_space_placed() - disk slots that @batch has taken. After its write. */
unsigned int engine_space_placed(const struct spool_batch *batch);

/** engine_space_end() - the batch is committed; @r is 0 when it was taken, else -errno. No locks.
 */
void engine_space_end(struct spool_engine *engine, struct engine_space *space, int r);

/** engine_space_wanted() - whether a charge waits for a verdict. */
bool engine_space_wanted(const struct engine_tier *tier);

/** engine_space_nothing() - there was nothing to write for who wants another verdict. No locks. */
void engine_space_nothing(struct spool_engine *engine);

/** engine_space_asks() - whether a charge that found RAM full waits for another verdict; @always:
 * however fresh the last one is. Any locks. */
bool engine_space_asks(struct spool_engine *engine, bool always);

/** engine_space_gave(), engine_space_tidied(): a disk slot was given back (any locks); given back
 * slots are the filesystem's again. engine_space_woken(): a thread that was hurried begins. */
void engine_space_gave(struct engine_tier *tier);
void engine_space_tidied(struct engine_tier *tier);
void engine_space_woken(struct engine_tier *tier);

/** engine_tier_wake() - there is something to do. Any locks. */
void engine_tier_wake(struct engine_tier *tier);

/** engine_get_data() - the node of @ino with a reference, if it is a file that was ever written to;
 * or NULL. */
struct spool_node *engine_get_data(struct spool_engine *engine, uint64_t ino);

/**
 * engine_spill_batch() - some blocks of @node to the disk
 * @all: also those that were written lately. Blocks as long as the disk does; no locks held.
 * Return: blocks in the batch, 0: there are none; -errno of the disk, -ENOMEM.
 */
int engine_spill_batch(struct spool_engine *engine, struct spool_node *node,
		       struct spool_batch *batch, bool all);

/** engine_ask_turn() - a few batches of what was asked for. Return: 1; 0: nothing was; -errno. */
int engine_ask_turn(struct spool_engine *engine, struct spool_batch *batch);

/** engine_ask_committed() - a batch of file @ino has ended. Locks: none above the tier's. */
void engine_ask_committed(struct engine_tier *tier, uint64_t ino);

/** engine_asks_free() - at the end: nobody is told. */
void engine_asks_free(struct spool_engine *engine);
