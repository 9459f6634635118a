/* SPDX-License-Identifier: MIT */
#pragma once

/* The clock that everything is measured with. */

#include <stdint.h>

/** bench_now_ns() - CLOCK_MONOTONIC, in nanoseconds. */
int64_t bench_now_ns(void);
