/* SPDX-License-Identifier: MIT */
#include "host/clock.h"

#define NS_PER_S 1000000000u
#define NS_PER_MS 1000000u

uint64_t spool_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t spool_clock_ms(void)
{
	return spool_clock_ns() / NS_PER_MS;
}

time_t spool_clock_s(void)
{
	return (time_t)(spool_clock_ns() / NS_PER_S);
}
