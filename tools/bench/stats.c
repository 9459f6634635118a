/* SPDX-License-Identifier: MIT */
#include "bench/stats.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct bench_spread bench_spread(double *values, size_t n)
{
	struct bench_spread spread = {NAN, NAN, NAN, 0};

	for (size_t i = 0; i < n; i++) {
		if (!isnan(values[i]))
			values[spread.n++] = values[i];
	}
	if (spread.n == 0)
		return spread;
	qsort(values, spread.n, sizeof(values[0]), compare);
	spread.min = values[0];
	spread.max = values[spread.n - 1];
	spread.median = (values[(spread.n - 1) / 2] + values[spread.n / 2]) / 2;
	return spread;
}
