/* SPDX-License-Identifier: MIT */

/* The chart: for each row a bar per place, its length the ratio to the first place on a logarithmic
 * scale. Bars to the right of the line in the middle are slower than the first place, for times and
 * throughputs alike. */

#include <math.h>
#include <stdlib.h>

#include "report.h"
#include "result.h"

#define LEFT 170      /* of the bars, room for names */
#define WIDTH 560     /* of the bars */
#define RIGHT 60      /* room for a number behind the longest bar */
#define BAR 9         /* one bar's height */
#define GAP 9         /* between two rows */
#define TOP 64        /* title and legend */
#define BOTTOM 34     /* the scale */
#define DECADES_MAX 3 /* a bar that is longer is cut */

static const char *const colours[BENCH_PLACES] = {"#444444", "#1f77b4", "#7fb2dd", "#2ca02c",
						  "#d62728", "#ff7f0e", "#9467bd", "#8c564b"};

static double slowness(const struct bench_result *result, const struct bench_row *row,
		       unsigned int place)
{
	double ratio = report_ratio(result, row, place).median;

	return row->unit == BENCH_THROUGHPUT ? 1 / ratio : ratio;
}

struct scale {
	double min, max; /* powers of ten */
};

static double x_of(const struct scale *scale, double ratio)
{
	double at = (log10(ratio) - scale->min) / (scale->max - scale->min);

	return LEFT + WIDTH * (at < 0 ? 0 : at > 1 ? 1 : at);
}

static struct scale find_scale(const struct bench_result *result)
{
	struct scale scale = {-0.5, 0.5};

	for (size_t i = 0; i < result->n_rows; i++) {
		for (unsigned int place = 1; place < result->setup->n_places; place++) {
			double at = log10(slowness(result, &result->rows[i], place));

			if (!isfinite(at))
				continue;
			scale.min = fmin(scale.min, ceil(at * 2 - 1) / 2);
			scale.max = fmax(scale.max, floor(at * 2 + 1) / 2);
		}
	}
	scale.min = fmax(scale.min, -DECADES_MAX);
	scale.max = fmin(scale.max, DECADES_MAX);
	return scale;
}

static void text_element(FILE *out, double x, double y, const char *anchor, const char *text)
{
	fprintf(out, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"%s\">", x, y, anchor);
	for (; *text; text++) {
		if (*text == '&' || *text == '<' || *text == '>')
			fprintf(out, "&#%d;", *text);
		else
			fputc(*text, out);
	}
	fputs("</text>\n", out);
}

static void draw_scale(const struct scale *scale, double bottom, FILE *out)
{
	static const double marks[] = {0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300};
	char text[24];

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		double x = x_of(scale, marks[i]);

		if (log10(marks[i]) < scale->min || log10(marks[i]) > scale->max)
			continue;
		fprintf(out,
			"<line x1=\"%.0f\" y1=\"%d\" x2=\"%.0f\" y2=\"%.0f\" stroke=\"%s\"/>\n", x,
			TOP - 6, x, bottom, marks[i] == 1 ? "#444444" : "#dddddd");
		snprintf(text, sizeof(text), "x %g", marks[i]);
		text_element(out, x, bottom + 14, "middle", text);
	}
}

static void draw_bar(const struct scale *scale, double ratio, double y, const char *colour,
		     FILE *out)
{
	double from = x_of(scale, 1), to = x_of(scale, ratio);
	char text[24];

	if (isnan(ratio)) {
		text_element(out, from + 4, y + BAR - 1, "start", "-");
		return;
	}
	fprintf(out, "<rect x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n",
		fmin(from, to), y, fmax(fabs(to - from), 1), BAR - 1, colour);
	snprintf(text, sizeof(text), "%.*f", ratio < 10 ? 2 : 0, ratio);
	text_element(out, to + (to < from ? -3 : 3), y + BAR - 1, to < from ? "end" : "start",
		     text);
}

static void draw_head(const struct bench_result *result, FILE *out)
{
	const struct bench_setup *setup = result->setup;
	double x = LEFT;
	char text[120];

	snprintf(text, sizeof(text), "Time for the same work, %s = 1 (shorter is faster)",
		 setup->places[0].label);
	text_element(out, LEFT, 18, "start", text);
	for (unsigned int i = 1; i < setup->n_places; i++) {
		fprintf(out, "<rect x=\"%.0f\" y=\"30\" width=\"10\" height=\"10\" fill=\"%s\"/>\n",
			x, colours[i]);
		text_element(out, x + 14, 39, "start", setup->places[i].label);
		x += 22 + 7 * (double)BENCH_LABEL * 0.7;
	}
}

void report_svg(const struct bench_result *result, FILE *out)
{
	unsigned int bars = result->setup->n_places - 1;
	double row_height = bars * BAR + GAP, bottom = TOP + (double)result->n_rows * row_height;
	struct scale scale = find_scale(result);

	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" "
		"font-family=\"sans-serif\" font-size=\"10\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
		LEFT + WIDTH + RIGHT, bottom + BOTTOM);
	draw_head(result, out);
	draw_scale(&scale, bottom, out);
	for (size_t i = 0; i < result->n_rows; i++) {
		double y = TOP + (double)i * row_height;

		text_element(out, LEFT - 8, y + bars * BAR / 2.0 + 4, "end", result->rows[i].name);
		for (unsigned int place = 1; place <= bars; place++)
			draw_bar(&scale, slowness(result, &result->rows[i], place),
				 y + (place - 1) * BAR, colours[place], out);
	}
	fputs("</svg>\n", out);
}
