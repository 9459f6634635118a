/* SPDX-License-Identifier: MIT */
#include "common/text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"

/* The character of a sequence of @len bytes, as one or two escapes. Return: behind them. */
static char *put_escapes(char *to, const unsigned char *sequence, size_t len)
{
	uint32_t code = sequence[0] & (0xff >> (len + 1));

	for (size_t i = 1; i < len; i++)
		code = code << 6 | (sequence[i] & 0x3f);
	if (code > 0xffff) { /* UTF-16's surrogates */
		to += sprintf(to, "\\u%04x", 0xd800 + ((code - 0x10000) >> 10));
		code = 0xdc00 + ((code - 0x10000) & 0x3ff);
	}
	return to + sprintf(to, "\\u%04x", code);
}

char *text_ascii(const char *text, size_t size)
{
	char *ret = malloc(3 * size + 1), *to = ret; /* two bytes become six, four twelve */
	bool escaped = false;
	size_t len;

	for (size_t i = 0; ret && i < size; i += len) {
		unsigned char sequence[4 + 1] = {0}; /* the longest, and the NUL */
		size_t rest = size - i;

		memcpy(sequence, text + i, rest < 4 ? rest : 4);
		len = spool_text_utf8_length(sequence);
		if (len == 0 || (len > 1 && escaped)) {
			free(ret);
			errno = EILSEQ;
			return NULL;
		}
		escaped = text[i] == '\\' && !escaped;
		if (len > 1)
			to = put_escapes(to, sequence, len);
		else
			*to++ = text[i];
	}
	if (ret)
		*to = '\0';
	return ret;
}
