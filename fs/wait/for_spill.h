/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Requests that wait until a file is on the disk, as somebody has asked for (spoolctl spill). Those
 * who spill do it, payer by payer (lib/engine/ask.c); a request waits for it without a thread, and
 * holds nothing but its place in a ring. Nobody waits for ever: after ASKED_LIMIT_S it is answered
 * ETIMEDOUT, and when its caller is interrupted EINTR; of one payer only some wait at a time, and
 * one more is answered EBUSY.
 */

#include <stdbool.h>
#include <stdint.h>

struct spool_for_spill;
struct spool_fs;
struct spool_request;

/** spool_for_spill_new() - nobody waits, and there is no thread yet. Return: 0; -ENOMEM. */
int spool_for_spill_new(struct spool_fs *fs, struct spool_for_spill **ret);

/** spool_for_spill_stop() - answers all, as interrupted; from here on nobody waits. NULL is
 * allowed. */
void spool_for_spill_stop(struct spool_for_spill *queue);

/** spool_for_spill_free() - when nobody serves or spills any more. NULL is allowed. */
void spool_for_spill_free(struct spool_for_spill *queue);

/** spool_for_spill_take() - ask for file @request.first.ino, and answer when it is there. @request
 * is ours until its finish(). */
void spool_for_spill_take(struct spool_for_spill *queue, struct spool_request *request);

/** spool_for_spill_done() - spool_tier_config.spilled() */
void spool_for_spill_done(struct spool_for_spill *queue, uint64_t id, int result);

/** spool_for_spill_interrupt() - the caller of request @unique has a signal. Return: false: no such
 * one waits here. NULL is allowed. */
bool spool_for_spill_interrupt(struct spool_for_spill *queue, uint64_t unique);
