/* SPDX-License-Identifier: MIT */
#pragma once

/* The disk beside the RAM: made and freed with all its parts. */

#include "engine/tier_internal.h"

/** engine_tier_new() - by engine->config.tier; after the quota. Return: 0; -ENOMEM; of the parts.
 */
int engine_tier_new(struct spool_engine *engine);

/** engine_tier_wipe() - overwrites all keys, for the end of the process. */
void engine_tier_wipe(struct spool_engine *engine);

/** engine_tier_free() - when all files have gone. NULL is allowed. */
void engine_tier_free(struct spool_engine *engine);
