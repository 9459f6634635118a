/* SPDX-License-Identifier: MIT */
#pragma once

/* Of the engine: what is on the disk, and how it comes there. Errors and locks as in engine.h. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/types.h"

struct spool_engine;

struct spool_batch;

enum spool_spill_result {
	SPOOL_SPILL_IDLE,  /* nothing to do until wake() */
	SPOOL_SPILL_MORE,  /* something was done; call again */
	SPOOL_SPILL_LATER, /* call again in about a second: what is left was written just now */
};

/** spool_engine_new_batch() - what a thread that spills needs. Return: 0; -ENOMEM. */
int spool_engine_new_batch(struct spool_engine *engine, struct spool_batch **ret_batch);

/** spool_engine_free_batch() - when its thread has ended. NULL is allowed. */
void spool_engine_free_batch(struct spool_batch *batch);

/**
 * spool_engine_spill() - one batch on its way to the disk, and space given back there
 * From any number of threads, each with a batch of its own. Blocks as long as the disk does.
 * Return: enum spool_spill_result; -ENOSPC, -EIO, ...: the disk does not take it; it stays in RAM,
 * want of RAM is -ENOSPC until it does again, and the caller tries again in a second, or when it is
 * hurried.
 */
int spool_engine_spill(struct spool_engine *engine, struct spool_batch *batch);

/**
 * spool_engine_read_ahead() - a part of what readers will want next comes from the disk
 * From any number of threads. Blocks as long as the disk does. Return: SPOOL_SPILL_MORE;
 * SPOOL_SPILL_LATER: in a second there may be memory to be given back; SPOOL_SPILL_IDLE: nothing
 * until spool_tier_config.ahead().
 */
int spool_engine_read_ahead(struct spool_engine *engine);

/**
 * spool_engine_ask_spill() - all of the file @ino to the disk now, by spool_engine_spill()
 * @id: which ask it is, for spool_tier_config.spilled(); the caller's choice
 * Payers take turns. Waits for nothing. Return: 0: spilled() follows, unless it is forgotten;
 * -ESTALE, -EISDIR, -EINVAL; -EOPNOTSUPP without a disk; -ENOMEM.
 */
int spool_engine_ask_spill(struct spool_engine *engine, uint64_t ino, uint64_t id);

/** spool_engine_forget_ask() - nobody wants to know about @id any more; what was not begun is not
 * done. When it has just ended, spilled() may still come. */
void spool_engine_forget_ask(struct spool_engine *engine, uint64_t id);

/**
 * struct spool_tier_stat - in bytes
 * @stored: data on the disk; @written, @fetched: ever; @n_failed: batches that the disk did not
 * take; @n_bad: pieces that were not what was written; @files: open files of the backing
 * @threshold, @reserve: in force; @budget: of RAM, for metadata and data: ram=, or less under
 * memory pressure
 * @space_free, @space_total: of the backing filesystem, @space_age_ms ago, when it was last asked:
 * with each batch, and for spool_engine_look()
 */
struct spool_tier_stat {
	uint64_t threshold, reserve, budget;
	uint64_t stored, written, fetched, n_failed, n_bad;
	uint64_t space_free, space_total, space_age_ms;
	unsigned int files;
	bool keys_locked, failing;
};

/** spool_engine_tier_stat() - does not wait for the disk. Return: false without one. */
bool spool_engine_tier_stat(struct spool_engine *engine, struct spool_tier_stat *ret);

/** spool_engine_look() - a thread that spills is to ask the backing filesystem for its space, which
 * spool_engine_tier_stat() tells from then on. Does not wait. No locks. */
void spool_engine_look(struct spool_engine *engine);

/** spool_engine_set_threshold(), spool_engine_set_reserve(): change them on the live mount. */
void spool_engine_set_threshold(struct spool_engine *engine, uint64_t threshold);
void spool_engine_set_reserve(struct spool_engine *engine, uint64_t reserve);

/** spool_engine_set_limits() - as spool_quota_set_limits(). */
void spool_engine_set_limits(struct spool_engine *engine, const struct spool_limits *limits);
