/* SPDX-License-Identifier: MIT */
#include "bench/report.h"

#include <math.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench/result.h"
#include "common/json.h"

/* The unit of a row, in ns: the largest of ns, µs, ms and s that is not above the row's first
 * value. */
static double scale_of(const struct bench_result *result, const struct bench_row *row)
{
	for (unsigned int place = 0; place < result->setup->n_places; place++) {
		double ns = row->ns[0][place];

		if (!isnan(ns))
			return ns >= 1e9 ? 1e9 : ns >= 1e6 ? 1e6 : ns >= 1e3 ? 1e3 : 1;
	}
	return 1;
}

const char *report_unit(const struct bench_result *result, const struct bench_row *row)
{
	double scale = scale_of(result, row);

	if (row->unit == BENCH_THROUGHPUT)
		return "MB/s";
	return scale >= 1e9 ? "s" : scale >= 1e6 ? "ms" : scale >= 1e3 ? "us" : "ns";
}

struct bench_spread report_value(const struct bench_result *result, const struct bench_row *row,
				 unsigned int place)
{
	double values[BENCH_ROUNDS], scale = scale_of(result, row);

	for (unsigned int i = 0; i < result->setup->n_rounds; i++) {
		double ns = row->ns[i][place];

		values[i] = row->unit == BENCH_THROUGHPUT ? 1e3 / ns : ns / scale;
	}
	return bench_spread(values, result->setup->n_rounds);
}

struct bench_spread report_ratio(const struct bench_result *result, const struct bench_row *row,
				 unsigned int place)
{
	double values[BENCH_ROUNDS];

	for (unsigned int i = 0; i < result->setup->n_rounds; i++) {
		double ratio = row->ns[i][place] / row->ns[i][0];

		values[i] = row->unit == BENCH_THROUGHPUT ? 1 / ratio : ratio;
	}
	return bench_spread(values, result->setup->n_rounds);
}

static void machine(const struct bench_setup *setup, char *ret, size_t size)
{
	struct utsname name;
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	char load[48] = "";

	if (uname(&name) < 0)
		strcpy(name.release, "?");
	if (setup->load >= 0)
		snprintf(load, sizeof(load), ", load %.1f before", setup->load);
	snprintf(ret, size, "%ld CPUs, %.0f GiB of memory, Linux %s%s",
		 sysconf(_SC_NPROCESSORS_ONLN), (double)pages * (double)page / (1 << 30),
		 name.release, load);
}

static void print_head(const struct bench_result *result, FILE *out)
{
	char text[200];

	machine(result->setup, text, sizeof(text));
	fprintf(out,
		"%s\n%s\nMedian of %u rounds (least - greatest), and the same of the ratio to %s "
		"in each round.\n",
		result->command, text, result->setup->n_rounds, result->setup->places[0].label);
}

/* Prints a value with some three significant digits, NAN as "-". */
static void number(char *ret, size_t size, double value)
{
	if (isnan(value))
		snprintf(ret, size, "-");
	else
		snprintf(ret, size, "%.*f", value < 10 ? 2 : value < 100 ? 1 : 0, value);
}

static void spread(char *ret, size_t size, struct bench_spread value)
{
	char median[24], min[24], max[24];

	number(median, sizeof(median), value.median);
	number(min, sizeof(min), value.min);
	number(max, sizeof(max), value.max);
	if (value.n == 0)
		snprintf(ret, size, "-");
	else
		snprintf(ret, size, "%s (%s - %s)", median, min, max);
}

static void print_row(const struct bench_result *result, const struct bench_row *row, FILE *out)
{
	fprintf(out, "\n%s, %s\n", row->name, report_unit(result, row));
	for (unsigned int i = 0; i < result->setup->n_places; i++) {
		char value[80], ratio[80] = "";

		spread(value, sizeof(value), report_value(result, row, i));
		if (i > 0)
			spread(ratio, sizeof(ratio), report_ratio(result, row, i));
		fprintf(out, "  %-*s %-30s %s%s\n", (int)BENCH_LABEL,
			result->setup->places[i].label, value, i > 0 && ratio[0] != '-' ? "x " : "",
			ratio);
	}
}

static void print_markdown(const struct bench_result *result, FILE *out)
{
	const struct bench_setup *setup = result->setup;

	fputs("\n|  | unit |", out);
	for (unsigned int i = 0; i < setup->n_places; i++)
		fprintf(out, " %s |", setup->places[i].label);
	fputs("\n|---|---|", out);
	for (unsigned int i = 0; i < setup->n_places; i++)
		fputs("---|", out);
	for (size_t n = 0; n < result->n_rows; n++) {
		const struct bench_row *row = &result->rows[n];

		fprintf(out, "\n| %s | %s |", row->name, report_unit(result, row));
		for (unsigned int i = 0; i < setup->n_places; i++) {
			char value[24], ratio[24];

			number(value, sizeof(value), report_value(result, row, i).median);
			number(ratio, sizeof(ratio), report_ratio(result, row, i).median);
			if (i == 0 || ratio[0] == '-')
				fprintf(out, " %s |", value);
			else
				fprintf(out, " %s (x %s) |", value, ratio);
		}
	}
	fputc('\n', out);
}

void report_table(const struct bench_result *result, bool markdown, FILE *out)
{
	print_head(result, out);
	if (markdown)
		print_markdown(result, out);
	for (size_t i = 0; !markdown && i < result->n_rows; i++)
		print_row(result, &result->rows[i], out);
}

static void json_spread(struct json *json, const char *key, struct bench_spread value)
{
	json_open(json, key, '{');
	json_decimal(json, "median", value.median);
	json_decimal(json, "min", value.min);
	json_decimal(json, "max", value.max);
	json_close(json, '}');
}

static void json_row(struct json *json, const struct bench_result *result,
		     const struct bench_row *row)
{
	const struct bench_setup *setup = result->setup;

	json_open(json, NULL, '{');
	json_string(json, "name", row->name);
	json_string(json, "workload", row->workload->name);
	json_string(json, "unit", report_unit(result, row));
	json_open(json, "places", '[');
	for (unsigned int i = 0; i < setup->n_places; i++) {
		json_open(json, NULL, '{');
		json_string(json, "label", setup->places[i].label);
		json_spread(json, "value", report_value(result, row, i));
		json_spread(json, "ratio", report_ratio(result, row, i));
		json_open(json, "ns", '[');
		for (unsigned int round = 0; round < setup->n_rounds; round++)
			json_decimal(json, NULL, row->ns[round][i]);
		json_close(json, ']');
		json_close(json, '}');
	}
	json_close(json, ']');
	json_close(json, '}');
}

void report_json(const struct bench_result *result, FILE *out)
{
	struct json json = {.out = out, .first = true};
	char text[200];

	machine(result->setup, text, sizeof(text));
	json_open(&json, NULL, '{');
	json_string(&json, "command", result->command);
	json_string(&json, "machine", text);
	json_number(&json, "rounds", result->setup->n_rounds);
	json_bool(&json, "quick", result->setup->quick);
	json_open(&json, "rows", '[');
	for (size_t i = 0; i < result->n_rows; i++)
		json_row(&json, result, &result->rows[i]);
	json_close(&json, ']');
	json_close(&json, '}');
	fputc('\n', out);
}
