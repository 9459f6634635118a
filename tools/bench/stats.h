/* SPDX-License-Identifier: MIT */
#pragma once

/* Of a handful of measurements: the middle, and how far they lie apart. */

#include <stddef.h>

/** struct bench_spread - @median and the least and the greatest of @n values */
struct bench_spread {
	double median, min, max;
	size_t n;
};

/**
 * bench_spread() - of @n @values, which are put in order
 * Values that are not a number are left out; with none left, all are NaN and n is 0. The median of
 * an even number of values is the mean of the two in the middle.
 */
struct bench_spread bench_spread(double *values, size_t n);
