/* SPDX-License-Identifier: MIT */
#include "bench/clock.h"

#include <time.h>

int64_t bench_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
