/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Writing JSON text (RFC 8259): strings that may hold anything, and commas in the right places.
 * Errors of the stream are left to its owner (ferror(3)).
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	bool first; /* nothing was written yet at this level */
};

/** json_open(), json_close() - an object or array: @bracket is one of { [ } ]; @key may be NULL. */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);

/**
 * json_string(), json_number(), json_bool() - a member, or an element with @key NULL
 * Bytes of a string that are not UTF-8 are written as U+FFFD.
 */
void json_string(struct json *json, const char *key, const char *value);
void json_number(struct json *json, const char *key, uint64_t value);
void json_bool(struct json *json, const char *key, bool value);

/** json_decimal() - six significant digits, null for what is not a number (NaN, infinite). */
void json_decimal(struct json *json, const char *key, double value);

/** json_limit() - a number, null for "no limit" (UINT64_MAX). */
void json_limit(struct json *json, const char *key, uint64_t value);
