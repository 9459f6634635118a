/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <inttypes.h>

/* Bytes that are not ASCII are passed on: names here are paths, mostly UTF-8, and a path in any
 * other encoding cannot be said in JSON anyway. */
static void quote(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void next(struct json *json, const char *key)
{
	if (!json->first)
		fputs(", ", json->out);
	json->first = false;
	if (!key)
		return;
	quote(json->out, key);
	fputs(": ", json->out);
}

void json_open(struct json *json, const char *key, char bracket)
{
	next(json, key);
	fputc(bracket, json->out);
	json->first = true;
}

void json_close(struct json *json, char bracket)
{
	fputc(bracket, json->out);
	json->first = false;
}

void json_string(struct json *json, const char *key, const char *value)
{
	next(json, key);
	quote(json->out, value);
}

void json_number(struct json *json, const char *key, uint64_t value)
{
	next(json, key);
	fprintf(json->out, "%" PRIu64, value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	next(json, key);
	fputs(value ? "true" : "false", json->out);
}

void json_limit(struct json *json, const char *key, uint64_t value)
{
	if (value != UINT64_MAX) {
		json_number(json, key, value);
		return;
	}
	next(json, key);
	fputs("null", json->out);
}
