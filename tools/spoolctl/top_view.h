/* SPDX-License-Identifier: MIT */
#pragma once

/* What spoolctl top makes of a sample: lines of text, or JSON. */

#include <stdint.h>
#include <stdio.h>

struct json;
struct top_sample;

/** enum top_order - what the users are sorted by: uids ascending, all others descending */
enum top_order {
	TOP_BY_SIZE,
	TOP_BY_RAM,
	TOP_BY_DISK,
	TOP_BY_FILES,
	TOP_BY_SESSIONS,
	TOP_BY_WAITING,
	TOP_BY_BUSY,
	TOP_BY_UID,
	TOP_ORDERS
};

/** Lines in front of the first user; the last of them has the heads of the columns. */
#define TOP_HEAD_LINES 6u

/** top_order_name() - as --sort has it. */
const char *top_order_name(enum top_order order);

/** top_order_named() - Return: -1: there is none of that name. */
int top_order_named(const char *name);

/** top_order_of_key() - the one that @key chooses. Return: -1: none. */
int top_order_of_key(int key);

/** top_sort() - the users of @sample; equal ones by uid. */
void top_sort(struct top_sample *sample, enum top_order order);

/** top_rate() - requests per second since @before; since the start of the daemon without one
 * (NULL), or when it is another daemon's. */
double top_rate(const struct top_sample *before, const struct top_sample *now);

/** top_set_rates() - of all users of @now. Both are sorted by uid for that. */
void top_set_rates(struct top_sample *before, struct top_sample *now);

/** top_print() - lines for people; @rows: users at most. Errors of @out are left to its owner. */
void top_print(FILE *out, const char *mountpoint, const struct top_sample *before,
	       const struct top_sample *now, size_t rows);

/** top_json() - one object, without a newline. */
void top_json(struct json *json, const char *mountpoint, const struct top_sample *before,
	      const struct top_sample *now);
