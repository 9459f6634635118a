/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The clock for all waits and limits of time: CLOCK_MONOTONIC. It cannot be set, and does not run
 * while the machine is suspended. Conditions of spool_thread_cond_init() go by it.
 */

#include <stdint.h>
#include <time.h>

/** spool_clock_ns() - the time now, in ns. */
uint64_t spool_clock_ns(void);

/** spool_clock_ms() - in ms. */
uint64_t spool_clock_ms(void);

/** spool_clock_s() - in s. */
time_t spool_clock_s(void);

/** spool_clock_time() - time @ns as pthread_cond_timedwait(3) wants it. */
struct timespec spool_clock_time(uint64_t ns);
