/* SPDX-License-Identifier: MIT */
#include "bench/workload.h"

unsigned int bench_figures(const struct bench_workload *workload)
{
	unsigned int n = 0;

	while (n < BENCH_FIGURES && workload->figures[n].name)
		n++;
	return n;
}
