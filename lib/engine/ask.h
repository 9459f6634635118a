/* SPDX-License-Identifier: MIT */
#pragma once

/* Files that are to go to the disk now, as somebody has asked for it; see ask.c. */

#include "engine/tier_internal.h"

struct engine_ask;

/** engine_ask_begin() - begins the turn of the next payer, with his oldest ask. Return: that ask,
 * which is the caller's until engine_ask_end(), and its file in *@ret_ino; NULL: none. */
struct engine_ask *engine_ask_begin(struct engine_tier *tier, uint64_t *ret_ino);

/** engine_ask_wait() - all that is left of @ask's file is under way in another thread's batch: it
 * has no turn before that has ended. Locks: none above the file's. */
void engine_ask_wait(struct engine_tier *tier, struct engine_ask *ask);

/** engine_ask_end() - the turn of @ask has ended
 * @r: 0 the file is on the disk; 1 there is more to do; -errno the disk did not take it. With 0 and
 * -errno the ask ends, and spool_tier_config.spilled() is called. No locks. */
void engine_ask_end(struct spool_engine *engine, struct engine_ask *ask, int r);

/** engine_ask_committed() - a batch of file @ino has ended. Locks: none above the tier's. */
void engine_ask_committed(struct engine_tier *tier, uint64_t ino);

/** engine_asks_free() - at the end: nobody is told. */
void engine_asks_free(struct spool_engine *engine);
