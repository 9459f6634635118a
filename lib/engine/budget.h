/* SPDX-License-Identifier: MIT */
#pragma once

/* How much RAM there is: limits, less of it while the machine is short, and what charges that find
 * none are told. */

#include "engine/tier_internal.h"

/** engine_budget_set_stuck() - whether anything can leave RAM: if not, nobody is to wait for it. */
void engine_budget_set_stuck(struct spool_engine *engine, bool stuck);

/** engine_budget_set_ram() - what charges answer for want of RAM, by failing and stuck. No locks
 * above the tier's. */
void engine_budget_set_ram(struct spool_engine *engine);

/** engine_budget_keep() - how much free memory the pool keeps for reuse, by @limits. */
void engine_budget_keep(struct spool_engine *engine, const struct spool_limits *limits);
