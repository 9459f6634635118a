/* SPDX-License-Identifier: MIT */
#include "common/text.h"

#include <stdbool.h>

/* ASCII's, and U+0080 to U+009F, which are c2 80 to c2 9f in UTF-8. */
static bool is_control(const unsigned char *text)
{
	return text[0] < 0x20 || text[0] == 0x7f ||
	       (text[0] == 0xc2 && text[1] >= 0x80 && text[1] <= 0x9f);
}

void text_put(FILE *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (is_control(p) || *p == '\\')
			fprintf(out, "\\%03o", *p);
		else
			putc(*p, out);
	}
}
