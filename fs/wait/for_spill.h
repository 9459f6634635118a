/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Requests that wait until a file is on the disk, as somebody has asked for (spoolctl spill). Those
 * who spill do it, payer by payer (lib/engine/ask.c); a request waits for it without a thread, and
 * holds nothing but its place in a ring. Nobody waits for ever: after SPILL_LIMIT_S it is answered
 * ETIMEDOUT, and when its caller is interrupted EINTR; of one payer only some wait at a time, and
 * one more is answered EBUSY.
 */

#include <stdint.h>

struct spool_for_spill;
struct spool_fs;
struct spool_waitq;

/** spool_for_spill_new() - nobody waits, and there is no thread yet. Return: 0; -ENOMEM. */
int spool_for_spill_new(struct spool_fs *fs, struct spool_for_spill **ret);

/** spool_for_spill_stop() - answers all, as interrupted; from here on nobody waits. NULL is
 * allowed. */
void spool_for_spill_stop(struct spool_for_spill *queue);

/** spool_for_spill_free() - when nobody serves or spills any more. NULL is allowed. */
void spool_for_spill_free(struct spool_for_spill *queue);

/** spool_for_spill_waitq() - wants what is answered SPOOL_SPILL_FIRST, asks for the file that it
 * says, and goes on with it when that is there. */
struct spool_waitq *spool_for_spill_waitq(struct spool_for_spill *queue);

/** spool_for_spill_done() - spool_tier_config.spilled() */
void spool_for_spill_done(struct spool_for_spill *queue, uint64_t id, int result);
