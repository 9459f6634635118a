/* SPDX-License-Identifier: MIT */
#include "util/parse.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

/* Digits only, so that no sign, blank or 0x slips through as with strtoull(). */
static int parse_digits(const char **text, uint64_t *ret)
{
	const char *at = *text;
	bool overflow = false;
	uint64_t value = 0;

	if (*at < '0' || *at > '9')
		return -EINVAL;
	for (; *at >= '0' && *at <= '9'; at++) {
		overflow |= __builtin_mul_overflow(value, (uint64_t)10, &value);
		overflow |= __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value);
	}
	*text = at;
	*ret = value;
	return overflow ? -ERANGE : 0;
}

static int suffix_shift(char c)
{
	switch (c) {
	case 'k':
	case 'K':
		return 10;
	case 'm':
	case 'M':
		return 20;
	case 'g':
	case 'G':
		return 30;
	case 't':
	case 'T':
		return 40;
	case 'p':
	case 'P':
		return 50;
	case 'e':
	case 'E':
		return 60;
	default:
		return -EINVAL;
	}
}

int spool_parse_bytes(const char *text, uint64_t *ret)
{
	uint64_t value = 0;
	int shift = 0;
	int r = parse_digits(&text, &value);

	if (r == -EINVAL)
		return r;
	if (*text) {
		shift = suffix_shift(*text);
		if (shift < 0 || text[1])
			return -EINVAL;
	}
	if (r < 0 || value > ((uint64_t)INT64_MAX >> shift))
		return -ERANGE;
	*ret = value << shift;
	return 0;
}

int spool_parse_count(const char *text, uint64_t *ret)
{
	return spool_parse_bytes(text, ret);
}

int spool_parse_percent(const char *text, unsigned int *ret)
{
	uint64_t value = 0;
	int r = parse_digits(&text, &value);

	if (r == -EINVAL || text[0] != '%' || text[1])
		return -EINVAL;
	if (r < 0 || value > 100)
		return -ERANGE;
	*ret = (unsigned int)value;
	return 0;
}

int spool_parse_seconds(const char *text, uint32_t *ret)
{
	uint64_t value = 0, unit = 1;
	int r = parse_digits(&text, &value);

	if (r == -EINVAL)
		return r;
	switch (*text) {
	case 's':
	case '\0':
		break;
	case 'm':
		unit = 60;
		break;
	case 'h':
		unit = 3600;
		break;
	case 'd':
		unit = 86400;
		break;
	default:
		return -EINVAL;
	}
	if (*text && text[1])
		return -EINVAL;
	if (r < 0 || __builtin_mul_overflow(value, unit, &value) || value > INT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)value;
	return 0;
}

int spool_parse_octal(const char *text, mode_t *ret)
{
	mode_t value = 0;

	if (!*text)
		return -EINVAL;
	for (const char *at = text; *at; at++) {
		if (*at < '0' || *at > '7')
			return -EINVAL;
	}
	for (; *text; text++) {
		value = value * 8 + (mode_t)(*text - '0');
		if (value > 07777)
			return -ERANGE;
	}
	*ret = value;
	return 0;
}

int spool_parse_id(const char *text, uint32_t *ret)
{
	uint64_t value = 0;
	bool leading_zero = text[0] == '0' && text[1] != '\0';
	int r = parse_digits(&text, &value);

	if (r == -EINVAL || *text || leading_zero)
		return -EINVAL;
	if (r < 0 || value > UINT32_MAX - 1)
		return -ERANGE;
	*ret = (uint32_t)value;
	return 0;
}

void spool_format_bytes(uint64_t bytes, char buf[16])
{
	static const char units[] = "BKMGTPE";
	unsigned int unit = 0;
	double value = (double)bytes;

	while (value >= 1024.0 && unit + 1 < sizeof(units) - 1) {
		value /= 1024.0;
		unit++;
	}
	if (unit == 0)
		snprintf(buf, 16, "%u", (unsigned int)bytes);
	else if (value < 10.0 && value - (double)(unsigned int)value >= 0.05)
		snprintf(buf, 16, "%.1f%c", value, units[unit]);
	else
		snprintf(buf, 16, "%.0f%c", value, units[unit]);
}
