/* SPDX-License-Identifier: MIT */
#include "common/json.h"

#include <inttypes.h>
#include <math.h>

#include "util/text.h"

/* A path may hold any bytes, but JSON text is UTF-8. All other bytes become U+FFFD. */
static void quote(FILE *out, const char *string)
{
	const unsigned char *text = (const unsigned char *)string;

	fputc('"', out);
	while (*text) {
		size_t len = spool_text_utf8_length(text);

		if (len == 0)
			fputs("\\ufffd", out);
		else if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else if (*text < 0x20)
			fprintf(out, "\\u%04x", *text);
		else
			fwrite(text, 1, len, out);
		text += len ? len : 1;
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

void json_decimal(struct json *json, const char *key, double value)
{
	next(json, key);
	if (isfinite(value))
		fprintf(json->out, "%.6g", value);
	else
		fputs("null", json->out);
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
