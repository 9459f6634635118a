/* SPDX-License-Identifier: MIT */
#pragma once

/* Prints a result as a table or as JSON. The caller checks the stream for errors (ferror(3)). */

#include <stdbool.h>
#include <stdio.h>

#include "bench/stats.h"

struct bench_result;
struct bench_row;

/** report_value() - of one place: in µs, ms or s for a time, MB/s for a throughput; see
 * report_unit(). */
struct bench_spread report_value(const struct bench_result *result, const struct bench_row *row,
				 unsigned int place);

/**
 * report_ratio() - of one place to the first, both of the same round
 * For a time: how many times as long. For a throughput: which part of it.
 */
struct bench_spread report_ratio(const struct bench_result *result, const struct bench_row *row,
				 unsigned int place);

/** report_unit() - of a row's values; the whole row has one, by the size of its first place. */
const char *report_unit(const struct bench_result *result, const struct bench_row *row);

/** report_table() - for people; @markdown: for a README. */
void report_table(const struct bench_result *result, bool markdown, FILE *out);

void report_json(const struct bench_result *result, FILE *out);
