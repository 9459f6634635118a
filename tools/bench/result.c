/* SPDX-License-Identifier: MIT */
#include "bench/result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct bench_row *bench_result_add(struct bench_result *result,
				   const struct bench_workload *workload, unsigned int n_threads)
{
	unsigned int n = bench_figures(workload);
	struct bench_row *rows =
		reallocarray(result->rows, result->n_rows + n, sizeof(result->rows[0]));

	if (!rows)
		return NULL;
	result->rows = rows;
	rows += result->n_rows;
	result->n_rows += n;
	for (unsigned int i = 0; i < n; i++) {
		struct bench_row *row = &rows[i];

		row->workload = workload;
		row->unit = workload->figures[i].unit;
		if (n_threads > 1)
			snprintf(row->name, sizeof(row->name), "%s x%u", workload->figures[i].name,
				 n_threads);
		else
			snprintf(row->name, sizeof(row->name), "%s", workload->figures[i].name);
		for (unsigned int round = 0; round < BENCH_ROUNDS; round++) {
			for (unsigned int place = 0; place < BENCH_PLACES; place++)
				row->ns[round][place] = NAN;
		}
	}
	return rows;
}
