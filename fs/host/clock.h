/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The clock for all waits and limits of time: CLOCK_MONOTONIC. It cannot be set, and does not run
 * while the machine is suspended. Timed waits on a struct spool_cond (util/lock.h) go by it.
 */

#include <stdint.h>
#include <time.h>

/** spool_clock_ns() - the time now, in ns. */
uint64_t spool_clock_ns(void);

/** spool_clock_ms() - in ms. */
uint64_t spool_clock_ms(void);

/** spool_clock_s() - in s. */
time_t spool_clock_s(void);
