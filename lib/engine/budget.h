/* SPDX-License-Identifier: MIT */
#pragma once

/* How much RAM there is: the limits, what is left of them while the machine is short of memory, and
 * the error of charges that find none. */

#include "engine/tier_internal.h"

/** engine_budget_set_stuck() - notes whether anything can leave RAM. If not, no request waits for
 * RAM. */
void engine_budget_set_stuck(struct spool_engine *engine, bool stuck);

/** engine_budget_set_ram() - what charges answer for want of RAM, by failing and stuck. No locks
 * above the tier's. */
void engine_budget_set_ram(struct spool_engine *engine);

/** engine_budget_keep() - how much free memory the pool keeps for reuse, by @limits. */
void engine_budget_keep(struct spool_engine *engine, const struct spool_limits *limits);
